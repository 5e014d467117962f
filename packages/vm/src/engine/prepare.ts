import type { Executable } from "#machine";

/** Instructions as the interpreter takes them. A cache: made again from the bytes at any time. */
export interface Code extends Executable {
	/** Four words a slot: operation and registers, jump target or offset, immediate, its high half. */
	readonly words: Int32Array;
	readonly slots: number;
	/** A load from where nothing is gives 0 instead of a fault, as tracing programs may follow any pointer. */
	readonly probe: boolean;
	/** How often each slot ran; undefined: not counted. Made by `prepare` where asked for. */
	readonly counts: Float64Array | undefined;
}

/** A wide load whose immediate stands for something. `imm` and `high` are the instruction's own words. */
export interface Reference {
	readonly kind: "map" | "map-value" | "variable" | "map-by-index" | "map-value-by-index";
	readonly imm: number;
	readonly high: number;
	readonly slot: number;
}

export interface PrepareOptions {
	/** See `Executable.id`. */
	readonly id: number;
	/** Guest address (both words) of what a wide load refers to; undefined: running it is a fault. */
	readonly resolve?: (reference: Reference) => { readonly low: number; readonly high: number } | undefined;
	/** Default: false. */
	readonly probe?: boolean;
	/** Default: false. */
	readonly count?: boolean;
}

/** Decodes little-endian instructions. @throws FormatError as `decode` does, and for code past 2^24 slots */
export declare function prepare(insns: Uint8Array, options: PrepareOptions): Code;
