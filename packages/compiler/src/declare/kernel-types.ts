import { type Btf, type BtfType, type FoundMember, findMember, flattenMembers, memberBits } from "@skep/bpf/btf";
import { didYouMean } from "./did-you-mean.ts";

/** What a kernel type is to the compiler. Ids are those of the BTF; modifiers and typedefs are looked through. */
export type KernelType =
	/** `char`: plain C `char`, as in text. */
	| { readonly kind: "int"; readonly bits: 8 | 16 | 32 | 64; readonly signed: boolean; readonly char: boolean }
	| { readonly kind: "bool" }
	/** By typedef name: `__be16`, `__be32`, `__be64`. */
	| { readonly kind: "be"; readonly bits: 16 | 32 | 64 }
	/** `id`: of the enum, for CO-RE enumerator relocations. */
	| {
			readonly kind: "enum";
			readonly name: string;
			readonly id: number;
			readonly bits: 8 | 16 | 32 | 64;
			readonly signed: boolean;
	  }
	| KernelStruct
	/** `char x[size]` */
	| { readonly kind: "chars"; readonly size: number }
	/** `elementId`: the element's type as declared. */
	| {
			readonly kind: "array";
			readonly element: KernelType;
			readonly elementId: number;
			readonly length: number;
			readonly size: number;
	  }
	| KernelPointer
	/** Nothing that a program can read as a value: void, functions, types only declared, floats, 128-bit integers. `what` names it. */
	| { readonly kind: "opaque"; readonly what: string; readonly size: number };

export interface KernelStruct {
	readonly kind: "struct";
	/** Of the struct or union itself; of the typedef where only that has a name (`kuid_t`). Right as root of a CO-RE access. */
	readonly id: number;
	/** "": anonymous. */
	readonly name: string;
	readonly union: boolean;
	readonly size: number;
}

export interface KernelPointer {
	readonly kind: "pointer";
	/** What it points at. Type by type, so that chains of structs end: see `KernelTypes.classify(to)`. */
	readonly to: number;
	/** What `to` is, modifiers aside. char: text, `char *` or `unsigned char *`. */
	readonly target: "struct" | "char" | "scalar" | "pointer" | "array" | "void" | "function" | "opaque";
	/** Where target is struct. */
	readonly struct?: KernelStruct;
	/** `__user`, where the BTF says it (kernels built by clang, or gcc from 16). */
	readonly user: boolean;
}

export interface KernelMember extends FoundMember {
	readonly name: string;
	/** In bytes from the start of the struct asked; of a bit-field the byte of its first bit. */
	readonly offset: number;
	/** 0: not a bit-field. */
	readonly bitSize: number;
	/** As declared. */
	readonly typeId: number;
	readonly type: KernelType;
	/** Kernels that have it, where not all of the shipped set do: to be guarded by exists(). undefined: all. */
	readonly kernels: readonly string[] | undefined;
}

export interface KernelParam {
	readonly name: string;
	readonly typeId: number;
	readonly type: KernelType;
}

export interface KernelFunction {
	/** Id of the FUNC. */
	readonly id: number;
	readonly params: readonly KernelParam[];
	/** opaque `void`: none. */
	readonly result: KernelType;
}

export interface KernelEnumerator {
	/** Id of the enum, root of the CO-RE access; its path is [index]. */
	readonly id: number;
	readonly index: number;
	readonly value: bigint;
}

/** Decl tag of the shipped BTF on a struct's member: `skep:kernels=5.10,6.1`. */
export const KERNELS_TAG = "skep:kernels=";

const VOID: KernelType = { kind: "opaque", what: "void", size: 0 };

/** `task_struct___pre_5_14` → `task_struct`: what follows three underscores is ignored by CO-RE. */
export const stripFlavour = (name: string): string => {
	const at = name.indexOf("___", 1);
	return at > 0 && at + 3 < name.length ? name.slice(0, at) : name;
};

/** Several compilations share one BTF: its tags are read once. */
const tagsByBtf = new WeakMap<Btf, Map<number, readonly string[]>>();
const tagKey = (type: number, component: number): number => type * 0x10000 + component;

/** The kernel's types, looked up in its BTF by name and member. Answers are kept. */
export class KernelTypes {
	readonly btf: Btf;
	readonly #members = new Map<string, KernelMember | undefined>();
	readonly #types = new Map<number, KernelType>();

	constructor(btf: Btf) {
		this.btf = btf;
	}

	/** A struct or union by its C name, or by a typedef's; a flavour (`___old`) is ignored. */
	struct(name: string): KernelStruct | undefined {
		const plain = stripFlavour(name);
		for (const id of this.btf.findAll(plain)) {
			const kind = this.btf.kind(id);
			if (kind === "struct" || kind === "union") return this.#struct(id, id);
		}
		for (const id of this.btf.findAll(plain)) {
			if (this.btf.kind(id) !== "typedef") continue;
			const type = this.classify(id);
			if (type.kind === "struct") return type;
		}
		return undefined;
	}

	#struct(id: number, named: number): KernelStruct {
		const t = this.btf.type(id) as BtfType & { kind: "struct" | "union" };
		return t.name !== "" || named === id
			? { kind: "struct", id, name: t.name, union: t.kind === "union", size: t.size }
			: { kind: "struct", id: named, name: this.btf.name(named), union: t.kind === "union", size: t.size };
	}

	/** A member by name, through anonymous members. `struct`: id of a struct, union or typedef of one. */
	member(struct: number, name: string): KernelMember | undefined {
		const key = `${struct} ${name}`;
		if (this.#members.has(key)) return this.#members.get(key);
		const found = findMember(this.btf, struct, name);
		const member = found && this.#complete(struct, found);
		this.#members.set(key, member);
		return member;
	}

	/** All named members, those of anonymous members among them, in order of declaration. */
	members(struct: number): KernelMember[] {
		return flattenMembers(this.btf, struct).map((m) => this.#complete(struct, m));
	}

	/** A member's name that was probably meant. */
	suggestMember(struct: number, name: string): string | undefined {
		return didYouMean(
			name,
			flattenMembers(this.btf, struct).map((m) => m.name),
		);
	}

	#complete(struct: number, found: FoundMember): KernelMember {
		const bits = memberBits(this.btf, found.member);
		const bitOffset = found.bitOffset + bits.bitOffset - found.member.bitOffset;
		return {
			...found,
			name: found.member.name,
			bitOffset,
			offset: Math.floor(bitOffset / 8),
			bitSize: bits.bitSize,
			typeId: found.member.type,
			type: this.classify(found.member.type),
			kernels: this.#kernels(struct, found.path),
		};
	}

	/** Kernels that a member's or enumerator's tag names. */
	#tagsOf(type: number, component: number): readonly string[] | undefined {
		let tags = tagsByBtf.get(this.btf);
		if (!tags) {
			tags = new Map();
			const lists = new Map<string, readonly string[]>();
			for (const id of this.btf.ofKind("decl_tag")) {
				const t = this.btf.type(id);
				if (t.kind !== "decl_tag" || t.component < 0) continue;
				let list = lists.get(t.name);
				if (!list) {
					if (!t.name.startsWith(KERNELS_TAG)) continue;
					list = t.name.slice(KERNELS_TAG.length).split(",");
					lists.set(t.name, list);
				}
				tags.set(tagKey(t.type, t.component), list);
			}
			tagsByBtf.set(this.btf, tags);
		}
		return tags.size === 0 ? undefined : tags.get(tagKey(type, component));
	}

	/** Of the first member on the way that not all kernels have. */
	#kernels(struct: number, path: readonly number[]): readonly string[] | undefined {
		let at = this.btf.resolve(struct);
		for (const index of path) {
			const kernels = this.#tagsOf(at, index);
			if (kernels) return kernels;
			const t = this.btf.type(at);
			if (t.kind !== "struct" && t.kind !== "union") return undefined;
			at = this.btf.resolve(t.members[index]!.type);
		}
		return undefined;
	}

	/** What a type is. `id` as declared: typedefs and modifiers are looked through. */
	classify(id: number): KernelType {
		let known = this.#types.get(id);
		if (!known) {
			known = this.#classify(id);
			this.#types.set(id, known);
		}
		return known;
	}

	#classify(id: number): KernelType {
		const { btf } = this;
		let named = 0;
		let user = false;
		let at = id;
		for (let n = 0; n < 64; n++) {
			const t = btf.type(at);
			switch (t.kind) {
				case "typedef":
					if (t.name === "__be16" || t.name === "__be32" || t.name === "__be64")
						return { kind: "be", bits: Number(t.name.slice(4)) as 16 | 32 | 64 };
					if (named === 0) named = at;
					at = t.type;
					continue;
				case "const":
				case "volatile":
				case "restrict":
					at = t.type;
					continue;
				case "type_tag":
					if (t.name === "user") user = true;
					at = t.type;
					continue;
				case "int":
					if (t.bool && t.size === 1) return { kind: "bool" };
					if (t.size > 8) return { kind: "opaque", what: t.name, size: t.size };
					return { kind: "int", bits: (t.size * 8) as 8 | 16 | 32 | 64, signed: t.signed, char: t.name === "char" };
				case "enum":
				case "enum64":
					return {
						kind: "enum",
						name: t.name || (named ? btf.name(named) : ""),
						id: t.name === "" && named ? named : at,
						bits: (t.size * 8) as 8 | 16 | 32 | 64,
						signed: t.signed,
					};
				case "struct":
				case "union":
					return this.#struct(at, named || at);
				case "array": {
					const element = this.classify(t.type);
					if (element.kind === "int" && element.char) return { kind: "chars", size: t.length };
					return { kind: "array", element, elementId: t.type, length: t.length, size: btf.sizeOf(at) };
				}
				case "ptr":
					return this.#pointer(t.type, user);
				case "fwd":
					return { kind: "opaque", what: t.name, size: 0 };
				case "float":
					return { kind: "opaque", what: t.name, size: t.size };
				case "void":
					return VOID;
				default:
					return { kind: "opaque", what: t.kind === "func_proto" ? "function" : t.kind, size: 0 };
			}
		}
		return { kind: "opaque", what: "endless typedef", size: 0 };
	}

	/** Looks at the target without entering structs. */
	#pointer(to: number, userOutside: boolean): KernelPointer {
		const { btf } = this;
		let user = userOutside;
		let renamed = false;
		for (let at = to, n = 0; n < 64; n++) {
			const t = btf.type(at);
			if (t.kind === "typedef") renamed = true;
			if (t.kind === "type_tag" && t.name === "user") user = true;
			if (
				t.kind === "typedef" ||
				t.kind === "const" ||
				t.kind === "volatile" ||
				t.kind === "restrict" ||
				t.kind === "type_tag"
			)
				at = t.type;
			else break;
		}
		const t = btf.type(btf.resolve(to));
		const pointer = (target: KernelPointer["target"], struct?: KernelStruct): KernelPointer => ({
			kind: "pointer",
			to,
			target,
			...(struct ? { struct } : {}),
			user,
		});
		switch (t.kind) {
			case "struct":
			case "union": {
				const struct = this.classify(to);
				return struct.kind === "struct" ? pointer("struct", struct) : pointer("opaque");
			}
			case "int":
				// `unsigned char *` is text in the kernel (qstr.name); bytes are called u8.
				if (t.name === "char" || (t.name === "unsigned char" && !renamed)) return pointer("char");
				return pointer(t.size > 8 ? "opaque" : "scalar");
			case "enum":
			case "enum64":
				return pointer("scalar");
			case "ptr":
				return pointer("pointer");
			case "array":
				return pointer("array");
			case "void":
				return pointer("void");
			case "func_proto":
				return pointer("function");
			default:
				return pointer("opaque");
		}
	}

	/**
	 * Arguments of a raw or BTF tracepoint, by `typedef void (*btf_trace_NAME)(void *, …)`; without the first, which is
	 * the kernel's own. undefined: this BTF has no such tracepoint.
	 */
	tracepoint(name: string): readonly KernelParam[] | undefined {
		const id = this.btf.find(`btf_trace_${name}`, "typedef");
		if (id === undefined) return undefined;
		const pointer = this.btf.type(this.btf.resolve(id));
		if (pointer.kind !== "ptr") return undefined;
		const proto = this.btf.type(this.btf.resolve(pointer.type));
		if (proto.kind !== "func_proto") return undefined;
		return this.#params(proto.params.slice(1), name);
	}

	/** Names of all raw and BTF tracepoints. */
	tracepointNames(): string[] {
		const out: string[] = [];
		for (const id of this.btf.ofKind("typedef")) {
			const name = this.btf.name(id);
			if (name.startsWith("btf_trace_")) out.push(name.slice("btf_trace_".length));
		}
		return out.sort();
	}

	/** The prototype behind a tracepoint's typedef has no names; the functions that the kernel itself calls have. */
	#params(params: readonly { readonly name: string; readonly type: number }[], tracepoint?: string): KernelParam[] {
		const names =
			tracepoint === undefined || params.every((p) => p.name !== "")
				? []
				: this.#tracepointParams(tracepoint, params.length);
		return params.map((p, i) => ({
			name: p.name || names[i] || `arg${i}`,
			typeId: p.type,
			type: this.classify(p.type),
		}));
	}

	#tracepointParams(tracepoint: string, count: number): readonly string[] {
		for (const prefix of ["__traceiter_", "__bpf_trace_"]) {
			const id = this.btf.find(prefix + tracepoint, "func");
			const func = id === undefined ? undefined : this.btf.type(id);
			const proto = func?.kind === "func" ? this.btf.type(func.type) : undefined;
			if (proto?.kind === "func_proto" && proto.params.length === count + 1)
				return proto.params.slice(1).map((p) => p.name);
		}
		return [];
	}

	/** A kernel function (fentry, kprobe, kfunc) by name. */
	func(name: string): KernelFunction | undefined {
		const id = this.btf.find(name, "func");
		if (id === undefined) return undefined;
		const func = this.btf.type(id);
		const proto = func.kind === "func" ? this.btf.type(func.type) : undefined;
		if (proto?.kind !== "func_proto") return undefined;
		return { id, params: this.#params(proto.params), result: this.classify(proto.ret) };
	}

	/** An enumerator by the enum's name (or its typedef's) and its own. */
	enumerator(type: string, name: string): KernelEnumerator | undefined {
		for (const id of this.btf.findAll(stripFlavour(type))) {
			const t = this.btf.type(this.btf.resolve(id));
			if (t.kind !== "enum" && t.kind !== "enum64") continue;
			const index = t.values.findIndex((v) => v.name === name);
			if (index >= 0) return { id, index, value: BigInt(t.values[index]!.value) };
		}
		return undefined;
	}

	/** An enum's values, and the kernels that have each where not all do; undefined: there is no such enum. */
	enumerators(
		type: string,
	):
		| readonly { readonly name: string; readonly value: bigint; readonly kernels: readonly string[] | undefined }[]
		| undefined {
		for (const id of this.btf.findAll(stripFlavour(type))) {
			const real = this.btf.resolve(id);
			const t = this.btf.type(real);
			if (t.kind !== "enum" && t.kind !== "enum64") continue;
			return t.values.map((v, i) => ({ name: v.name, value: BigInt(v.value), kernels: this.#tagsOf(real, i) }));
		}
		return undefined;
	}
}
