import { FormatError, LinkError } from "#base";
import { Btf, type BtfExt, decodeExt } from "#btf";
import { type ElfFile, type ElfSection, type ElfSymbol, readElf, SHF, SHT, STB, STT } from "#elf";

export interface LinkInput {
	/** For messages: the file's name. */
	readonly name: string;
	readonly bytes: Uint8Array;
}

/** A file that has been read, with what the linker looks up in it again and again. */
export interface InputFile {
	readonly name: string;
	readonly elf: ElfFile;
	readonly btf: Btf | undefined;
	readonly ext: BtfExt | undefined;
	/** Ids of VARs and FUNCs that other files may see, by name. */
	readonly types: ReadonlyMap<string, number>;
	/** DATASECs by name. */
	readonly datasecs: ReadonlyMap<string, number>;
	/** The manifest of a file that skep compiled. */
	readonly manifest: ElfSection | undefined;
	/** By index in `elf.sections`: its contents go into the result. */
	readonly kept: readonly boolean[];
}

/** Made anew (symbols, types), or of no use to a loader: debugging information for people, hints for a linker of ELF. */
const DROPPED = /^\.(BTF|BTF\.ext|skep|llvm_addrsig|eh_frame|comment|debug_.*|note(\..*)?|llvm.*)$/;

/** @throws FormatError, LinkError for what is well-formed but cannot be linked */
export function readInput({ name, bytes }: LinkInput): InputFile {
	const elf = readElf(bytes, name);
	const section = (wanted: string) => elf.sections.find((s) => s.name === wanted && s.type === SHT.progbits);
	const btfSection = section(".BTF");
	const btf = btfSection && btfSection.size > 0 ? Btf.decode(btfSection.data, { file: name }) : undefined;
	if (btf && (btf.byteOrder === "little") !== elf.littleEndian)
		throw new FormatError(
			{ file: name, section: ".BTF", offset: 0, path: "header/magic" },
			`types in ${btf.byteOrder}-endian order in an object of the other`,
		);
	const extSection = section(".BTF.ext");
	const ext =
		btf && extSection && extSection.size > 0
			? decodeExt(extSection.data, (o) => btf.string(o), { file: name })
			: undefined;
	const types = new Map<string, number>();
	const datasecs = new Map<string, number>();
	if (btf) indexTypes(btf, types, datasecs);
	for (const [i, s] of elf.symbols.entries()) checkSymbol(elf, s, i, name);
	return {
		name,
		elf,
		btf,
		ext,
		types,
		datasecs,
		manifest: section(".skep"),
		kept: elf.sections.map((s) => isKept(s, name)),
	};
}

function indexTypes(btf: Btf, types: Map<string, number>, datasecs: Map<string, number>): void {
	for (let id = btf.firstId; id <= btf.count; id++) {
		const kind = btf.kind(id);
		if (kind === "datasec") datasecs.set(btf.name(id), id);
		if (kind !== "var" && kind !== "func") continue;
		const t = btf.type(id);
		// A declaration may stand beside the definition: the definition says more.
		if ((t.kind === "var" || t.kind === "func") && t.linkage !== "static")
			if (t.linkage === "global" || !types.has(t.name)) types.set(t.name, id);
	}
}

function isKept(s: ElfSection, file: string): boolean {
	if (DROPPED.test(s.name)) return false;
	if (s.type !== SHT.progbits && s.type !== SHT.nobits) {
		if ((s.flags & SHF.alloc) === 0) return false;
		throw new LinkError(`section "${s.name}" of ${file} has type ${s.type}, which cannot be linked`, {
			section: s.name,
		});
	}
	return !(s.name === ".text" && s.size === 0);
}

function checkSymbol(elf: ElfFile, s: ElfSymbol, index: number, file: string): void {
	const fail = (path: string, message: string) =>
		new FormatError({ file, section: ".symtab", offset: 0, path: `Sym[${index + 1}]/${path}` }, message);
	if (s.binding > STB.weak) throw fail("info", `binding ${s.binding} of "${s.name}", expected local, global or weak`);
	if (s.section === "common")
		throw new LinkError(`"${s.name}" of ${file} is a common symbol: compile without -fcommon`, { symbol: s.name });
	if (s.binding !== STB.local && s.name === "") throw fail("name", "a global symbol without a name");
	if (typeof s.section !== "number") return;
	const section = elf.sections[s.section]!;
	if (s.value > section.size)
		throw fail("value", `"${s.name}" at ${s.value} of section "${section.name}", which has ${section.size} bytes`);
	if (s.type === STT.section && s.value !== 0) throw fail("value", `a section's symbol at ${s.value}, expected 0`);
}
