import { FormatError } from "@skep/bpf/base";

/** One element of DER (X.690): `bytes` is all of it, `content` what it holds. Windows into the same buffer. */
export interface DerElement {
	readonly tag: number;
	readonly content: Uint8Array;
	readonly bytes: Uint8Array;
	/** In the buffer that was read first. */
	readonly offset: number;
}

/** Tags as they stand on the wire: class, constructed bit, number. */
export const TAG = {
	integer: 0x02,
	bitString: 0x03,
	octetString: 0x04,
	null: 0x05,
	oid: 0x06,
	sequence: 0x30,
	set: 0x31,
	/** Context tag 0, constructed or not. */
	context0: 0xa0,
	implicit0: 0x80,
	context3: 0xa3,
} as const;

const SECTION = "DER";

/** Reads elements side by side, from front to back. @throws FormatError with offset and what was expected */
export class DerReader {
	readonly #bytes: Uint8Array;
	readonly #base: number;
	#at = 0;

	constructor(bytes: Uint8Array, base = 0) {
		this.#bytes = bytes;
		this.#base = base;
	}

	get atEnd(): boolean {
		return this.#at >= this.#bytes.length;
	}

	/** Tag of what comes next; undefined at the end. */
	get peek(): number | undefined {
		return this.#bytes[this.#at];
	}

	/** The next element. `path` names it in errors; with `tag`, any other is an error. */
	next(path: string, tag?: number): DerElement {
		const start = this.#at;
		const fail = (message: string): never => {
			throw new FormatError({ section: SECTION, offset: this.#base + start, path }, message);
		};
		const found = this.#bytes[start];
		const first = this.#bytes[start + 1];
		if (found === undefined || first === undefined) return fail("ends where an element was expected");
		if ((found & 31) === 31) fail(`has tag ${hex(found)} of several bytes, which nothing here uses`);
		if (tag !== undefined && found !== tag) fail(`has tag ${hex(found)}, expected ${hex(tag)}`);
		let header = 2;
		let length = first;
		if (first >= 0x80) {
			const count = first & 0x7f;
			if (count === 0 || count > 4) fail(`has a length of ${count} bytes, expected 1 to 4`);
			length = 0;
			for (let i = 0; i < count; i++)
				length = length * 256 + (this.#bytes[start + 2 + i] ?? fail("ends inside a length"));
			header += count;
		}
		const end = start + header + length;
		if (end > this.#bytes.length) fail(`is ${length} bytes long, ${this.#bytes.length - start - header} are left`);
		this.#at = end;
		return {
			tag: found,
			content: this.#bytes.subarray(start + header, end),
			bytes: this.#bytes.subarray(start, end),
			offset: this.#base + start,
		};
	}

	/** @throws FormatError where anything is left */
	end(path: string): void {
		if (this.atEnd) return;
		const left = this.#bytes.length - this.#at;
		throw new FormatError(
			{ section: SECTION, offset: this.#base + this.#at, path },
			`has ${left} bytes behind its end`,
		);
	}

	/** The elements inside the next one. */
	enter(path: string, tag: number): DerReader {
		const element = this.next(path, tag);
		return new DerReader(element.content, element.offset + element.bytes.length - element.content.length);
	}
}

/** An element around its content; several pieces stand one after the other. */
export function der(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
	const length = content.reduce((sum, piece) => sum + piece.length, 0);
	const size: number[] = [];
	for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) size.unshift(rest % 256);
	const header = length < 0x80 ? [tag, length] : [tag, 0x80 | size.length, ...size];
	const bytes = new Uint8Array(header.length + length);
	bytes.set(header);
	let at = header.length;
	for (const piece of content) {
		bytes.set(piece, at);
		at += piece.length;
	}
	return bytes;
}

/** An object identifier from its dotted form. */
export function oid(dotted: string): Uint8Array {
	const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
	const bytes = [first * 40 + second];
	for (const arc of rest) {
		const groups = [arc & 0x7f];
		for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
		bytes.push(...groups);
	}
	return der(TAG.oid, Uint8Array.from(bytes));
}

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
	a.length === b.length && a.every((byte, i) => byte === b[i]);

const hex = (tag: number): string => `0x${tag.toString(16).padStart(2, "0")}`;
