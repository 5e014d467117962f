import { VmFault } from "@skep/bpf/base";
import { CODE_TAG, type Cpu, MAX_FRAMES, type Memory, STACK_FRAME_SIZE } from "#machine";
import type { Code } from "./prepare.ts";

/** The ways out of a run, and the accesses that need a look at the table of regions. Not on the fast path. */

const both = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
const bytes = (size: number): string => (size === 1 ? "1 byte" : `${size} bytes`);
const hex = (address: bigint): string => `0x${address.toString(16)}`;

/** The address of a load of `size` bytes at [register + offset]: 0 where a probing program may read nothing. @throws VmFault */
export function reachLoad(
	code: Code,
	cpu: Cpu,
	memory: Memory,
	register: number,
	offset: number,
	size: number,
	pc: number,
): number {
	const at = (cpu.registers[register]! + offset) | 0;
	if (cpu.registers[register + 1] === 0 && inReach(cpu, memory, at, size)) return at;
	// The page at 0 is never given out: its bytes are 0.
	if (code.probe) return 0;
	throw access("load", cpu, memory, register, offset, size, pc);
}

/** The address of a store. @throws VmFault */
export function reachStore(
	_code: Code,
	cpu: Cpu,
	memory: Memory,
	register: number,
	offset: number,
	size: number,
	pc: number,
): number {
	const at = (cpu.registers[register]! + offset) | 0;
	if (cpu.registers[register + 1] !== 0 || !inReach(cpu, memory, at, size))
		throw access("store", cpu, memory, register, offset, size, pc);
	if (!memory.foundWritable) {
		cpu.pc = pc;
		const place = memory.region(at)?.kind ?? "memory";
		throw new VmFault(
			"read-only",
			pc,
			`store of ${bytes(size)} at ${hex(BigInt(at))}, in a read-only ${place}`,
			BigInt(at),
		);
	}
	return at;
}

function inReach(cpu: Cpu, memory: Memory, at: number, size: number): boolean {
	if (!memory.find(at, size)) return false;
	const stackHigh = cpu.stack + MAX_FRAMES * STACK_FRAME_SIZE;
	if (at < cpu.stack || at >= stackHigh) return true;
	// Of the stack, what is below the running function's frame is not in use.
	return at >= stackHigh - (cpu.depth + 1) * STACK_FRAME_SIZE;
}

function access(
	what: "load" | "store",
	cpu: Cpu,
	memory: Memory,
	register: number,
	offset: number,
	size: number,
	pc: number,
): VmFault {
	cpu.pc = pc;
	const base = both(cpu.registers[register]!, cpu.registers[register + 1]!);
	const address = BigInt.asUintN(64, base + BigInt(offset));
	const around = address < 0x8000_0000n ? memory.region(Number(address)) : undefined;
	let place = "nothing is there";
	if (around?.kind === "stack") place = "outside of the stack frames in use";
	else if (around) place = `it runs off the ${around.kind} of ${bytes(around.size)} at ${hex(BigInt(around.start))}`;
	return new VmFault("access", pc, `${what} of ${bytes(size)} at ${hex(address)}: ${place}`, address);
}

/** @throws VmFault where an atomic operation is not at a multiple of its size */
export function aligned(cpu: Cpu, at: number, size: number, pc: number): void {
	if ((at & (size - 1)) === 0) return;
	cpu.pc = pc;
	throw new VmFault("misaligned", pc, `atomic operation of ${bytes(size)} at ${hex(BigInt(at))}`, BigInt(at));
}

export function outside(cpu: Cpu, pc: number): VmFault {
	cpu.pc = pc;
	return new VmFault("jump", pc, "leads to where no instruction begins");
}

export function unresolved(cpu: Cpu, pc: number): VmFault {
	cpu.pc = pc;
	return new VmFault("reference", pc, "refers to a map or variable that was not put in its place");
}

export function spent(cpu: Cpu, pc: number): VmFault {
	cpu.pc = pc;
	return new VmFault("fuel", pc, "the run's instructions are spent; does it loop for ever?");
}

export function stackFull(cpu: Cpu, pc: number): VmFault {
	cpu.pc = pc;
	return new VmFault("stack", pc, `more than ${MAX_FRAMES} nested functions`);
}

/** @throws VmFault: there is no such thing to call */
export function none(what: string, id: number, pc: number): never {
	throw new VmFault("call", pc, `there is no ${what} ${id}`);
}

export function badCode(low: number, high: number, pc: number): VmFault {
	const address = both(low, high);
	const why = (high & CODE_TAG) === 0 ? "is no code address" : "is outside of its code, or its code is gone";
	return new VmFault("call", pc, `call of ${hex(address)}, which ${why}`, address);
}
