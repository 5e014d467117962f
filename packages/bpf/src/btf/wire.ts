import type { BtfKind } from "./types.ts";

/** `struct btf_header`, `struct btf_type` and the records behind it, as linux/btf.h has them. Sizes in bytes. */
export const BTF_MAGIC = 0xeb9f;
export const BTF_VERSION = 1;
export const BTF_HEADER_SIZE = 24;
/** magic, version, flags, hdr_len, func_info and line_info; without core_relo. */
export const EXT_HEADER_SIZE_MIN = 24;
export const EXT_HEADER_SIZE_CORE = 32;
export const TYPE_SIZE = 12;

/** Kinds by their number in `info`; index 0 is void. */
export const KINDS = [
	"void",
	"int",
	"ptr",
	"array",
	"struct",
	"union",
	"enum",
	"fwd",
	"typedef",
	"volatile",
	"const",
	"restrict",
	"func",
	"func_proto",
	"var",
	"datasec",
	"float",
	"decl_tag",
	"type_tag",
	"enum64",
] as const satisfies readonly BtfKind[];

export const KIND_NUMBER: Readonly<Record<BtfKind, number>> = Object.fromEntries(KINDS.map((k, i) => [k, i])) as Record<
	BtfKind,
	number
>;

/** Bytes behind `struct btf_type`: a fixed part and a part for each of `vlen`. By kind number. */
export const FIXED_SIZE = [0, 4, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 4, 0, 0];
export const ENTRY_SIZE = [0, 0, 0, 0, 12, 12, 8, 0, 0, 0, 0, 0, 0, 8, 0, 12, 0, 0, 0, 12];

export const INT_SIGNED = 1;
export const INT_CHAR = 2;
export const INT_BOOL = 4;
export const LINKAGES = ["static", "global", "extern"] as const;
/** Deepest chain of modifiers, arrays and nested structs that is followed; the kernel's MAX_RESOLVE_DEPTH is 32. */
export const MAX_DEPTH = 64;
