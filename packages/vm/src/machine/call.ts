import type { Cpu } from "./cpu.ts";

/** What the engine makes of a program's instructions; here only its number, by which frames and code addresses name it. */
export interface Executable {
	/** 1 … 2^24 - 1, unique in a machine. */
	readonly id: number;
}

/**
 * What a call of a helper comes to where that can be said beforehand, as plain data: an engine may do it without calling.
 * Sizes in bytes.
 */
export type Shortcut =
	/** The number of the processor. */
	| { readonly kind: "processor" }
	/** The address of an entry of an array, by the 32-bit index that r2 points to; 0 where that is none. */
	| {
			readonly kind: "array";
			/** Address of the first entry, and from one to the next. */
			readonly data: number;
			readonly stride: number;
			readonly entries: number;
			/** From one processor's value to the next one's; 0: all have the same. */
			readonly perProcessor: number;
			readonly valueSize: number;
			readonly writable: boolean;
	  }
	/** A call whose result is 0 or the address of so many bytes, which stay a part of memory as long as the program. */
	| { readonly kind: "lookup"; readonly valueSize: number; readonly writable: boolean }
	| RoutineShortcut
	/**
	 * Calls the function at r2 with the round's number and r3, r1 times (32 bits) or until it gives other than 0; the result
	 * is how often. More rounds than `most`: nothing but the result `beyond`. Holds where r4 is 0.
	 */
	| { readonly kind: "rounds"; readonly most: number; readonly beyond: number }
	/**
	 * A tail call: of the code whose id is in the slot that r3 numbers (32 bits). Where that is none, or `most` were made
	 * in this run, the result is `refused` and the program goes on.
	 */
	| {
			readonly kind: "tail";
			/** Address of the first slot, 4 bytes each; 0 in one: empty. */
			readonly slots: number;
			readonly entries: number;
			/** Address of the word that counts tail calls of processor 0's run, and from one processor's to the next. */
			readonly count: number;
			readonly perProcessor: number;
			readonly most: number;
			readonly refused: number;
	  };

/**
 * Instructions that do what the helper does: a function of r1 … r5 that gives r0, `LEFT` where the helper has to be called
 * after all; then it has changed nothing. They are trusted: they go wherever they like, use no stack, call nothing, and
 * end soon. The same insns are the same routine.
 */
export interface RoutineShortcut {
	readonly kind: "routine";
	readonly insns: Uint8Array;
	/** Whether it may give `LEFT`. */
	readonly leaves: boolean;
	/** r1 is the number of the processor, not what the program has there. */
	readonly takesProcessor: boolean;
	/** What the program must be allowed to touch; the helper says what is wrong where it is not. */
	readonly reaches: readonly { readonly register: number; readonly size: number; readonly writes: boolean }[];
	/** The result is 0 or the address of so many bytes, as for `lookup`. */
	readonly value?: { readonly size: number; readonly writable: boolean };
}

/** What a routine gives that leaves the call to the helper: this high word above 0. */
export const LEFT = -0x8000_0000;

/** What is known of the arguments of a call before it runs. */
export interface KnownArguments {
	/** Registers whose words are known, as bits. */
	readonly registers: number;
	/** Both words of r0 … r5, as `Cpu.registers` has them; 0 where they are not known. */
	readonly words: Int32Array;
}

/**
 * What the engine calls out through; `objects` binds it. Arguments are in r1 … r5 of `cpu.registers`, the result goes
 * to r0 (both words). Every method may throw; then the run ends with that error and `cpu.pc` says where.
 * A callee may enter the engine again on the same cpu (callbacks) and may change memory as it likes.
 */
export interface Callables<Code extends Executable = Executable> {
	/** Calls a helper by number; false: there is none. `cpu.tail` set to a code's id on return makes it a tail call. */
	helper(id: number, cpu: Cpu): boolean;
	/** How many of r1 … r5 a helper looks at, by its number; of those that are missing, and that make tail calls, all. */
	readonly argumentCounts?: readonly number[];
	/** Calls a kernel function by BTF id; `module` is the instruction's offset field. False: there is none. */
	kfunc?(id: number, module: number, cpu: Cpu): boolean;
	/** LD_ABS, LD_IND: 1, 2 or 4 bytes of the packet at `offset` (signed, 32 bit) into r0, in host order. False: outside; the program ends with 0. */
	packet?(offset: number, size: 1 | 2 | 4, cpu: Cpu): boolean;
	/**
	 * What a call of a helper is short for, by its number and what is known of its arguments. The same as long as the
	 * program lives. Undefined: it has to be called.
	 */
	shortcut?(id: number, known: KnownArguments): Shortcut | undefined;
	/** Code by its id, for tail calls and callbacks; undefined: there is none. */
	code?(id: number): Code | undefined;
}

/** In a code address's high word, above the code's id: no memory is there. */
export const CODE_TAG = 0x4000_0000;

/** Both words of the address of an instruction slot, as a wide load of a function's address gives it. */
export const codeAddress = (id: number, slot: number): { readonly low: number; readonly high: number } => ({
	low: slot * 8,
	high: CODE_TAG | id,
});
