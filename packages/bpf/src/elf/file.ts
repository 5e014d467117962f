/**
 * A relocatable object as plain values. `sections` are those with contents of their own: the null section, the symbol
 * table, the string tables and the relocation sections are made by the writer and taken apart by the reader. So an index
 * in `sections` is not the number that the file uses.
 */
export interface ElfFile {
	readonly littleEndian: boolean;
	readonly flags: number;
	readonly sections: readonly ElfSection[];
	/** Without the null symbol; local ones first, as ELF wants it. */
	readonly symbols: readonly ElfSymbol[];
}

export interface ElfSection {
	readonly name: string;
	/** SHT_… */
	readonly type: number;
	/** SHF_… */
	readonly flags: number;
	/** In bytes; 0 or 1: none. */
	readonly align: number;
	readonly entrySize: number;
	/** In bytes: the length of `data`, or more for NOBITS, which has none. */
	readonly size: number;
	readonly data: Uint8Array;
	/** By the order of the file. */
	readonly relocations: readonly ElfRelocation[];
	/** `sh_link` to the symbol table (`.llvm_addrsig`). */
	readonly linksToSymbols?: true;
}

export interface ElfSymbol {
	readonly name: string;
	/** STB_… */
	readonly binding: number;
	/** STT_… */
	readonly type: number;
	/** `st_other`: visibility. */
	readonly other: number;
	/** Index in `sections`. */
	readonly section: number | "undefined" | "absolute" | "common";
	/** Offset in the section. */
	readonly value: number;
	readonly size: number;
}

export interface ElfRelocation {
	/** In bytes, in the section that it changes. */
	readonly offset: number;
	/** Index in `symbols`; -1: the null symbol. */
	readonly symbol: number;
	/** R_BPF_… */
	readonly type: number;
	/** RELA's; absent: REL, the addend is in the section. */
	readonly addend?: bigint;
}

export const EM_BPF = 247;
export const SHT = {
	null: 0,
	progbits: 1,
	symtab: 2,
	strtab: 3,
	rela: 4,
	note: 7,
	nobits: 8,
	rel: 9,
	symtabShndx: 18,
} as const;
export const SHF = { write: 1, alloc: 2, exec: 4, merge: 0x10, strings: 0x20, infoLink: 0x40 } as const;
export const STB = { local: 0, global: 1, weak: 2 } as const;
export const STT = { notype: 0, object: 1, func: 2, section: 3, file: 4 } as const;
/** Relocations of BPF objects. */
export const R_BPF = {
	/** 64-bit immediate of a wide load. */
	ld64: 1,
	/** 64-bit data. */
	abs64: 2,
	/** 32-bit data. */
	abs32: 3,
	/** 32-bit data that nothing resolves at run time (`.BTF`, `.BTF.ext`). */
	nodyld32: 4,
	/** Immediate of a call. */
	call: 10,
} as const;
