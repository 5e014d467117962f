import { type FaultKind, VmFault } from "@skep/bpf/base";
import { type Cpu, R0, R1 } from "#machine";
import type { MapState } from "#maps";
import { type Environment, MAP_TAG } from "./environment.ts";

/** Argument `n` (1 … 5): low word, signed. */
export const low = (cpu: Cpu, n: number): number => cpu.registers[R1 + (n - 1) * 2]!;
export const high = (cpu: Cpu, n: number): number => cpu.registers[R1 + (n - 1) * 2 + 1]!;
/** Low word, unsigned. */
export const u32 = (cpu: Cpu, n: number): number => cpu.registers[R1 + (n - 1) * 2]! >>> 0;
/** Both words as an unsigned number, exact below 2^53. */
export const u64 = (cpu: Cpu, n: number): number =>
	(cpu.registers[R1 + (n - 1) * 2 + 1]! >>> 0) * 2 ** 32 + (cpu.registers[R1 + (n - 1) * 2]! >>> 0);
/** Both words, unsigned. */
export const wide = (cpu: Cpu, n: number): bigint =>
	(BigInt(high(cpu, n) >>> 0) << 32n) | BigInt(cpu.registers[R1 + (n - 1) * 2]! >>> 0);

/** The result: a signed 32-bit number, widened. */
export function give(cpu: Cpu, value: number): undefined {
	cpu.registers[R0] = value;
	cpu.registers[R0 + 1] = value < 0 ? -1 : 0;
}
/** The result: an unsigned number below 2^53, an address for one. */
export function giveUnsigned(cpu: Cpu, value: number): undefined {
	cpu.registers[R0] = value | 0;
	cpu.registers[R0 + 1] = value < 2 ** 32 ? 0 : Math.floor(value / 2 ** 32) | 0;
}
export function giveWide(cpu: Cpu, value: bigint): undefined {
	cpu.registers[R0] = Number(BigInt.asIntN(32, value));
	cpu.registers[R0 + 1] = Number(BigInt.asIntN(32, value >> 32n));
}

/** Argument `n` as the address of `size` bytes that the program may read. @throws VmFault */
export function readable(env: Environment, cpu: Cpu, n: number, size: number): number {
	const address = u32(cpu, n);
	if (high(cpu, n) !== 0 || !env.memory.find(address, size)) throw astray(cpu, n, size, "read");
	return address;
}

/** Argument `n` as the address of `size` bytes that the program may write. @throws VmFault */
export function writable(env: Environment, cpu: Cpu, n: number, size: number): number {
	const address = u32(cpu, n);
	if (high(cpu, n) !== 0 || !env.memory.find(address, size)) throw astray(cpu, n, size, "write");
	if (!env.memory.foundWritable) throw astray(cpu, n, size, "write", "read-only");
	return address;
}

function astray(cpu: Cpu, n: number, size: number, what: "read" | "write", kind: FaultKind = "access"): VmFault {
	const address = wide(cpu, n);
	return new VmFault(
		kind,
		cpu.pc,
		`argument ${n} of helper: ${size} bytes at 0x${address.toString(16)} that the program may not ${what}`,
		address,
	);
}

/** Argument `n` as a map. @throws VmFault where it is none */
export function mapOf(env: Environment, cpu: Cpu, n: number): MapState {
	const map = high(cpu, n) === MAP_TAG ? env.maps.get(low(cpu, n)) : undefined;
	if (!map) throw new VmFault("reference", cpu.pc, `argument ${n} of helper is no map`, wide(cpu, n));
	return map;
}
