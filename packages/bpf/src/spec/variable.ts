/** A global variable of `.rodata`, `.data` or `.bss`: a window into its map's single value. */
export interface VariableSpec {
	readonly name: string;
	/** Name of the map that holds it. */
	readonly map: string;
	/** In bytes. */
	readonly offset: number;
	/** In bytes. */
	readonly size: number;
	/** BTF id of its type; 0: not known. */
	readonly type: number;
}
