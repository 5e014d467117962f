import type { Emitter } from "./emitter.ts";
import type { Step } from "./forms.ts";
import { OP } from "./opcodes.ts";

/**
 * Atomic instructions of WebAssembly (threads proposal; behind the prefix 0xfe), by size in bytes: on memory that workers
 * share. Addresses are at multiples of the size, or they trap; 64-bit operands, results of fewer bytes are zero above them.
 */
type BySize = Readonly<Record<number, number>>;

// biome-ignore format: table
const OPCODES = {
	load:    { 1: 0x14, 2: 0x15, 4: 0x16, 8: 0x11 },
	store:   { 1: 0x1b, 2: 0x1c, 4: 0x1d, 8: 0x18 },
	add:     { 4: 0x24, 8: 0x1f },
	and:     { 4: 0x32, 8: 0x2d },
	or:      { 4: 0x39, 8: 0x34 },
	xor:     { 4: 0x40, 8: 0x3b },
	xchg:    { 4: 0x47, 8: 0x42 },
	cmpxchg: { 4: 0x4e, 8: 0x49 },
} as const satisfies Readonly<Record<string, BySize>>;

function write(e: Emitter, name: keyof typeof OPCODES, size: number): void {
	const bySize: BySize = OPCODES[name];
	e.w.atomic(bySize[size]!, Math.log2(size));
}

/** Loads what is at the address on the stack, before all accesses that follow. */
export const loadAcquire = (e: Emitter, size: number): void => write(e, "load", size);

/** An atomic instruction on the address on the stack. */
export function sharedAtomic(e: Emitter, { form, src }: Step): void {
	const { w } = e;
	const { size, verb } = form;
	if (verb === "store_release") {
		e.get(src);
		write(e, "store", size);
		return;
	}
	const name = verb.replace("fetch_", "") as keyof typeof OPCODES;
	if (name === "cmpxchg") {
		e.get(0);
		// Of 32 bits the low ones are compared.
		if (size === 4) w.op(OP.i32_wrap, OP.i64_extend_u);
		e.get(src);
		write(e, name, size);
		e.set(0);
		return;
	}
	e.get(src);
	write(e, name, size);
	if (name !== verb || name === "xchg") e.set(src);
	else w.op(OP.drop);
}
