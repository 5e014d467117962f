import type { MapType } from "#uapi";

/** Blueprint of a map; a plain value. Sizes in bytes. */
export interface MapSpec {
	readonly name: string;
	readonly type: MapType;
	readonly keySize: number;
	readonly valueSize: number;
	/** 0: the loader decides (possible CPUs for per-CPU event arrays). */
	readonly maxEntries: number;
	/** BPF_F_NO_PREALLOC, BPF_F_MMAPABLE … */
	readonly flags: number;
	/** BTF ids in the object's BTF; 0: not known. */
	readonly keyType: number;
	readonly valueType: number;
	readonly pinning: "none" | "by-name";
	readonly numaNode?: number;
	readonly mapExtra?: bigint;
	readonly innerMap?: MapSpec;
	/** First bytes of the single value of `.rodata`, `.data`, `.bss`. */
	readonly contents?: Uint8Array;
	/** BPF_MAP_FREEZE after the contents are written (`.rodata`). */
	readonly frozen: boolean;
}
