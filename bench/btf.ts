import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Btf, formatC, formatRaw } from "../packages/bpf/src/btf/index.ts";
import { type Bench, cpuOf, median, print, root } from "./measure.ts";

const VMLINUX = "/sys/kernel/btf/vmlinux";
const ROUNDS = 7;

/** Opening, decoding and writing the running kernel's types, in this process and as commands, beside bpftool and pahole. */
export default function benchBtf(_bench: Bench): void {
	const bytes = new Uint8Array(readFileSync(VMLINUX));
	const open = () => Btf.decode(bytes);
	const rows: (string | number)[][] = [["", "first", "warm"]];
	const row = (name: string, work: () => void) => {
		const cold = wall(work);
		rows.push([name, cold.toFixed(1), median(Array.from({ length: ROUNDS }, () => wall(work))).toFixed(1)]);
	};
	row("open + find one type", () => open().find("task_struct", "struct"));
	row("full decode", () => {
		const btf = open();
		for (let id = 1; id <= btf.count; id++) btf.type(id);
	});
	print("BTF of the running kernel, in process, ms (aims: 15; 400 first, 150 warm)", rows);

	const skep = join(root, "node_modules/.bin/skep");
	const formats: readonly (readonly [string, () => void, readonly string[]])[] = [
		["format raw", () => formatRaw(open()), []],
		["format c", () => formatC(open()), ["format", "c"]],
	];
	const table: (string | number)[][] = [["", "bpftool", "skep in process", "ratio", "first", "skep process"]];
	for (const [name, work, more] of formats) {
		const words = ["btf", "dump", "file", VMLINUX, ...more];
		const first = cpu(work);
		const warm: number[] = [];
		const theirs: number[] = [];
		// In turn, so that both meet the same machine.
		for (let i = 0; i < ROUNDS; i++) {
			warm.push(cpu(work));
			theirs.push(cpuOf("bpftool", words, 1));
		}
		const [ours, peer] = [median(warm), median(theirs)];
		const whole = cpuOf(skep, words, 3);
		table.push([name, peer.toFixed(0), ours.toFixed(0), (ours / peer).toFixed(2), first.toFixed(0), whole.toFixed(0)]);
	}
	print("btf dump of the running kernel, ms CPU (aim for format c in process: 1.5 × bpftool)", table);
	print("One struct, ms CPU of a process", [
		["", "median"],
		["pahole -F btf -C task_struct", cpuOf("pahole", ["-F", "btf", "-C", "task_struct", VMLINUX], 3).toFixed(0)],
		["skep btf layout task_struct", cpuOf(skep, ["btf", "layout", "task_struct"], 3).toFixed(0)],
	]);
}

function wall(work: () => void): number {
	const start = performance.now();
	work();
	return performance.now() - start;
}

/** User and system, the collector's threads included. */
function cpu(work: () => void): number {
	const start = process.cpuUsage();
	work();
	const { user, system } = process.cpuUsage(start);
	return (user + system) / 1000;
}
