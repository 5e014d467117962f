import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Btf, BtfBuilder, dedup, renumber } from "@skep/bpf/btf";
import { link } from "@skep/bpf/linker";
import { type Bench, cpuOf, median, print, root } from "./measure.ts";

const objects = ["main.bpf.o", "part.bpf.o"].map((name) => join(root, "packages/bpf/testdata/linker", name));

/** Linking beside bpftool's, and the deduplication of this kernel's own types, once and behind themselves. */
export default function benchLink(bench: Bench): void {
	const out = join(bench.folder, "linked.o");
	const inputs = objects.map((name) => ({ name, bytes: new Uint8Array(readFileSync(name)) }));
	print("Static linking of two small objects, ms CPU", [
		["", "skep in process", "skep gen object", "bpftool gen object"],
		[
			"main + part",
			cpuOfWork(() => link(inputs), 100).toFixed(2),
			cpuOf(join(root, "node_modules/.bin/skep"), ["gen", "object", out, ...objects]).toFixed(0),
			cpuOf("bpftool", ["gen", "object", out, ...objects]).toFixed(0),
		],
	]);
	const once = Btf.decode(new Uint8Array(readFileSync("/sys/kernel/btf/vmlinux")));
	const twice = new BtfBuilder();
	for (let copy = 0; copy < 2; copy++)
		for (let id = 1; id <= once.count; id++)
			twice.add(renumber(once.type(id), (to) => (to === 0 ? 0 : to + copy * once.count)));
	const rows: (string | number)[][] = [["dedup of this kernel's types", "types", "left", "ms CPU"]];
	for (const [name, btf] of [
		["as they are", once],
		["twice", twice.finish()],
	] as const) {
		let left = 0;
		const cpu = cpuOfWork(() => {
			left = dedup(btf).builder.count;
		}, 1);
		rows.push([name, btf.count, left, cpu.toFixed(0)]);
	}
	print("Deduplication (pahole left the kernel's types as they are)", rows);
}

/** CPU of one call in this process, in milliseconds. */
function cpuOfWork(work: () => void, times: number): number {
	for (let i = 0; i < times; i++) work();
	const groups = Array.from({ length: 5 }, () => {
		const before = process.threadCpuUsage();
		for (let i = 0; i < times; i++) work();
		const used = process.threadCpuUsage(before);
		return (used.user + used.system) / 1000 / times;
	});
	return median(groups);
}
