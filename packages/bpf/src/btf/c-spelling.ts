import type { Btf } from "./btf.ts";
import type { TypeGraph } from "./graph.ts";
import { KIND_NUMBER } from "./wire.ts";

const K = KIND_NUMBER;
/** A kernel's declarations nest a few deep; what is deeper is not C. */
const MAX_NESTING = 400;
const MAX_CHAIN = 1000;
/** Characters of one declaration: prototypes that take prototypes double with each step. */
const MAX_TEXT = 1 << 20;

/** What types are called in C. Offsets are of the string section. */
export interface SpellingNames {
	/** `struct x`, `union x`, `enum x`. */
	tag(id: number): string;
	/** Of a typedef. */
	ordinary(id: number): string;
	/** Of an integer or floating-point type. */
	scalar(id: number): string;
	/** Of members and parameters; "" at offset 0. */
	plain(offset: number): string;
	/** The compiler has this typedef without being told: what it stands for is written. */
	isBuiltin(id: number): boolean;
}

/** How records and enums without a name are written where they are used. */
export interface InPlace {
	record(id: number, indent: number): string;
	enumeration(id: number, indent: number): string;
}

/**
 * Declarations as C writes them, from the inside out: `int (*name[4])(void)`. What stands before and behind the name is kept
 * by type, so that a member costs two lookups.
 */
export class CSpelling {
	readonly #btf: Btf;
	readonly #graph: TypeGraph;
	readonly #kinds: Uint8Array;
	readonly #targets: Int32Array;
	readonly #names: SpellingNames;
	readonly #inPlace: InPlace;
	readonly #befores: (string | undefined)[];
	readonly #afters: (string | undefined)[];
	#nesting = 0;

	constructor(btf: Btf, graph: TypeGraph, names: SpellingNames, inPlace: InPlace) {
		this.#btf = btf;
		this.#graph = graph;
		this.#kinds = graph.kinds;
		this.#targets = graph.targets;
		this.#names = names;
		this.#inPlace = inPlace;
		this.#befores = new Array(btf.count + 1);
		this.#afters = new Array(btf.count + 1);
	}

	#circle(id: number): Error {
		return this.#btf.malformed(
			`Type[${id}]`,
			"a type that needs itself, or a longer chain of others than C can say",
			id,
		);
	}

	/** A declaration of a name, or of nothing (""), with the type. */
	declare(id: number, name: string, indent: number): string {
		const before = this.before(id, "", indent);
		return name === "" ? before.trimEnd() + this.after : before + name + this.after;
	}

	/** What stands behind the name in the declaration that `before` was last asked for. */
	after = "";
	/** Nothing in it is written in place: the text is the same everywhere. */
	#same = true;

	/**
	 * What stands before the name in a declaration with the type; C's are written from the inside out. `qualifiers`: of this
	 * type, each with a space behind it.
	 */
	before(id: number, qualifiers: string, indent: number): string {
		if (qualifiers === "") {
			const known = this.#befores[id];
			if (known !== undefined) {
				this.after = this.#afters[id]!;
				return known;
			}
		}
		const outer = this.#same;
		this.#same = true;
		if (++this.#nesting > MAX_NESTING) throw this.#circle(id);
		const before = this.#spellAnew(id, qualifiers, indent);
		this.#nesting--;
		if (before.length + this.after.length > MAX_TEXT)
			throw this.#btf.malformed(`Type[${id}]`, `a declaration of more than ${MAX_TEXT} characters`, id);
		if (this.#same && qualifiers === "") {
			this.#befores[id] = before;
			this.#afters[id] = this.after;
		}
		this.#same &&= outer;
		return before;
	}

	/** Whether `before` gives the same text whenever it is asked. */
	isKept(id: number): boolean {
		return this.#befores[id] !== undefined;
	}

	#spellAnew(id: number, qualifiers: string, indent: number): string {
		const target = this.#targets[id]!;
		switch (this.#kinds[id]!) {
			case K.ptr: {
				const before = this.before(target, "", indent);
				const star = qualifiers === "" ? "*" : `* ${qualifiers}`;
				if (!this.#isOuter(target)) return before + star;
				this.after = `)${this.after}`;
				return `${before}(${star}`;
			}
			case K.const:
				return this.before(target, qualifiers.includes("const ") ? qualifiers : `const ${qualifiers}`, indent);
			case K.volatile:
				return this.before(target, qualifiers.includes("volatile ") ? qualifiers : `volatile ${qualifiers}`, indent);
			case K.restrict:
				return this.before(target, qualifiers.includes("restrict ") ? qualifiers : `restrict ${qualifiers}`, indent);
			case K.type_tag: {
				const t = this.#btf.type(id);
				const name = this.#btf.name(id);
				const whole = t.kind === "type_tag" && t.attribute;
				const attribute = whole ? name : `btf_type_tag(${JSON.stringify(name)})`;
				return this.before(target, `__attribute__((${attribute})) ${qualifiers}`, indent);
			}
			case K.array: {
				// Qualifiers of an array are its elements'.
				const before = this.before(target, qualifiers, indent);
				const { words, at } = this.#btf.record(id);
				this.after = `[${words[at + 5]}]${this.after}`;
				return before;
			}
			case K.func_proto: {
				const params = this.#params(id, indent);
				const before = this.before(target, "", indent);
				this.after = params + this.after;
				return before;
			}
			case K.typedef:
				// The target's __builtin_va_list is not the machine's that the BTF is of.
				if (this.#names.isBuiltin(id)) return this.before(target, qualifiers, indent);
				break;
		}
		const base = this.#base(id, indent);
		this.after = "";
		return `${qualifiers}${base} `;
	}

	/** What a pointer to the type has to bind before: an array or a function, behind modifiers too. */
	#isOuter(id: number): boolean {
		for (let steps = 0; steps < MAX_CHAIN; steps++) {
			switch (this.#kinds[id]!) {
				case K.array:
				case K.func_proto:
					return true;
				case K.const:
				case K.volatile:
				case K.restrict:
				case K.type_tag:
					id = this.#targets[id]!;
					continue;
				case K.typedef:
					if (!this.#names.isBuiltin(id)) return false;
					id = this.#targets[id]!;
					continue;
				default:
					return false;
			}
		}
		throw this.#circle(id);
	}

	#params(id: number, indent: number): string {
		const { words, at } = this.#btf.record(id);
		const count = words[at + 1]! & 0xffff;
		if (count === 0) return "(void)";
		let out = "(";
		for (let i = 0, p = at + 3; i < count; i++, p += 2) {
			const type = words[p + 1]!;
			if (i > 0) out += ", ";
			out += type === 0 && i === count - 1 ? "..." : this.declare(type, this.#names.plain(words[p]!), indent);
		}
		return `${out})`;
	}

	#base(id: number, indent: number): string {
		switch (this.#kinds[id]!) {
			case K.int:
			case K.float:
				return this.#names.scalar(id);
			case K.struct:
			case K.union:
				if (this.#graph.named(id)) return this.#names.tag(id);
				this.#same = false;
				return this.#inPlace.record(id, indent);
			case K.fwd:
				return this.#names.tag(id);
			case K.enum:
			case K.enum64:
				if (this.#graph.named(id)) return this.#names.tag(id);
				this.#same = false;
				return this.#inPlace.enumeration(id, indent);
			case K.typedef:
				return this.#names.ordinary(id);
			default:
				return "void";
		}
	}
}
