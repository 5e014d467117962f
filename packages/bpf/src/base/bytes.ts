import { FormatError } from "./errors.ts";

/** Where a reader's bytes come from; goes into its errors. `origin` is added to every offset that is reported. */
export interface ByteSource {
	readonly file?: string;
	readonly section?: string;
	readonly origin?: number;
}

/**
 * A bounds-checked cursor over bytes, in one byte order. Every read names the path of what it reads; past the end it
 * throws FormatError with section, offset and that path.
 */
export class ByteReader {
	readonly bytes: Uint8Array;
	readonly littleEndian: boolean;
	readonly source: ByteSource;
	/** In bytes, from the start of `bytes`. */
	offset: number;
	readonly #view: DataView;

	constructor(bytes: Uint8Array, littleEndian = true, source: ByteSource = {}, offset = 0) {
		this.bytes = bytes;
		this.littleEndian = littleEndian;
		this.source = source;
		this.offset = offset;
		this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	}

	get length(): number {
		return this.bytes.length;
	}

	get remaining(): number {
		return this.bytes.length - this.offset;
	}

	/** Makes the error for something found at `offset` (default: the cursor). */
	error(path: string, message: string, offset = this.offset): FormatError {
		const { file, section, origin = 0 } = this.source;
		return new FormatError(
			{
				...(file === undefined ? {} : { file }),
				...(section === undefined ? {} : { section }),
				offset: origin + offset,
				path,
			},
			message,
		);
	}

	/** Checks that `size` bytes follow the cursor and moves past them; returns where they begin. */
	take(size: number, path: string): number {
		const at = this.offset;
		if (!(size >= 0) || !(at >= 0) || at + size > this.bytes.length)
			throw this.error(path, `${size} bytes expected, ${Math.max(0, this.bytes.length - at)} are left`);
		this.offset = at + size;
		return at;
	}

	u8(path: string): number {
		return this.#view.getUint8(this.take(1, path));
	}
	u16(path: string): number {
		return this.#view.getUint16(this.take(2, path), this.littleEndian);
	}
	u32(path: string): number {
		return this.#view.getUint32(this.take(4, path), this.littleEndian);
	}
	i16(path: string): number {
		return this.#view.getInt16(this.take(2, path), this.littleEndian);
	}
	i32(path: string): number {
		return this.#view.getInt32(this.take(4, path), this.littleEndian);
	}
	u64(path: string): bigint {
		return this.#view.getBigUint64(this.take(8, path), this.littleEndian);
	}
	i64(path: string): bigint {
		return this.#view.getBigInt64(this.take(8, path), this.littleEndian);
	}

	/** A 64-bit offset or size as a number; FormatError past 2^53. */
	size64(path: string): number {
		const at = this.offset;
		const value = this.u64(path);
		if (value > 0x1f_ffff_ffff_ffffn) throw this.error(path, `0x${value.toString(16)} is no size or offset`, at);
		return Number(value);
	}

	/** A window (no copy). */
	slice(size: number, path: string): Uint8Array {
		const at = this.take(size, path);
		return this.bytes.subarray(at, at + size);
	}
}

/** Grows as it is written; one byte order. */
export class ByteWriter {
	readonly littleEndian: boolean;
	#bytes: Uint8Array<ArrayBuffer>;
	#view: DataView;
	#length = 0;

	constructor(littleEndian = true, capacity = 256) {
		this.littleEndian = littleEndian;
		this.#bytes = new Uint8Array(Math.max(16, capacity));
		this.#view = new DataView(this.#bytes.buffer);
	}

	/** Bytes written so far; where the next go. */
	get length(): number {
		return this.#length;
	}

	#room(size: number): number {
		const at = this.#length;
		const need = at + size;
		if (need > this.#bytes.length) {
			const grown = new Uint8Array(Math.max(need, this.#bytes.length * 2));
			grown.set(this.#bytes);
			this.#bytes = grown;
			this.#view = new DataView(grown.buffer);
		}
		this.#length = need;
		return at;
	}

	u8(value: number): this {
		const at = this.#room(1);
		this.#view.setUint8(at, value);
		return this;
	}
	u16(value: number): this {
		const at = this.#room(2);
		this.#view.setUint16(at, value, this.littleEndian);
		return this;
	}
	u32(value: number): this {
		const at = this.#room(4);
		this.#view.setUint32(at, value, this.littleEndian);
		return this;
	}
	i32(value: number): this {
		return this.u32(value);
	}
	u64(value: bigint | number): this {
		const at = this.#room(8);
		this.#view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), this.littleEndian);
		return this;
	}
	write(bytes: Uint8Array): this {
		const at = this.#room(bytes.length);
		this.#bytes.set(bytes, at);
		return this;
	}
	zero(size: number): this {
		this.#room(size);
		return this;
	}
	/** Zeros up to a multiple of `alignment`. */
	align(alignment: number): this {
		const rest = alignment > 1 ? this.#length % alignment : 0;
		return rest ? this.zero(alignment - rest) : this;
	}
	/** Overwrites what was written; RangeError outside of it. */
	patchU32(at: number, value: number): this {
		if (at < 0 || at + 4 > this.#length) throw new RangeError(`patch at ${at} outside of ${this.#length} bytes`);
		this.#view.setUint32(at, value, this.littleEndian);
		return this;
	}
	/** A copy of exactly what was written. */
	finish(): Uint8Array<ArrayBuffer> {
		return this.#bytes.slice(0, this.#length);
	}
}
