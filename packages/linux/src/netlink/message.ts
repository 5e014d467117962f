/** Bytes of `struct nlmsghdr`. */
export const HEADER_BYTES = 16;
const NLA_F_NESTED = 0x8000;
const ALIGN = 4;
const UTF8 = new TextEncoder();

/** Writes one netlink message, little-endian, attributes padded to 4 bytes. */
export class MessageWriter {
	readonly #bytes = new Uint8Array(1024);
	readonly #view = new DataView(this.#bytes.buffer);
	#length = HEADER_BYTES;

	/** The fixed struct after the header: values with their sizes in bytes. */
	fixed(...fields: readonly (readonly [size: 1 | 2 | 4, value: number])[]): this {
		for (const [size, value] of fields) {
			if (size === 1) this.#view.setUint8(this.#length, value);
			else if (size === 2) this.#view.setUint16(this.#length, value, true);
			else this.#view.setUint32(this.#length, value >>> 0, true);
			this.#length += size;
		}
		this.#align();
		return this;
	}

	u16(type: number, value: number): this {
		return this.bytes(type, new Uint8Array(new Uint16Array([value]).buffer));
	}

	u32(type: number, value: number): this {
		return this.bytes(type, new Uint8Array(new Uint32Array([value]).buffer));
	}

	/** NUL-terminated. */
	text(type: number, text: string): this {
		return this.bytes(type, UTF8.encode(`${text}\0`));
	}

	bytes(type: number, value: Uint8Array): this {
		this.#view.setUint16(this.#length, 4 + value.length, true);
		this.#view.setUint16(this.#length + 2, type, true);
		this.#bytes.set(value, this.#length + 4);
		this.#length += 4 + value.length;
		this.#align();
		return this;
	}

	/** An attribute that holds attributes. */
	nested(type: number, inside: (message: this) => void): this {
		const start = this.#length;
		this.#view.setUint16(start + 2, type | NLA_F_NESTED, true);
		this.#length += 4;
		inside(this);
		this.#view.setUint16(start, this.#length - start, true);
		return this;
	}

	/** The whole message. */
	finish(type: number, flags: number): Uint8Array<ArrayBuffer> {
		this.#view.setUint32(0, this.#length, true);
		this.#view.setUint16(4, type, true);
		this.#view.setUint16(6, flags, true);
		this.#view.setUint32(8, 1, true);
		return this.#bytes.slice(0, this.#length);
	}

	#align(): void {
		this.#length = (this.#length + ALIGN - 1) & -ALIGN;
	}
}

/** A message of an answer. */
export interface Received {
	readonly type: number;
	readonly payload: DataView;
}

/** The messages in a datagram; stops at one that does not fit. */
export function* messagesOf(bytes: Uint8Array): Generator<Received, void, undefined> {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
	for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
		const length = view.getUint32(at, true);
		if (length < HEADER_BYTES || at + length > bytes.length) return;
		const payload = new DataView(bytes.buffer, bytes.byteOffset + at + HEADER_BYTES, length - HEADER_BYTES);
		yield { type: view.getUint16(at + 4, true), payload };
		at += (length + ALIGN - 1) & -ALIGN;
	}
}

/** Attributes from an offset of a payload on: type without its flags, value. */
export function* attributesOf(
	payload: DataView,
	from: number,
): Generator<[type: number, value: DataView], void, undefined> {
	for (let at = from; at + 4 <= payload.byteLength; ) {
		const length = payload.getUint16(at, true);
		if (length < 4 || at + length > payload.byteLength) return;
		const value = new DataView(payload.buffer, payload.byteOffset + at + 4, length - 4);
		yield [payload.getUint16(at + 2, true) & 0x3fff, value];
		at += (length + ALIGN - 1) & -ALIGN;
	}
}
