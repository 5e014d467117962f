import { encode } from "@skep/bpf/isa";
import type { Kernel } from "@skep/bpf/kernel";
import { BpfMap, Program } from "@skep/bpf/live";
import { openLinux } from "@skep/linux";
import { VirtualKernel } from "@skep/vm";
import { prepare, run } from "@skep/vm/engine";
import { Memory, newCpu } from "@skep/vm/machine";
import { assemble } from "../packages/vm/src/engine/cases.test-support.ts";
import { type Bench, geomean, print } from "./measure.ts";

const loop = (rounds: number, before: string, body: string): string =>
	`r6 = ${rounds}\n${before}\nagain:\n${body}\nr6 += -1\nif r6 != 0 goto again\nexit`;

/** Loops that a verifier walks to their end. */
const PROGRAMS: Readonly<Record<string, string>> = {
	"arithmetic, 64 bit": loop(20_000, "r0 = 1\nr1 = 7", "r0 += r1\nr1 ^= r0\nr1 <<= 3\nr1 -= r0\nr0 |= 1\nr0 >>= 1"),
	"arithmetic, 32 bit": loop(20_000, "w0 = 1\nw1 = 7", "w0 += w1\nw1 ^= w0\nw1 <<= 3\nw1 -= w0\nw0 |= 1\nw0 >>= 1"),
	"multiplication and division": loop(
		20_000,
		"r0 = 12345\nr1 = 0x9e3779b97f4a7c15 ll",
		"r0 *= r1\nr2 = r0\nr2 >>= 33\nr2 /= 1000\nw2 %= 17\nr0 += r2",
	),
	stack: loop(
		20_000,
		"r0 = 1\n*(u64 *)(r10 - 8) = r0",
		"r1 = *(u64 *)(r10 - 8)\nr1 += 3\n*(u64 *)(r10 - 8) = r1\nr0 = *(u32 *)(r10 - 4)\n*(u8 *)(r10 - 3) = r0",
	),
	branches: loop(
		20_000,
		"r0 = 0\nr1 = 5",
		"r1 *= 13\nr1 += 7\nr1 &= 255\nif r1 > 128 goto high\nr0 += 1\nif r1 == 77 goto low\nhigh:\nr0 += 2\nlow:",
	),
	calls: `${loop(5_000, "r0 = 0", "r1 = r6\ncall step")}\nstep:\nr0 = r1\nr0 ^= 3\nexit`,
};
const ROUNDS = 15;

const LOOKUPS = 100_000;

/** Nanoseconds of one lookup in a hash of 512 entries: into a buffer that is there, and as a new one. */
function lookups(kernel: Kernel): number[] {
	using map = BpfMap.create(kernel, { name: "bench", type: "hash", keySize: 4, valueSize: 8, maxEntries: 1024 });
	const keys = Array.from({ length: 512 }, (_, i) => new Uint8Array(Uint32Array.of(i * 7919).buffer));
	const value = new Uint8Array(8);
	for (const key of keys) map.update(key, value);
	const each = (look: (key: Uint8Array) => unknown): number =>
		least(() => {
			for (let i = 0; i < LOOKUPS; i++) look(keys[i & 511]!);
		}) / LOOKUPS;
	return [each((key) => map.lookupInto(key, value)), each((key) => map.lookup(key))];
}

/** Least of some rounds, in CPU nanoseconds of this process: the machine is shared. */
function least(once: () => void): number {
	let best = Number.POSITIVE_INFINITY;
	for (let round = 0; round < ROUNDS; round++) {
		const before = process.cpuUsage();
		once();
		const { user, system } = process.cpuUsage(before);
		best = Math.min(best, (user + system) * 1000);
	}
	return best;
}

/** The interpreter beside the kernel's JIT (BPF_PROG_TEST_RUN), and what a call costs from JavaScript. */
export default function benchInterpreter(_: Bench): void {
	const kernel = openLinux();
	const memory = new Memory(1 << 20);
	const cpu = newCpu(0, memory.allocate(4096, "stack")!);
	const calls = { helper: () => false };
	const rows: (string | number)[][] = [["", "insns", "ns/insn", "linux", "ratio"]];
	const ours: number[] = [];
	const theirs: number[] = [];
	for (const [name, text] of Object.entries(PROGRAMS)) {
		const insns = encode(assemble(text));
		const code = prepare(insns, { id: 1 });
		const fuel = 1_000_000_000;
		cpu.fuel = fuel;
		run(code, cpu, memory, calls);
		const executed = fuel - cpu.fuel;
		const repeat = 20;
		const mine = least(() => {
			for (let i = 0; i < repeat; i++) {
				cpu.fuel = fuel;
				run(code, cpu, memory, calls);
			}
		});
		using program = Program.load(kernel, { name: "bench", type: "socket_filter", insns, license: "GPL" });
		const packet = new Uint8Array(64);
		const linux = Math.min(
			...Array.from({ length: ROUNDS }, () => program.testRun({ data: packet, repeat: 50 }).duration),
		);
		ours.push(mine / repeat / executed);
		theirs.push(linux / executed);
		rows.push([
			name,
			executed,
			ours.at(-1)!.toFixed(2),
			theirs.at(-1)!.toFixed(2),
			(ours.at(-1)! / theirs.at(-1)!).toFixed(1),
		]);
	}
	rows.push([
		"geometric mean",
		"",
		geomean(ours).toFixed(2),
		geomean(theirs).toFixed(2),
		(geomean(ours) / geomean(theirs)).toFixed(1),
	]);
	print("Interpreter against the kernel's JIT (must: 15 ns an instruction)", rows);

	const empty = prepare(encode(assemble("r0 = 0\nexit")), { id: 1 });
	cpu.fuel = 1_000_000_000;
	const calling = least(() => {
		for (let i = 0; i < 1_000_000; i++) run(empty, cpu, memory, calls);
		cpu.fuel = 1_000_000_000;
	});
	print("Calling a program of two instructions from JavaScript (must: 100 ns)", [
		["", "ns"],
		["run", (calling / 1_000_000).toFixed(1)],
	]);

	const [here, there] = [lookups(new VirtualKernel()), lookups(kernel)];
	print("Looking up a hash from JavaScript, ns (must: 150 on the virtual kernel)", [
		["", "virtual", "linux"],
		...["into a buffer", "a new one"].map((name, i) => [name, here[i]!.toFixed(0), there[i]!.toFixed(0)]),
	]);
}
