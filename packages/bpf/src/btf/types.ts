/** BTF types as plain values. Ids are numbers: 0 is void, the object's own begin at 1 (split BTF: after the base's last). */
export type BtfType =
	| { readonly kind: "void" }
	| {
			readonly kind: "int";
			readonly name: string;
			readonly size: number;
			readonly bits: number;
			readonly offset: number;
			readonly signed: boolean;
			readonly char: boolean;
			readonly bool: boolean;
	  }
	| { readonly kind: "ptr"; readonly type: number }
	| { readonly kind: "array"; readonly type: number; readonly index: number; readonly length: number }
	| {
			readonly kind: "struct" | "union";
			readonly name: string;
			readonly size: number;
			readonly members: readonly BtfMember[];
	  }
	| {
			readonly kind: "enum";
			readonly name: string;
			readonly size: number;
			readonly signed: boolean;
			readonly values: readonly { readonly name: string; readonly value: number }[];
	  }
	| {
			readonly kind: "enum64";
			readonly name: string;
			readonly size: number;
			readonly signed: boolean;
			readonly values: readonly { readonly name: string; readonly value: bigint }[];
	  }
	| { readonly kind: "fwd"; readonly name: string; readonly union: boolean }
	| { readonly kind: "typedef"; readonly name: string; readonly type: number }
	| { readonly kind: "volatile" | "const" | "restrict"; readonly type: number }
	| {
			readonly kind: "func";
			readonly name: string;
			readonly type: number;
			readonly linkage: "static" | "global" | "extern";
	  }
	| {
			readonly kind: "func_proto";
			readonly ret: number;
			readonly params: readonly { readonly name: string; readonly type: number }[];
	  }
	| {
			readonly kind: "var";
			readonly name: string;
			readonly type: number;
			readonly linkage: "static" | "global" | "extern";
	  }
	| {
			readonly kind: "datasec";
			readonly name: string;
			readonly size: number;
			readonly vars: readonly { readonly type: number; readonly offset: number; readonly size: number }[];
	  }
	| { readonly kind: "float"; readonly name: string; readonly size: number }
	| {
			readonly kind: "decl_tag";
			readonly name: string;
			readonly type: number;
			readonly component: number;
			/** The name is a whole attribute (`__attribute__((NAME))`), not the text of a btf_decl_tag. */
			readonly attribute?: true;
	  }
	| {
			readonly kind: "type_tag";
			readonly name: string;
			readonly type: number;
			/** The name is a whole attribute, not the text of a btf_type_tag. */
			readonly attribute?: true;
	  };

export type BtfKind = BtfType["kind"];

export interface BtfMember {
	/** Empty: anonymous. */
	readonly name: string;
	readonly type: number;
	/** From the start of the struct. */
	readonly bitOffset: number;
	/** 0: not a bit-field. */
	readonly bitSize: number;
}
