import type { Memory } from "#machine";
import { ALL_CPUS, type Bytes, type MapState } from "./map.ts";

/**
 * Writes an entry's value at `to`. A system call brings the values of all CPUs, `stride` apart; a program writes its own
 * CPU's copy, and clears the others' where the entry is new.
 */
export function writeValue(
	map: MapState,
	memory: Memory,
	to: number,
	value: Bytes,
	at: number,
	cpu: number,
	isNew: boolean,
): void {
	const { u8 } = memory;
	const { valueSize, stride, copies } = map;
	if (copies === 1) {
		copy(value ?? u8, at, u8, to, valueSize);
		if (map.fields) clearFields(map, memory, to);
		return;
	}
	if (cpu !== ALL_CPUS) {
		if (isNew) u8.fill(0, to, to + stride * copies);
		copy(value ?? u8, at, u8, to + cpu * stride, valueSize);
		return;
	}
	for (let each = 0; each < copies; each++) {
		copy(value ?? u8, at + each * stride, u8, to + each * stride, valueSize);
	}
}

/** What is the kernel's own in a value begins anew: a timer in it is none any more. */
export function clearFields(map: MapState, memory: Memory, value: number): void {
	for (const { offset, size } of map.fields ?? []) memory.u8.fill(0, value + offset, value + offset + size);
}

/** Bytes below which a loop beats `set`. */
const FEW = 32;

export function copy(from: Uint8Array, at: number, to: Uint8Array, toAt: number, length: number): void {
	if (length <= FEW) for (let i = 0; i < length; i++) to[toAt + i] = from[at + i]!;
	else if (from === to) to.copyWithin(toAt, at, at + length);
	else to.set(from.subarray(at, at + length), toAt);
}
