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
		if (map.fields) writeAround(map, memory, value, at, to);
		else write(memory, value, at, to, valueSize);
		return;
	}
	if (cpu !== ALL_CPUS) {
		if (isNew) u8.fill(0, to, to + stride * copies);
		write(memory, value, at, to + cpu * stride, valueSize);
		return;
	}
	for (let each = 0; each < copies; each++) {
		write(memory, value, at + each * stride, to + each * stride, valueSize);
	}
}

/** Writes what of a value is not the kernel's own, which begins anew. */
function writeAround(map: MapState, memory: Memory, value: Bytes, at: number, to: number): void {
	let from = 0;
	for (const { offset, size } of map.fields!) {
		write(memory, value, at + from, to + from, offset - from);
		from = offset + size;
	}
	write(memory, value, at + from, to + from, map.valueSize - from);
	clearFields(map, memory, to);
}

/**
 * Writes bytes of a value. Where workers share the memory, each eight of them at a multiple of 8 are written at once, so
 * that nobody finds half a number; all of them together are not.
 */
function write(memory: Memory, value: Bytes, at: number, to: number, length: number): void {
	const { u8 } = memory;
	if (!memory.shared) {
		copy(value ?? u8, at, u8, to, length);
		return;
	}
	const from = value ? new DataView(value.buffer, value.byteOffset) : memory.view;
	let done = 0;
	while (done < length) {
		const rest = length - done;
		if ((to + done) % 8 === 0 && rest >= 8) {
			Atomics.store(memory.longs, (to + done) >> 3, from.getBigInt64(at + done, true));
			done += 8;
		} else if ((to + done) % 4 === 0 && rest >= 4) {
			Atomics.store(memory.words, (to + done) >> 2, from.getInt32(at + done, true));
			done += 4;
		} else {
			u8[to + done] = from.getUint8(at + done);
			done++;
		}
	}
}

/** Copies bytes of a value, which begins at a multiple of 8, to the caller's: as they are written. */
export function readValue(memory: Memory, from: number, length: number, to: Uint8Array, at: number): void {
	const { u8 } = memory;
	let done = 0;
	if (memory.shared) {
		const out = new DataView(to.buffer, to.byteOffset);
		for (; done + 8 <= length; done += 8)
			out.setBigInt64(at + done, Atomics.load(memory.longs, (from + done) >> 3), true);
		if (done + 4 <= length) {
			out.setInt32(at + done, Atomics.load(memory.words, (from + done) >> 2), true);
			done += 4;
		}
	}
	if (length - done <= FEW) for (; done < length; done++) to[at + done] = u8[from + done]!;
	else to.set(u8.subarray(from + done, from + length), at + done);
}

/** What is the kernel's own in a value begins anew: a timer in it is none any more. But a lock, which somebody may have. */
export function clearFields(map: MapState, memory: Memory, value: number): void {
	for (const { kind, offset, size } of map.fields ?? [])
		if (kind !== "spin_lock") memory.u8.fill(0, value + offset, value + offset + size);
}

/** Bytes below which a loop beats `set`. */
const FEW = 32;

export function copy(from: Uint8Array, at: number, to: Uint8Array, toAt: number, length: number): void {
	if (length <= FEW) for (let i = 0; i < length; i++) to[toAt + i] = from[at + i]!;
	else if (from === to) to.copyWithin(toAt, at, at + length);
	else to.set(from.subarray(at, at + length), toAt);
}
