import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { BpfMap, Program } from "../packages/bpf/src/live/index.ts";
import { openLinux } from "../packages/linux/src/linux-kernel.ts";
import { type Bench, cpuOf, median, print, root, run } from "./measure.ts";

const ROUNDS = 15;
const PROGRAMS = 100;
const ENTRIES = 100_000;

/** `prog list` and `map list` as commands and in this process, and dumps of a large map, beside bpftool. */
export default async function benchInspect(bench: Bench): Promise<void> {
	// Commands run from the bundle, as they are installed.
	run(process.execPath, [join(root, "scripts/bundle.ts")]);
	const { everyObject, mapRow, netOverview, programRow, THIS_MACHINE } = await import(
		"../packages/skep/src/inspect/index.ts"
	);
	// As the launcher starts it, which would take the sources where somebody has just edited one.
	const skep = join(bench.folder, "skep.mjs");
	const quick = join(root, "packages/skep/dist/quick.js");
	writeFileSync(
		skep,
		`import { enableCompileCache } from "node:module";
enableCompileCache(${JSON.stringify(join(bench.folder, "cache"))});
await (await import(${JSON.stringify(quick)})).main(process.argv.slice(2));`,
	);
	const kernel = openLinux();
	const insns = new Uint8Array([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
	const load = (i: number) => Program.load(kernel, { name: `list${i}`, type: "socket_filter", insns, license: "GPL" });
	const programs = Array.from({ length: PROGRAMS }, (_, i) => load(i));
	const ids = new Set(programs.map((program) => program.info().id));
	const sizes = { type: "array", keySize: 4, valueSize: 4, maxEntries: 1 } as const;
	const maps = Array.from({ length: PROGRAMS }, (_, i) => BpfMap.create(kernel, { name: `list${i}`, ...sizes }));
	const gather = () => {
		const view = { kernel, machine: THIS_MACHINE, booted: THIS_MACHINE.booted() };
		let count = 0;
		for (const fd of everyObject(kernel, "prog")) if (ids.has(programRow(view, fd).id)) count++;
		if (count !== PROGRAMS) throw new Error(`${count} of ${PROGRAMS} programs`);
	};
	const commands: readonly (readonly [string, string, readonly string[]])[] = [
		["empty Node", process.execPath, ["-e", "0"]],
		["skep prog list", process.execPath, [skep, "prog", "list"]],
		["skep -j prog list", process.execPath, [skep, "-j", "prog", "list"]],
		["bpftool prog list (7.1: without owners)", "bpftool", ["prog", "list"]],
		["skep map list", process.execPath, [skep, "map", "list"]],
		["bpftool map list", "bpftool", ["map", "list"]],
	];
	const walls = commands.map((): number[] => []);
	// In turn, so that all meet the same machine.
	for (let round = 0; round <= ROUNDS; round++) {
		for (const [i, [, command, args]] of commands.entries()) {
			const time = wall(() => void spawnSync(command, args, { stdio: "ignore" }));
			if (round > 0) walls[i]!.push(time);
		}
	}
	const rows = commands.map(([name, command, args], i) => {
		const all = walls[i]!;
		return [name, Math.min(...all).toFixed(0), median(all).toFixed(0), cpuOf(command, args, 5).toFixed(0)];
	});
	print(`lists of ${PROGRAMS} programs and maps, whole commands, ms (aim: 120 wall)`, [
		["", "wall least", "median", "CPU"],
		...rows,
	]);
	gather();
	const inside = Array.from({ length: 40 }, () => wall(gather));
	const view = { kernel, machine: THIS_MACHINE, booted: THIS_MACHINE.booted() };
	const mapsInside = Array.from({ length: 40 }, () =>
		wall(() => {
			for (const fd of everyObject(kernel, "map")) mapRow(view, fd);
		}),
	);
	const overviews = Array.from({ length: 5 }, () => wall(() => void netOverview(view)));
	const owners = Array.from({ length: 5 }, () => wall(() => void THIS_MACHINE.owners()));
	print("the same in process, ms (aim: 3)", [
		["", "least", "median"],
		[`${PROGRAMS} programs`, Math.min(...inside).toFixed(2), median(inside).toFixed(2)],
		[`${PROGRAMS} maps`, Math.min(...mapsInside).toFixed(2), median(mapsInside).toFixed(2)],
		["net overview", Math.min(...overviews).toFixed(2), median(overviews).toFixed(2)],
		["owners: descriptors of all processes", Math.min(...owners).toFixed(2), median(owners).toFixed(2)],
	]);
	for (const object of [...programs, ...maps]) object.close();
	dumps(skep);
}

function dumps(skep: string): void {
	const kernel = openLinux();
	using map = BpfMap.create(kernel, { name: "dumped", type: "hash", keySize: 4, valueSize: 8, maxEntries: ENTRIES });
	const keys = new Uint32Array(ENTRIES).map((_, i) => i);
	const values = new BigUint64Array(ENTRIES).map((_, i) => BigInt(i) * 1_000_003n);
	map.updateMany(new Uint8Array(keys.buffer), new Uint8Array(values.buffer));
	const at = ["map", "dump", "id", String(map.info().id)];
	const rows = [[], ["-j"]].map((options) => {
		const ours = cpuOf(process.execPath, [skep, ...options, ...at], 5);
		const theirs = cpuOf("bpftool", [...options, ...at], 5);
		return [`${["dump", ...options].join(" ")}`, ours.toFixed(0), theirs.toFixed(0), (ours / theirs).toFixed(2)];
	});
	print(`map dump of ${ENTRIES} entries, ms CPU (aim: 0.8 × bpftool)`, [["", "skep", "bpftool", "ratio"], ...rows]);
}

function wall(work: () => void): number {
	const start = performance.now();
	work();
	return performance.now() - start;
}
