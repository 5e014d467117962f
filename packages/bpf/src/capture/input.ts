import { ByteReader, type FormatError } from "#base";

/** A file that is read piece by piece. */
export interface CaptureSource {
	/**
	 * Bytes from `offset` on: at least `length`, fewer only at the end of the file; more are welcome. Offsets never go
	 * back behind an earlier call's. The bytes are used until the next call.
	 */
	read(offset: number, length: number): Uint8Array;
}

/** A capture's bytes, whole or by windows, in the byte order of the moment. */
export class Input {
	readonly #source: CaptureSource | undefined;
	readonly #file: string | undefined;
	#reader: ByteReader;
	/** Where the window begins in the file. */
	#base = 0;

	constructor(input: Uint8Array | CaptureSource, file: string | undefined) {
		this.#source = input instanceof Uint8Array ? undefined : input;
		this.#file = file;
		this.#reader = this.#over(input instanceof Uint8Array ? input : new Uint8Array(0), true);
	}

	#over(bytes: Uint8Array, littleEndian: boolean): ByteReader {
		const place = this.#file === undefined ? {} : { file: this.#file };
		return new ByteReader(bytes, littleEndian, { ...place, origin: this.#base });
	}

	setByteOrder(littleEndian: boolean): void {
		if (this.#reader.littleEndian !== littleEndian) this.#reader = this.#over(this.#reader.bytes, littleEndian);
	}

	/** A reader that stands at `offset` of the file with at least `size` bytes before it. @throws FormatError at the end */
	at(offset: number, size: number, path: string): ByteReader {
		this.#fetch(offset, size);
		const reader = this.#reader;
		reader.offset = offset - this.#base;
		if (reader.remaining < size) {
			throw reader.error(
				path,
				`the file ends within it: ${size} bytes expected, ${Math.max(0, reader.remaining)} are left`,
			);
		}
		return reader;
	}

	/** Nothing stands at `offset` any more. */
	ended(offset: number): boolean {
		this.#fetch(offset, 1);
		return offset >= this.#base + this.#reader.length;
	}

	error(path: string, message: string, offset: number): FormatError {
		return this.#reader.error(path, message, offset - this.#base);
	}

	#fetch(offset: number, size: number): void {
		if (this.#source === undefined) return;
		if (offset >= this.#base && offset + size <= this.#base + this.#reader.length) return;
		const bytes = this.#source.read(offset, size);
		this.#base = offset;
		this.#reader = this.#over(bytes, this.#reader.littleEndian);
	}
}
