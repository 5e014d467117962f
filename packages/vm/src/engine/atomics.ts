import type { Atomic32, Atomic64, Is } from "./operations.ts";

/**
 * Read, change and write of a 32-bit word at `at`; `r` holds registers as word pairs, `s` is the source's. A machine
 * runs one program at a time, so that nothing comes between.
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
