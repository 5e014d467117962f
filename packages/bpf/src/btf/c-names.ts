import type { Btf } from "./btf.ts";
import type { NameTable } from "./strings.ts";
import type { TextSink } from "./text-sink.ts";

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

/** Names that may stand for one thing only: the first owner has it as it is. */
class Namespace {
	readonly #table: NameTable;
	/** How many owners a name had, by its first offset. */
	readonly #owners = new Map<number, number>();
	/** Names that stand nowhere in the BTF. */
	readonly #made = new Set<string>();
	/** Among those are some that do not end in a number of ours. */
	#changed = false;

	constructor(btf: Btf) {
		this.#table = btf.nameTable();
	}

	/** The one offset for all that have the same text. */
	first(offset: number): number {
		return offset === 0 ? 0 : this.#table.first(offset);
	}

	/** A name for one more owner. `first`: of its offset; `changed`: C has it otherwise than the BTF. */
	take(first: number, name: string, changed: boolean): string {
		let count = (this.#owners.get(first) ?? 0) + 1;
		const wanted = name === "" ? "unnamed" : name;
		const own = wanted === name && !changed;
		let text = count === 1 ? wanted : `${wanted}___${count}`;
		while (this.#taken(text, own && count === 1)) text = `${wanted}___${++count}`;
		this.#owners.set(first, count);
		if (!own) this.#changed = true;
		if (!own || count > 1) this.#made.add(text);
		return text;
	}

	/** `own`: it stands in the BTF just so, and is new. */
	#taken(text: string, own: boolean): boolean {
		if (!own) return this.#made.has(text) || this.#table.has(text);
		// To look for each of a hundred thousand names would take longer than to write them.
		return this.#made.size > 0 && (this.#changed || text.includes("___")) && this.#made.has(text);
	}
}

/** Names as C wants them: every tag, and every typedef and enumerator, once; second owners get `___2` and so on. */
export class CNames {
	readonly #btf: Btf;
	/** `struct x`, `union x`, `enum x` by id. */
	readonly #tags: (string | undefined)[];
	readonly #ordinary: (string | undefined)[];
	/** Of a tag's first owner. */
	readonly #tagOwners = new Map<number, { readonly keyword: string; forward: boolean }>();
	readonly #tagSpace: Namespace;
	readonly #ordinarySpace: Namespace;
	/** `__builtin_va_list`, which the compiler has without being told. */
	readonly #builtins: ReadonlySet<number>;
	readonly #scalars: (string | undefined)[] = [];

	/** Offsets of strings that are no C identifiers. */
	readonly #odd: ReadonlySet<number>;

	constructor(btf: Btf) {
		this.#btf = btf;
		this.#odd = btf.stringsUnlike(KEYWORDS);
		this.#tagSpace = new Namespace(btf);
		this.#ordinarySpace = new Namespace(btf);
		this.#builtins = new Set(btf.findAll("__builtin_va_list").filter((id) => btf.kind(id) === "typedef"));
		this.#tags = new Array(btf.count + 1);
		this.#ordinary = new Array(btf.count + 1);
	}

	/** The name at a string offset, made a C identifier where it is none: of members and parameters, which clash with nothing. */
	plain(offset: number): string {
		if (offset === 0) return "";
		const name = this.#btf.string(offset);
		return this.#odd.has(offset) ? identifier(name) : name;
	}

	/** Writes what `plain` gives. */
	writePlain(out: TextSink, offset: number): void {
		if (this.#odd.has(offset)) out.text(this.plain(offset));
		else this.#btf.writeString(out, offset);
	}

	/** `struct name`. A forward declaration shares the name with the definition of the same keyword. */
	tag(id: number): string {
		const known = this.#tags[id];
		if (known !== undefined) return known;
		const { words, at } = this.#btf.record(id);
		const kind = this.#btf.kind(id);
		const forward = kind === "fwd";
		const keyword = forward ? (words[at + 1]! >>> 31 === 1 ? "union" : "struct") : kind === "enum64" ? "enum" : kind;
		const offset = words[at]!;
		const name = this.plain(offset);
		const first = this.#tagSpace.first(offset);
		const owner = this.#tagOwners.get(first);
		const shared = owner !== undefined && owner.keyword === keyword && (forward || owner.forward);
		if (owner === undefined) this.#tagOwners.set(first, { keyword, forward });
		else if (shared) owner.forward &&= forward;
		const text = `${keyword} ${shared ? name : this.#tagSpace.take(first, name, this.#odd.has(offset))}`;
		this.#tags[id] = text;
		return text;
	}

	/** Of a typedef. */
	ordinary(id: number): string {
		const known = this.#ordinary[id];
		if (known !== undefined) return known;
		const { words, at } = this.#btf.record(id);
		const name = this.enumerator(words[at]!);
		this.#ordinary[id] = name;
		return name;
	}

	/** Of the enumerator whose name is at a string offset. */
	enumerator(offset: number): string {
		const name = this.plain(offset);
		return this.#ordinarySpace.take(this.#ordinarySpace.first(offset), name, this.#odd.has(offset));
	}

	/** The compiler has this typedef without being told. */
	isBuiltin(id: number): boolean {
		return this.#builtins.has(id);
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
		const alias = this.ordinary(id);
		this.#scalars[id] = alias;
		return `typedef ${t.signed ? "signed" : "unsigned"} ${plain} ${alias};\n\n`;
	}
}

function identifier(name: string): string {
	if (KEYWORDS.has(name)) return `${name}_`;
	return IDENTIFIER.test(name) ? name : name.replace(/^[0-9]|[^A-Za-z0-9_]/g, "_");
}
