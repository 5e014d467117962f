import { type Emitter, IMPORT, REACH } from "./emitter.ts";
import { I32, I64, OP } from "./opcodes.ts";
import type { Scratch, Window } from "./scratch.ts";
import { type Signature, Writer } from "./writer.ts";

// Accesses that are compared: with a window first, which is two words in memory; else a function of the module looks
// whether they are on the stack; else JavaScript looks through the regions, and fills the window.

/**
 * Opens a block for what is to be done where not all bytes from `address` on are in a window, which its `end` ends.
 * `isOne`: they are as many as the window's accesses take.
 */
export function openOutside(e: Emitter, window: Window, all: number, isOne: boolean): void {
	const { w } = e;
	const room = (): void => {
		w.i32(0);
		w.access(OP.i64_load, window.address + 8);
	};
	const distance = (): void => {
		w.get(e.address);
		w.i32(0);
		w.access(OP.i64_load, window.address);
		w.op(OP.i64_sub);
	};
	if (isOne) {
		distance();
		room();
		w.op(OP.i64_ge_u);
		w.openUnlikely();
		return;
	}
	// Both ends: in one window is then all that is between.
	const inside = w.open(OP.block);
	const outside = w.open(OP.block);
	distance();
	w.tee(e.value);
	room();
	w.op(OP.i64_ge_u);
	w.branchUnlikely(outside);
	w.get(e.value);
	w.i64(all - 1);
	w.op(OP.i64_add);
	room();
	w.op(OP.i64_lt_u);
	w.branch(OP.br_if, inside);
	w.end();
}

/** What is asked for where a window does not have it. */
export interface Wanted {
	readonly window: Window;
	/** Bytes from `address` on that should be there. */
	readonly all: number;
	/** Bytes of the access, and where it begins; 0: there is none yet, so that nothing is a fault. */
	readonly size: number;
	readonly at: number;
	readonly slot: number;
}

/** Pushes where an access is, or a negative number where not all that was wanted is there. */
export function reach(e: Emitter, { window, all, size, at, slot }: Wanted): void {
	const { w } = e;
	w.get(e.address);
	for (const word of [all, at, size, slot]) w.i32(word);
	w.get(e.base);
	w.i32(window.address);
	w.i32(window.kind);
	w.call(REACH);
}

/** Pushes the address that a register holds if so many bytes may be read or written there, else a negative number. */
export function place(e: Emitter, register: number, size: number, writes: boolean, slot: number): void {
	const { w } = e;
	const isOne = size === 1 || size === 2 || size === 4 || size === 8;
	const window = e.windows.next(isOne ? size : 1, writes);
	e.get(register);
	w.tee(e.address);
	w.op(OP.i32_wrap);
	w.set(e.index);
	openOutside(e, window, size, isOne);
	reach(e, { window, all: size, size: 0, at: 0, slot });
	w.set(e.index);
	w.end();
	w.get(e.index);
}

/** The function that looks where a window does not help: takes `address`, what `Wanted` says, and the frame's base. */
export const REACH_SIGNATURE: Signature = { params: [I64, I32, I32, I32, I32, I32, I32, I32], results: [I32] };

/** What lies between the frame's base and the stack's end is in frames in use; the rest JavaScript knows. */
export function reachBody(scratch: Scratch): Writer {
	const [address, all, at, size, slot, base, window, kind] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
	const w = new Writer(REACH_SIGNATURE.params.length);
	const used = w.local(I64);
	const distance = w.local(I64);
	w.i32(0);
	w.access(OP.i32_load, scratch.stackEnd);
	w.get(base);
	w.op(OP.i32_sub, OP.i64_extend_u);
	w.set(used);
	w.get(address);
	w.get(base);
	w.op(OP.i64_extend_u, OP.i64_sub);
	w.tee(distance);
	w.get(used);
	w.op(OP.i64_lt_u);
	w.get(distance);
	w.get(all);
	w.op(OP.i64_extend_u, OP.i64_add);
	w.get(used);
	w.op(OP.i64_le_u, OP.i32_and);
	w.open(OP.if);
	w.get(address);
	w.op(OP.i32_wrap, OP.return);
	w.end();
	w.get(address);
	w.op(OP.i32_wrap);
	w.get(address);
	w.i64(32);
	w.op(OP.i64_shr_u, OP.i32_wrap);
	for (const each of [all, at, size, slot, base, window, kind]) w.get(each);
	w.call(IMPORT.reach);
	return w;
}
