import type { Memory } from "#machine";
import type { Atomic32, Atomic64, Is } from "./operations.ts";

/**
 * Read, change and write of a 32-bit word at `at`; `r` holds registers as word pairs, `s` is the source's. For a machine
 * that runs one program at a time, so that nothing comes between; where workers share the memory: `sharedAtomic32`.
 */
export function atomic32(operation: Atomic32, view: DataView, at: number, r: Int32Array, s: number): void {
	const old = view.getInt32(at, true);
	const value = r[s]!;
	switch (operation) {
		case 95 satisfies Is<"atomic_add_w">:
			view.setInt32(at, (old + value) | 0, true);
			break;
		case 99 satisfies Is<"atomic_fetch_add_w">:
			view.setInt32(at, (old + value) | 0, true);
			fetch(r, s, old, 0);
			break;
		case 96 satisfies Is<"atomic_or_w">:
			view.setInt32(at, old | value, true);
			break;
		case 100 satisfies Is<"atomic_fetch_or_w">:
			view.setInt32(at, old | value, true);
			fetch(r, s, old, 0);
			break;
		case 97 satisfies Is<"atomic_and_w">:
			view.setInt32(at, old & value, true);
			break;
		case 101 satisfies Is<"atomic_fetch_and_w">:
			view.setInt32(at, old & value, true);
			fetch(r, s, old, 0);
			break;
		case 98 satisfies Is<"atomic_xor_w">:
			view.setInt32(at, old ^ value, true);
			break;
		case 102 satisfies Is<"atomic_fetch_xor_w">:
			view.setInt32(at, old ^ value, true);
			fetch(r, s, old, 0);
			break;
		case 103 satisfies Is<"atomic_xchg_w">:
			view.setInt32(at, value, true);
			fetch(r, s, old, 0);
			break;
		case 104 satisfies Is<"atomic_cmpxchg_w">:
			if (r[0] === old) view.setInt32(at, value, true);
			fetch(r, 0, old, 0);
			break;
		default:
			operation satisfies never;
	}
}

/** As `atomic32`, for 64 bits. */
export function atomic64(operation: Atomic64, view: DataView, at: number, r: Int32Array, s: number): void {
	const old = view.getInt32(at, true);
	const oldHigh = view.getInt32(at + 4, true);
	const value = r[s]!;
	const high = r[s + 1]!;
	switch (operation) {
		case 105 satisfies Is<"atomic_add_dw">:
			add(view, at, old, oldHigh, value, high);
			break;
		case 109 satisfies Is<"atomic_fetch_add_dw">:
			add(view, at, old, oldHigh, value, high);
			fetch(r, s, old, oldHigh);
			break;
		case 106 satisfies Is<"atomic_or_dw">:
			put(view, at, old | value, oldHigh | high);
			break;
		case 110 satisfies Is<"atomic_fetch_or_dw">:
			put(view, at, old | value, oldHigh | high);
			fetch(r, s, old, oldHigh);
			break;
		case 107 satisfies Is<"atomic_and_dw">:
			put(view, at, old & value, oldHigh & high);
			break;
		case 111 satisfies Is<"atomic_fetch_and_dw">:
			put(view, at, old & value, oldHigh & high);
			fetch(r, s, old, oldHigh);
			break;
		case 108 satisfies Is<"atomic_xor_dw">:
			put(view, at, old ^ value, oldHigh ^ high);
			break;
		case 112 satisfies Is<"atomic_fetch_xor_dw">:
			put(view, at, old ^ value, oldHigh ^ high);
			fetch(r, s, old, oldHigh);
			break;
		case 113 satisfies Is<"atomic_xchg_dw">:
			put(view, at, value, high);
			fetch(r, s, old, oldHigh);
			break;
		case 114 satisfies Is<"atomic_cmpxchg_dw">:
			if (r[0] === old && r[1] === oldHigh) put(view, at, value, high);
			fetch(r, 0, old, oldHigh);
			break;
		default:
			operation satisfies never;
	}
}

function put(view: DataView, at: number, low: number, high: number): void {
	view.setInt32(at, low, true);
	view.setInt32(at + 4, high, true);
}

/** The sum's high word wants the carry out of the low ones. */
function add(view: DataView, at: number, old: number, oldHigh: number, value: number, high: number): void {
	const low = (old + value) | 0;
	put(view, at, low, (oldHigh + high + (low >>> 0 < old >>> 0 ? 1 : 0)) | 0);
}

function fetch(r: Int32Array, register: number, low: number, high: number): void {
	r[register] = low;
	r[register + 1] = high;
}

/** As `atomic32`, and nothing of other workers comes between. `at` is a multiple of 4. */
export function sharedAtomic32(operation: Atomic32, words: Int32Array, at: number, r: Int32Array, s: number): void {
	const index = at >> 2;
	const value = r[s]!;
	// One row an instruction.
	// biome-ignore format: table
	switch (operation) {
		case 95 satisfies Is<"atomic_add_w">: Atomics.add(words, index, value); break;
		case 96 satisfies Is<"atomic_or_w">: Atomics.or(words, index, value); break;
		case 97 satisfies Is<"atomic_and_w">: Atomics.and(words, index, value); break;
		case 98 satisfies Is<"atomic_xor_w">: Atomics.xor(words, index, value); break;
		case 99 satisfies Is<"atomic_fetch_add_w">: fetch(r, s, Atomics.add(words, index, value), 0); break;
		case 100 satisfies Is<"atomic_fetch_or_w">: fetch(r, s, Atomics.or(words, index, value), 0); break;
		case 101 satisfies Is<"atomic_fetch_and_w">: fetch(r, s, Atomics.and(words, index, value), 0); break;
		case 102 satisfies Is<"atomic_fetch_xor_w">: fetch(r, s, Atomics.xor(words, index, value), 0); break;
		case 103 satisfies Is<"atomic_xchg_w">: fetch(r, s, Atomics.exchange(words, index, value), 0); break;
		case 104 satisfies Is<"atomic_cmpxchg_w">: fetch(r, 0, Atomics.compareExchange(words, index, r[0]!, value), 0); break;
		default: operation satisfies never;
	}
}

/** As `sharedAtomic32`, for 64 bits. `at` is a multiple of 8. */
export function sharedAtomic64(operation: Atomic64, longs: BigInt64Array, at: number, r: Int32Array, s: number): void {
	const index = at >> 3;
	const value = longOf(r, s);
	// biome-ignore format: table
	switch (operation) {
		case 105 satisfies Is<"atomic_add_dw">: Atomics.add(longs, index, value); break;
		case 106 satisfies Is<"atomic_or_dw">: Atomics.or(longs, index, value); break;
		case 107 satisfies Is<"atomic_and_dw">: Atomics.and(longs, index, value); break;
		case 108 satisfies Is<"atomic_xor_dw">: Atomics.xor(longs, index, value); break;
		case 109 satisfies Is<"atomic_fetch_add_dw">: setLong(r, s, Atomics.add(longs, index, value)); break;
		case 110 satisfies Is<"atomic_fetch_or_dw">: setLong(r, s, Atomics.or(longs, index, value)); break;
		case 111 satisfies Is<"atomic_fetch_and_dw">: setLong(r, s, Atomics.and(longs, index, value)); break;
		case 112 satisfies Is<"atomic_fetch_xor_dw">: setLong(r, s, Atomics.xor(longs, index, value)); break;
		case 113 satisfies Is<"atomic_xchg_dw">: setLong(r, s, Atomics.exchange(longs, index, value)); break;
		case 114 satisfies Is<"atomic_cmpxchg_dw">: setLong(r, 0, Atomics.compareExchange(longs, index, longOf(r, 0), value)); break;
		default: operation satisfies never;
	}
}

/** Two bytes at a multiple of 2, read at once. */
const halvesOf = (words: Int32Array): Uint16Array => new Uint16Array(words.buffer);

/** load_acquire where workers share the memory: what comes after it in the program is read after it. */
export function loadAcquire(memory: Memory, size: 1 | 2 | 4 | 8, at: number, r: Int32Array, d: number): void {
	if (size === 8) setLong(r, d, Atomics.load(memory.longs, at >> 3));
	else if (size === 4) fetch(r, d, Atomics.load(memory.words, at >> 2), 0);
	else if (size === 2) fetch(r, d, Atomics.load(halvesOf(memory.words), at >> 1), 0);
	else fetch(r, d, Atomics.load(memory.u8, at), 0);
}

/** store_release where workers share the memory: what comes before it in the program is written before it. */
export function storeRelease(memory: Memory, size: 1 | 2 | 4 | 8, at: number, r: Int32Array, s: number): void {
	if (size === 8) Atomics.store(memory.longs, at >> 3, longOf(r, s));
	else if (size === 4) Atomics.store(memory.words, at >> 2, r[s]!);
	else if (size === 2) Atomics.store(halvesOf(memory.words), at >> 1, r[s]!);
	else Atomics.store(memory.u8, at, r[s]!);
}

const longOf = (r: Int32Array, register: number): bigint =>
	(BigInt(r[register + 1]!) << 32n) | BigInt(r[register]! >>> 0);

function setLong(r: Int32Array, register: number, value: bigint): void {
	fetch(r, register, Number(BigInt.asIntN(32, value)), Number(value >> 32n));
}
