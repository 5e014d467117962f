import { ByteReader, cstring, FormatError, NotSupportedError } from "#base";
import { type ElfFile, type ElfRelocation, type ElfSection, type ElfSymbol, EM_BPF, SHT } from "./file.ts";
import { REL_SIZE, RELA_SIZE, SECTION_SIZE, SHN, SYMBOL_SIZE } from "./wire.ts";

interface RawSection {
	readonly nameAt: number;
	readonly type: number;
	readonly flags: number;
	readonly offset: number;
	readonly size: number;
	readonly link: number;
	readonly info: number;
	readonly align: number;
	readonly entrySize: number;
}

/** Largest alignment taken: padding that a stranger chooses must not cost memory. */
const MAX_ALIGN = 65536;

/**
 * Reads a 64-bit relocatable BPF object of either byte order. Every count, size and offset is checked against the file;
 * FormatError says section, offset and path (`Sym[3]/shndx`). Sections may overlap as long as what they hold stays in
 * proportion to the file. The result's byte arrays are windows into `bytes`.
 */
export function readElf(bytes: Uint8Array, file?: string): ElfFile {
	// A plain Uint8Array whatever the host's class is: Node's Buffer has another `slice`.
	return new Reader(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), file).read();
}

class Reader {
	readonly #bytes: Uint8Array;
	readonly #file: string | undefined;
	#littleEndian = true;
	#raw: RawSection[] = [];
	/** Characters of names still allowed: string tables overlap themselves, so names could outgrow the file. */
	#nameBudget: number;

	constructor(bytes: Uint8Array, file: string | undefined) {
		this.#bytes = bytes;
		this.#file = file;
		this.#nameBudget = 16 * bytes.length;
	}

	#error(offset: number, path: string, message: string, section?: string): FormatError {
		return new FormatError(
			{
				...(this.#file === undefined ? {} : { file: this.#file }),
				...(section === undefined ? {} : { section }),
				offset,
				path,
			},
			message,
		);
	}

	#cursor(offset: number): ByteReader {
		const source = this.#file === undefined ? {} : { file: this.#file };
		return new ByteReader(this.#bytes, this.#littleEndian, source, offset);
	}

	read(): ElfFile {
		const b = this.#bytes;
		if (b.length < 16 || b[0] !== 0x7f || b[1] !== 0x45 || b[2] !== 0x4c || b[3] !== 0x46)
			throw this.#error(
				0,
				"Ehdr/ident",
				b.length < 16 ? `${b.length} bytes are no ELF file` : "no ELF file: the first bytes are not 7f 45 4c 46",
			);
		if (b[4] !== 2) throw this.#error(4, "Ehdr/class", `ELF class ${b[4]}, expected 2 (64 bit)`);
		if (b[5] !== 1 && b[5] !== 2) throw this.#error(5, "Ehdr/data", `byte order ${b[5]}, expected 1 or 2`);
		this.#littleEndian = b[5] === 1;
		const r = this.#cursor(16);
		const type = r.u16("Ehdr/type");
		if (type !== 1) throw this.#error(16, "Ehdr/type", `file type ${type}, expected 1 (relocatable object)`);
		const machine = r.u16("Ehdr/machine");
		if (machine !== EM_BPF && machine !== 0)
			throw this.#error(18, "Ehdr/machine", `machine ${machine}, expected ${EM_BPF} (BPF)`);
		r.u32("Ehdr/version");
		r.u64("Ehdr/entry");
		r.u64("Ehdr/phoff");
		const tableAt = r.size64("Ehdr/shoff");
		const flags = r.u32("Ehdr/flags");
		r.u16("Ehdr/ehsize");
		r.u16("Ehdr/phentsize");
		r.u16("Ehdr/phnum");
		const entrySize = r.u16("Ehdr/shentsize");
		let count = r.u16("Ehdr/shnum");
		let namesIndex = r.u16("Ehdr/shstrndx");
		if (tableAt === 0) throw this.#error(40, "Ehdr/shoff", "the file has no section table");
		if (entrySize !== SECTION_SIZE)
			throw this.#error(58, "Ehdr/shentsize", `section headers of ${entrySize} bytes, expected ${SECTION_SIZE}`);
		if (tableAt + SECTION_SIZE > b.length) {
			const what = `the file has ${b.length} bytes, its section table should stand at ${tableAt}: it is cut short`;
			throw this.#error(40, "Ehdr/shoff", what);
		}
		const first = this.#header(tableAt, 0);
		if (count === 0) count = first.size;
		if (namesIndex === SHN.xindex) namesIndex = first.link;
		if (count === 0) throw this.#error(60, "Ehdr/shnum", "the section table is empty");
		if (tableAt + count * SECTION_SIZE > b.length)
			throw this.#error(
				60,
				"Ehdr/shnum",
				`${count} section headers at ${tableAt} end behind the file's ${b.length} bytes: it is cut short`,
			);
		this.#raw = [first];
		for (let i = 1; i < count; i++) this.#raw.push(this.#header(tableAt + i * SECTION_SIZE, i));
		if (namesIndex >= count || this.#raw[namesIndex]!.type !== SHT.strtab)
			throw this.#error(62, "Ehdr/shstrndx", `section ${namesIndex} is no string table`);
		const names = this.#raw.map((s, i) =>
			i === 0 ? "" : this.#name(this.#raw[namesIndex]!, s.nameAt, `Shdr[${i}]/name`),
		);
		return this.#assemble(flags, names);
	}

	#header(at: number, index: number): RawSection {
		const r = this.#cursor(at);
		const path = `Shdr[${index}]`;
		const nameAt = r.u32(`${path}/name`);
		const type = r.u32(`${path}/type`);
		const flags = r.size64(`${path}/flags`);
		r.u64(`${path}/addr`);
		const offset = r.size64(`${path}/offset`);
		const size = r.size64(`${path}/size`);
		const link = r.u32(`${path}/link`);
		const info = r.u32(`${path}/info`);
		const align = r.size64(`${path}/addralign`);
		const entrySize = r.size64(`${path}/entsize`);
		if (type !== SHT.null && type !== SHT.nobits && offset + size > this.#bytes.length)
			throw this.#error(
				at,
				`${path}/size`,
				`bytes ${offset} to ${offset + size} are behind the file's ${this.#bytes.length}`,
			);
		if (align > MAX_ALIGN || (align & (align - 1)) !== 0)
			throw this.#error(at, `${path}/addralign`, `alignment ${align}, expected a power of two up to ${MAX_ALIGN}`);
		return { nameAt, type, flags, offset, size, link, info, align, entrySize };
	}

	#name(table: RawSection, at: number, path: string): string {
		if (at === 0) return "";
		if (at >= table.size)
			throw this.#error(table.offset, path, `name at ${at} of a string table of ${table.size} bytes`);
		const window = this.#bytes.subarray(table.offset, table.offset + table.size);
		const end = window.indexOf(0, at);
		if (end < 0) throw this.#error(table.offset + at, path, "the name has no end");
		this.#nameBudget -= end - at;
		if (this.#nameBudget < 0) throw this.#error(table.offset + at, path, "the names are longer than the file can hold");
		return cstring(window, at);
	}

	#assemble(flags: number, names: readonly string[]): ElfFile {
		const raw = this.#raw;
		/** File's section number to index in the result; -1: taken apart. */
		const place: number[] = raw.map(() => -1);
		let symtab = -1;
		const stringTables = new Set<number>();
		for (const [i, s] of raw.entries()) {
			if (s.type === SHT.symtabShndx)
				throw new NotSupportedError("SHT_SYMTAB_SHNDX", "the object has too many sections");
			if (s.type !== SHT.symtab) continue;
			if (symtab >= 0)
				throw this.#error(s.offset, `Shdr[${i}]/type`, `second symbol table, the first is section ${symtab}`);
			symtab = i;
			stringTables.add(s.link);
		}
		let next = 0;
		let relocationBytes = 0;
		for (const [i, s] of raw.entries()) {
			if (i === 0 || s.type === SHT.null || s.type === SHT.symtab || s.type === SHT.rel || s.type === SHT.rela) {
				if (s.type === SHT.rel || s.type === SHT.rela) relocationBytes += s.size;
				continue;
			}
			if (s.type === SHT.strtab && (stringTables.has(i) || names[i] === ".shstrtab" || names[i] === ".strtab"))
				continue;
			place[i] = next++;
		}
		if (relocationBytes > this.#bytes.length)
			throw this.#error(
				0,
				"Shdr",
				`relocation sections of ${relocationBytes} bytes in a file of ${this.#bytes.length}`,
			);
		const symbols = symtab < 0 ? [] : this.#symbols(symtab, place);
		const relocations = this.#relocations(symtab, symbols.length, place);
		const sections: ElfSection[] = [];
		for (const [i, s] of raw.entries()) {
			const at = place[i]!;
			if (at < 0) continue;
			sections.push({
				name: names[i]!,
				type: s.type,
				flags: s.flags,
				align: s.align,
				entrySize: s.entrySize,
				size: s.size,
				data: s.type === SHT.nobits ? new Uint8Array(0) : this.#bytes.subarray(s.offset, s.offset + s.size),
				relocations: relocations.get(at) ?? [],
				...(symtab >= 0 && s.link === symtab ? { linksToSymbols: true as const } : {}),
			});
		}
		return { littleEndian: this.#littleEndian, flags, sections, symbols };
	}

	#symbols(index: number, place: readonly number[]): ElfSymbol[] {
		const table = this.#raw[index]!;
		const strings = this.#raw[table.link];
		if (!strings || strings.type !== SHT.strtab)
			throw this.#error(table.offset, `Shdr[${index}]/link`, `section ${table.link} is no string table`);
		if (table.entrySize !== SYMBOL_SIZE || table.size % SYMBOL_SIZE !== 0)
			throw this.#error(
				table.offset,
				`Shdr[${index}]/entsize`,
				`${table.size} bytes in symbols of ${table.entrySize}, expected ${SYMBOL_SIZE} each`,
			);
		const count = table.size / SYMBOL_SIZE;
		const symbols: ElfSymbol[] = [];
		for (let i = 1; i < count; i++) {
			const r = this.#cursor(table.offset + i * SYMBOL_SIZE);
			const path = `Sym[${i}]`;
			const nameAt = r.u32(`${path}/name`);
			const info = r.u8(`${path}/info`);
			const other = r.u8(`${path}/other`);
			const shndxAt = r.offset;
			const shndx = r.u16(`${path}/shndx`);
			const value = r.size64(`${path}/value`);
			const size = r.size64(`${path}/size`);
			let section: ElfSymbol["section"];
			if (shndx === SHN.undef) section = "undefined";
			else if (shndx === SHN.abs) section = "absolute";
			else if (shndx === SHN.common) section = "common";
			else {
				const at = place[shndx];
				if (at === undefined)
					throw this.#error(shndxAt, `${path}/shndx`, `section ${shndx} of ${this.#raw.length}`, ".symtab");
				// A section symbol of a table that the reader takes apart has nothing to stand on.
				section = at < 0 ? "absolute" : at;
			}
			symbols.push({
				name: this.#name(strings, nameAt, `${path}/name`),
				binding: info >> 4,
				type: info & 15,
				other,
				section,
				value,
				size,
			});
		}
		return symbols;
	}

	#relocations(symtab: number, symbolCount: number, place: readonly number[]): Map<number, ElfRelocation[]> {
		const lists = new Map<number, ElfRelocation[]>();
		for (const [i, s] of this.#raw.entries()) {
			if (s.type !== SHT.rel && s.type !== SHT.rela) continue;
			const entry = s.type === SHT.rel ? REL_SIZE : RELA_SIZE;
			if (s.entrySize !== entry || s.size % entry !== 0)
				throw this.#error(
					s.offset,
					`Shdr[${i}]/entsize`,
					`${s.size} bytes in relocations of ${s.entrySize}, expected ${entry} each`,
				);
			if (symtab < 0 || s.link !== symtab)
				throw this.#error(s.offset, `Shdr[${i}]/link`, `section ${s.link} is not the symbol table`);
			const target = place[s.info];
			if (target === undefined || target < 0)
				throw this.#error(s.offset, `Shdr[${i}]/info`, `relocations of section ${s.info}, which has no contents`);
			const limit = this.#raw[s.info]!.size;
			let list = lists.get(target);
			if (!list) {
				list = [];
				lists.set(target, list);
			}
			for (let k = 0; k < s.size / entry; k++) {
				const at = s.offset + k * entry;
				const r = this.#cursor(at);
				const path = `Shdr[${i}]/Rel[${k}]`;
				const offset = r.size64(`${path}/offset`);
				const info = r.u64(`${path}/info`);
				const symbol = Number(info >> 32n) - 1;
				if (offset >= limit) throw this.#error(at, `${path}/offset`, `offset ${offset} of a section of ${limit} bytes`);
				if (symbol >= symbolCount)
					throw this.#error(at + 8, `${path}/sym`, `symbol ${symbol + 1} of ${symbolCount + 1}`);
				const base = { offset, symbol, type: Number(info & 0xffffffffn) };
				list.push(s.type === SHT.rela ? { ...base, addend: r.i64(`${path}/addend`) } : base);
			}
		}
		return lists;
	}
}
