/**
 * ELF: relocatable BPF objects as plain values, both byte orders, both ways.
 *
 * `readElf` checks every number of the file and throws FormatError with section, offset and path; `writeElf` writes what
 * libbpf, bpftool and llvm read. `findSection` takes one section out of any 64-bit ELF file. What the sections mean (programs, maps, BTF) is the business of `object`.
 */
export {
	type ElfFile,
	type ElfRelocation,
	type ElfSection,
	type ElfSymbol,
	EM_BPF,
	R_BPF,
	SHF,
	SHT,
	STB,
	STT,
} from "./file.ts";
export { readElf } from "./read.ts";
export { findSection } from "./section.ts";
export { writeElf } from "./write.ts";
