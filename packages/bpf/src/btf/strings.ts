import { decodeUtf8, encodeUtf8 } from "#base";
import type { TextSink } from "./text-sink.ts";

/** 1 for letters, digits and `_`. */
const WORD = Uint8Array.from({ length: 256 }, (_, b) => (/^\w$/.test(String.fromCharCode(b)) ? 1 : 0));

/**
 * The string section of one BTF. Pure ASCII, as kernels' are, it is decoded once and names are slices of it; a name is
 * then looked for by the engine's own search. Offsets count through the base's strings, as in split BTF.
 */
export class BtfStrings {
	readonly base: BtfStrings | undefined;
	/** Where own offsets begin: past all of the base's. */
	readonly first: number;
	/** Own bytes. */
	readonly size: number;
	readonly #bytes: Uint8Array;
	/** undefined: not decoded yet; null: a character of more than one byte is in it. */
	#text: string | null | undefined;
	#kept: Map<number, string> | undefined;

	/** `bytes` end with NUL, or are empty. */
	constructor(bytes: Uint8Array, base?: BtfStrings) {
		this.#bytes = bytes;
		this.base = base;
		this.first = base ? base.end : 0;
		this.size = bytes.length;
	}

	/** One past the last offset. */
	get end(): number {
		return this.first + this.size;
	}

	#ascii(): string | null {
		if (this.#text === undefined) {
			const text = decodeUtf8(this.#bytes);
			// UTF-8 never has fewer bytes than UTF-16 units: as long as the bytes means one unit a byte.
			this.#text = text.length === this.#bytes.length ? text : null;
		}
		return this.#text;
	}

	/** Text at an offset up to its NUL; undefined: past the end. */
	at(offset: number): string | undefined {
		if (offset < this.first) return this.base!.at(offset);
		const own = offset - this.first;
		if (own >= this.size) return offset === 0 ? "" : undefined;
		const text = this.#text === undefined ? this.#ascii() : this.#text;
		if (text !== null) return text.slice(own, text.indexOf("\0", own));
		this.#kept ??= new Map();
		let known = this.#kept.get(offset);
		if (known === undefined) {
			known = decodeUtf8(this.#bytes.subarray(own, this.#bytes.indexOf(0, own)));
			this.#kept.set(offset, known);
		}
		return known;
	}

	/** All offsets at which exactly this text stands up to a NUL, the ends of longer strings too; ascending, the base's first. */
	offsetsOf(name: string): number[] {
		const out = this.base?.offsetsOf(name) ?? [];
		const text = this.#ascii();
		if (text !== null) {
			const wanted = `${name}\0`;
			for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) out.push(at + this.first);
			return out;
		}
		const wanted = encodeUtf8(`${name}\0`);
		const bytes = this.#bytes;
		const first = wanted[0]!;
		for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
			let n = 1;
			while (n < wanted.length && bytes[at + n] === wanted[n]) n++;
			if (n === wanted.length) out.push(at + this.first);
		}
		return out;
	}

	/** Offsets of strings that hold anything but letters, digits and `_`, begin with a digit, or are one of `words` (up to 8 letters). */
	unlike(words: ReadonlySet<string>): Set<number> {
		const out = this.base?.unlike(words) ?? new Set<number>();
		const bytes = this.#bytes;
		// By first byte the lengths of the words: nearly every string is told apart by that.
		const lengths = new Uint16Array(256);
		for (const word of words) lengths[word.charCodeAt(0)]! |= 1 << word.length;
		for (let p = 0; p < bytes.length; p++) {
			const start = p;
			// NUL is no letter either, and the last byte is one.
			while (WORD[bytes[p]!] === 1) p++;
			let odd = bytes[p] !== 0 || (p > start && bytes[start]! < 0x3a);
			while (bytes[p] !== 0) p++;
			odd ||=
				p - start <= 8 &&
				(lengths[bytes[start]!]! & (1 << (p - start))) !== 0 &&
				words.has(this.at(start + this.first)!);
			if (odd) out.add(start + this.first);
		}
		return out;
	}

	/** Writes the text at an offset; nothing where it is past the end. */
	write(out: TextSink, offset: number): void {
		if (offset < this.first) this.base!.write(out, offset);
		else if (offset < this.end) out.cstring(this.#bytes, offset - this.first);
	}

	/** FNV-1a of the bytes at an offset up to their NUL. */
	hash(offset: number): number {
		if (offset < this.first) return this.base!.hash(offset);
		const bytes = this.#bytes;
		let hash = 0x811c9dc5;
		for (let p = offset - this.first, end = bytes.length; p < end; p++) {
			const b = bytes[p]!;
			if (b === 0) break;
			hash = Math.imul(hash ^ b, 0x01000193);
		}
		return hash;
	}

	/** Byte at an offset; 0 past the end. */
	#byte(offset: number): number {
		return offset < this.first ? this.base!.#byte(offset) : (this.#bytes[offset - this.first] ?? 0);
	}

	/** Whether the same text stands at both offsets. */
	same(a: number, b: number): boolean {
		for (let i = 0; ; i++) {
			const c = this.#byte(a + i);
			if (c !== this.#byte(b + i)) return false;
			if (c === 0) return true;
		}
	}

	/** Whether exactly these bytes stand at an offset. */
	holds(offset: number, wanted: Uint8Array): boolean {
		if (offset < this.first) return this.base!.holds(offset, wanted);
		const start = offset - this.first;
		const bytes = this.#bytes;
		if (start + wanted.length >= bytes.length || bytes[start + wanted.length] !== 0) return false;
		for (let i = 0; i < wanted.length; i++) if (bytes[start + i] !== wanted[i]) return false;
		return true;
	}
}

/**
 * Names by their bytes: which offsets stand for the same text. (A `Map` by strings that are slices of one large string
 * spends microseconds a name.)
 */
export class NameTable {
	readonly #strings: BtfStrings;
	/** Offsets, open addressing; 0: free. */
	#slots = new Uint32Array(1 << 12);
	#used = 0;

	constructor(strings: BtfStrings) {
		this.#strings = strings;
	}

	/** The first offset that was asked for and has the same text. */
	first(offset: number): number {
		const strings = this.#strings;
		if (this.#used * 2 > this.#slots.length) this.#grow();
		const mask = this.#slots.length - 1;
		for (let i = strings.hash(offset) & mask; ; i = (i + 1) & mask) {
			const known = this.#slots[i]!;
			if (known === offset) return offset;
			if (known === 0) {
				this.#slots[i] = offset;
				this.#used++;
				return offset;
			}
			if (strings.same(known, offset)) return known;
		}
	}

	/** Whether a text was asked for. */
	has(text: string): boolean {
		const bytes = encodeUtf8(text);
		const mask = this.#slots.length - 1;
		for (let i = hashName(bytes) & mask; ; i = (i + 1) & mask) {
			const known = this.#slots[i]!;
			if (known === 0) return false;
			if (this.#strings.holds(known, bytes)) return true;
		}
	}

	#grow(): void {
		const old = this.#slots;
		this.#slots = new Uint32Array(old.length * 2);
		const mask = this.#slots.length - 1;
		for (const offset of old) {
			if (offset === 0) continue;
			let i = this.#strings.hash(offset) & mask;
			while (this.#slots[i] !== 0) i = (i + 1) & mask;
			this.#slots[i] = offset;
		}
	}
}

/** The hash of `BtfStrings.hash`, of text that is not in a section. */
export function hashName(bytes: Uint8Array): number {
	let hash = 0x811c9dc5;
	for (const b of bytes) hash = Math.imul(hash ^ b, 0x01000193);
	return hash;
}
