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
	/** Maps or programs that an array or a hash by index holds from the start (`values = { [2] = &inner }`). */
	readonly values?: readonly MapValue[];
	/** Only of type struct_ops. */
	readonly structOps?: StructOps;
	/** Not from BTF: `struct bpf_map_def` of a section `maps`, or iproute2's `bpf_elf_map`. */
	readonly legacy?: true;
	/** false (`?.struct_ops`): created only when asked for. Absent: true. */
	readonly autocreate?: boolean;
}

/** One slot of an array of maps or programs. */
export interface MapValue {
	readonly index: number;
	readonly kind: "map" | "program";
	/** Name of the map or the program in the same object. */
	readonly name: string;
}

/** A table of functions that the kernel will call, as the object fills it. The data are `contents`, in the object's layout. */
export interface StructOps {
	/** Without `struct`: `tcp_congestion_ops`. */
	readonly typeName: string;
	/** BTF id of the struct in the object's BTF. */
	readonly type: number;
	/** `.struct_ops.link`: attached by a link, instead of by writing the map. */
	readonly link: boolean;
	/** Members that are programs of the object; members of the kernel's struct are found by name. */
	readonly programs: readonly { readonly member: string; readonly offset: number; readonly program: string }[];
}
