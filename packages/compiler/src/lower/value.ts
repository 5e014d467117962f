import type { Btf } from "@skep/bpf/btf";
import type { MapDeclaration, Node, OptionsDeclaration, SharedDeclaration, SourceModule, TypeRef } from "#frontend";
import { type Block, type Inst, type Space, type StructType, spellType, type Type, type Variable } from "#ir";
import type { Scope } from "./scope.ts";

/** A number (up to 32 bit) or bigint (64 bit). In a register, values of 8 and 16 bit are extended to 32 by their sign. */
export interface IntValue {
	readonly kind: "int";
	readonly bits: 8 | 16 | 32 | 64;
	readonly signed: boolean;
	/** The sign is still open: a non-negative literal, or a local that was only given such. */
	readonly open: boolean;
	/** Compile-time value, by the sign (an open one is not negative). */
	readonly constant?: bigint;
	/** Absent for constants until one is needed. */
	readonly inst?: Inst;
	/** What is known of the value, beyond its type. */
	readonly min?: bigint;
	readonly max?: bigint;
	/** Result of an operator: narrowing it needs u8(…), u16(…). */
	readonly computed?: boolean;
	/** The local it was read from, for the sign and the width that are still open. */
	readonly local?: Local;
}

export interface BoolValue {
	readonly kind: "bool";
	readonly constant?: boolean;
	readonly inst?: Inst;
}

/** As stored: the bytes in memory read little-endian. */
export interface BeValue {
	readonly kind: "be";
	readonly bits: 16 | 32 | 64;
	readonly constant?: bigint;
	readonly inst?: Inst;
}

/** A constant string. */
export interface TextValue {
	readonly kind: "text";
	readonly text: string;
}

/** Memory of a known type: map value, record, stack, packet, option. Scalars only behind `.value` (`boxed`). */
export interface PlaceValue {
	readonly kind: "place";
	readonly type: Type;
	readonly base: Inst;
	readonly offset: number;
	readonly space: Space;
	/** Other CPUs write it: `+=` is atomic. */
	readonly shared: boolean;
	readonly nullable: boolean;
	/** `Ref` of a scalar: the value is behind `.value`. */
	readonly boxed: boolean;
	readonly writable: boolean;
	/** Alignment that base + offset surely has. */
	readonly align: number;
	/** Packet references: the state of the packet they belong to. */
	readonly epoch?: number;
	/** Ring-buffer records: alive until this emission ended. */
	readonly emission?: Emission;
	/** A copy on the stack nobody else names. */
	readonly temporary?: boolean;
}

export interface Emission {
	over: boolean;
}

/** A scalar or a copy that may be missing: `flag` is 1 where it is there. */
export interface OptionalValue {
	readonly kind: "optional";
	readonly flag: Inst;
	readonly value: Value;
	/** `get`, `take`: truthiness of a scalar copy is SK2103. */
	readonly copied: boolean;
}

/** A struct of the target kernel in kernel memory: base plus a path of embedded members. */
export interface KernelValue {
	readonly kind: "kernel";
	/** Struct, union the value stands for. */
	readonly type: number;
	readonly base: Inst;
	/** Struct at `base`. */
	readonly root: number;
	/** Indexes from the root, without the leading 0. */
	readonly path: readonly number[];
	readonly offset: number;
	/** Direct loads; else probe_read_kernel. */
	readonly trusted: boolean;
	readonly nullable: boolean;
	/** An embedded struct has an address, a pointer may be null. */
	readonly embedded: boolean;
}

/** Array or char array inside a kernel struct. */
export interface KernelArrayValue {
	readonly kind: "kernel-array";
	readonly element: number;
	readonly elementSize: number;
	readonly length: number;
	readonly text: boolean;
	readonly base: Inst;
	readonly root: number;
	readonly path: readonly number[];
	readonly offset: number;
	readonly trusted: boolean;
}

/** `char *`, or a pointer to scalars or to something unknown, in kernel memory. */
export interface KernelPointerValue {
	readonly kind: "kernel-pointer";
	readonly inst: Inst;
	/** Element; undefined: unknown. */
	readonly to: Type | undefined;
	readonly text: boolean;
}

export interface UserPointerValue {
	readonly kind: "user-pointer";
	readonly inst: Inst;
	readonly to: TypeRef | undefined;
}

/** `__data_loc char[]`: the 32-bit word that says where. */
export interface DynamicTextValue {
	readonly kind: "dynamic-text";
	readonly word: Inst;
}

export interface ContextValue {
	readonly kind: "context";
}

/** Where the next header begins; the variable holds a packet pointer. */
export interface CursorValue {
	readonly kind: "cursor";
	readonly at: Variable;
	readonly epoch: { value: number };
}

/** Where an iterator's output goes: `struct bpf_iter_meta`. */
export interface SequenceValue {
	readonly kind: "sequence";
	readonly meta: KernelValue;
}

export interface MapValue {
	readonly kind: "map";
	readonly map: MapDeclaration;
}

export interface OptionsValue {
	readonly kind: "options";
	readonly options: OptionsDeclaration;
}

/** A word of the vocabulary that is an object or function: `current`, `XDP`, `u8`, `Math`. */
export interface WordValue {
	readonly kind: "word";
	readonly module: string;
	/** Dotted: `enums.tcp_state`. */
	readonly name: string;
}

export interface ListValue {
	readonly kind: "list";
	readonly elements: readonly Value[];
}

export interface RecordValue {
	readonly kind: "record";
	readonly members: ReadonlyMap<string, Value>;
	/** Struct whose members these are. */
	readonly of?: string;
}

export interface ClosureValue {
	readonly kind: "closure";
	readonly node: Node;
	readonly module: SourceModule;
	readonly scope: Scope | undefined;
	readonly name: string;
}

export interface EnumeratorValue {
	readonly kind: "enumerator";
	readonly type: number;
	readonly index: number;
	readonly value: bigint;
}

export type Value =
	| IntValue
	| BoolValue
	| BeValue
	| TextValue
	| PlaceValue
	| OptionalValue
	| KernelValue
	| KernelArrayValue
	| KernelPointerValue
	| UserPointerValue
	| DynamicTextValue
	| ContextValue
	| CursorValue
	| SequenceValue
	| MapValue
	| OptionsValue
	| { readonly kind: "shared"; readonly shared: SharedDeclaration }
	| WordValue
	| ListValue
	| RecordValue
	| ClosureValue
	| { readonly kind: "undefined" }
	| { readonly kind: "void" }
	/** After an error that was reported. */
	| { readonly kind: "poison" };

export const UNDEFINED: Value = { kind: "undefined" };

export const VOID: Value = { kind: "void" };

export const POISON: Value = { kind: "poison" };

/** A local of the source. */
export interface Local {
	readonly id: number;
	readonly name: string;
	readonly node: Node;
	/** Never assigned again: the value itself. */
	value: Value | undefined;
	/** Assigned again: shape and the variables that hold its parts. */
	cell: { shape: Value; variables: Variable[] } | undefined;
	/** Declared without a value, or with undefined: where. The first assignment gives the shape. */
	declared?: Block;
	/** A loop that assigns it began while its shape was not known. */
	early?: boolean;
	readonly mutable: boolean;
	/** Declared with a type. */
	readonly type: TypeRef | undefined;
	/** Open sign and width: the first typed operand decides the sign, assignments widen. */
	sign: "open" | "signed" | "unsigned";
	/** An 8 or 16 bit place was given the local's value without a conversion. */
	narrowed?: { bits: 8 | 16; node: Node };
	bits: 8 | 16 | 32 | 64;
	/** Only `=` with values, never an operator's result. */
	computed: boolean;
}

export const int = (bits: 8 | 16 | 32 | 64, signed: boolean, inst: Inst, more: Partial<IntValue> = {}): IntValue => ({
	kind: "int",
	bits,
	signed,
	open: false,
	inst,
	...more,
});

export const constant = (value: bigint | number, bits: 8 | 16 | 32 | 64, signed: boolean, open = false): IntValue => ({
	kind: "int",
	bits,
	signed,
	open,
	constant: BigInt(value),
});

/** A literal: sign open where not negative. */
export const literal = (value: bigint, big: boolean): IntValue => {
	const bits = big ? 64 : 32;
	return { kind: "int", bits, signed: value < 1n << BigInt(bits - 1), open: value >= 0n, constant: value };
};

export const bool = (inst: Inst): BoolValue => ({ kind: "bool", inst });

export const boolConstant = (value: boolean): BoolValue => ({ kind: "bool", constant: value });

/** Lowest and highest value of a type. */
export const rangeOf = (bits: number, signed: boolean): [bigint, bigint] =>
	signed ? [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n] : [0n, (1n << BigInt(bits)) - 1n];

/** The smaller of two; `Math.min` takes no bigint. */
export function least(a: bigint, b: bigint): bigint {
	if (a < b) return a;
	return b;
}

export function most(a: bigint, b: bigint): bigint {
	if (a > b) return a;
	return b;
}

/** What is known of a value: by constant, by fact, by type. */
export function knownRange(v: IntValue): [bigint, bigint] {
	if (v.constant !== undefined) return [v.constant, v.constant];
	const [low, high] = rangeOf(v.bits, v.signed);
	return [v.min !== undefined && v.min > low ? v.min : low, v.max !== undefined && v.max < high ? v.max : high];
}

export const typeName = (t: Type | undefined): string => (t ? spellType(t, (struct) => struct.name) : "nothing");

/** What a value is, for messages. */
export function describe(v: Value, btf?: Btf): string {
	switch (v.kind) {
		case "int":
			return v.constant !== undefined ? `${v.constant}${v.bits === 64 ? "n" : ""}` : `${v.signed ? "i" : "u"}${v.bits}`;
		case "bool":
			return "boolean";
		case "be":
			return `be${v.bits}`;
		case "text":
			return JSON.stringify(v.text);
		case "place":
			return typeName(v.type) + (v.nullable ? " | undefined" : "");
		case "optional":
			return `${describe(v.value, btf)} | undefined`;
		case "kernel":
			return btf ? btf.name(v.type) || "an anonymous struct" : "a kernel struct";
		case "kernel-array":
			return "an array of the kernel";
		case "kernel-pointer":
			return v.text ? "cstr" : "KernelPtr";
		case "user-pointer":
			return "UserPtr";
		case "dynamic-text":
			return "dynstr";
		case "context":
			return "the context";
		case "cursor":
			return "Cursor";
		case "sequence":
			return "the output of the iterator";
		case "map":
			return `the map ${v.map.name}`;
		case "options":
			return "the options";
		case "shared":
			return "shared variables";
		case "word":
			return v.name;
		case "list":
			return "a constant array";
		case "record":
			return v.of ?? "a constant object";
		case "closure":
			return `the function ${v.name}`;
		default:
			return v.kind;
	}
}

export const isStruct = (t: Type): t is StructType => t.kind === "struct";
