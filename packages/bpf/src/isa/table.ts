/** What an instruction's fields mean; its text says which of them are free. */
export type Shape =
	| "alu_imm"
	| "alu_reg"
	| "unary"
	| "extend"
	| "cast"
	| "endian"
	| "wide"
	| "load"
	| "store_imm"
	| "store_reg"
	| "atomic"
	| "atomic_load"
	| "packet"
	| "jump"
	| "jump_imm"
	| "jump_reg"
	| "call"
	| "call_reg"
	| "exit";

/** Conformance groups of RFC 9669 section 2.4; `linux`: what the kernel or LLVM added. */
export type Group = "base32" | "base64" | "atomic32" | "atomic64" | "divmul32" | "divmul64" | "packet" | "linux";

type Row = readonly [
	name: string,
	opcode: number,
	shape: Shape,
	group: Group,
	/** First mainline kernel; empty: none so far. */
	since: string,
	/** Fields in braces are free (see `text.ts`); all others must be 0 or what `fixed` says. */
	text: string,
	fixed?: { readonly src?: number; readonly offset?: number; readonly imm?: number },
];

/**
 * Every instruction of RFC 9669 (appendix A) and what Linux and LLVM added since, one row an instruction. Rows that
 * share an opcode differ in `fixed`. The text is llvm-objdump's with decimal numbers; wide loads and calls that refer to
 * something say it in the RFC's words. Encoding, decoding, formatting and parsing all read this table only.
 */
// biome-ignore format: table
const ROWS = [
	// arithmetic
	["add64_imm", 0x07, "alu_imm", "base64", "3.18", "{dst} += {imm}"],
	["add64_reg", 0x0f, "alu_reg", "base64", "3.18", "{dst} += {src}"],
	["sub64_imm", 0x17, "alu_imm", "base64", "3.18", "{dst} -= {imm}"],
	["sub64_reg", 0x1f, "alu_reg", "base64", "3.18", "{dst} -= {src}"],
	["mul64_imm", 0x27, "alu_imm", "divmul64", "3.18", "{dst} *= {imm}"],
	["mul64_reg", 0x2f, "alu_reg", "divmul64", "3.18", "{dst} *= {src}"],
	["div64_imm", 0x37, "alu_imm", "divmul64", "3.18", "{dst} /= {imm}"],
	["div64_reg", 0x3f, "alu_reg", "divmul64", "3.18", "{dst} /= {src}"],
	["or64_imm", 0x47, "alu_imm", "base64", "3.18", "{dst} |= {imm}"],
	["or64_reg", 0x4f, "alu_reg", "base64", "3.18", "{dst} |= {src}"],
	["and64_imm", 0x57, "alu_imm", "base64", "3.18", "{dst} &= {imm}"],
	["and64_reg", 0x5f, "alu_reg", "base64", "3.18", "{dst} &= {src}"],
	["lsh64_imm", 0x67, "alu_imm", "base64", "3.18", "{dst} <<= {imm}"],
	["lsh64_reg", 0x6f, "alu_reg", "base64", "3.18", "{dst} <<= {src}"],
	["rsh64_imm", 0x77, "alu_imm", "base64", "3.18", "{dst} >>= {imm}"],
	["rsh64_reg", 0x7f, "alu_reg", "base64", "3.18", "{dst} >>= {src}"],
	["mod64_imm", 0x97, "alu_imm", "divmul64", "3.18", "{dst} %= {imm}"],
	["mod64_reg", 0x9f, "alu_reg", "divmul64", "3.18", "{dst} %= {src}"],
	["xor64_imm", 0xa7, "alu_imm", "base64", "3.18", "{dst} ^= {imm}"],
	["xor64_reg", 0xaf, "alu_reg", "base64", "3.18", "{dst} ^= {src}"],
	["mov64_imm", 0xb7, "alu_imm", "base64", "3.18", "{dst} = {imm}"],
	["mov64_reg", 0xbf, "alu_reg", "base64", "3.18", "{dst} = {src}"],
	["arsh64_imm", 0xc7, "alu_imm", "base64", "3.18", "{dst} s>>= {imm}"],
	["arsh64_reg", 0xcf, "alu_reg", "base64", "3.18", "{dst} s>>= {src}"],
	["sdiv64_imm", 0x37, "alu_imm", "divmul64", "6.6", "{dst} s/= {imm}", { offset: 1 }],
	["sdiv64_reg", 0x3f, "alu_reg", "divmul64", "6.6", "{dst} s/= {src}", { offset: 1 }],
	["smod64_imm", 0x97, "alu_imm", "divmul64", "6.6", "{dst} s%= {imm}", { offset: 1 }],
	["smod64_reg", 0x9f, "alu_reg", "divmul64", "6.6", "{dst} s%= {src}", { offset: 1 }],
	["neg64", 0x87, "unary", "base64", "3.18", "{dst} = -{dst}"],
	["movsx8_64", 0xbf, "extend", "base64", "6.6", "{dst} = (s8){src}", { offset: 8 }],
	["movsx16_64", 0xbf, "extend", "base64", "6.6", "{dst} = (s16){src}", { offset: 16 }],
	["movsx32_64", 0xbf, "extend", "base64", "6.6", "{dst} = (s32){src}", { offset: 32 }],
	["add32_imm", 0x04, "alu_imm", "base32", "3.18", "{wdst} += {imm}"],
	["add32_reg", 0x0c, "alu_reg", "base32", "3.18", "{wdst} += {wsrc}"],
	["sub32_imm", 0x14, "alu_imm", "base32", "3.18", "{wdst} -= {imm}"],
	["sub32_reg", 0x1c, "alu_reg", "base32", "3.18", "{wdst} -= {wsrc}"],
	["mul32_imm", 0x24, "alu_imm", "divmul32", "3.18", "{wdst} *= {imm}"],
	["mul32_reg", 0x2c, "alu_reg", "divmul32", "3.18", "{wdst} *= {wsrc}"],
	["div32_imm", 0x34, "alu_imm", "divmul32", "3.18", "{wdst} /= {imm}"],
	["div32_reg", 0x3c, "alu_reg", "divmul32", "3.18", "{wdst} /= {wsrc}"],
	["or32_imm", 0x44, "alu_imm", "base32", "3.18", "{wdst} |= {imm}"],
	["or32_reg", 0x4c, "alu_reg", "base32", "3.18", "{wdst} |= {wsrc}"],
	["and32_imm", 0x54, "alu_imm", "base32", "3.18", "{wdst} &= {imm}"],
	["and32_reg", 0x5c, "alu_reg", "base32", "3.18", "{wdst} &= {wsrc}"],
	["lsh32_imm", 0x64, "alu_imm", "base32", "3.18", "{wdst} <<= {imm}"],
	["lsh32_reg", 0x6c, "alu_reg", "base32", "3.18", "{wdst} <<= {wsrc}"],
	["rsh32_imm", 0x74, "alu_imm", "base32", "3.18", "{wdst} >>= {imm}"],
	["rsh32_reg", 0x7c, "alu_reg", "base32", "3.18", "{wdst} >>= {wsrc}"],
	["mod32_imm", 0x94, "alu_imm", "divmul32", "3.18", "{wdst} %= {imm}"],
	["mod32_reg", 0x9c, "alu_reg", "divmul32", "3.18", "{wdst} %= {wsrc}"],
	["xor32_imm", 0xa4, "alu_imm", "base32", "3.18", "{wdst} ^= {imm}"],
	["xor32_reg", 0xac, "alu_reg", "base32", "3.18", "{wdst} ^= {wsrc}"],
	["mov32_imm", 0xb4, "alu_imm", "base32", "3.18", "{wdst} = {imm}"],
	["mov32_reg", 0xbc, "alu_reg", "base32", "3.18", "{wdst} = {wsrc}"],
	["arsh32_imm", 0xc4, "alu_imm", "base32", "3.18", "{wdst} s>>= {imm}"],
	["arsh32_reg", 0xcc, "alu_reg", "base32", "3.18", "{wdst} s>>= {wsrc}"],
	["sdiv32_imm", 0x34, "alu_imm", "divmul32", "6.6", "{wdst} s/= {imm}", { offset: 1 }],
	["sdiv32_reg", 0x3c, "alu_reg", "divmul32", "6.6", "{wdst} s/= {wsrc}", { offset: 1 }],
	["smod32_imm", 0x94, "alu_imm", "divmul32", "6.6", "{wdst} s%= {imm}", { offset: 1 }],
	["smod32_reg", 0x9c, "alu_reg", "divmul32", "6.6", "{wdst} s%= {wsrc}", { offset: 1 }],
	["neg32", 0x84, "unary", "base32", "3.18", "{wdst} = -{wdst}"],
	["movsx8_32", 0xbc, "extend", "base32", "6.6", "{wdst} = (s8){wsrc}", { offset: 8 }],
	["movsx16_32", 0xbc, "extend", "base32", "6.6", "{wdst} = (s16){wsrc}", { offset: 16 }],
	["addr_space_cast", 0xbf, "cast", "linux", "6.9", "{dst} = addr_space_cast({src}, {high16}, {low16})", { offset: 1 }],
	// byte order
	["le16", 0xd4, "endian", "base32", "3.18", "{dst} = le16 {dst}", { imm: 0x10 }],
	["le32", 0xd4, "endian", "base32", "3.18", "{dst} = le32 {dst}", { imm: 0x20 }],
	["le64", 0xd4, "endian", "base64", "3.18", "{dst} = le64 {dst}", { imm: 0x40 }],
	["be16", 0xdc, "endian", "base32", "3.18", "{dst} = be16 {dst}", { imm: 0x10 }],
	["be32", 0xdc, "endian", "base32", "3.18", "{dst} = be32 {dst}", { imm: 0x20 }],
	["be64", 0xdc, "endian", "base64", "3.18", "{dst} = be64 {dst}", { imm: 0x40 }],
	["bswap16", 0xd7, "endian", "base32", "6.6", "{dst} = bswap16 {dst}", { imm: 0x10 }],
	["bswap32", 0xd7, "endian", "base32", "6.6", "{dst} = bswap32 {dst}", { imm: 0x20 }],
	["bswap64", 0xd7, "endian", "base64", "6.6", "{dst} = bswap64 {dst}", { imm: 0x40 }],
	// 64-bit immediates, by the source field
	["ld_imm64", 0x18, "wide", "base64", "3.18", "{dst} = {imm64} ll", { src: 0 }],
	["ld_map_fd", 0x18, "wide", "base64", "3.18", "{dst} = map_by_fd({imm}){next} ll", { src: 1 }],
	["ld_map_value", 0x18, "wide", "base64", "5.2", "{dst} = map_val(map_by_fd({imm})) + {next32} ll", { src: 2 }],
	["ld_variable", 0x18, "wide", "base64", "5.10", "{dst} = var_addr({imm}){next} ll", { src: 3 }],
	["ld_code", 0x18, "wide", "base64", "5.13", "{dst} = code_addr({imm}){next} ll", { src: 4 }],
	["ld_map_index", 0x18, "wide", "base64", "5.14", "{dst} = map_by_idx({imm}){next} ll", { src: 5 }],
	["ld_map_index_value", 0x18, "wide", "base64", "5.14", "{dst} = map_val(map_by_idx({imm})) + {next32} ll", { src: 6 }],
	// memory
	["ldx_b", 0x71, "load", "base32", "3.18", "{dst} = *(u8 *)({src}{off})"],
	["ldx_h", 0x69, "load", "base32", "3.18", "{dst} = *(u16 *)({src}{off})"],
	["ldx_w", 0x61, "load", "base32", "3.18", "{dst} = *(u32 *)({src}{off})"],
	["ldx_dw", 0x79, "load", "base64", "3.18", "{dst} = *(u64 *)({src}{off})"],
	["ldxs_b", 0x91, "load", "base64", "6.6", "{dst} = *(s8 *)({src}{off})"],
	["ldxs_h", 0x89, "load", "base64", "6.6", "{dst} = *(s16 *)({src}{off})"],
	["ldxs_w", 0x81, "load", "base64", "6.6", "{dst} = *(s32 *)({src}{off})"],
	["st_b", 0x72, "store_imm", "base32", "3.18", "*(u8 *)({dst}{off}) = {imm}"],
	["st_h", 0x6a, "store_imm", "base32", "3.18", "*(u16 *)({dst}{off}) = {imm}"],
	["st_w", 0x62, "store_imm", "base32", "3.18", "*(u32 *)({dst}{off}) = {imm}"],
	["st_dw", 0x7a, "store_imm", "base64", "3.18", "*(u64 *)({dst}{off}) = {imm}"],
	["stx_b", 0x73, "store_reg", "base32", "3.18", "*(u8 *)({dst}{off}) = {src}"],
	["stx_h", 0x6b, "store_reg", "base32", "3.18", "*(u16 *)({dst}{off}) = {src}"],
	["stx_w", 0x63, "store_reg", "base32", "3.18", "*(u32 *)({dst}{off}) = {src}"],
	["stx_dw", 0x7b, "store_reg", "base64", "3.18", "*(u64 *)({dst}{off}) = {src}"],
	// atomic, by the immediate
	["atomic_add_w", 0xc3, "atomic", "atomic32", "3.18", "lock *(u32 *)({dst}{off}) += {wsrc}", { imm: 0 }],
	["atomic_or_w", 0xc3, "atomic", "atomic32", "5.12", "lock *(u32 *)({dst}{off}) |= {wsrc}", { imm: 0x40 }],
	["atomic_and_w", 0xc3, "atomic", "atomic32", "5.12", "lock *(u32 *)({dst}{off}) &= {wsrc}", { imm: 0x50 }],
	["atomic_xor_w", 0xc3, "atomic", "atomic32", "5.12", "lock *(u32 *)({dst}{off}) ^= {wsrc}", { imm: 0xa0 }],
	["atomic_fetch_add_w", 0xc3, "atomic", "atomic32", "5.12", "{wsrc} = atomic_fetch_add((u32 *)({dst}{off}), {wsrc})", { imm: 1 }],
	["atomic_fetch_or_w", 0xc3, "atomic", "atomic32", "5.12", "{wsrc} = atomic_fetch_or((u32 *)({dst}{off}), {wsrc})", { imm: 0x41 }],
	["atomic_fetch_and_w", 0xc3, "atomic", "atomic32", "5.12", "{wsrc} = atomic_fetch_and((u32 *)({dst}{off}), {wsrc})", { imm: 0x51 }],
	["atomic_fetch_xor_w", 0xc3, "atomic", "atomic32", "5.12", "{wsrc} = atomic_fetch_xor((u32 *)({dst}{off}), {wsrc})", { imm: 0xa1 }],
	["atomic_xchg_w", 0xc3, "atomic", "atomic32", "5.12", "{wsrc} = xchg32_32({dst}{off}, {wsrc})", { imm: 0xe1 }],
	["atomic_cmpxchg_w", 0xc3, "atomic", "atomic32", "5.12", "w0 = cmpxchg32_32({dst}{off}, w0, {wsrc})", { imm: 0xf1 }],
	["atomic_add_dw", 0xdb, "atomic", "atomic64", "3.18", "lock *(u64 *)({dst}{off}) += {src}", { imm: 0 }],
	["atomic_or_dw", 0xdb, "atomic", "atomic64", "5.12", "lock *(u64 *)({dst}{off}) |= {src}", { imm: 0x40 }],
	["atomic_and_dw", 0xdb, "atomic", "atomic64", "5.12", "lock *(u64 *)({dst}{off}) &= {src}", { imm: 0x50 }],
	["atomic_xor_dw", 0xdb, "atomic", "atomic64", "5.12", "lock *(u64 *)({dst}{off}) ^= {src}", { imm: 0xa0 }],
	["atomic_fetch_add_dw", 0xdb, "atomic", "atomic64", "5.12", "{src} = atomic_fetch_add((u64 *)({dst}{off}), {src})", { imm: 1 }],
	["atomic_fetch_or_dw", 0xdb, "atomic", "atomic64", "5.12", "{src} = atomic_fetch_or((u64 *)({dst}{off}), {src})", { imm: 0x41 }],
	["atomic_fetch_and_dw", 0xdb, "atomic", "atomic64", "5.12", "{src} = atomic_fetch_and((u64 *)({dst}{off}), {src})", { imm: 0x51 }],
	["atomic_fetch_xor_dw", 0xdb, "atomic", "atomic64", "5.12", "{src} = atomic_fetch_xor((u64 *)({dst}{off}), {src})", { imm: 0xa1 }],
	["atomic_xchg_dw", 0xdb, "atomic", "atomic64", "5.12", "{src} = xchg_64({dst}{off}, {src})", { imm: 0xe1 }],
	["atomic_cmpxchg_dw", 0xdb, "atomic", "atomic64", "5.12", "r0 = cmpxchg_64({dst}{off}, r0, {src})", { imm: 0xf1 }],
	["load_acquire_b", 0xd3, "atomic_load", "linux", "6.15", "{wdst} = load_acquire((u8 *)({src}{off}))", { imm: 0x100 }],
	["load_acquire_h", 0xcb, "atomic_load", "linux", "6.15", "{wdst} = load_acquire((u16 *)({src}{off}))", { imm: 0x100 }],
	["load_acquire_w", 0xc3, "atomic_load", "linux", "6.15", "{wdst} = load_acquire((u32 *)({src}{off}))", { imm: 0x100 }],
	["load_acquire_dw", 0xdb, "atomic_load", "linux", "6.15", "{dst} = load_acquire((u64 *)({src}{off}))", { imm: 0x100 }],
	["store_release_b", 0xd3, "atomic", "linux", "6.15", "store_release((u8 *)({dst}{off}), {wsrc})", { imm: 0x110 }],
	["store_release_h", 0xcb, "atomic", "linux", "6.15", "store_release((u16 *)({dst}{off}), {wsrc})", { imm: 0x110 }],
	["store_release_w", 0xc3, "atomic", "linux", "6.15", "store_release((u32 *)({dst}{off}), {wsrc})", { imm: 0x110 }],
	["store_release_dw", 0xdb, "atomic", "linux", "6.15", "store_release((u64 *)({dst}{off}), {src})", { imm: 0x110 }],
	// packet data by the socket filter's rules (r6 is the context, r0 the result)
	["ld_abs_b", 0x30, "packet", "packet", "3.18", "r0 = *(u8 *)skb[{imm}]"],
	["ld_abs_h", 0x28, "packet", "packet", "3.18", "r0 = *(u16 *)skb[{imm}]"],
	["ld_abs_w", 0x20, "packet", "packet", "3.18", "r0 = *(u32 *)skb[{imm}]"],
	["ld_ind_b", 0x50, "packet", "packet", "3.18", "r0 = *(u8 *)skb[{src}{plus}]"],
	["ld_ind_h", 0x48, "packet", "packet", "3.18", "r0 = *(u16 *)skb[{src}{plus}]"],
	["ld_ind_w", 0x40, "packet", "packet", "3.18", "r0 = *(u32 *)skb[{src}{plus}]"],
	// jumps
	["ja", 0x05, "jump", "base32", "3.18", "goto {jump}"],
	["jal", 0x06, "jump", "base32", "6.6", "gotol {ljump}"],
	["may_goto", 0xe5, "jump", "linux", "6.9", "may_goto {jump}"],
	["jeq64_imm", 0x15, "jump_imm", "base64", "3.18", "if {dst} == {imm} goto {jump}"],
	["jeq64_reg", 0x1d, "jump_reg", "base64", "3.18", "if {dst} == {src} goto {jump}"],
	["jgt64_imm", 0x25, "jump_imm", "base64", "3.18", "if {dst} > {imm} goto {jump}"],
	["jgt64_reg", 0x2d, "jump_reg", "base64", "3.18", "if {dst} > {src} goto {jump}"],
	["jge64_imm", 0x35, "jump_imm", "base64", "3.18", "if {dst} >= {imm} goto {jump}"],
	["jge64_reg", 0x3d, "jump_reg", "base64", "3.18", "if {dst} >= {src} goto {jump}"],
	["jset64_imm", 0x45, "jump_imm", "base64", "3.18", "if {dst} & {imm} goto {jump}"],
	["jset64_reg", 0x4d, "jump_reg", "base64", "3.18", "if {dst} & {src} goto {jump}"],
	["jne64_imm", 0x55, "jump_imm", "base64", "3.18", "if {dst} != {imm} goto {jump}"],
	["jne64_reg", 0x5d, "jump_reg", "base64", "3.18", "if {dst} != {src} goto {jump}"],
	["jsgt64_imm", 0x65, "jump_imm", "base64", "3.18", "if {dst} s> {imm} goto {jump}"],
	["jsgt64_reg", 0x6d, "jump_reg", "base64", "3.18", "if {dst} s> {src} goto {jump}"],
	["jsge64_imm", 0x75, "jump_imm", "base64", "3.18", "if {dst} s>= {imm} goto {jump}"],
	["jsge64_reg", 0x7d, "jump_reg", "base64", "3.18", "if {dst} s>= {src} goto {jump}"],
	["jlt64_imm", 0xa5, "jump_imm", "base64", "4.14", "if {dst} < {imm} goto {jump}"],
	["jlt64_reg", 0xad, "jump_reg", "base64", "4.14", "if {dst} < {src} goto {jump}"],
	["jle64_imm", 0xb5, "jump_imm", "base64", "4.14", "if {dst} <= {imm} goto {jump}"],
	["jle64_reg", 0xbd, "jump_reg", "base64", "4.14", "if {dst} <= {src} goto {jump}"],
	["jslt64_imm", 0xc5, "jump_imm", "base64", "4.14", "if {dst} s< {imm} goto {jump}"],
	["jslt64_reg", 0xcd, "jump_reg", "base64", "4.14", "if {dst} s< {src} goto {jump}"],
	["jsle64_imm", 0xd5, "jump_imm", "base64", "4.14", "if {dst} s<= {imm} goto {jump}"],
	["jsle64_reg", 0xdd, "jump_reg", "base64", "4.14", "if {dst} s<= {src} goto {jump}"],
	["jeq32_imm", 0x16, "jump_imm", "base32", "5.1", "if {wdst} == {imm} goto {jump}"],
	["jeq32_reg", 0x1e, "jump_reg", "base32", "5.1", "if {wdst} == {wsrc} goto {jump}"],
	["jgt32_imm", 0x26, "jump_imm", "base32", "5.1", "if {wdst} > {imm} goto {jump}"],
	["jgt32_reg", 0x2e, "jump_reg", "base32", "5.1", "if {wdst} > {wsrc} goto {jump}"],
	["jge32_imm", 0x36, "jump_imm", "base32", "5.1", "if {wdst} >= {imm} goto {jump}"],
	["jge32_reg", 0x3e, "jump_reg", "base32", "5.1", "if {wdst} >= {wsrc} goto {jump}"],
	["jset32_imm", 0x46, "jump_imm", "base32", "5.1", "if {wdst} & {imm} goto {jump}"],
	["jset32_reg", 0x4e, "jump_reg", "base32", "5.1", "if {wdst} & {wsrc} goto {jump}"],
	["jne32_imm", 0x56, "jump_imm", "base32", "5.1", "if {wdst} != {imm} goto {jump}"],
	["jne32_reg", 0x5e, "jump_reg", "base32", "5.1", "if {wdst} != {wsrc} goto {jump}"],
	["jsgt32_imm", 0x66, "jump_imm", "base32", "5.1", "if {wdst} s> {imm} goto {jump}"],
	["jsgt32_reg", 0x6e, "jump_reg", "base32", "5.1", "if {wdst} s> {wsrc} goto {jump}"],
	["jsge32_imm", 0x76, "jump_imm", "base32", "5.1", "if {wdst} s>= {imm} goto {jump}"],
	["jsge32_reg", 0x7e, "jump_reg", "base32", "5.1", "if {wdst} s>= {wsrc} goto {jump}"],
	["jlt32_imm", 0xa6, "jump_imm", "base32", "5.1", "if {wdst} < {imm} goto {jump}"],
	["jlt32_reg", 0xae, "jump_reg", "base32", "5.1", "if {wdst} < {wsrc} goto {jump}"],
	["jle32_imm", 0xb6, "jump_imm", "base32", "5.1", "if {wdst} <= {imm} goto {jump}"],
	["jle32_reg", 0xbe, "jump_reg", "base32", "5.1", "if {wdst} <= {wsrc} goto {jump}"],
	["jslt32_imm", 0xc6, "jump_imm", "base32", "5.1", "if {wdst} s< {imm} goto {jump}"],
	["jslt32_reg", 0xce, "jump_reg", "base32", "5.1", "if {wdst} s< {wsrc} goto {jump}"],
	["jsle32_imm", 0xd6, "jump_imm", "base32", "5.1", "if {wdst} s<= {imm} goto {jump}"],
	["jsle32_reg", 0xde, "jump_reg", "base32", "5.1", "if {wdst} s<= {wsrc} goto {jump}"],
	// calls, by the source field
	["call_helper", 0x85, "call", "base32", "3.18", "call {imm}", { src: 0 }],
	["call_function", 0x85, "call", "base32", "4.16", "call pc{jimm}", { src: 1 }],
	["call_kfunc", 0x85, "call", "base32", "5.13", "call kfunc({imm}{fd})", { src: 2 }],
	["callx", 0x8d, "call_reg", "linux", "", "callx {dst}"],
	["exit", 0x95, "exit", "base32", "3.18", "exit"],
] as const satisfies readonly Row[];

/** Unique name of an instruction: `add64_imm`, `ldx_w`, `jeq32_reg`, `atomic_fetch_add_dw`. */
export type Mnemonic = (typeof ROWS)[number][0];

/** One instruction of the table. */
export interface InstructionRow {
	readonly name: Mnemonic;
	readonly opcode: number;
	readonly shape: Shape;
	readonly group: Group;
	readonly since: string;
	readonly text: string;
	readonly fixed: { readonly src?: number; readonly offset?: number; readonly imm?: number };
}

export const INSTRUCTIONS: readonly InstructionRow[] = ROWS.map((r: Row) => ({
	name: r[0] as Mnemonic,
	opcode: r[1],
	shape: r[2],
	group: r[3],
	since: r[4],
	text: r[5],
	fixed: r[6] ?? {},
}));
