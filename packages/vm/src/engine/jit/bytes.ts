/** A growing run of bytes, with WebAssembly's ways of writing numbers. */
export class Bytes {
	#bytes = new Uint8Array(256);
	#length = 0;

	get length(): number {
		return this.#length;
	}
	/** What was written so far; a copy. */
	take(): Uint8Array<ArrayBuffer> {
		return this.#bytes.slice(0, this.#length);
	}

	byte(value: number): void {
		if (this.#length === this.#bytes.length) this.#grow(1);
		this.#bytes[this.#length++] = value;
	}
	append(other: Bytes): void {
		if (this.#length + other.#length > this.#bytes.length) this.#grow(other.#length);
		this.#bytes.set(other.#bytes.subarray(0, other.#length), this.#length);
		this.#length += other.#length;
	}

	/** Unsigned LEB128 of a number below 2^32. */
	unsigned(value: number): void {
		let rest = value >>> 0;
		while (rest > 127) {
			this.byte((rest & 127) | 128);
			rest >>>= 7;
		}
		this.byte(rest);
	}
	/** Signed LEB128 of a 32-bit number. */
	signed(value: number): void {
		this.signed64(value | 0, value >> 31);
	}
	/** Signed LEB128 of 64 bits, given as two words. */
	signed64(low: number, high: number): void {
		let rest = low | 0;
		let above = high | 0;
		for (;;) {
			const seven = rest & 127;
			rest = (rest >>> 7) | (above << 25);
			above >>= 7;
			if (rest === above && (above === 0 || above === -1) && (seven & 64) === (above & 64)) {
				this.byte(seven);
				return;
			}
			this.byte(seven | 128);
		}
	}
	/** A name, in ASCII. */
	name(text: string): void {
		this.unsigned(text.length);
		for (let i = 0; i < text.length; i++) this.byte(text.charCodeAt(i));
	}
	/** A vector's or section's bytes, behind their number. */
	sized(content: Bytes): void {
		this.unsigned(content.length);
		this.append(content);
	}

	#grow(by: number): void {
		const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + by));
		bytes.set(this.#bytes.subarray(0, this.#length));
		this.#bytes = bytes;
	}
}
