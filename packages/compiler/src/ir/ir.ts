import type { CoreKind, Manifest } from "@skep/bpf/spec";
import type { MapType } from "@skep/bpf/uapi";
import type { StructType, Type } from "./type.ts";

/** Where a construct stands in the source. Lines and columns from 1. */
export interface Position {
	/** Index in `Module.files`. */
	readonly file: number;
	readonly line: number;
	readonly column: number;
}

/** ALU width of a value. A 32-bit value lives zero-extended in its register; every producer keeps it so. */
export type Width = 32 | 64;
export type Size = 1 | 2 | 4 | 8;

/**
 * What the verifier will think the value is. Passes must not merge, re-associate or rematerialise pointers across
 * spaces; "ctx" is only ever accessed as [ctx + constant].
 */
export type Space =
	| "scalar"
	| "ctx"
	| "stack"
	| "map" /* handle */
	| "map_value"
	| "ringbuf"
	| "packet"
	| "packet_end"
	| "btf" /* trusted or walkable, direct loads */
	| "mem";

export type BinaryOp =
	| "add"
	| "sub"
	| "mul"
	| "udiv"
	| "sdiv"
	| "umod"
	| "smod"
	| "and"
	| "or"
	| "xor"
	| "shl"
	| "lshr"
	| "ashr";
export type Condition =
	| "eq"
	| "ne"
	| "ult"
	| "ule"
	| "ugt"
	| "uge"
	| "slt"
	| "sle"
	| "sgt"
	| "sge"
	| "set" /* a & b != 0 */;
export type AtomicOp = "add" | "or" | "and" | "xor" | "xchg" | "cmpxchg";

/**
 * A field of the target kernel. Ids and member indexes are those of the kernel BTF that the compiler was given;
 * `codegen/debug` copies what is used into the object's BTF.
 */
export interface CoreAccess {
	readonly kind: CoreKind;
	/** Id of the struct, union or enum the access starts from. */
	readonly root: number;
	/** First number: array index of the root, mostly 0; then member or element indexes. Empty for type relocations; enumerator index for enumval. */
	readonly path: readonly number[];
	/** `Name___flavour`: name to give the local type. */
	readonly flavour?: string;
}

interface Base {
	readonly id: number;
	width: Width;
	space: Space;
	block: Block;
	position: Position | undefined;
	/** Name in the source, for diagnostics. */
	name?: string;
}

/** SSA: an instruction is its result. `args` holds every operand that is an instruction, so passes walk it uniformly. */
export type Inst = Base & { args: Inst[] } & Operation;

export type Operation =
	/** Function parameter; 0 is the context in a program. */
	| { op: "param"; index: number }
	/** Wrapped to the width, as unsigned. */
	| { op: "const"; value: bigint }
	/** args [a, b]. Division and modulo as in RFC 9669: x/0=0, x%0=x. Shift counts are masked by the width. */
	| { op: "binary"; operator: BinaryOp }
	/** args [a]. The low `from` bits of a, extended to `width`. from 32 and unsigned: no code. */
	| { op: "extend"; from: 8 | 16 | 32; signed: boolean }
	/** args [a]. Low 32 bits of a 64-bit value, zero-extended. */
	| { op: "truncate" }
	/** args [a]. Swaps the low `bits` between host (little) and network order and zero-extends. */
	| { op: "swap"; bits: 16 | 32 | 64 }
	/** args [a, b]; 1 or 0. Codegen fuses it into branches; as a value it costs a jump. */
	| { op: "compare"; condition: Condition; on: Width }
	/** args [base]. */
	| {
			op: "load";
			size: Size;
			signed: boolean;
			offset: number;
			core?: CoreAccess /** may not be moved or merged: other CPUs write it */;
			shared?: boolean;
	  }
	/** args [base, value]. */
	| { op: "store"; size: Size; offset: number }
	/** args [base, value] or [base, expected, value] for cmpxchg. Result only where fetch. */
	| { op: "atomic"; operator: AtomicOp; size: 4 | 8; offset: number; fetch: boolean }
	/** Address of a stack slot. */
	| { op: "slot"; slot: Slot }
	/** args [base] plus constant, or [base, amount] with a 64-bit scalar amount. core: the constant is relocated. */
	| { op: "offset"; offset: number; core?: CoreAccess }
	/** ld_imm64 of a map. */
	| { op: "map"; map: string }
	/** ld_imm64 of an address inside a data section's map (`.rodata`, `.data`, `.bss`). */
	| { op: "global"; variable: string }
	/** args: up to five. Result in r0, 64 bit. */
	| { op: "call"; callee: Callee }
	/** args in the order of `block.predecessors`. */
	| { op: "phi" }
	/** A number that CO-RE fills in: exists, size, enum value, offset. 32 bit: mov; 64 bit: ld_imm64. `value`: what the compiler's BTF says. */
	| { op: "core"; core: CoreAccess; value: bigint }
	/** args [base]: zero bytes. size is constant. Expanded by codegen to the widest stores that `align` allows. */
	| { op: "zero"; offset: number; size: number; align: Size }
	/** args [to, from]: copies between verifier-readable memory; no overlap. Expanded likewise. */
	| { op: "copy"; toOffset: number; fromOffset: number; size: number; align: Size };

export type Callee =
	| {
			readonly kind: "helper";
			readonly id: number;
			readonly name: string /** moves packet data: packet pointers die */;
			readonly movesPacket?: boolean;
	  }
	| { readonly kind: "function"; readonly name: string }
	| { readonly kind: "kfunc"; readonly name: string };

/** A piece of stack. Codegen places it, and may let slots that never live together share bytes. */
export interface Slot {
	readonly id: number;
	readonly name: string;
	/** In bytes. */
	readonly size: number;
	readonly align: Size;
	readonly position: Position | undefined;
}

export type Terminator =
	| { op: "jump"; target: Block; position: Position | undefined }
	/** args [a, b]. */
	| {
			op: "branch";
			condition: Condition;
			on: Width;
			args: [Inst, Inst];
			then: Block;
			else: Block /** which way is the common one */;
			likely?: boolean;
			position: Position | undefined;
	  }
	| { op: "return"; args: [Inst]; position: Position | undefined }
	| { op: "unreachable"; position: Position | undefined };

export interface Block {
	readonly id: number;
	phis: Inst[];
	insts: Inst[];
	terminator: Terminator | undefined;
	predecessors: Block[];
	sealed: boolean;
}

export interface Func {
	readonly name: string;
	/** Programs: the ELF section as libbpf reads it; subprograms: `.text`. */
	readonly section: string;
	readonly global: boolean;
	/** Types for the BTF prototype. The context of a program: `ctx`. */
	readonly params: readonly { readonly name: string; readonly type: ParamType }[];
	readonly result: Type | undefined;
	readonly entry: Block;
	blocks: Block[];
	slots: Slot[];
	readonly position: Position | undefined;
}
export type ParamType =
	| Type
	| { readonly kind: "ctx" /** C name of the context struct: `xdp_md`; else `void *` */; readonly struct?: string };

export interface MapDecl {
	readonly name: string;
	readonly type: MapType;
	readonly key: Type | undefined;
	readonly value: Type | undefined;
	/** Ring buffers: what a record is; its struct goes into the BTF and the manifest. */
	readonly record?: StructType;
	readonly maxEntries: number;
	readonly flags: number;
	readonly pinned: boolean;
	readonly numaNode?: number;
	readonly position: Position | undefined;
}

/** A global variable. `initial` may be shorter than the type: the rest is zero. */
export interface Global {
	readonly name: string;
	readonly section: ".rodata" | ".data" | ".bss";
	readonly type: Type;
	readonly initial: Uint8Array;
}

export interface SourceFile {
	/** As shown to people and put into line information. */
	readonly path: string;
	readonly text: string;
}

/** All that lowering gives and codegen takes. */
export interface Module {
	readonly files: readonly SourceFile[];
	readonly license: string;
	readonly functions: readonly Func[];
	readonly maps: readonly MapDecl[];
	/** Structs that programs write besides what goes through maps: they go into the BTF. */
	readonly records?: readonly StructType[];
	readonly globals: readonly Global[];
	/** Written into the section `.skep` as it is. */
	readonly manifest: Manifest;
}
