import { encodeUtf8, FormatError } from "#base";
import { encodeTypes, StringTable } from "./encode.ts";
import { makeType, type RecordSource, VOID } from "./record.ts";
import { BtfStrings, hashName, NameTable } from "./strings.ts";
import type { TextSink } from "./text-sink.ts";
import type { BtfKind, BtfType } from "./types.ts";
import {
	BTF_HEADER_SIZE,
	BTF_MAGIC,
	BTF_VERSION,
	ENTRY_SIZE,
	FIXED_SIZE,
	KIND_NUMBER,
	KINDS,
	MAX_DEPTH,
	TYPE_SIZE,
} from "./wire.ts";

export interface BtfDecodeOptions {
	/** Split BTF (a module's): ids and strings continue those of the base. */
	readonly base?: Btf | undefined;
	/** For messages. Default `.BTF`. */
	readonly section?: string;
	/** For messages. */
	readonly file?: string;
}

/** Words of a whole record: three, a fixed part and one part for each of `vlen`. By kind number. */
const FIXED_WORDS = Uint8Array.from(FIXED_SIZE, (size) => (TYPE_SIZE + size) / 4);
const ENTRY_WORDS = Uint8Array.from(ENTRY_SIZE, (size) => size / 4);
const LITTLE_HOST = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
/** So many names are looked for through all types before a hash table is worth its making. */
const SCANS = 4;

/**
 * Type information as it lies in one buffer: ids are numbers, types are made on first access and kept. Decoding makes one
 * pass that finds where each type begins and that every record is whole; names are indexed when several are looked for.
 * What a type refers to is checked when it is read: a bad id or string is a FormatError with a path like
 * `Type[17]/members[3]`. Read both byte orders; written little-endian.
 */
export class Btf {
	/** The bytes that were decoded; for a `BtfBuilder`'s result, those it wrote. */
	readonly bytes: Uint8Array;
	readonly base: Btf | undefined;
	/** First id of its own: 1, or one past the base's last. */
	readonly firstId: number;
	/** Highest id (the base's included). */
	readonly count: number;
	readonly byteOrder: "little" | "big";
	/** The types' section in words of the host's byte order. */
	readonly #words: Uint32Array;
	/** Where each own type begins, in words. */
	readonly #starts: Uint32Array;
	readonly #typesAt: number;
	readonly #strings: BtfStrings;
	readonly #source: RecordSource;
	readonly #section: string;
	readonly #file: string | undefined;
	#types: (BtfType | undefined)[] | undefined;
	#scans = 0;
	#buckets: Int32Array | undefined;
	#chain: Int32Array | undefined;

	/**
	 * Bytes of a `.BTF` section or of /sys/kernel/btf/NAME.
	 * @throws FormatError where the header, a record or the strings do not fit.
	 */
	static decode(bytes: Uint8Array, options: BtfDecodeOptions = {}): Btf {
		return new Btf(bytes, options);
	}

	private constructor(bytes: Uint8Array, options: BtfDecodeOptions) {
		this.bytes = bytes;
		this.base = options.base;
		this.#section = options.section ?? ".BTF";
		this.#file = options.file;
		const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
		if (bytes.length < 8) throw this.#error(0, "header", `${bytes.length} bytes, a BTF header has ${BTF_HEADER_SIZE}`);
		const little = view.getUint16(0, true) === BTF_MAGIC;
		if (!little && view.getUint16(0, false) !== BTF_MAGIC)
			throw this.#error(0, "header/magic", `magic 0x${view.getUint16(0, true).toString(16)}, expected 0xeb9f`);
		this.byteOrder = little ? "little" : "big";
		if (bytes[2] !== BTF_VERSION)
			throw this.#error(2, "header/version", `version ${bytes[2]}, expected ${BTF_VERSION}`);
		const headerSize = view.getUint32(4, little);
		if (headerSize < BTF_HEADER_SIZE || headerSize > bytes.length)
			throw this.#error(
				4,
				"header/hdr_len",
				`header of ${headerSize} bytes in ${bytes.length}, expected at least ${BTF_HEADER_SIZE}`,
			);
		const at = (o: number) => view.getUint32(o, little);
		const typesAt = headerSize + at(8);
		const typesEnd = typesAt + at(12);
		const stringsAt = headerSize + at(16);
		const stringsSize = at(20);
		if (typesEnd > bytes.length)
			throw this.#error(12, "header/type_len", `types end at ${typesEnd}, the section at ${bytes.length}`);
		if (stringsAt + stringsSize > bytes.length)
			throw this.#error(
				20,
				"header/str_len",
				`strings end at ${stringsAt + stringsSize}, the section at ${bytes.length}`,
			);
		if (typesAt % 4 !== 0)
			throw this.#error(8, "header/type_off", `types begin at ${typesAt}, expected a multiple of 4`);
		if (stringsSize > 0 && bytes[stringsAt + stringsSize - 1] !== 0)
			throw this.#error(stringsAt + stringsSize - 1, "strings", "the last string has no NUL at its end");
		if (!this.base && (stringsSize === 0 || bytes[stringsAt] !== 0))
			throw this.#error(stringsAt, "strings", "the first string is not empty");
		this.#strings = new BtfStrings(
			bytes.subarray(stringsAt, stringsAt + stringsSize),
			this.base ? this.base.#strings : undefined,
		);
		this.firstId = this.base ? this.base.count + 1 : 1;
		this.#typesAt = typesAt;
		this.#words = wordsOf(bytes, typesAt, typesEnd, little);
		this.#starts = this.#index(typesEnd);
		this.count = this.firstId + this.#starts.length - 1;
		this.#source = {
			words: this.#words,
			strings: this.#strings,
			count: this.count,
			fail: (word, id, part, message) => this.#error(typesAt + word * 4, `Type[${id}]/${part}`, message),
		};
	}

	#error(offset: number, path: string, message: string): FormatError {
		return new FormatError(
			{ ...(this.#file === undefined ? {} : { file: this.#file }), section: this.#section, offset, path },
			message,
		);
	}

	#index(typesEnd: number): Uint32Array {
		const words = this.#words;
		const end = words.length;
		const starts = new Uint32Array(Math.ceil(end / 3));
		let n = 0;
		for (let at = 0; at < end; n++) {
			if (at + 3 > end) throw this.#cut(at, n, typesEnd);
			starts[n] = at;
			const info = words[at + 1]!;
			const kind = (info >>> 24) & 0x1f;
			if (kind === 0 || kind >= KINDS.length)
				throw this.#error(
					this.#typesAt + at * 4 + 4,
					`Type[${this.firstId + n}]/kind`,
					`kind ${kind}, expected 1 to ${KINDS.length - 1}`,
				);
			const next = at + FIXED_WORDS[kind]! + ENTRY_WORDS[kind]! * (info & 0xffff);
			if (next > end) {
				const place = this.#typesAt + at * 4;
				throw this.#error(
					place,
					`Type[${this.firstId + n}]`,
					`${KINDS[kind]} of ${(next - at) * 4} bytes, ${typesEnd - place} are left`,
				);
			}
			at = next;
		}
		if ((typesEnd - this.#typesAt) % 4 !== 0) throw this.#cut(end, n, typesEnd);
		return starts.slice(0, n);
	}

	#cut(word: number, n: number, typesEnd: number): FormatError {
		const place = this.#typesAt + word * 4;
		const left = typesEnd - place;
		return this.#error(place, `Type[${this.firstId + n}]`, `${left} bytes, a type has at least ${TYPE_SIZE}`);
	}

	#at(id: number): number {
		const start = this.#starts[id - this.firstId];
		if (start === undefined) throw new RangeError(`no BTF type ${id}: ids go from ${this.firstId} to ${this.count}`);
		return start;
	}

	/** Kind by id, without making the type. @throws RangeError for an id that is not there. */
	kind(id: number): BtfKind {
		if (id === 0) return "void";
		if (id < this.firstId && this.base) return this.base.kind(id);
		return KINDS[(this.#words[this.#at(id) + 1]! >>> 24) & 0x1f]!;
	}

	/** Name by id, "" where there is none. @throws RangeError, FormatError */
	name(id: number): string {
		if (id === 0) return "";
		if (id < this.firstId && this.base) return this.base.name(id);
		const at = this.#at(id);
		const offset = this.#words[at]!;
		if (offset === 0) return "";
		return this.#strings.at(offset) ?? this.#noString(offset, this.#typesAt + at * 4, `Type[${id}]/name`);
	}

	/** String at an offset of the string section; `.BTF.ext` refers to strings so. @throws FormatError */
	string(offset: number): string {
		return this.#strings.at(offset) ?? this.#noString(offset, 0, `strings[${offset}]`);
	}

	/** Writes the string at an offset, without making it. @throws FormatError */
	writeString(out: TextSink, offset: number): void {
		if (offset >= this.#strings.end) this.#noString(offset, 0, `strings[${offset}]`);
		this.#strings.write(out, offset);
	}

	#noString(offset: number, place: number, path: string): never {
		throw this.#error(place, path, `string offset ${offset}, the strings have ${this.#strings.end} bytes`);
	}

	/**
	 * The record of an id as it lies: words of the host's byte order and where it begins among them. For readers in this
	 * folder that go through everything without making types.
	 * @throws RangeError for an id that is not there.
	 */
	record(id: number): { readonly words: Uint32Array; readonly at: number } {
		if (id < this.firstId && this.base) return this.base.record(id);
		return { words: this.#words, at: this.#at(id) };
	}

	/** Shows every record, the base's first, as `record` tells of one. */
	eachRecord(visit: (id: number, words: Uint32Array, at: number) => void): void {
		this.base?.eachRecord(visit);
		for (let i = 0; i < this.#starts.length; i++) visit(i + this.firstId, this.#words, this.#starts[i]!);
	}

	/** Type by id; the same object every time. @throws RangeError for an id that is not there, FormatError for a malformed type. */
	type(id: number): BtfType {
		if (id === 0) return VOID;
		if (id < this.firstId && this.base) return this.base.type(id);
		// Made to its length: an array that grows from the far end becomes a dictionary.
		this.#types ??= new Array(this.#starts.length);
		const i = id - this.firstId;
		const known = this.#types[i];
		if (known) return known;
		const t = makeType(this.#source, id, this.#at(id));
		this.#types[i] = t;
		return t;
	}

	/**
	 * Id of the type with this name, of this kind where one is given; of several the first. undefined: there is none.
	 * The name is C's: `task_struct`, not `struct task_struct`.
	 */
	find(name: string, kind?: BtfKind): number | undefined {
		const found = this.base?.find(name, kind);
		if (found !== undefined) return found;
		if (name === "") return undefined;
		const wanted = kind === undefined ? -1 : KIND_NUMBER[kind];
		if (!this.#buckets && this.#scans++ < SCANS) return this.#scan(name, wanted, undefined);
		for (const id of this.#candidates(name))
			if (wanted < 0 || ((this.#words[this.#at(id) + 1]! >>> 24) & 0x1f) === wanted) return id;
		return undefined;
	}

	/** Ids of all types with this name, ascending. */
	findAll(name: string): number[] {
		const found = this.base?.findAll(name) ?? [];
		if (name === "") return found;
		if (!this.#buckets && this.#scans++ < SCANS) this.#scan(name, -1, found);
		else found.push(...this.#candidates(name));
		return found;
	}

	/** Looks where the text stands in the strings, then which types say so. First id, or all of them into `out`. */
	#scan(name: string, wanted: number, out: number[] | undefined): number | undefined {
		const offsets = this.#strings.offsetsOf(name);
		if (offsets.length === 0) return undefined;
		const only = offsets.length === 1 ? offsets[0]! : -1;
		const set = new Set(offsets);
		const words = this.#words;
		const starts = this.#starts;
		for (let i = 0; i < starts.length; i++) {
			const at = starts[i]!;
			const offset = words[at]!;
			if (only >= 0 ? offset !== only : offset === 0 || !set.has(offset)) continue;
			if (wanted >= 0 && ((words[at + 1]! >>> 24) & 0x1f) !== wanted) continue;
			if (!out) return i + this.firstId;
			out.push(i + this.firstId);
		}
		return undefined;
	}

	#candidates(name: string): number[] {
		const out: number[] = [];
		const bytes = encodeUtf8(name);
		if (!this.#buckets) this.#buildNames();
		const buckets = this.#buckets!;
		const chain = this.#chain!;
		for (let i = buckets[hashName(bytes) & (buckets.length - 1)]!; i >= 0; i = chain[i]!)
			if (this.#strings.holds(this.#words[this.#starts[i]!]!, bytes)) out.push(i + this.firstId);
		return out;
	}

	/** Hash table from the names' bytes to type indexes; no string is made. Chains ascend because it is filled from the end. */
	#buildNames(): void {
		const n = this.#starts.length;
		const size = 1 << Math.max(4, 32 - Math.clz32(n));
		const buckets = new Int32Array(size).fill(-1);
		const chain = new Int32Array(n);
		const words = this.#words;
		let lastOffset = 0;
		let lastHash = 0;
		for (let i = n - 1; i >= 0; i--) {
			const offset = words[this.#starts[i]!]!;
			if (offset === 0 || offset >= this.#strings.end) continue;
			const hash = offset === lastOffset ? lastHash : this.#strings.hash(offset);
			lastOffset = offset;
			lastHash = hash;
			const slot = hash & (size - 1);
			chain[i] = buckets[slot]!;
			buckets[slot] = i;
		}
		this.#buckets = buckets;
		this.#chain = chain;
	}

	/** All ids of one kind, ascending, the base's included. Makes no types. */
	*ofKind(kind: BtfKind): Generator<number, undefined> {
		if (this.base) yield* this.base.ofKind(kind);
		const number = KIND_NUMBER[kind];
		for (let i = 0; i < this.#starts.length; i++)
			if (((this.#words[this.#starts[i]! + 1]! >>> 24) & 0x1f) === number) yield i + this.firstId;
	}

	/** Skips typedef, const, volatile, restrict and type_tag. @throws FormatError for a chain without end. */
	resolve(id: number): number {
		for (let n = 0; n < MAX_DEPTH; n++) {
			const t = this.type(id);
			switch (t.kind) {
				case "typedef":
				case "const":
				case "volatile":
				case "restrict":
				case "type_tag":
					id = t.type;
					break;
				default:
					return id;
			}
		}
		throw this.malformed(`Type[${id}]`, `a chain of more than ${MAX_DEPTH} typedefs and modifiers`, id);
	}

	/**
	 * Bytes that a value of the type takes; pointers 8. Functions, forward declarations and void have none: 0.
	 * @throws FormatError for a cycle of arrays or a size past 4 GiB.
	 */
	sizeOf(id: number): number {
		let count = 1;
		for (let n = 0; n < MAX_DEPTH; n++) {
			const t = this.type(id);
			let size: number;
			switch (t.kind) {
				case "typedef":
				case "const":
				case "volatile":
				case "restrict":
				case "type_tag":
				case "var":
					id = t.type;
					continue;
				case "array":
					count *= t.length;
					if (count > 0xffffffff)
						throw this.malformed(`Type[${id}]`, `array of ${count} elements, expected less than 2^32`, id);
					id = t.type;
					continue;
				case "ptr":
					size = 8;
					break;
				case "int":
				case "struct":
				case "union":
				case "enum":
				case "enum64":
				case "datasec":
				case "float":
					size = t.size;
					break;
				default:
					size = 0;
			}
			if (count * size > 0xffffffff)
				throw this.malformed(`Type[${id}]`, `${count * size} bytes, expected less than 2^32`, id);
			return count * size;
		}
		throw this.malformed(`Type[${id}]`, `a chain of more than ${MAX_DEPTH} arrays, typedefs and modifiers`, id);
	}

	/** A FormatError that names this BTF, and the place of a type where one is given; for readers of it. */
	malformed(path: string, message: string, id = 0): FormatError {
		if (id > 0 && id < this.firstId && this.base) return this.base.malformed(path, message, id);
		const start = this.#starts[id - this.firstId];
		return this.#error(start === undefined ? 0 : this.#typesAt + start * 4, path, message);
	}

	/**
	 * Bytes as a `.BTF` section, little-endian: those it was decoded from where they are so, else written anew. Split BTF
	 * stays split.
	 */
	encode(): Uint8Array {
		if (this.byteOrder === "little") return this.bytes;
		const strings = new StringTable(this.#strings.first);
		return encodeTypes(this.#own(), strings, (text) => this.base?.stringOffset(text));
	}

	*#own(): Generator<BtfType, undefined> {
		for (let id = this.firstId; id <= this.count; id++) yield this.type(id);
	}

	/** Where a string begins in the string section; undefined: it is not there. Looks through all of it. */
	stringOffset(text: string): number | undefined {
		return text === "" ? 0 : this.#strings.offsetsOf(text)[0];
	}

	/** For readers in this folder that tell names apart by their bytes. */
	nameTable(): NameTable {
		return new NameTable(this.#strings);
	}

	/** Offsets of strings that are no C identifiers or one of `words`. For readers in this folder. */
	stringsUnlike(words: ReadonlySet<string>): Set<number> {
		return this.#strings.unlike(words);
	}

	/** One past the last string offset, the base's strings included: where split BTF on this one begins its own. */
	get stringsEnd(): number {
		return this.#strings.end;
	}
}

function wordsOf(bytes: Uint8Array, start: number, end: number, little: boolean): Uint32Array {
	const length = (end - start) >> 2;
	const at = bytes.byteOffset + start;
	if (little === LITTLE_HOST && at % 4 === 0) return new Uint32Array(bytes.buffer, at, length);
	const view = new DataView(bytes.buffer, at, length * 4);
	const words = new Uint32Array(length);
	for (let i = 0; i < length; i++) words[i] = view.getUint32(i * 4, little);
	return words;
}
