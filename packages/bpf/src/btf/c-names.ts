import type { Btf } from "./btf.ts";

/** Words that C's integer types are spelled with. Others are names that some compiler gave an integer of its own. */
const INT_WORDS = new Set(["char", "short", "int", "long", "unsigned", "signed", "_Bool", "__int128"]);
const FLOATS = new Set(["float", "double", "long double"]);
/** What C reserves and another language's types may be called. */
const KEYWORDS = new Set(
	"auto break case char const continue default do double else enum extern float for goto if inline int long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while _Bool asm typeof".split(
		" ",
	),
);
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Names as C wants them: every tag, and every typedef and enumerator, once; second owners get `___2` and so on. */
export class CNames {
	readonly #btf: Btf;
	/** `struct x`, `union x`, `enum x` by id. */
	readonly #tags: (string | undefined)[];
	readonly #ordinary: (string | undefined)[];
	/** How many owners a tag had, and the first one's keyword. */
	readonly #tagOwners = new Map<string, { count: number; keyword: string; forward: boolean }>();
	readonly #ordinaryOwners = new Map<string, number>();
	readonly #scalars: (string | undefined)[] = [];

	/** Offsets of strings that are no C identifiers. */
	readonly #odd: ReadonlySet<number>;

	constructor(btf: Btf) {
		this.#btf = btf;
		this.#odd = btf.stringsUnlike(KEYWORDS);
		this.#tags = new Array(btf.count + 1);
		this.#ordinary = new Array(btf.count + 1);
	}

	/** The name at a string offset, made a C identifier where it is none: of members and parameters, which clash with nothing. */
	plain(offset: number): string {
		if (offset === 0) return "";
		const name = this.#btf.string(offset);
		return this.#odd.has(offset) ? identifier(name) : name;
	}

	#plainName(id: number): string {
		const { words, at } = this.#btf.record(id);
		return this.plain(words[at]!);
	}

	/** `struct name`. A forward declaration shares the name with the definition of the same keyword. */
	tag(id: number): string {
		const known = this.#tags[id];
		if (known !== undefined) return known;
		const { words, at } = this.#btf.record(id);
		const kind = this.#btf.kind(id);
		const forward = kind === "fwd";
		const keyword = forward ? (words[at + 1]! >>> 31 === 1 ? "union" : "struct") : kind === "enum64" ? "enum" : kind;
		const name = this.plain(words[at]!);
		const owner = this.#tagOwners.get(name);
		let text = `${keyword} ${name}`;
		if (owner === undefined) this.#tagOwners.set(name, { count: 1, keyword, forward });
		else if (owner.keyword === keyword && (forward || owner.forward)) owner.forward &&= forward;
		else {
			do owner.count++;
			while (this.#tagOwners.has(`${name}___${owner.count}`));
			text = `${keyword} ${name}___${owner.count}`;
		}
		this.#tags[id] = text;
		return text;
	}

	/** Of a typedef. */
	ordinary(id: number): string {
		const known = this.#ordinary[id];
		if (known !== undefined) return known;
		const name = this.#unique(this.#plainName(id));
		this.#ordinary[id] = name;
		return name;
	}

	/** Of the enumerator whose name is at a string offset. */
	enumerator(offset: number): string {
		return this.#unique(this.plain(offset));
	}

	#unique(name: string): string {
		const owners = this.#ordinaryOwners.get(name);
		if (owners === undefined) {
			this.#ordinaryOwners.set(name, 1);
			return name;
		}
		let count = owners;
		do count++;
		while (this.#ordinaryOwners.has(`${name}___${count}`));
		this.#ordinaryOwners.set(name, count);
		return `${name}___${count}`;
	}

	/** The compiler has this typedef without being told. */
	isBuiltin(id: number): boolean {
		return this.#btf.name(id) === "__builtin_va_list";
	}

	/** Of an integer or floating-point type. */
	scalar(id: number): string {
		const known = this.#scalars[id];
		if (known !== undefined) return known;
		this.aliasOf(id);
		return this.#scalars[id]!;
	}

	/** The typedef that an integer wants whose name is no C type (`__Poly8_t`, Rust's `u8`); asked for once. */
	aliasOf(id: number): string | undefined {
		if (this.#scalars[id] !== undefined) return undefined;
		const t = this.#btf.type(id);
		if (t.kind === "float") {
			this.#scalars[id] = FLOATS.has(t.name) ? t.name : t.size === 4 ? "float" : "double";
			return undefined;
		}
		if (t.kind !== "int") return undefined;
		if (t.bool) {
			this.#scalars[id] = "_Bool";
			return undefined;
		}
		if (t.name.split(" ").every((word) => INT_WORDS.has(word))) {
			this.#scalars[id] = t.name;
			return undefined;
		}
		const plain = ["char", "short", "int", "long long", "__int128"][Math.log2(t.size)]!;
		const alias = this.#unique(t.name === "" ? `__int_${t.size}` : this.#plainName(id));
		this.#scalars[id] = alias;
		return `typedef ${t.signed ? "signed" : "unsigned"} ${plain} ${alias};\n\n`;
	}
}

function identifier(name: string): string {
	if (KEYWORDS.has(name)) return `${name}_`;
	return IDENTIFIER.test(name) ? name : name.replace(/^[0-9]|[^A-Za-z0-9_]/g, "_");
}
