import { Btf } from "./btf.ts";
import { encodeTypes, StringTable } from "./encode.ts";
import type { BtfType } from "./types.ts";

/** Types that say all of themselves in scalars. */
type LeafType = Extract<
	BtfType,
	{ kind: "int" | "float" | "ptr" | "array" | "typedef" | "fwd" | "const" | "volatile" }
>;

/**
 * Makes BTF: types get ids in the order they are added, strings are kept once. A type may refer to ids that are not
 * there yet; `reserve` gives an id first and `set` fills it, for types that refer to each other.
 */
export class BtfBuilder {
	readonly #types: (BtfType | undefined)[] = [];
	readonly #strings: StringTable;
	readonly #once = new Map<string, number>();
	readonly #base: Btf | undefined;
	readonly #firstId: number;

	/** With a base: split BTF, whose ids and strings follow the base's. */
	constructor(options: { readonly base?: Btf } = {}) {
		this.#base = options.base;
		this.#firstId = options.base ? options.base.count + 1 : 1;
		this.#strings = new StringTable(options.base?.stringsEnd ?? 0);
	}

	/** Highest id given out. */
	get count(): number {
		return this.#firstId + this.#types.length - 1;
	}

	/** Adds a type as it is (no search for an equal one) and returns its id. */
	add(type: BtfType): number {
		this.#types.push(type);
		return this.count;
	}

	/** Adds a type unless an equal one was added by this call before: for integers, pointers, arrays, typedefs and the like. */
	once(type: LeafType): number {
		const key = JSON.stringify(type, Object.keys(type).sort());
		let id = this.#once.get(key);
		if (id === undefined) {
			id = this.add(type);
			this.#once.set(key, id);
		}
		return id;
	}

	/** An id whose type `set` gives later. */
	reserve(): number {
		this.#types.push(undefined);
		return this.count;
	}

	/** Gives a reserved id its type, or another id a new one. */
	set(id: number, type: BtfType): void {
		const i = id - this.#firstId;
		if (i < 0 || i >= this.#types.length) throw new RangeError(`no BTF type ${id} in this builder`);
		this.#types[i] = type;
	}

	/** The type that an id was given; undefined: reserved, not set. */
	get(id: number): BtfType | undefined {
		if (id === 0) return { kind: "void" };
		return id < this.#firstId ? this.#base?.type(id) : this.#types[id - this.#firstId];
	}

	/** Offset of a string in the string section, for `.BTF.ext`. */
	string(text: string): number {
		return this.#strings.add(text);
	}

	/** Bytes of a `.BTF` section, little-endian. @throws RangeError for a reserved id that was never set. */
	encode(): Uint8Array {
		const types = this.#types.map((t, i) => {
			if (!t) throw new RangeError(`BTF type ${i + this.#firstId} was reserved but never set`);
			return t;
		});
		return encodeTypes(types, this.#strings);
	}

	/** The same, ready to be read. */
	finish(): Btf {
		return Btf.decode(this.encode(), this.#base ? { base: this.#base } : {});
	}
}
