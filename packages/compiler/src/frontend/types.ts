import { alignOf, type Field, type StructType, sizeOf, type Type } from "#ir";
import { HEADERS, wordOf } from "#language";
import type { Constant, TypeRef } from "./analysis.ts";
import type { TypeBinding } from "./names.ts";
import type { ResolvedModule } from "./resolve.ts";
import { type Node, propertyName, typeArguments } from "./tree.ts";

/** What resolving types needs from its surroundings. */
export interface TypeContext {
	type(module: ResolvedModule, name: string): TypeBinding | undefined;
	evaluate(module: ResolvedModule, node: Node): Constant | undefined;
	refuse(code: "SK2101" | "SK1010", module: ResolvedModule, node: Node, message: string, remedy: string): void;
}

const SCALARS: Readonly<Record<string, Type>> = {
	u8: { kind: "int", bits: 8, signed: false },
	u16: { kind: "int", bits: 16, signed: false },
	u32: { kind: "int", bits: 32, signed: false },
	u64: { kind: "int", bits: 64, signed: false },
	i8: { kind: "int", bits: 8, signed: true },
	i16: { kind: "int", bits: 16, signed: true },
	i32: { kind: "int", bits: 32, signed: true },
	i64: { kind: "int", bits: 64, signed: true },
	be16: { kind: "be", bits: 16 },
	be32: { kind: "be", bits: 32 },
	be64: { kind: "be", bits: 64 },
	XdpAction: { kind: "int", bits: 32, signed: true },
	TcAction: { kind: "int", bits: 32, signed: true },
};
const I32 = SCALARS["i32"]!;
const I64 = SCALARS["i64"]!;
/** No struct of the language needs more; BTF's 32-bit sizes are far away. */
const MAX_SIZE = 1 << 24;

/** Whether the type has a size, so that it can be a field, a key, a value, a local. */
export const isSized = (t: TypeRef): t is Type =>
	t.kind === "int" ||
	t.kind === "be" ||
	t.kind === "bool" ||
	t.kind === "chars" ||
	t.kind === "array" ||
	t.kind === "struct";

type Environment = ReadonlyMap<string, TypeRef>;
const EMPTY: Environment = new Map();

/** Type syntax to types. One per compilation: the same interface is the same `StructType` object. */
export class Types {
	readonly #context: TypeContext;
	readonly #structs = new Map<Node, Map<string, StructType | undefined>>();
	readonly #names = new Set<string>(Object.keys(HEADERS));
	/** Declarations being resolved: an interface that embeds itself has no size. */
	readonly #open = new Set<Node>();

	constructor(context: TypeContext) {
		this.#context = context;
	}

	/** A name for a struct that nothing else in the compilation has. */
	uniqueName(wanted: string): string {
		const base = wanted.replace(/[^A-Za-z0-9_]/g, "_");
		let name = base;
		for (let i = 2; this.#names.has(name); i++) name = `${base}_${i}`;
		this.#names.add(name);
		return name;
	}

	/** Any type; undefined after a report. `hint` names a struct that the source leaves nameless. */
	resolve(module: ResolvedModule, node: Node, hint = "anonymous", env: Environment = EMPTY): TypeRef | undefined {
		const refuse = (message: string, remedy: string): undefined => {
			this.#context.refuse("SK2101", module, node, message, remedy);
			return undefined;
		};
		switch (node.type) {
			case "TSTypeAnnotation":
				return this.resolve(module, node["typeAnnotation"], hint, env);
			case "TSParenthesizedType":
				return this.resolve(module, node["typeAnnotation"], hint, env);
			case "TSNumberKeyword":
				return I32;
			case "TSBigIntKeyword":
				return I64;
			case "TSBooleanKeyword":
				return { kind: "bool" };
			case "TSVoidKeyword":
			case "TSUndefinedKeyword":
				return { kind: "void" };
			case "TSStringKeyword":
				return refuse("`string` has no size", "write `chars<N>`");
			case "TSLiteralType": {
				const literal: Node = node["literal"];
				const value: unknown = literal.type === "UnaryExpression" ? literal["argument"].value : literal["value"];
				if (typeof literal["bigint"] === "string" || typeof literal["argument"]?.bigint === "string") return I64;
				if (typeof value === "number") return I32;
				if (typeof value === "boolean") return { kind: "bool" };
				return refuse("a text type has no size", "write `chars<N>`");
			}
			case "TSTypeOperator":
				if (node["operator"] === "readonly") return this.resolve(module, node["typeAnnotation"], hint, env);
				return refuse(`\`${node["operator"]}\` gives no type with a size`, "write the type itself");
			case "TSArrayType":
				return refuse("an array without length has no size", "write `arr<T, N>`");
			case "TSTupleType":
				return refuse("a tuple is no C type", "write `arr<T, N>`, or an interface");
			case "TSFunctionType":
			case "TSConstructorType":
				return refuse("a function has no size", "keep functions out of data; call them by name");
			case "TSUnionType":
				return this.#union(module, node, hint, env);
			case "TSTypeLiteral":
				return this.#struct(
					module,
					node,
					hint,
					[{ module, members: node["members"] }],
					env,
					[...env.values()].map(spell).join("_"),
				);
			case "TSTypeReference":
				return this.#reference(module, node, node["typeName"], typeArguments(node), hint, env);
			case "TSIndexedAccessType": {
				const object = this.resolve(module, node["objectType"], hint, env);
				const key: unknown = node["indexType"]?.type === "TSLiteralType" ? node["indexType"].literal.value : undefined;
				if (!object) return undefined;
				const field =
					object.kind === "struct" && typeof key === "string" ? object.fields.find((f) => f.name === key) : undefined;
				return field?.type ?? refuse("this names no member with a size", "write the member's type");
			}
			case "TSIntersectionType":
				return refuse("`&` of types has no layout", "write `interface A extends B`");
			case "TSAnyKeyword":
			case "TSUnknownKeyword":
			case "TSObjectKeyword":
			case "TSNeverKeyword":
			case "TSNullKeyword":
			case "TSSymbolKeyword":
				return refuse(
					`\`${module.text.slice(node.start, node.end)}\` has no size`,
					"write a scalar, `chars<N>`, `arr<T, N>` or an interface",
				);
			default:
				return refuse("this kind of type has no size", "write a scalar, `chars<N>`, `arr<T, N>` or an interface");
		}
	}

	/** A type with a size; what has none is reported at the node. */
	sized(module: ResolvedModule, node: Node, hint = "anonymous", env: Environment = EMPTY): Type | undefined {
		const t = this.resolve(module, node, hint, env);
		if (!t || isSized(t)) return t;
		const text = module.text.slice(node.start, node.end);
		if (t.kind === "kernel")
			this.#context.refuse(
				"SK2101",
				module,
				node,
				`\`${text}\` is a struct of the kernel: it cannot be kept as data`,
				"keep the members that are needed, each with its own type",
			);
		else if (t.kind === "optional")
			this.#context.refuse(
				"SK2101",
				module,
				node,
				`\`${text}\` may be missing and has no layout`,
				"leave `undefined` out; zero, or a flag of its own, says that it is missing",
			);
		else if (t.kind === "vocabulary" && !wordOf("skep", t.name)?.compiled)
			this.#context.refuse(
				"SK1010",
				module,
				node,
				`\`${t.name}\` is part of the language but not compiled by this version`,
				"leave the member out",
			);
		else
			this.#context.refuse(
				"SK2101",
				module,
				node,
				`\`${text}\` has no size`,
				"write a scalar, `chars<N>`, `arr<T, N>` or an interface",
			);
		return undefined;
	}

	#union(module: ResolvedModule, node: Node, hint: string, env: Environment): TypeRef | undefined {
		const parts = node["types"] as Node[];
		const rest = parts.filter((p) => p.type !== "TSUndefinedKeyword" && p.type !== "TSVoidKeyword");
		const missing = rest.length < parts.length;
		let type: TypeRef | undefined;
		if (rest.length === 1) type = this.resolve(module, rest[0]!, hint, env);
		else {
			const texts = rest.some((r) => r.type === "TSLiteralType" && typeof r["literal"].value === "string");
			const resolved =
				!texts && rest.every((r) => r.type === "TSLiteralType")
					? rest.map((r) => this.resolve(module, r, hint, env))
					: [];
			const first = resolved[0];
			if (first && resolved.every((r) => r && JSON.stringify(r) === JSON.stringify(first))) type = first;
			else if (resolved.length === 0 || resolved.every(Boolean)) {
				if (texts)
					this.#context.refuse(
						"SK2101",
						module,
						node,
						"a union of texts has no layout",
						"write `chars<N>`, or number the cases",
					);
				else
					this.#context.refuse(
						"SK2101",
						module,
						node,
						"a union has no layout",
						"write one type; several members, each with its own, say more",
					);
			}
		}
		return type && missing && type.kind !== "optional" ? { kind: "optional", type } : type;
	}

	#reference(
		module: ResolvedModule,
		node: Node,
		nameNode: Node,
		args: readonly Node[],
		hint: string,
		env: Environment,
	): TypeRef | undefined {
		const refuse = (message: string, remedy: string): undefined => {
			this.#context.refuse("SK2101", module, node, message, remedy);
			return undefined;
		};
		if (nameNode.type !== "Identifier")
			return refuse(
				`\`${module.text.slice(nameNode.start, nameNode.end)}\` is no type with a size`,
				"import the type by its name",
			);
		const name: string = nameNode["name"];
		const parameter = env.get(name);
		if (parameter) return parameter;
		const binding = this.#context.type(module, name);
		if (!binding) {
			if (module.values.get(name)?.node.type === "ClassDeclaration")
				return refuse(`\`${name}\` is a class: it has no layout`, "write an interface");
			if (name === "Readonly" && args[0]) return this.resolve(module, args[0], hint, env);
			return refuse(
				`\`${name}\` has no size`,
				/^(?:Array|Map|Set|Record|Partial|Uint8Array|Buffer|Date|String|Number)$/.test(name)
					? "write `chars<N>`, `arr<T, N>` or an interface of your own"
					: `declare \`interface ${name}\`, or import it`,
			);
		}
		if (binding.kind === "vocabulary") return this.#word(module, node, binding.module, binding.name, args, hint, env);

		const parameters = (binding.nodes[0]!["typeParameters"]?.params ?? []) as Node[];
		const given = new Map<string, TypeRef>();
		for (const [i, p] of parameters.entries()) {
			const source = args[i] ?? p["default"];
			const t = source
				? this.resolve(args[i] ? module : binding.module, source, `${name}_${p["name"]}`, args[i] ? env : given)
				: refuse(`\`${name}\` needs ${parameters.length} type arguments`, `write \`${name}<…>\``);
			if (!t) return undefined;
			given.set(typeof p["name"] === "string" ? p["name"] : p["name"].name, t);
		}
		const first = binding.nodes[0]!;
		if (first.type === "TSTypeAliasDeclaration") {
			if (this.#open.has(first))
				return refuse(
					`\`${name}\` contains itself`,
					"a type that contains itself has no size; keep a key or an index instead",
				);
			this.#open.add(first);
			try {
				return this.resolve(binding.module, first["typeAnnotation"], name, given);
			} finally {
				this.#open.delete(first);
			}
		}
		if (this.#open.has(first))
			return refuse(
				`\`${name}\` contains itself`,
				"a type that contains itself has no size; keep a key or an index instead",
			);
		const suffix = [...given.values()].map(spell).join("_");
		const parts = binding.nodes.map((n) => ({
			module: binding.module,
			members: n["body"].body as Node[],
			heritage: (n["extends"] ?? []) as Node[],
		}));
		return this.#struct(
			binding.module,
			first,
			suffix ? `${binding.name}_${suffix}` : binding.name,
			parts,
			given,
			suffix,
		);
	}

	#word(
		module: ResolvedModule,
		node: Node,
		from: string,
		name: string,
		args: readonly Node[],
		hint: string,
		env: Environment,
	): TypeRef | undefined {
		if (from === "skep/kernel") return { kind: "kernel", name };
		if (from === "skep/net") return HEADERS[name];
		const scalar = SCALARS[name];
		if (scalar) return scalar;
		const refuse = (at: Node, message: string, remedy: string): undefined => {
			this.#context.refuse("SK2101", module, at, message, remedy);
			return undefined;
		};
		switch (name) {
			case "chars": {
				const size = args[0] && this.#number(module, args[0]);
				if (size === undefined || size < 1 || size > MAX_SIZE)
					return refuse(node, "the size of `chars` must be a positive constant", "write `chars<64>`");
				return { kind: "chars", size };
			}
			case "arr": {
				const element = args[0] && this.sized(module, args[0], `${hint}_element`, env);
				const length = args[1] && this.#number(module, args[1]);
				if (args[0] && !element) return undefined;
				if (!element || length === undefined || length < 1 || length * sizeOf(element) > MAX_SIZE)
					return refuse(node, "the length of `arr` must be a positive constant", "write `arr<u8, 6>`");
				return { kind: "array", element, length };
			}
			case "packed": {
				const inner = args[0] && this.sized(module, args[0], hint, env);
				if (!inner) return args[0] ? undefined : refuse(node, "`packed` needs a type", "write `packed<T>`");
				if (inner.kind !== "struct") return inner;
				return this.#cached(node, `packed ${inner.name}`, () =>
					layout(this.uniqueName(`${inner.name}_packed`), inner.fields, true),
				);
			}
			case "UserPtr":
			case "KernelPtr": {
				const to = args[0] ? this.resolve(module, args[0], hint, env) : SCALARS["u8"]!;
				return to && { kind: name === "UserPtr" ? "user-ptr" : "kernel-ptr", to };
			}
			default: {
				if (!wordOf("skep", name)?.compiled) return { kind: "vocabulary", name, args: [] };
				const resolved: TypeRef[] = [];
				for (const a of args) {
					const t = a.type === "TSLiteralType" ? ({ kind: "void" } as const) : this.resolve(module, a, hint, env);
					if (!t) return undefined;
					resolved.push(t);
				}
				return { kind: "vocabulary", name, args: resolved };
			}
		}
	}

	/** A constant number in type position: `16`, or `typeof SIZE`. */
	#number(module: ResolvedModule, node: Node): number | undefined {
		if (node.type === "TSLiteralType" && typeof node["literal"].value === "number") {
			const n: number = node["literal"].value;
			return Number.isInteger(n) ? n : undefined;
		}
		if (node.type === "TSTypeQuery") {
			const c = this.#context.evaluate(module, node["exprName"]);
			return c?.kind === "int" ? Number(c.value) : undefined;
		}
		if (node.type === "TSTypeReference" && node["typeName"].type === "Identifier") {
			const b = this.#context.type(module, node["typeName"].name);
			if (b?.kind === "type" && b.nodes[0]!.type === "TSTypeAliasDeclaration" && !this.#open.has(b.nodes[0]!)) {
				this.#open.add(b.nodes[0]!);
				const n = this.#number(b.module, b.nodes[0]!["typeAnnotation"]);
				this.#open.delete(b.nodes[0]!);
				return n;
			}
		}
		return undefined;
	}

	#cached(node: Node, key: string, make: () => StructType | undefined): StructType | undefined {
		const byKey = this.#structs.get(node) ?? new Map<string, StructType | undefined>();
		this.#structs.set(node, byKey);
		if (byKey.has(key)) return byKey.get(key);
		const made = make();
		byKey.set(key, made);
		return made;
	}

	#struct(
		module: ResolvedModule,
		node: Node,
		name: string,
		parts: readonly { module: ResolvedModule; members: readonly Node[]; heritage?: readonly Node[] }[],
		env: Environment,
		key: string,
	): StructType | undefined {
		return this.#cached(node, key, () => {
			this.#open.add(node);
			try {
				const fields: { name: string; type: Type }[] = [];
				let whole = true;
				for (const part of parts) {
					for (const h of part.heritage ?? []) {
						const base = this.#reference(part.module, h, h["expression"], typeArguments(h), name, env);
						if (base?.kind === "struct")
							for (const f of base.fields)
								if (!fields.some((g) => g.name === f.name)) fields.push({ name: f.name, type: f.type });
						if (!base) whole = false;
						else if (base.kind !== "struct") {
							this.#context.refuse(
								"SK2101",
								part.module,
								h,
								`\`${part.module.text.slice(h.start, h.end)}\` is no struct of yours: it cannot be extended`,
								"copy the members that are needed",
							);
							whole = false;
						}
					}
					for (const m of part.members) {
						const field = this.#member(part.module, m, name, env);
						if (!field) whole = false;
						else {
							const at = fields.findIndex((f) => f.name === field.name);
							if (at >= 0) fields[at] = field;
							else fields.push(field);
						}
					}
				}
				if (whole && fields.length === 0) {
					this.#context.refuse("SK2101", module, node, `\`${name}\` has no members and so no size`, "give it members");
					return undefined;
				}
				return whole ? layout(this.uniqueName(name), fields, false) : undefined;
			} finally {
				this.#open.delete(node);
			}
		});
	}

	#member(module: ResolvedModule, m: Node, struct: string, env: Environment): { name: string; type: Type } | undefined {
		const refuse = (message: string, remedy: string): undefined => {
			this.#context.refuse("SK2101", module, m, message, remedy);
			return undefined;
		};
		if (
			m.type === "TSMethodSignature" ||
			m.type === "TSCallSignatureDeclaration" ||
			m.type === "TSConstructSignatureDeclaration"
		)
			return refuse("a method has no size", "keep functions out of data; write a function that takes the struct");
		if (m.type === "TSIndexSignature") return refuse("an index signature has no size", "use a map: `hash<K, V>(max)`");
		if (m.type !== "TSPropertySignature") return refuse("this member has no size", "write `name: type`");
		const name = propertyName(m);
		if (name === undefined) return refuse("a computed member has no place in a layout", "write its name");
		if (!/^[A-Za-z_$][\w$]*$/.test(name)) return refuse(`\`${name}\` is no name in C`, "use letters, digits and `_`");
		if (m["optional"])
			return refuse(
				`\`${name}?\` may be missing and has no layout`,
				`write \`${name}:\`; zero, or a flag of its own, says that it is missing`,
			);
		if (!m["typeAnnotation"]) return refuse(`\`${name}\` has no type`, `write \`${name}: u32\``);
		const annotation: Node = m["typeAnnotation"].typeAnnotation;
		const type = this.sized(module, annotation, `${struct}_${name}`, env);
		return type && { name, type };
	}
}

/** C layout: declaration order, natural alignment, size rounded up to the alignment; packed: no padding anywhere. */
export function layout(
	name: string,
	members: readonly { readonly name: string; readonly type: Type }[],
	packed: boolean,
): StructType {
	const fields: Field[] = [];
	let offset = 0;
	let align = 1;
	for (const m of members) {
		const a = packed ? 1 : alignOf(m.type);
		offset = Math.ceil(offset / a) * a;
		align = Math.max(align, a);
		fields.push({ name: m.name, type: m.type, offset });
		offset += sizeOf(m.type);
	}
	return { kind: "struct", name, fields, size: Math.ceil(offset / align) * align, align };
}

/** A type in a name: `u32`, `chars16`, `Stat`. */
function spell(t: TypeRef): string {
	switch (t.kind) {
		case "int":
			return `${t.signed ? "i" : "u"}${t.bits}`;
		case "be":
			return `be${t.bits}`;
		case "bool":
			return "bool";
		case "chars":
			return `chars${t.size}`;
		case "array":
			return `${spell(t.element)}x${t.length}`;
		case "struct":
		case "kernel":
			return t.name;
		case "optional":
			return `opt_${spell(t.type)}`;
		case "user-ptr":
		case "kernel-ptr":
			return `ptr_${spell(t.to)}`;
		case "vocabulary":
			return t.name;
		case "void":
			return "void";
	}
}
