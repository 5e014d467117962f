/**
 * BTF: the type information of kernels and objects, read and written.
 *
 * `Btf.decode` reads a `.BTF` section or /sys/kernel/btf/NAME lazily; `BtfBuilder` makes one; `decodeExt`/`encodeExt` are
 * `.BTF.ext` (functions, source lines, CO-RE relocations by instruction). Types are plain values (`BtfType`) that refer to
 * each other by id; 0 is void. `layout` tells sizes, alignment and members; `readValue`/`writeValue` turn bytes into plain
 * values by a type and back; `recordDecoder` does it fast for one struct. `formatRaw` and `formatC` write types as text,
 * `Layouts` tells where members, holes and padding are, `search` finds by pattern, `diffTypes` compares two by name.
 *
 * Values: up to 32 bits → number, 64 and 128 → bigint, bool → boolean, arrays of `char` → string up to the first NUL,
 * other arrays → arrays, structs → objects with the members of anonymous ones beside their own, enums → numbers (8 bytes:
 * bigint), pointers → bigint. `__be16`, `__be32`, `__be64` are raw: the bytes as stored, read little-endian.
 */
export { Btf, type BtfDecodeOptions } from "./btf.ts";
export { BtfBuilder } from "./builder.ts";
export { type RecordDecoderOptions, recordDecoder } from "./decoder.ts";
export { type Deduplicated, dedup, renumber } from "./dedup.ts";
export {
	type BtfDifference,
	diffTypes,
	type NamedType,
	type PartState,
	type TypeChange,
} from "./diff.ts";
export {
	type BtfExt,
	type CoreRecord,
	decodeExt,
	type ExtSection,
	encodeExt,
	type FuncRecord,
	type LineRecord,
	MAX_COLUMN,
	MAX_LINE,
} from "./ext.ts";
export { type CFormatOptions, formatC } from "./format-c.ts";
export { formatRaw, formatRawJson, type RawFormatOptions } from "./format-raw.ts";
export { alignOf, type FlatMember, type FoundMember, findMember, flattenMembers, memberBits } from "./layout.ts";
export { formatLayout, type LayoutMember, Layouts, type RecordLayout } from "./record-layout.ts";
export { namePattern, search } from "./search.ts";
export type { BtfKind, BtfMember, BtfType } from "./types.ts";
export { readValue, type Value, writeValue } from "./value.ts";
