import type { BtfBuilder } from "#btf";
import type { FunctionSpec, MapSpec } from "#spec";

/** What `writeObject` makes an object of. Ids of types are those of `btf`. */
export interface ObjectModel {
	/** GPL, Dual BSD/GPL … */
	readonly license: string;
	/** `version` section; absent: none. */
	readonly kernelVersion?: number;
	/** Holds every type that is referred to; maps, DATASECs and strings of `.BTF.ext` are added to it here. */
	readonly btf: BtfBuilder;
	/** Programs and subprograms; those of one section stand in it in this order. */
	readonly functions: readonly ObjectFunction[];
	readonly maps: readonly ObjectMap[];
	readonly data: readonly ObjectData[];
	/** Kernel functions that are called. */
	readonly kfuncs?: readonly ObjectKfunc[];
	/** Text of the section `.skep`. */
	readonly manifest?: string;
}

/** `references` of kind `map-value` name a section of `data` and an offset in it. */
export interface ObjectFunction extends FunctionSpec {
	/** `.text` for subprograms. */
	readonly section: string;
	readonly global: boolean;
}

/** Key and value either by type or by size. */
export type ObjectMap = Omit<MapSpec, "contents" | "frozen" | "innerMap">;

export interface ObjectData {
	/** `.rodata`, `.data`, `.bss` or one of these with a dot and a name. */
	readonly name: string;
	/** In bytes. */
	readonly size: number;
	/** First bytes; the rest is zero. Ignored for `.bss`. */
	readonly contents: Uint8Array;
	readonly variables: readonly {
		readonly name: string;
		readonly offset: number;
		readonly size: number;
		readonly type: number;
	}[];
}

export interface ObjectKfunc {
	readonly name: string;
	/** Id of its FUNC, linkage extern. */
	readonly type: number;
	readonly weak: boolean;
}
