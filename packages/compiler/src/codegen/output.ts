import type { CoreAccess, Func, Position } from "#ir";

/** A function as instructions: what selection, allocation and emission make of IR, and what `debug` and `collection` put into an object. */
export interface CompiledFunction {
	readonly func: Func;
	/** Raw slots of 8 bytes, little-endian, jumps resolved. */
	readonly insns: Uint8Array;
	/** By slot, in order. */
	readonly references: readonly CompiledReference[];
	readonly core: readonly { readonly slot: number; readonly access: CoreAccess }[];
	/** By slot, in order; the first is slot 0. */
	readonly lines: readonly { readonly slot: number; readonly position: Position }[];
	/** Bytes of stack used, at most 512. */
	readonly stack: number;
}
export type CompiledReference =
	| { readonly slot: number; readonly kind: "map"; readonly map: string }
	| { readonly slot: number; readonly kind: "global"; readonly variable: string }
	| { readonly slot: number; readonly kind: "function"; readonly function: string }
	| { readonly slot: number; readonly kind: "kfunc"; readonly name: string };
