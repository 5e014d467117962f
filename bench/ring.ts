import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Collection } from "@skep/bpf/collection";
import { Pump, RingBufferReader } from "@skep/bpf/live";
import { readObject } from "@skep/bpf/object";
import { openLinux } from "@skep/linux";
import { type Bench, median, print, root, run } from "./measure.ts";

const SECONDS = 3;
const ROUNDS = 5;

interface Outcome {
	readonly records: number;
	readonly lost: number;
	readonly cpuNs: number;
}

/** The object that skep compiles, consumed by skep and by libbpf in turn while one process calls getppid without pause. */
export default async function benchRing(bench: Bench): Promise<void> {
	const object = join(bench.folder, "ring.o");
	run(join(root, "node_modules/.bin/skep"), ["build", "bench/ring/ring.ts", "-o", object]);
	run("gcc", ["-O2", "bench/ring/consumer.c", "-o", join(bench.folder, "consumer"), "-lbpf"]);
	run("gcc", ["-O2", "bench/ring/producer.c", "-o", join(bench.folder, "producer")]);
	const ours: Outcome[] = [];
	const theirs: Outcome[] = [];
	for (let i = 0; i < ROUNDS; i++) {
		ours.push(await underLoad(bench, () => consume(object)));
		theirs.push(await underLoad(bench, () => consumePeer(bench, object)));
	}
	const row = (name: string, list: readonly Outcome[]) => [
		name,
		(median(list.map((o) => o.records)) / SECONDS / 1e6).toFixed(2),
		`${(100 * median(list.map((o) => o.lost / (o.records + o.lost)))).toFixed(2)} %`,
		median(list.map((o) => o.cpuNs / o.records)).toFixed(0),
	];
	const ratio = median(ours.map((o, i) => o.records / theirs[i]!.records));
	print("Ring buffer of 2 MiB, 64-byte records, full rate (aim: 1.5 x libbpf, no greater loss)", [
		["", "M records/s", "lost", "ns CPU a record"],
		row("skep", ours),
		row("libbpf", theirs),
		["ratio of records", ratio.toFixed(2), "", ""],
	]);
}

async function underLoad(bench: Bench, consumer: () => Promise<Outcome>): Promise<Outcome> {
	const producer = spawn(join(bench.folder, "producer"), { stdio: "ignore" });
	try {
		return await consumer();
	} finally {
		producer.kill("SIGKILL");
	}
}

async function consume(object: string): Promise<Outcome> {
	using collection = Collection.load(openLinux(), readObject(readFileSync(object), { name: "ring.o" }));
	using reader = new RingBufferReader(collection.map("ticks"));
	collection.attach("tick");
	let records = 0;
	let sum = 0;
	const drain = () =>
		reader.drain((view, at) => {
			records++;
			sum += view.getUint32(at, true) + view.getUint32(at + 24, true) + view.getUint32(at + 56, true);
		});
	const before = process.cpuUsage();
	const timers = {
		set: (f: () => void, ms: number) => setTimeout(f, ms),
		clear: (t: unknown) => clearTimeout(t as NodeJS.Timeout),
		soon: (f: () => void) => void setImmediate(f),
	};
	const pump = new Pump(drain, timers, { fill: () => reader.fill });
	await sleep(SECONDS * 1000);
	pump.stop();
	const used = process.cpuUsage(before);
	const lost = collection.map("skep_lost").lookupPerCpu(new Uint8Array(4)) ?? [];
	if (sum === 0) throw new Error("no record was read");
	return {
		records,
		lost: lost.reduce((n, v) => n + Number(new DataView(v.buffer, v.byteOffset).getBigUint64(0, true)), 0),
		cpuNs: (used.user + used.system) * 1000,
	};
}

async function consumePeer(bench: Bench, object: string): Promise<Outcome> {
	const r = spawnSync(join(bench.folder, "consumer"), [object, String(SECONDS)], { encoding: "utf8" });
	if (r.status !== 0) throw new Error(`consumer: ${r.stderr}`);
	const o = JSON.parse(r.stdout) as { records: number; lost: number; cpu_ns: number };
	return { records: o.records, lost: o.lost, cpuNs: o.cpu_ns };
}
