import type { Position } from "#ir";

/** What keeps a function from being made into instructions. `compile` turns these into diagnostics. */
export type Problem =
	| {
			readonly kind: "stack";
			readonly function: string;
			readonly position: Position | undefined;
			/** Bytes wanted; 512 is the most. */
			readonly size: number;
			/** Biggest first. Spilled registers have no position. */
			readonly slots: readonly {
				readonly name: string;
				readonly size: number;
				readonly position: Position | undefined /** Where it is used, each line once. */;
				readonly users: readonly Position[];
			}[];
	  }
	| {
			readonly kind: "arguments";
			readonly function: string;
			readonly position: Position | undefined;
			readonly callee: string;
			readonly count: number;
	  }
	| {
			readonly kind: "parameters";
			readonly function: string;
			readonly position: Position | undefined;
			readonly count: number;
	  }
	| {
			readonly kind: "size";
			readonly function: string;
			readonly position: Position | undefined;
			readonly message: string;
	  };

/** What became of a function, for `--explain`. */
export interface FunctionReport {
	readonly function: string;
	/** Slots of 8 bytes. */
	readonly insns: number;
	readonly stack: number;
	/** Registers that live in memory. */
	readonly spills: number;
	readonly slots: readonly { readonly name: string; readonly size: number /** From r10. */; readonly offset: number }[];
	/** Passes that changed something, in order. */
	readonly passes: readonly { readonly pass: string; readonly changes: number }[];
}

export interface CompileReport {
	readonly functions: readonly FunctionReport[];
}
