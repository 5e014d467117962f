import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { resolve } from "node:path";
import { BpfError } from "@skep/bpf/base";
import { type CapturePacket, type CaptureSource, ETHERNET, linkTypeName, readCapture } from "@skep/bpf/capture";
import { checkFile } from "./files.ts";

/** Bytes that are asked of the file at once. */
const PIECE = 256 * 1024;

/**
 * Ethernet packets of a capture file, read piece by piece: memory does not grow with the file, and a pipe will do. A
 * packet's data are good until the next one is asked for.
 */
export class CaptureFile implements Disposable {
	readonly #file: Pieces;
	readonly #name: string;
	readonly #packets: Iterator<CapturePacket>;
	#first: IteratorResult<CapturePacket> | undefined;

	/**
	 * Opens it and reads up to the first packet; `-` is standard input.
	 * @throws BpfError ERR_FILE, ERR_LINK_TYPE; FormatError
	 */
	constructor(name: string) {
		this.#name = name === "-" ? "standard input" : name;
		this.#file = new Pieces(name);
		try {
			const { linkType = ETHERNET, packets } = readCapture(this.#file, { file: this.#name });
			if (linkType !== ETHERNET) throw this.#refusal("it", linkType);
			this.#packets = packets[Symbol.iterator]();
			this.#first = this.#packets.next();
			if (this.#first.done !== true) this.#check(this.#first.value);
		} catch (error) {
			this.#file.close();
			throw error;
		}
	}

	/** @throws FormatError, BpfError ERR_LINK_TYPE where they are reached */
	*[Symbol.iterator](): Generator<CapturePacket, void, undefined> {
		let next = this.#first ?? this.#packets.next();
		this.#first = undefined;
		for (; next.done !== true; next = this.#packets.next()) {
			this.#check(next.value);
			yield next.value;
		}
	}

	#check({ index, interface: { linkType, name } }: CapturePacket): void {
		if (linkType === ETHERNET) return;
		throw this.#refusal(`packet ${index}${name === undefined ? "" : ` (${name})`}`, linkType);
	}

	#refusal(what: string, linkType: number): BpfError {
		return new BpfError(
			"ERR_LINK_TYPE",
			`${this.#name}: ${what} has link type ${linkTypeName(linkType)}: XDP programs see Ethernet packets, ${linkTypeName(ETHERNET)}`,
		);
	}

	/** How much was read, from 0 to 1; undefined: the length is not known. */
	get progress(): number | undefined {
		return this.#file.progress;
	}

	[Symbol.dispose](): void {
		this.#file.close();
	}
}

const REASONS: Readonly<Record<string, string>> = {
	EACCES: "no permission to read it",
	EIO: "the device reports an error",
};

class Pieces implements CaptureSource {
	readonly #name: string;
	readonly #fd: number;
	readonly #size: number;
	#buffer = new Uint8Array(PIECE);
	/** Of the file: where the buffer's bytes begin, and how many there are. */
	#base = 0;
	#held = 0;
	#closed = false;

	constructor(name: string) {
		this.#name = name;
		if (name !== "-") checkFile(name, resolve(name));
		this.#fd = this.#try(() => (name === "-" ? 0 : openSync(name, "r")));
		const stat = fstatSync(this.#fd);
		this.#size = stat.isFile() ? stat.size : 0;
	}

	read(offset: number, length: number): Uint8Array {
		// What lies between was stepped over; a pipe has to be read for it.
		while (offset > this.#base + this.#held) {
			this.#base += this.#held;
			this.#held = 0;
			if (this.#fill(Math.min(PIECE, offset - this.#base)) === 0) return this.#buffer.subarray(0, 0);
		}
		const kept = this.#buffer.subarray(offset - this.#base, this.#held);
		if (length > this.#buffer.length) {
			const larger = new Uint8Array(length + PIECE);
			larger.set(kept);
			this.#buffer = larger;
		} else this.#buffer.set(kept);
		this.#base = offset;
		this.#held = kept.length;
		while (this.#held < length && this.#fill(this.#buffer.length - this.#held) > 0);
		return this.#buffer.subarray(0, this.#held);
	}

	#fill(most: number): number {
		const count = this.#try(() => readSync(this.#fd, this.#buffer, this.#held, most, null));
		this.#held += count;
		return count;
	}

	#try(work: () => number): number {
		for (;;) {
			try {
				return work();
			} catch (error) {
				const { code = "" } = error as NodeJS.ErrnoException;
				if (code === "EAGAIN") {
					// Standard input that someone else made non-blocking.
					Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
					continue;
				}
				throw new BpfError("ERR_FILE", `cannot read ${this.#name}: ${REASONS[code] ?? code}`, { cause: error });
			}
		}
	}

	get progress(): number | undefined {
		return this.#size === 0 ? undefined : Math.min(1, (this.#base + this.#held) / this.#size);
	}

	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		if (this.#fd !== 0) closeSync(this.#fd);
	}
}
