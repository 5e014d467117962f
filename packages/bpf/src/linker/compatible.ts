import { LinkError } from "#base";
import type { Btf, BtfType } from "#btf";
import type { InputFile } from "./input.ts";

/** What a file's BTF says of a symbol. `id`: of the VAR or FUNC; 0: nothing. */
export interface Typed {
	readonly file: InputFile;
	readonly id: number;
}

/** Nesting that is followed; compilers stay far below. */
const MAX_DEPTH = 64;

/**
 * Compares the types that two files give one symbol. Functions: parameters and result alike; variables: the same shape.
 * Structs are the same member by member, behind pointers their names are enough and a forward declaration will do. Ints
 * and enums of one size are alike, as libbpf has it; an array of no length (`extern int a[]`) takes any. Maps: every
 * attribute is the same.
 * @throws LinkError that names the symbol, both files and what differs
 */
export function checkCompatible(name: string, first: Typed, second: Typed): void {
	if (first.id === 0 || second.id === 0) {
		// Without types nothing can be compared; half of it would leave the result half typed.
		if (first.id === second.id && !first.file.btf && !second.file.btf) return;
		const missing = first.id === 0 ? first.file : second.file;
		throw new LinkError(
			`"${name}" is in ${first.file.name} and ${second.file.name}, but the BTF of ${missing.name} has no type for it`,
			{ symbol: name },
		);
	}
	const isMap = inMaps(first) || inMaps(second);
	const c = new Comparison(first.file.btf!, second.file.btf!);
	const difference = isMap ? c.maps(first.id, second.id) : c.symbols(first.id, second.id);
	if (difference === undefined) return;
	const what = isMap ? `map "${name}" is defined differently` : `"${name}" has different types`;
	throw new LinkError(`${what} in ${first.file.name} and ${second.file.name}: ${difference}`, { symbol: name });
}

/** Stands in the DATASEC of maps. */
function inMaps({ file, id }: Typed): boolean {
	const section = file.datasecs.get(".maps");
	const t = section === undefined ? undefined : file.btf!.type(section);
	return t?.kind === "datasec" && t.vars.some((v) => v.type === id);
}

/** undefined: alike; else what differs. */
type Difference = string | undefined;

class Comparison {
	readonly #a: Btf;
	readonly #b: Btf;
	/** Pairs of structs that are compared or being compared: they are in cycles, and in each other again and again. */
	readonly #seen = new Set<string>();
	constructor(a: Btf, b: Btf) {
		this.#a = a;
		this.#b = b;
	}

	/** A VAR or FUNC on each side. */
	symbols(a: number, b: number): Difference {
		const s = this.#a.type(a);
		const t = this.#b.type(b);
		if (s.kind === "func" && t.kind === "func") return this.#types(s.type, t.type, true, 0);
		if (s.kind === "var" && t.kind === "var") return this.#types(s.type, t.type, true, 0);
		return `a ${wordOf(s)} and a ${wordOf(t)}`;
	}

	/** Definitions of maps: structs whose members say numbers by array lengths and types by pointers. */
	maps(a: number, b: number): Difference {
		const s = this.#a.type(a);
		const t = this.#b.type(b);
		if (s.kind !== "var" || t.kind !== "var") return this.symbols(a, b);
		return this.#definitions(s.type, t.type, 0);
	}

	#definitions(a: number, b: number, depth: number): Difference {
		const s = this.#a.type(this.#a.resolve(a));
		const t = this.#b.type(this.#b.resolve(b));
		if (s.kind !== "struct" || t.kind !== "struct") return this.#types(a, b, true, depth);
		const first = attributes(this.#a, s.members);
		const second = attributes(this.#b, t.members);
		for (const name of new Set([...first.keys(), ...second.keys()])) {
			const x = first.get(name);
			const y = second.get(name);
			if (name === "key_size" || name === "value_size") {
				// `__type(key, int)` and `__uint(key_size, 4)` say the same size; that it has a type is compared as `key`.
				const size = sizeFor(this.#a, first, name);
				const other = sizeFor(this.#b, second, name);
				if (size !== other) return `${name} ${size ?? "not said"} and ${other ?? "not said"}`;
				continue;
			}
			if (x === undefined || y === undefined) return `${name} is said in one only`;
			if ("number" in x && "number" in y) {
				if (x.number !== y.number) return `${name} ${x.number} and ${y.number}`;
			} else if ("type" in x && "type" in y) {
				const difference =
					name === "values" && depth < 2
						? this.#definitions(x.type, y.type, depth + 1)
						: this.#types(x.type, y.type, true, depth);
				if (difference !== undefined) return `${name}: ${difference}`;
			} else return `${name} is a number in one and a type in the other`;
		}
		return undefined;
	}

	#types(a: number, b: number, exact: boolean, depth: number): Difference {
		if (depth > MAX_DEPTH) throw this.#a.malformed(`Type[${a}]`, `types nested more than ${MAX_DEPTH} deep`);
		a = this.#a.resolve(a);
		b = this.#b.resolve(b);
		const s = this.#a.type(a);
		const t = this.#b.type(b);
		if (!exact && forwardOf(s, t)) return undefined;
		if (s.kind !== t.kind && !(isEnum(s) && isEnum(t))) return `${wordOf(s)} and ${wordOf(t)}`;
		if ("name" in s && "name" in t && s.kind !== "int" && s.kind !== "float" && s.name !== t.name)
			return `${wordOf(s)} and ${wordOf(t)}`;
		if ("size" in s && "size" in t && s.kind !== "struct" && s.kind !== "union" && s.size !== t.size)
			return `${wordOf(s)} of ${s.size} bytes and ${wordOf(t)} of ${t.size}`;
		if (s.kind === "ptr" && t.kind === "ptr") return this.#types(s.type, t.type, false, depth + 1);
		if (s.kind === "array" && t.kind === "array") {
			if (s.length !== t.length && s.length > 0 && t.length > 0)
				return `arrays of ${s.length} and ${t.length} elements`;
			return this.#types(s.type, t.type, exact, depth + 1);
		}
		if (s.kind === "func_proto" && t.kind === "func_proto") {
			if (s.params.length !== t.params.length) return `${s.params.length} and ${t.params.length} parameters`;
			for (const [i, p] of s.params.entries()) {
				const difference = this.#types(p.type, t.params[i]!.type, exact, depth + 1);
				if (difference !== undefined) return `parameter ${i + 1}: ${difference}`;
			}
			const difference = this.#types(s.ret, t.ret, exact, depth + 1);
			return difference === undefined ? undefined : `result: ${difference}`;
		}
		if ((s.kind === "struct" || s.kind === "union") && (t.kind === "struct" || t.kind === "union") && exact)
			return this.#members(a, b, s, t, depth);
		return undefined;
	}

	#members(a: number, b: number, s: Composite, t: Composite, depth: number): Difference {
		const pair = `${a} ${b}`;
		if (this.#seen.has(pair)) return undefined;
		this.#seen.add(pair);
		const what = wordOf(s);
		if (s.size !== t.size) return `${what} of ${s.size} and ${t.size} bytes`;
		if (s.members.length !== t.members.length)
			return `${what} with ${s.members.length} and ${t.members.length} members`;
		for (const [i, m] of s.members.entries()) {
			const n = t.members[i]!;
			if (m.name !== n.name) return `member ${i + 1} of ${what} is "${m.name}" and "${n.name}"`;
			if (m.bitOffset !== n.bitOffset || m.bitSize !== n.bitSize)
				return `member "${m.name}" of ${what} stands at bit ${m.bitOffset} and ${n.bitOffset}`;
			const difference = this.#types(m.type, n.type, true, depth + 1);
			if (difference !== undefined) return `member "${m.name}" of ${what}: ${difference}`;
		}
		return undefined;
	}
}

type Composite = Extract<BtfType, { kind: "struct" | "union" }>;
type Attribute = { readonly number: number } | { readonly type: number };

/** What a map's definition says, by name. `values` gives the type that its pointers point to. */
function attributes(btf: Btf, members: Composite["members"]): Map<string, Attribute> {
	const found = new Map<string, Attribute>();
	for (const m of members) {
		let t = btf.type(btf.resolve(m.type));
		if (m.name === "values" && t.kind === "array") t = btf.type(btf.resolve(t.type));
		if (t.kind !== "ptr") {
			found.set(m.name, { type: m.type });
			continue;
		}
		const target = btf.type(btf.resolve(t.type));
		if (target.kind === "array" && m.name !== "key" && m.name !== "value" && m.name !== "values")
			found.set(m.name, { number: target.length });
		else found.set(m.name, { type: t.type });
	}
	return found;
}

function sizeFor(btf: Btf, found: ReadonlyMap<string, Attribute>, name: "key_size" | "value_size"): number | undefined {
	const said = found.get(name);
	if (said && "number" in said) return said.number;
	const type = found.get(name === "key_size" ? "key" : "value");
	return type && "type" in type ? btf.sizeOf(type.type) : undefined;
}

const isEnum = (t: BtfType): boolean => t.kind === "enum" || t.kind === "enum64";

/** One is a forward declaration of the other. */
function forwardOf(s: BtfType, t: BtfType): boolean {
	const fits = (fwd: BtfType, full: BtfType): boolean =>
		fwd.kind === "fwd" && full.kind === (fwd.union ? "union" : "struct") && fwd.name === full.name;
	return fits(s, t) || fits(t, s);
}

function wordOf(t: BtfType): string {
	switch (t.kind) {
		case "struct":
		case "union":
		case "enum":
			return t.name === "" ? `an anonymous ${t.kind}` : `${t.kind} ${t.name}`;
		case "enum64":
			return `enum ${t.name}`.trim();
		case "fwd":
			return `${t.union ? "union" : "struct"} ${t.name}`;
		case "int":
		case "float":
			return t.name;
		case "ptr":
			return "pointer";
		case "func_proto":
		case "func":
			return "function";
		case "var":
			return "variable";
		default:
			return t.kind;
	}
}
