import { ByteWriter, encodeUtf8, FormatError } from "#base";
import { type ElfFile, type ElfRelocation, type ElfSymbol, EM_BPF, SHF, SHT, STB } from "./file.ts";
import { HEADER_SIZE, REL_SIZE, RELA_SIZE, SECTION_SIZE, SHN, SYMBOL_SIZE } from "./wire.ts";

/** Strings once each, the first byte empty. */
class StringTable {
	readonly #writer = new ByteWriter();
	readonly #at = new Map<string, number>([["", 0]]);
	constructor() {
		this.#writer.u8(0);
	}
	add(text: string): number {
		let at = this.#at.get(text);
		if (at === undefined) {
			if (text.includes("\0")) throw invalid("names", `name ${JSON.stringify(text)} has a NUL in it`);
			at = this.#writer.length;
			this.#at.set(text, at);
			this.#writer.write(encodeUtf8(text)).u8(0);
		}
		return at;
	}
	finish(): Uint8Array {
		return this.#writer.finish();
	}
}

const invalid = (path: string, message: string): FormatError => new FormatError({ offset: 0, path }, message);

interface Placed {
	readonly name: string;
	readonly type: number;
	readonly flags: number;
	readonly align: number;
	readonly entrySize: number;
	readonly size: number;
	readonly link: number;
	readonly info: number;
	readonly data: Uint8Array;
}

/**
 * Writes an object: header, contents, relocation sections, symbol table, string tables, section table. `readElf` gives
 * the same value back. FormatError for values that no file can hold: an index out of range, a global symbol before a
 * local one, relocations with and without addend mixed out of order.
 */
export function writeElf(file: ElfFile): Uint8Array<ArrayBuffer> {
	const { littleEndian: le } = file;
	const withRelocations = file.sections.flatMap((s, i) =>
		[false, true].flatMap((rela) => {
			const list = s.relocations.filter((r) => (r.addend !== undefined) === rela);
			return list.length ? [{ index: i, rela, list }] : [];
		}),
	);
	const symtabNumber = 1 + file.sections.length + withRelocations.length;
	if (symtabNumber + 3 >= SHN.reserved) throw invalid("sections", `${symtabNumber + 3} sections are too many`);
	checkOrder(file);

	const placed: Placed[] = [];
	for (const [i, s] of file.sections.entries()) {
		if (s.type === SHT.nobits ? s.data.length !== 0 : s.data.length !== s.size)
			throw invalid(`sections[${i}]`, `${s.name}: ${s.data.length} bytes of data, size ${s.size}`);
		placed.push({ ...s, link: s.linksToSymbols ? symtabNumber : 0, info: 0 });
	}
	for (const { index, rela, list } of withRelocations) {
		const target = file.sections[index]!;
		placed.push({
			name: `${rela ? ".rela" : ".rel"}${target.name}`,
			type: rela ? SHT.rela : SHT.rel,
			flags: SHF.infoLink,
			align: 8,
			entrySize: rela ? RELA_SIZE : REL_SIZE,
			size: list.length * (rela ? RELA_SIZE : REL_SIZE),
			link: symtabNumber,
			info: index + 1,
			data: relocationBytes(list, le, file.symbols.length, target.size, target.name),
		});
	}
	const strings = new StringTable();
	const symbols = symbolBytes(file, strings);
	const locals = file.symbols.filter((s) => s.binding === STB.local).length;
	const table = (name: string, type: number, data: Uint8Array, rest: Partial<Placed> = {}): Placed => ({
		name,
		type,
		flags: 0,
		align: 1,
		entrySize: 0,
		size: data.length,
		link: 0,
		info: 0,
		data,
		...rest,
	});
	placed.push(
		table(".symtab", SHT.symtab, symbols, {
			align: 8,
			entrySize: SYMBOL_SIZE,
			link: symtabNumber + 1,
			info: locals + 1,
		}),
		table(".strtab", SHT.strtab, strings.finish()),
	);
	const names = new StringTable();
	for (const s of placed) names.add(s.name);
	names.add(".shstrtab");
	placed.push(table(".shstrtab", SHT.strtab, names.finish()));

	const w = new ByteWriter(le, 4096);
	w.zero(HEADER_SIZE);
	const offsets = placed.map((s) => {
		w.align(Math.max(1, s.align));
		const at = w.length;
		w.write(s.data);
		return at;
	});
	w.align(8);
	const tableAt = w.length;
	w.zero(SECTION_SIZE);
	for (const [i, s] of placed.entries()) {
		w.u32(names.add(s.name)).u32(s.type).u64(s.flags).u64(0).u64(offsets[i]!).u64(s.size);
		w.u32(s.link).u32(s.info).u64(s.align).u64(s.entrySize);
	}
	const bytes = w.finish();
	bytes.set(header(file, tableAt, placed.length + 1));
	return bytes;
}

function header(file: ElfFile, tableAt: number, count: number): Uint8Array {
	const h = new ByteWriter(file.littleEndian, HEADER_SIZE);
	h.write(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, file.littleEndian ? 1 : 2, 1, 0)).zero(8);
	h.u16(1).u16(EM_BPF).u32(1).u64(0).u64(0).u64(tableAt).u32(file.flags);
	return h
		.u16(HEADER_SIZE)
		.u16(0)
		.u16(0)
		.u16(SECTION_SIZE)
		.u16(count)
		.u16(count - 1)
		.finish();
}

function checkOrder(file: ElfFile): void {
	let global = false;
	for (const [i, s] of file.symbols.entries()) {
		if (s.binding !== STB.local) global = true;
		else if (global) throw invalid(`symbols[${i}]`, `local symbol "${s.name}" after a global one`);
	}
	for (const [i, s] of file.sections.entries()) {
		let rela = false;
		for (const r of s.relocations) {
			if (r.addend !== undefined) rela = true;
			else if (rela) throw invalid(`sections[${i}]`, `${s.name}: relocation without addend after one with`);
		}
	}
}

function relocationBytes(
	list: readonly ElfRelocation[],
	littleEndian: boolean,
	symbols: number,
	size: number,
	name: string,
): Uint8Array {
	const w = new ByteWriter(littleEndian, list.length * RELA_SIZE);
	for (const r of list) {
		if (r.symbol < -1 || r.symbol >= symbols)
			throw invalid(`relocations of ${name}`, `symbol ${r.symbol} of ${symbols}`);
		if (r.offset < 0 || r.offset >= size)
			throw invalid(`relocations of ${name}`, `offset ${r.offset} of ${size} bytes`);
		w.u64(r.offset).u64((BigInt(r.symbol + 1) << 32n) | BigInt(r.type >>> 0));
		if (r.addend !== undefined) w.u64(r.addend);
	}
	return w.finish();
}

function symbolBytes(file: ElfFile, strings: StringTable): Uint8Array {
	const w = new ByteWriter(file.littleEndian, (file.symbols.length + 1) * SYMBOL_SIZE);
	w.zero(SYMBOL_SIZE);
	const special = { undefined: SHN.undef, absolute: SHN.abs, common: SHN.common } as const;
	const number = (s: ElfSymbol, i: number): number => {
		if (typeof s.section === "string") return special[s.section];
		if (s.section < 0 || s.section >= file.sections.length)
			throw invalid(`symbols[${i}]`, `"${s.name}" is in section ${s.section} of ${file.sections.length}`);
		return s.section + 1;
	};
	for (const [i, s] of file.symbols.entries())
		w.u32(strings.add(s.name))
			.u8((s.binding << 4) | (s.type & 15))
			.u8(s.other)
			.u16(number(s, i))
			.u64(s.value)
			.u64(s.size);
	return w.finish();
}
