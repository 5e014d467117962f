import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** Something in an executable or library that is not as ELF says. */
export class NotElf extends Error {}

export interface Section {
	readonly name: string;
	readonly type: number;
	readonly address: bigint;
	readonly offset: number;
	readonly size: number;
	readonly link: number;
	/** Bytes of an entry; 0: it has none. */
	readonly entry: number;
}

/** A part of the file that is loaded. */
export interface Segment {
	readonly offset: number;
	readonly address: bigint;
	readonly fileSize: bigint;
	readonly memorySize: bigint;
	readonly executable: boolean;
}

const HEADER_BYTES = 64;
const SECTION_BYTES = 64;
const SEGMENT_BYTES = 56;
const PT_LOAD = 1;
const ET_EXEC = 2;
const EXECUTABLE = 1;
/** No symbol table, note section or string table that is real is larger. */
const MOST_BYTES = 1 << 30;
const LATIN = new TextDecoder("latin1");

/**
 * An ELF executable or library of 64 bits, little-endian. Only what is asked for is read, so that large files cost little.
 * Every offset is checked against the file. @throws NotElf; what node:fs throws
 */
export class ProgramFile implements Disposable {
	readonly #fd: number;
	readonly #size: number;
	readonly sections: readonly Section[];
	readonly segments: readonly Segment[];
	/** Loaded at the addresses that it names (ET_EXEC). */
	readonly fixed: boolean;

	constructor(path: string) {
		this.#fd = openSync(path, "r");
		try {
			const stat = fstatSync(this.#fd);
			if (!stat.isFile()) throw new NotElf("no file");
			this.#size = stat.size;
			const header = this.read(0, HEADER_BYTES);
			// Magic, 64 bits, little-endian.
			if (header.getUint32(0) !== 0x7f45_4c46 || header.getUint8(4) !== 2 || header.getUint8(5) !== 1)
				throw new NotElf("no ELF of 64 bits");
			this.fixed = header.getUint16(16, true) === ET_EXEC;
			this.segments = this.#readSegments(header);
			this.sections = this.#readSections(header);
		} catch (error) {
			closeSync(this.#fd);
			throw error;
		}
	}

	/** Bytes of the file. @throws NotElf where they reach beyond its end */
	read(offset: number, length: number): DataView<ArrayBuffer> {
		if (
			!Number.isSafeInteger(offset) ||
			offset < 0 ||
			length < 0 ||
			length > MOST_BYTES ||
			offset + length > this.#size
		) {
			throw new NotElf(`${length} bytes at ${offset} of ${this.#size}`);
		}
		const bytes = new Uint8Array(length);
		for (let done = 0; done < length; ) {
			const count = readSync(this.#fd, bytes, done, length - done, offset + done);
			if (count === 0) throw new NotElf("the file became shorter");
			done += count;
		}
		return new DataView(bytes.buffer);
	}

	section(name: string): Section | undefined {
		return this.sections.find((each) => each.name === name);
	}

	contents(section: Section): DataView<ArrayBuffer> {
		return this.read(section.offset, section.size);
	}

	/** Where in the file the byte stands that is loaded at `address`; undefined: nowhere. */
	offsetOf(address: bigint): number | undefined {
		const segment = this.segments.find((each) => address >= each.address && address < each.address + each.memorySize);
		return segment && Number(address - segment.address) + segment.offset;
	}

	[Symbol.dispose](): void {
		closeSync(this.#fd);
	}

	#readSegments(header: DataView): Segment[] {
		const count = header.getUint16(56, true);
		if (count === 0) return [];
		const entry = header.getUint16(54, true);
		if (entry !== SEGMENT_BYTES) throw new NotElf(`program headers of ${entry} bytes`);
		const table = this.read(Number(header.getBigUint64(32, true)), count * entry);
		const segments: Segment[] = [];
		for (let at = 0; at < table.byteLength; at += entry) {
			if (table.getUint32(at, true) !== PT_LOAD) continue;
			segments.push({
				executable: (table.getUint32(at + 4, true) & EXECUTABLE) !== 0,
				offset: Number(table.getBigUint64(at + 8, true)),
				address: table.getBigUint64(at + 16, true),
				fileSize: table.getBigUint64(at + 32, true),
				memorySize: table.getBigUint64(at + 40, true),
			});
		}
		return segments;
	}

	#readSections(header: DataView): Section[] {
		const start = Number(header.getBigUint64(40, true));
		if (start === 0) return [];
		const entry = header.getUint16(58, true);
		if (entry !== SECTION_BYTES) throw new NotElf(`section headers of ${entry} bytes`);
		// More sections than 16 bits count: the first one's size says how many.
		const first = this.read(start, entry);
		const count = header.getUint16(60, true) || Number(first.getBigUint64(32, true));
		const table = this.read(start, count * entry);
		const names = header.getUint16(62, true);
		const bare = Array.from({ length: count }, (_, i) => {
			const at = i * entry;
			return {
				name: table.getUint32(at, true),
				type: table.getUint32(at + 4, true),
				address: table.getBigUint64(at + 16, true),
				offset: Number(table.getBigUint64(at + 24, true)),
				size: Number(table.getBigUint64(at + 32, true)),
				link: table.getUint32(at + 40, true),
				entry: Number(table.getBigUint64(at + 56, true)),
			};
		});
		const strings = bare[names === 0xffff ? first.getUint32(40, true) : names];
		const text = strings ? this.read(strings.offset, strings.size) : new DataView(new ArrayBuffer(0));
		return bare.map((each) => ({ ...each, name: stringAt(text, each.name) }));
	}
}

/** Text up to a NUL. @throws NotElf where it begins beyond the end */
export function stringAt(view: DataView<ArrayBuffer>, at: number): string {
	if (at >= view.byteLength) {
		if (view.byteLength === 0) return "";
		throw new NotElf(`string at ${at} of ${view.byteLength}`);
	}
	let end = at;
	while (end < view.byteLength && view.getUint8(end) !== 0) end++;
	return LATIN.decode(new Uint8Array(view.buffer, view.byteOffset + at, end - at));
}
