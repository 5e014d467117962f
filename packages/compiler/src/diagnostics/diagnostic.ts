/** A finding of the compiler: a value, never thrown (law 8). */
export interface Diagnostic {
	/** `SK3003`. Stable for ever. */
	readonly code: `SK${number}`;
	readonly severity: "error" | "warning";
	/** Path of the module as given by the source provider. */
	readonly file: string;
	/** From 1. */
	readonly line: number;
	/** From 1. */
	readonly column: number;
	/** Characters to underline from the column. */
	readonly length: number;
	/** What is there. */
	readonly message: string;
	/** What to write instead. */
	readonly remedy?: string;
	/** Further places: who uses the stack, where the bound would go. */
	readonly related?: readonly {
		readonly file: string;
		readonly line: number;
		readonly column: number;
		readonly message: string;
	}[];
}
