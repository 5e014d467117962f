// The kernel's side of a comparison: a program on this machine's Linux, its results in maps.
import type { TestContext } from "node:test";
import { encode, type Instruction, insn, PSEUDO } from "@skep/bpf/isa";
import { ERRNO, type Kernel } from "@skep/bpf/kernel";
import { BpfMap, Program } from "@skep/bpf/live";
import { openLinux } from "@skep/linux";

/** This machine's kernel, or a skipped test with the reason. */
export function linuxOrSkip(t: TestContext): Kernel | undefined {
	if (process.platform !== "linux") {
		t.skip(`needs Linux, this is ${process.platform}`);
		return undefined;
	}
	const kernel = openLinux();
	const fd = kernel.bpf("MAP_CREATE", { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 });
	if (fd < 0) {
		t.skip(`needs CAP_BPF: bpf(MAP_CREATE) says ${fd === -ERRNO.EPERM ? "EPERM" : fd}`);
		return undefined;
	}
	kernel.close(fd);
	return kernel;
}

export const KEY = new Uint8Array(4);

/** An array map of one value. */
export const cell = (kernel: Kernel, size: number): BpfMap =>
	BpfMap.create(kernel, { name: "cell", type: "array", keySize: 4, valueSize: size, maxEntries: 1 });

/** Loads what keeps `insns` (a function of r1 = memory, r2 = its length) company: it calls them and keeps r0 in `out`. */
export function loadFunction(
	kernel: Kernel,
	insns: readonly Instruction[],
	out: BpfMap,
	memory: BpfMap | undefined,
	length: number,
): Program {
	const before = [
		memory ? insn.loadPseudo(1, PSEUDO.mapValue, memory.fd.number) : insn.mov(64, 1, { imm: 0 }),
		insn.mov(64, 2, { imm: length }),
	];
	const after = [
		insn.loadPseudo(1, PSEUDO.mapValue, out.fd.number),
		insn.store(8, 1, 0, { reg: 0 }),
		insn.mov(64, 0, { imm: 0 }),
		insn.exit(),
	];
	return loadProgram(kernel, [...before, insn.callFunction(5), ...after, ...insns]);
}

/** @throws VerifierError */
export const loadProgram = (
	kernel: Kernel,
	insns: readonly Instruction[],
	type: "socket_filter" | "sched_cls" = "socket_filter",
): Program => Program.load(kernel, { name: "case", type, insns: encode(insns), license: "GPL" });

/** Ethernet's least, for programs that want no packet. */
export const NO_PACKET = new Uint8Array(64);

export const u64 = (bytes: Uint8Array): bigint =>
	new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true);
