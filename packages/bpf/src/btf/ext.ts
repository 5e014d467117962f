import { FormatError } from "#base";
import { BTF_MAGIC, BTF_VERSION, EXT_HEADER_SIZE_CORE, EXT_HEADER_SIZE_MIN } from "./wire.ts";

/** `.BTF.ext`: what is known of instructions, by ELF section. Offsets in bytes from the section's start. */
export interface BtfExt {
	readonly funcs: readonly ExtSection<FuncRecord>[];
	readonly lines: readonly ExtSection<LineRecord>[];
	readonly core: readonly ExtSection<CoreRecord>[];
}

export interface ExtSection<T> {
	/** Name of the ELF section that the records are about. */
	readonly section: string;
	readonly records: readonly T[];
}

export interface FuncRecord {
	readonly offset: number;
	/** Id of the FUNC. */
	readonly type: number;
}

export interface LineRecord {
	readonly offset: number;
	readonly file: string;
	/** Text of the source line. */
	readonly text: string;
	/** From 1, at most 2^22 - 1; 0: unknown. */
	readonly line: number;
	/** From 1, at most 1023; 0: unknown. */
	readonly column: number;
}

export interface CoreRecord {
	readonly offset: number;
	/** Id of the root type. */
	readonly type: number;
	/** `0:1:2` */
	readonly access: string;
	/** `enum bpf_core_relo_kind`. */
	readonly kind: number;
}

/** Highest numbers that a line record holds. */
export const MAX_LINE = 0x3fffff;
export const MAX_COLUMN = 0x3ff;

const EMPTY: BtfExt = { funcs: [], lines: [], core: [] };

/**
 * Reads `.BTF.ext`. Headers of any length and records longer than known are read; what is beyond is skipped. Both byte
 * orders.
 * @param strings the string section of the object's BTF: `(offset) => btf.string(offset)`
 * @throws FormatError
 */
export function decodeExt(
	bytes: Uint8Array,
	strings: (offset: number) => string,
	place: { readonly section?: string; readonly file?: string } = {},
): BtfExt {
	if (bytes.length === 0) return EMPTY;
	const section = place.section ?? ".BTF.ext";
	const error = (offset: number, path: string, message: string): FormatError =>
		new FormatError({ ...(place.file === undefined ? {} : { file: place.file }), section, offset, path }, message);
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	if (bytes.length < EXT_HEADER_SIZE_MIN)
		throw error(0, "header", `${bytes.length} bytes, a .BTF.ext header has at least ${EXT_HEADER_SIZE_MIN}`);
	const little = view.getUint16(0, true) === BTF_MAGIC;
	if (!little && view.getUint16(0, false) !== BTF_MAGIC)
		throw error(0, "header/magic", `magic 0x${view.getUint16(0, true).toString(16)}, expected 0xeb9f`);
	if (bytes[2] !== BTF_VERSION) throw error(2, "header/version", `version ${bytes[2]}, expected ${BTF_VERSION}`);
	const u32 = (at: number) => view.getUint32(at, little);
	const headerSize = u32(4);
	if (headerSize < EXT_HEADER_SIZE_MIN || headerSize > bytes.length)
		throw error(
			4,
			"header/hdr_len",
			`header of ${headerSize} bytes in ${bytes.length}, expected at least ${EXT_HEADER_SIZE_MIN}`,
		);

	const part = <T>(
		header: number,
		name: string,
		known: number,
		read: (at: number, path: string) => T,
	): ExtSection<T>[] => {
		if (header + 8 > headerSize) return [];
		const offset = u32(header);
		const length = u32(header + 4);
		if (length === 0) return [];
		const start = headerSize + offset;
		const end = start + length;
		if (end > bytes.length) throw error(header, name, `${name} ends at ${end}, the section at ${bytes.length}`);
		if (length < 4) throw error(start, name, `${length} bytes, the record size alone has 4`);
		const size = u32(start);
		if (size < known || size % 4 !== 0)
			throw error(start, `${name}/rec_size`, `records of ${size} bytes, expected a multiple of 4 from ${known}`);
		const out: ExtSection<T>[] = [];
		for (let at = start + 4; at < end; ) {
			const path = `${name}[${out.length}]`;
			if (at + 8 > end) throw error(at, path, `${end - at} bytes, a section's header has 8`);
			const sectionName = strings(u32(at));
			const count = u32(at + 4);
			at += 8;
			if (count === 0) throw error(at - 4, `${path}/num_info`, "no records, expected at least one");
			if (count > (end - at) / size)
				throw error(at - 4, `${path}/num_info`, `${count} records of ${size} bytes, ${end - at} bytes are left`);
			const records: T[] = new Array(count);
			for (let i = 0; i < count; i++, at += size) records[i] = read(at, `${path}/records[${i}]`);
			out.push({ section: sectionName, records });
		}
		return out;
	};

	return {
		funcs: part(8, "func_info", 8, (at) => ({ offset: u32(at), type: u32(at + 4) })),
		lines: part(16, "line_info", 16, (at) => {
			const place = u32(at + 12);
			return {
				offset: u32(at),
				file: strings(u32(at + 4)),
				text: strings(u32(at + 8)),
				line: place >>> 10,
				column: place & MAX_COLUMN,
			};
		}),
		core: part(24, "core_relo", 16, (at) => ({
			offset: u32(at),
			type: u32(at + 4),
			access: strings(u32(at + 8)),
			kind: u32(at + 12),
		})),
	};
}

/**
 * Writes `.BTF.ext`, little-endian, with the header of 32 bytes. Sections without records are left out. Lines and columns
 * past what a record holds become the highest it does.
 * @param strings gives the offset of a string in the object's BTF: `(text) => builder.string(text)`
 */
export function encodeExt(ext: BtfExt, strings: (text: string) => number): Uint8Array {
	const words: number[] = [];
	const part = <T>(sections: readonly ExtSection<T>[], size: number, write: (record: T) => void): number => {
		const before = words.length;
		words.push(size);
		for (const s of sections) {
			if (s.records.length === 0) continue;
			words.push(strings(s.section), s.records.length);
			for (const r of s.records) write(r);
		}
		if (words.length === before + 1) words.pop();
		return (words.length - before) * 4;
	};
	const funcs = part(ext.funcs, 8, (r) => words.push(r.offset, r.type));
	const lines = part(ext.lines, 16, (r) =>
		words.push(
			r.offset,
			strings(r.file),
			strings(r.text),
			((Math.min(r.line, MAX_LINE) << 10) | Math.min(r.column, MAX_COLUMN)) >>> 0,
		),
	);
	const core = part(ext.core, 16, (r) => words.push(r.offset, r.type, strings(r.access), r.kind));
	const out = new Uint8Array(EXT_HEADER_SIZE_CORE + words.length * 4);
	const view = new DataView(out.buffer);
	view.setUint16(0, BTF_MAGIC, true);
	out[2] = BTF_VERSION;
	const header = [EXT_HEADER_SIZE_CORE, 0, funcs, funcs, lines, funcs + lines, core];
	header.forEach((v, i) => {
		view.setUint32(4 + i * 4, v, true);
	});
	words.forEach((w, i) => {
		view.setUint32(EXT_HEADER_SIZE_CORE + i * 4, w, true);
	});
	return out;
}
