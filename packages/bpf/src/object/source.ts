import type { FormatError } from "#base";
import type { ElfFile, ElfSection, ElfSymbol } from "#elf";

/** The object that is being read, with what every part of the reader needs of it. */
export interface Source {
	readonly elf: ElfFile;
	readonly file: string | undefined;
	/** The first of that name. */
	section(name: string): ElfSection | undefined;
	/** Its index in `elf.sections`; -1: none. */
	sectionIndex(name: string): number;
	/** Symbols that stand in a section, by its index. */
	symbolsOf(sectionIndex: number): readonly ElfSymbol[];
	error(at: { section?: string; offset?: number; path: string }, message: string): FormatError;
}
