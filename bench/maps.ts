import { join } from "node:path";
import { BtfBuilder } from "@skep/bpf/btf";
import { BpfMap, loadBtf } from "@skep/bpf/live";
import { openLinux } from "@skep/linux";
import { build } from "esbuild";
import { dump } from "./maps/dump.ts";
import { type Bench, cpuOf, print, root } from "./measure.ts";

const ENTRIES = 100_000;
const ROUNDS = 5;

/** Key and value of a tool's map: { pid, comm[16] } → { count, total, last }. */
function types() {
	const builder = new BtfBuilder();
	const int = (name: string, size: number, char = false) =>
		builder.add({ kind: "int", name, size, offset: 0, bits: size * 8, signed: false, char, bool: false });
	const u32 = int("__u32", 4);
	const u64 = int("__u64", 8);
	const text = builder.add({ kind: "array", type: int("char", 1, true), index: u32, length: 16 });
	const member = (name: string, type: number, at: number) => ({ name, type, bitOffset: at * 8, bitSize: 0 });
	const key = builder.add({
		kind: "struct",
		name: "key",
		size: 20,
		members: [member("pid", u32, 0), member("comm", text, 4)],
	});
	const value = builder.add({
		kind: "struct",
		name: "value",
		size: 24,
		members: [member("count", u64, 0), member("total", u64, 8), member("last", u64, 16)],
	});
	return { bytes: builder.encode(), key, value };
}

/** A hash map of 100,000 entries, read whole: as a process and in one, beside `bpftool map dump`. */
export default async function benchMaps(bench: Bench): Promise<void> {
	const kernel = openLinux();
	const { bytes, key, value } = types();
	using btf = loadBtf(kernel, bytes);
	using map = BpfMap.create(kernel, {
		name: "bench",
		type: "hash",
		keySize: 20,
		valueSize: 24,
		maxEntries: ENTRIES,
		btf: { fd: btf.number, key, value },
	});
	const keys = new Uint8Array(ENTRIES * 20);
	const values = new Uint8Array(ENTRIES * 24);
	const keyView = new DataView(keys.buffer);
	const valueView = new DataView(values.buffer);
	for (let i = 0; i < ENTRIES; i++) {
		keyView.setUint32(i * 20, i, true);
		keys.set(new TextEncoder().encode(`command-${i % 977}`), i * 20 + 4);
		for (let j = 0; j < 3; j++) valueView.setBigUint64(i * 24 + j * 8, BigInt(i) * 1_000_003n ** BigInt(j), true);
	}
	map.updateMany(keys, values);
	const id = String(map.info().id);
	const script = join(bench.folder, "dump.cjs");
	await build({
		entryPoints: [join(root, "bench/maps/dump.ts")],
		outfile: script,
		bundle: true,
		format: "cjs",
		platform: "node",
		target: "node22.15",
		external: ["koffi"],
		logLevel: "error",
	});
	process.env["NODE_PATH"] = join(root, "node_modules");
	// In turn, and the least of each: what else this machine does falls on all of them.
	const processes = [
		["bpftool", "-j", "map", "dump", "id", id],
		["bpftool", "map", "dump", "id", id],
		[process.execPath, script, id],
	] as const;
	const least = processes.map(() => Number.POSITIVE_INFINITY);
	for (let round = 0; round < ROUNDS; round++) {
		for (const [i, [command, ...words]] of processes.entries()) {
			least[i] = Math.min(least[i]!, cpuOf(command, words, 1));
		}
	}
	const [peer = 0, peerText = 0, ours = 0] = least;
	const inProcess = measure(() => dump(kernel, Number(id), () => {}));
	const raw = measure(() => {
		for (const { count } of map.chunks()) if (count < 0) throw new Error("never");
	});
	const oneByOne = measure(() => {
		for (const { count } of map.chunks({ way: "one by one" })) if (count < 0) throw new Error("never");
	});
	const row = (name: string, ms: number) => [name, ms.toFixed(0), (ms / peer).toFixed(2)];
	print(`Dump of a hash map of ${ENTRIES} entries, structs by BTF, ms CPU (aim: 0.8 as a process, 0.5 in process)`, [
		["", "ms", "of bpftool -j"],
		row("bpftool -j map dump", peer),
		row("bpftool map dump", peerText),
		row("skep, a process, JSON Lines", ours),
		row("skep, in process, JSON Lines", inProcess),
		row("skep, in process, bytes by batches", raw),
		row("skep, in process, bytes one by one", oneByOne),
	]);
}

/** CPU in milliseconds of a call in this process, warm: the least. */
function measure(call: () => void): number {
	for (let i = 0; i < 3; i++) call();
	return Math.min(
		...Array.from({ length: ROUNDS }, () => {
			const before = process.cpuUsage();
			call();
			const { user, system } = process.cpuUsage(before);
			return (user + system) / 1000;
		}),
	);
}
