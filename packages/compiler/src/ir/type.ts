/** Types that have a size: what records, keys, values, options and locals are made of. C layout, natural alignment. */
export type Type = IntType | BeType | BoolType | CharsType | ArrayType | StructType;
/** 64 bit is `bigint` in the source, less is `number`. */
export interface IntType {
	readonly kind: "int";
	readonly bits: 8 | 16 | 32 | 64;
	readonly signed: boolean;
}
/** Network order: opaque. */
export interface BeType {
	readonly kind: "be";
	readonly bits: 16 | 32 | 64;
}
/** One byte, 0 or 1. */
export interface BoolType {
	readonly kind: "bool";
}
/** NUL-padded text of `size` bytes. */
export interface CharsType {
	readonly kind: "chars";
	readonly size: number;
}
export interface ArrayType {
	readonly kind: "array";
	readonly element: Type;
	readonly length: number;
}
export interface StructType {
	readonly kind: "struct";
	/** Unique in the compilation. */
	readonly name: string;
	readonly fields: readonly Field[];
	/** In bytes. */
	readonly size: number;
	readonly align: number;
}
export interface Field {
	readonly name: string;
	readonly type: Type;
	/** In bytes. */
	readonly offset: number;
	/** Bit-fields of packet headers: within the bytes of `type` at `offset`, `shift` from the low end. */
	readonly bits?: { readonly shift: number; readonly size: number };
}

export const sizeOf = (t: Type): number => {
	switch (t.kind) {
		case "int":
		case "be":
			return t.bits / 8;
		case "bool":
			return 1;
		case "chars":
			return t.size;
		case "array":
			return sizeOf(t.element) * t.length;
		case "struct":
			return t.size;
	}
};

export const alignOf = (t: Type): number => {
	switch (t.kind) {
		case "chars":
			return 1;
		case "array":
			return alignOf(t.element);
		case "struct":
			return t.align;
		default:
			return sizeOf(t);
	}
};

/** A type as the source writes it: `u32`, `chars<16>`; `struct` says how a struct is written. */
export const spellType = (t: Type, struct: (t: StructType) => string): string => {
	switch (t.kind) {
		case "int":
			return `${t.signed ? "i" : "u"}${t.bits}`;
		case "be":
			return `be${t.bits}`;
		case "bool":
			return "boolean";
		case "chars":
			return `chars<${t.size}>`;
		case "array":
			return `arr<${spellType(t.element, struct)}, ${t.length}>`;
		case "struct":
			return struct(t);
	}
};
