import { decodeUtf8, encodeUtf8 } from "#base";

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
		let start = 0;
		let odd = false;
		for (let p = 0; p < bytes.length; p++) {
			const b = bytes[p]!;
			if (b !== 0) {
				if (WORD[b] === 0 || (p === start && b < 0x3a)) odd = true;
				continue;
			}
			if (
				odd ||
				(p - start <= 8 && lengths[bytes[start]!]! & (1 << (p - start)) && words.has(this.at(start + this.first)!))
			)
				out.add(start + this.first);
			start = p + 1;
			odd = false;
		}
		return out;
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

/** The hash of `BtfStrings.hash`, of text that is not in a section. */
export function hashName(bytes: Uint8Array): number {
	let hash = 0x811c9dc5;
	for (const b of bytes) hash = Math.imul(hash ^ b, 0x01000193);
	return hash;
}
