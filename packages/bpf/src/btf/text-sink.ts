import { decodeUtf8, encodeUtf8 } from "#base";

const STRETCH = 256;

/** Text that is written piece by piece as bytes: millions of short strings joined would be garbage first. */
export class TextSink {
	#bytes: Uint8Array;
	#at = 0;

	/** `room`: bytes to begin with. */
	constructor(room = 1 << 16) {
		this.#bytes = new Uint8Array(room);
	}

	/** In bytes. */
	get length(): number {
		return this.#at;
	}

	/** Takes the last bytes away. */
	back(bytes: number): void {
		this.#at -= bytes;
	}

	/** Begins again, in the room that there is. */
	clear(): void {
		this.#at = 0;
	}

	/** What was written from `start` on, `size` bytes of it, once more. */
	again(start: number, size: number): this {
		if (this.#at + size > this.#bytes.length) this.#grow(size);
		const bytes = this.#bytes;
		let at = this.#at;
		for (let p = start, end = start + size; p < end; p++) bytes[at++] = bytes[p]!;
		this.#at = at;
		return this;
	}

	/** Text as bytes, from `start` of `bytes` up to a NUL, which must be there. */
	cstring(bytes: Uint8Array, start: number): this {
		let at = this.#at;
		for (let p = start; ; ) {
			// A name is short: room for the most of one stretch is asked for once.
			if (at + STRETCH > this.#bytes.length) {
				this.#at = at;
				this.#grow(STRETCH);
			}
			const to = this.#bytes;
			const end = at + STRETCH;
			while (at < end) {
				const b = bytes[p++]!;
				if (b === 0) {
					this.#at = at;
					return this;
				}
				to[at++] = b;
			}
		}
	}

	#grow(more: number): void {
		const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + more));
		bytes.set(this.#bytes);
		this.#bytes = bytes;
	}

	text(text: string): this {
		const { length } = text;
		if (this.#at + length > this.#bytes.length) this.#grow(length);
		const bytes = this.#bytes;
		let at = this.#at;
		for (let i = 0; i < length; i++) {
			const c = text.charCodeAt(i);
			if (c >= 0x80) return this.#utf8(text);
			bytes[at++] = c;
		}
		this.#at = at;
		return this;
	}

	#utf8(text: string): this {
		const bytes = encodeUtf8(text);
		if (this.#at + bytes.length > this.#bytes.length) this.#grow(bytes.length);
		this.#bytes.set(bytes, this.#at);
		this.#at += bytes.length;
		return this;
	}

	/** A whole number of at most 32 bits. */
	number(value: number): this {
		if (this.#at + 11 > this.#bytes.length) this.#grow(11);
		const bytes = this.#bytes;
		let at = this.#at;
		let rest = value;
		if (rest < 0) {
			bytes[at++] = 0x2d;
			rest = -rest;
		}
		let digits = 1;
		for (let ten = 10; rest >= ten; ten *= 10) digits++;
		this.#at = at + digits;
		for (let i = at + digits - 1; i >= at; i--) {
			const tenth = Math.floor(rest / 10);
			bytes[i] = 0x30 + rest - tenth * 10;
			rest = tenth;
		}
		return this;
	}

	toString(): string {
		return decodeUtf8(this.#bytes.subarray(0, this.#at));
	}
}
