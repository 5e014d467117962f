import { decodeUtf8, encodeUtf8, FormatError } from "#base";
import { encodeTypes, StringTable } from "./encode.ts";
import type { BtfKind, BtfMember, BtfType } from "./types.ts";
import {
	BTF_HEADER_SIZE,
	BTF_MAGIC,
	BTF_VERSION,
	ENTRY_SIZE,
	FIXED_SIZE,
	INT_BOOL,
	INT_CHAR,
	INT_SIGNED,
	KIND_NUMBER,
	KINDS,
	LINKAGES,
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

const VOID: BtfType = { kind: "void" };

/**
 * Type information as it lies in one buffer: ids are numbers, types are made on first access and kept. Decoding makes one
 * pass that finds where each type begins and that every record is whole; names are indexed when one is first looked for.
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
	readonly #view: DataView;
	readonly #little: boolean;
	readonly #offsets: Uint32Array;
	readonly #stringsAt: number;
	readonly #stringsSize: number;
	/** Where own string offsets begin: past all of the base's. */
	readonly #stringsFirst: number;
	readonly #section: string;
	readonly #file: string | undefined;
	#types: (BtfType | undefined)[] | undefined;
	#names: Map<number, string> | undefined;
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
		this.#view = view;
		if (bytes.length < 8) throw this.#error(0, "header", `${bytes.length} bytes, a BTF header has ${BTF_HEADER_SIZE}`);
		const little = view.getUint16(0, true) === BTF_MAGIC;
		if (!little && view.getUint16(0, false) !== BTF_MAGIC)
			throw this.#error(0, "header/magic", `magic 0x${view.getUint16(0, true).toString(16)}, expected 0xeb9f`);
		this.#little = little;
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
		this.#stringsAt = stringsAt;
		this.#stringsSize = stringsSize;
		this.#stringsFirst = this.base ? this.base.#stringsFirst + this.base.#stringsSize : 0;
		this.firstId = this.base ? this.base.count + 1 : 1;
		this.#offsets = this.#index(typesAt, typesEnd);
		this.count = this.firstId + this.#offsets.length - 1;
	}

	#error(offset: number, path: string, message: string): FormatError {
		return new FormatError(
			{ ...(this.#file === undefined ? {} : { file: this.#file }), section: this.#section, offset, path },
			message,
		);
	}

	#index(start: number, end: number): Uint32Array {
		const view = this.#view;
		const little = this.#little;
		const offsets = new Uint32Array(Math.ceil((end - start) / TYPE_SIZE));
		let n = 0;
		for (let at = start; at < end; n++) {
			const path = () => `Type[${this.firstId + n}]`;
			if (at + TYPE_SIZE > end) throw this.#error(at, path(), `${end - at} bytes, a type has at least ${TYPE_SIZE}`);
			offsets[n] = at;
			const info = view.getUint32(at + 4, little);
			const kind = (info >>> 24) & 0x1f;
			if (kind === 0 || kind >= KINDS.length)
				throw this.#error(at + 4, `${path()}/kind`, `kind ${kind}, expected 1 to ${KINDS.length - 1}`);
			const size = TYPE_SIZE + FIXED_SIZE[kind]! + ENTRY_SIZE[kind]! * (info & 0xffff);
			if (at + size > end) throw this.#error(at, path(), `${KINDS[kind]} of ${size} bytes, ${end - at} are left`);
			at += size;
		}
		return offsets.slice(0, n);
	}

	#at(id: number): number {
		const o = this.#offsets[id - this.firstId];
		if (o === undefined) throw new RangeError(`no BTF type ${id}: ids go from ${this.firstId} to ${this.count}`);
		return o;
	}

	/** Kind by id, without making the type. @throws RangeError for an id that is not there. */
	kind(id: number): BtfKind {
		if (id === 0) return "void";
		if (id < this.firstId && this.base) return this.base.kind(id);
		return KINDS[(this.#view.getUint32(this.#at(id) + 4, this.#little) >>> 24) & 0x1f]!;
	}

	/** Name by id, "" where there is none. @throws RangeError, FormatError */
	name(id: number): string {
		if (id === 0) return "";
		if (id < this.firstId && this.base) return this.base.name(id);
		const at = this.#at(id);
		return this.#string(this.#view.getUint32(at, this.#little), at, () => `Type[${id}]/name`);
	}

	/** String at an offset of the string section; `.BTF.ext` refers to strings so. @throws FormatError */
	string(offset: number): string {
		return this.#string(offset, 0, () => `strings[${offset}]`);
	}

	#string(offset: number, place: number, path: () => string): string {
		if (offset === 0) return "";
		if (offset < this.#stringsFirst && this.base) return this.base.#string(offset, place, path);
		const known = this.#names?.get(offset);
		if (known !== undefined) return known;
		const own = offset - this.#stringsFirst;
		if (own >= this.#stringsSize)
			throw this.#error(
				place,
				path(),
				`string offset ${offset}, the strings have ${this.#stringsFirst + this.#stringsSize} bytes`,
			);
		const start = this.#stringsAt + own;
		// The section ends with NUL, so there always is one.
		const end = this.bytes.indexOf(0, start);
		const text = decodeUtf8(this.bytes.subarray(start, end));
		this.#names ??= new Map();
		this.#names.set(offset, text);
		return text;
	}

	/** Type by id; the same object every time. @throws RangeError for an id that is not there, FormatError for a malformed type. */
	type(id: number): BtfType {
		if (id === 0) return VOID;
		if (id < this.firstId && this.base) return this.base.type(id);
		// Made to its length: an array that grows from the far end becomes a dictionary.
		this.#types ??= new Array(this.#offsets.length);
		const i = id - this.firstId;
		const known = this.#types[i];
		if (known) return known;
		const t = this.#make(id);
		this.#types[i] = t;
		return t;
	}

	#make(id: number): BtfType {
		const view = this.#view;
		const little = this.#little;
		const at = this.#at(id);
		const u32 = (o: number) => view.getUint32(o, little);
		const path = (part: string) => `Type[${id}]/${part}`;
		const ref = (o: number, part: string): number => {
			const t = u32(o);
			if (t > this.count) throw this.#error(o, path(part), `type id ${t}, the highest is ${this.count}`);
			return t;
		};
		const str = (o: number, part: string): string => this.#string(u32(o), o, () => path(part));
		const info = u32(at + 4);
		const kind = KINDS[(info >>> 24) & 0x1f]!;
		const flag = info >>> 31 === 1;
		const vlen = info & 0xffff;
		const name = str(at, "name");
		const more = at + TYPE_SIZE;
		const size = u32(at + 8);
		switch (kind) {
			case "int": {
				const bits = u32(more);
				const encoding = (bits >>> 24) & 0xf;
				const width = bits & 0xff;
				if (size === 0 || size > 16 || (size & (size - 1)) !== 0)
					throw this.#error(at + 8, path("size"), `int of ${size} bytes, expected 1, 2, 4, 8 or 16`);
				if (width > size * 8) throw this.#error(more, path("bits"), `int of ${width} bits in ${size} bytes`);
				return {
					kind,
					name,
					size,
					bits: width,
					offset: (bits >>> 16) & 0xff,
					signed: (encoding & INT_SIGNED) !== 0,
					char: (encoding & INT_CHAR) !== 0,
					bool: (encoding & INT_BOOL) !== 0,
				};
			}
			case "ptr":
			case "volatile":
			case "const":
			case "restrict":
				return { kind, type: ref(at + 8, "type") };
			case "typedef":
			case "type_tag":
				return { kind, name, type: ref(at + 8, "type") };
			case "array":
				return { kind, type: ref(more, "type"), index: ref(more + 4, "index"), length: u32(more + 8) };
			case "struct":
			case "union": {
				const members: BtfMember[] = new Array(vlen);
				for (let i = 0; i < vlen; i++) {
					const m = more + i * 12;
					const offset = u32(m + 8);
					members[i] = {
						name: str(m, `members[${i}]/name`),
						type: ref(m + 4, `members[${i}]`),
						bitOffset: flag ? offset & 0xffffff : offset,
						bitSize: flag ? offset >>> 24 : 0,
					};
				}
				return { kind, name, size, members };
			}
			case "enum": {
				const values: { name: string; value: number }[] = new Array(vlen);
				for (let i = 0; i < vlen; i++) {
					const v = more + i * 8;
					values[i] = { name: str(v, `values[${i}]/name`), value: flag ? view.getInt32(v + 4, little) : u32(v + 4) };
				}
				this.#checkEnumSize(at, id, size);
				return { kind, name, size, signed: flag, values };
			}
			case "enum64": {
				const values: { name: string; value: bigint }[] = new Array(vlen);
				for (let i = 0; i < vlen; i++) {
					const v = more + i * 12;
					const raw = (BigInt(u32(v + 8)) << 32n) | BigInt(u32(v + 4));
					values[i] = { name: str(v, `values[${i}]/name`), value: flag ? BigInt.asIntN(64, raw) : raw };
				}
				this.#checkEnumSize(at, id, size);
				return { kind, name, size, signed: flag, values };
			}
			case "fwd":
				return { kind, name, union: flag };
			case "func":
				return { kind, name, type: ref(at + 8, "type"), linkage: this.#linkage(vlen, at + 4, id) };
			case "func_proto": {
				const params: { name: string; type: number }[] = new Array(vlen);
				for (let i = 0; i < vlen; i++) {
					const p = more + i * 8;
					params[i] = { name: str(p, `params[${i}]/name`), type: ref(p + 4, `params[${i}]`) };
				}
				return { kind, ret: ref(at + 8, "ret"), params };
			}
			case "var":
				return { kind, name, type: ref(at + 8, "type"), linkage: this.#linkage(u32(more), more, id) };
			case "datasec": {
				const vars: { type: number; offset: number; size: number }[] = new Array(vlen);
				for (let i = 0; i < vlen; i++) {
					const v = more + i * 12;
					vars[i] = { type: ref(v, `vars[${i}]`), offset: u32(v + 4), size: u32(v + 8) };
				}
				return { kind, name, size, vars };
			}
			case "float":
				return { kind, name, size };
			case "decl_tag":
				return { kind, name, type: ref(at + 8, "type"), component: view.getInt32(more, little) };
			case "void":
				// The index refuses kind 0.
				return VOID;
		}
	}

	#checkEnumSize(at: number, id: number, size: number): void {
		if (size !== 1 && size !== 2 && size !== 4 && size !== 8)
			throw this.#error(at + 8, `Type[${id}]/size`, `enum of ${size} bytes, expected 1, 2, 4 or 8`);
	}

	#linkage(value: number, at: number, id: number): "static" | "global" | "extern" {
		const l = LINKAGES[value];
		if (!l) throw this.#error(at, `Type[${id}]/linkage`, `linkage ${value}, expected 0, 1 or 2`);
		return l;
	}

	/**
	 * Id of the type with this name, of this kind where one is given; of several the first. undefined: there is none.
	 * The name is C's: `task_struct`, not `struct task_struct`.
	 */
	find(name: string, kind?: BtfKind): number | undefined {
		const found = this.base?.find(name, kind);
		if (found !== undefined) return found;
		for (const id of this.#candidates(name)) if (kind === undefined || this.kind(id) === kind) return id;
		return undefined;
	}

	/** Ids of all types with this name, ascending. */
	findAll(name: string): number[] {
		return [...(this.base?.findAll(name) ?? []), ...this.#candidates(name)];
	}

	*#candidates(name: string): Generator<number, undefined> {
		if (name === "") return;
		const bytes = encodeUtf8(name);
		this.#buckets ?? this.#buildNames();
		const buckets = this.#buckets!;
		const chain = this.#chain!;
		let hash = 0x811c9dc5;
		for (const b of bytes) hash = Math.imul(hash ^ b, 0x01000193);
		for (let i = buckets[hash & (buckets.length - 1)]!; i >= 0; i = chain[i]!) {
			const offset = this.#view.getUint32(this.#offsets[i]!, this.#little);
			if (this.#sameString(offset, bytes)) yield i + this.firstId;
		}
	}

	#sameString(offset: number, text: Uint8Array): boolean {
		if (offset < this.#stringsFirst && this.base) return this.base.#sameString(offset, text);
		const start = this.#stringsAt + offset - this.#stringsFirst;
		const end = this.#stringsAt + this.#stringsSize;
		if (start + text.length >= end || this.bytes[start + text.length] !== 0) return false;
		for (let i = 0; i < text.length; i++) if (this.bytes[start + i] !== text[i]) return false;
		return true;
	}

	/** Hash table from the names' bytes to type indexes; no string is made. Chains ascend because it is filled from the end. */
	#buildNames(): void {
		const n = this.#offsets.length;
		const size = 1 << Math.max(4, 32 - Math.clz32(n));
		const buckets = new Int32Array(size).fill(-1);
		const chain = new Int32Array(n);
		const view = this.#view;
		const little = this.#little;
		const ownAt = this.#stringsAt - this.#stringsFirst;
		const end = this.#stringsAt + this.#stringsSize;
		const bytes = this.bytes;
		let lastOffset = 0;
		let lastHash = 0;
		for (let i = n - 1; i >= 0; i--) {
			const offset = view.getUint32(this.#offsets[i]!, little);
			if (offset === 0) continue;
			let hash = 0x811c9dc5;
			if (offset === lastOffset) hash = lastHash;
			else if (offset < this.#stringsFirst) hash = this.base!.#hashString(offset);
			else for (let p = ownAt + offset; p < end && bytes[p] !== 0; p++) hash = Math.imul(hash ^ bytes[p]!, 0x01000193);
			lastOffset = offset;
			lastHash = hash;
			const slot = hash & (size - 1);
			chain[i] = buckets[slot]!;
			buckets[slot] = i;
		}
		this.#buckets = buckets;
		this.#chain = chain;
	}

	#hashString(offset: number): number {
		if (offset < this.#stringsFirst && this.base) return this.base.#hashString(offset);
		let hash = 0x811c9dc5;
		const end = this.#stringsAt + this.#stringsSize;
		for (let p = this.#stringsAt + offset - this.#stringsFirst; p < end && this.bytes[p] !== 0; p++)
			hash = Math.imul(hash ^ this.bytes[p]!, 0x01000193);
		return hash;
	}

	/** All ids of one kind, ascending, the base's included. Makes no types. */
	*ofKind(kind: BtfKind): Generator<number, undefined> {
		if (this.base) yield* this.base.ofKind(kind);
		const number = KIND_NUMBER[kind];
		for (let i = 0; i < this.#offsets.length; i++)
			if (((this.#view.getUint32(this.#offsets[i]! + 4, this.#little) >>> 24) & 0x1f) === number)
				yield i + this.firstId;
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
		throw this.#error(0, `Type[${id}]`, `a chain of more than ${MAX_DEPTH} typedefs and modifiers`);
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
						throw this.#error(0, `Type[${id}]`, `array of ${count} elements, expected less than 2^32`);
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
				throw this.#error(0, `Type[${id}]`, `${count * size} bytes, expected less than 2^32`);
			return count * size;
		}
		throw this.#error(0, `Type[${id}]`, `a chain of more than ${MAX_DEPTH} arrays, typedefs and modifiers`);
	}

	/** A FormatError that names this BTF; for readers of it. */
	malformed(path: string, message: string): FormatError {
		return this.#error(0, path, message);
	}

	/**
	 * Bytes as a `.BTF` section, little-endian: those it was decoded from where they are so, else written anew. Split BTF
	 * stays split.
	 */
	encode(): Uint8Array {
		if (this.#little) return this.bytes;
		const strings = new StringTable(this.#stringsFirst);
		return encodeTypes(this.#own(), strings, (text) => this.base?.stringOffset(text));
	}

	*#own(): Generator<BtfType, undefined> {
		for (let id = this.firstId; id <= this.count; id++) yield this.type(id);
	}

	/** Where a string begins in the string section; undefined: it is not there. Looks through all of it. */
	stringOffset(text: string): number | undefined {
		if (text === "") return 0;
		const known = this.base?.stringOffset(text);
		if (known !== undefined) return known;
		const bytes = encodeUtf8(`${text}\0`);
		const end = this.#stringsAt + this.#stringsSize - bytes.length;
		for (let at = this.#stringsAt; at <= end; at++) {
			let n = 0;
			while (n < bytes.length && this.bytes[at + n] === bytes[n]) n++;
			if (n === bytes.length) return at - this.#stringsAt + this.#stringsFirst;
		}
		return undefined;
	}

	/** One past the last string offset, the base's strings included: where split BTF on this one begins its own. */
	get stringsEnd(): number {
		return this.#stringsFirst + this.#stringsSize;
	}
}
