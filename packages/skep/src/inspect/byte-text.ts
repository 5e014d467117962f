const HEX = "0123456789abcdef";
/** What is written at once: all that is held, however much is written. */
const CHUNK = 1 << 18;

/**
 * Text that is built as bytes and handed on in chunks: for dumps of which strings would be most of the cost. `write` has done
 * with a chunk when it returns: the next one stands in the same memory.
 */
export class ByteText {
	#bytes = Buffer.allocUnsafe(CHUNK + 4096);
	#at = 0;
	readonly #write: (bytes: Uint8Array) => void;

	constructor(write: (bytes: Uint8Array) => void) {
		this.#write = write;
	}

	/** Makes room for so many bytes. */
	#room(bytes: number): void {
		if (this.#at + bytes <= this.#bytes.length) return;
		this.flush();
		if (bytes > this.#bytes.length) this.#bytes = Buffer.allocUnsafe(bytes);
	}

	text(text: string): void {
		const length = text.length;
		this.#room(length * 3);
		const bytes = this.#bytes;
		let at = this.#at;
		for (let i = 0; i < length; i++) {
			const code = text.charCodeAt(i);
			if (code > 127) {
				this.#at += bytes.write(text, this.#at, "utf8");
				return;
			}
			bytes[at++] = code;
		}
		this.#at = at;
	}

	/** `["0x01","0x2a"]` */
	hexArray(from: Uint8Array, offset: number, length: number): void {
		this.#room(length * 7 + 2);
		const bytes = this.#bytes;
		let at = this.#at;
		bytes[at++] = 0x5b;
		for (let i = 0; i < length; i++) {
			const byte = from[offset + i]!;
			if (i > 0) bytes[at++] = 0x2c;
			bytes[at++] = 0x22;
			bytes[at++] = 0x30;
			bytes[at++] = 0x78;
			bytes[at++] = DIGITS[byte >> 4]!;
			bytes[at++] = DIGITS[byte & 15]!;
			bytes[at++] = 0x22;
		}
		bytes[at++] = 0x5d;
		this.#at = at;
	}

	/** `01 2a 00 …`: 16 in a line, two blanks in the middle, as bpftool has it. */
	hexLines(from: Uint8Array, offset: number, length: number): void {
		this.#room(length * 4);
		const bytes = this.#bytes;
		let at = this.#at;
		for (let i = 0; i < length; i++) {
			const byte = from[offset + i]!;
			if (i > 0) {
				if ((i & 15) === 0) bytes[at++] = 0x0a;
				else {
					if ((i & 7) === 0) bytes[at++] = 0x20;
					bytes[at++] = 0x20;
				}
			}
			bytes[at++] = DIGITS[byte >> 4]!;
			bytes[at++] = DIGITS[byte & 15]!;
		}
		this.#at = at;
	}

	/** Hands on what there is. */
	flush(): void {
		if (this.#at === 0) return;
		this.#write(this.#bytes.subarray(0, this.#at));
		this.#at = 0;
	}
}

const DIGITS = Buffer.from(HEX, "latin1");
