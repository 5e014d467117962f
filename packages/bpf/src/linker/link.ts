import { LinkError } from "#base";
import { type ElfFile, type ElfSection, SHT, writeElf } from "#elf";
import { type InputFile, type LinkInput, readInput } from "./input.ts";
import { moveRelocations, type OutputRelocation } from "./relocations.ts";
import { contentsOf, placeSections } from "./sections.ts";
import { type OutputSymbol, resolveSymbols } from "./symbols.ts";
import { mergeTypes } from "./types.ts";

export type { LinkInput } from "./input.ts";

export interface LinkOptions {
	/** Is told what was left out of the result, in words. */
	readonly note?: (text: string) => void;
}

/**
 * Makes one relocatable object of several, all of one byte order: same inputs in the same order, same bytes.
 *
 * Sections of one name become one; `license` and `version` must agree. Functions, maps and variables are resolved by name:
 * of two definitions one must be weak; types, sizes and maps' attributes must be the same. What no file defines stays
 * open, so that a result can be linked again. A manifest of skep's compiler says what one source made: it is kept only of
 * a single file, and `note` says so.
 * @throws LinkError naming the symbol or section and both files; FormatError for malformed input
 */
export function link(inputs: readonly LinkInput[], options: LinkOptions = {}): Uint8Array<ArrayBuffer> {
	if (inputs.length === 0) throw new LinkError("nothing to link: no object was given");
	const files = inputs.map(readInput);
	const littleEndian = sameByteOrder(files);
	const inputBytes = inputs.reduce((sum, i) => sum + i.bytes.length, 0);
	const { sections, placements } = placeSections(files, inputBytes);
	const resolved = resolveSymbols(files, placements);
	const contents = new Map(sections.map((s) => [s, contentsOf(s)]));
	const relocations = moveRelocations(files, placements, resolved, contents);
	const types = mergeTypes({ inputs: files, placements, sections, resolved }, littleEndian);
	const out: ElfSection[] = sections.map((s) => ({
		name: s.name,
		type: s.type,
		flags: s.flags,
		align: s.align,
		entrySize: s.entrySize,
		size: s.size,
		data: contents.get(s)!,
		relocations: [],
	}));
	const place = new Map(sections.map((s, i) => [s, i]));
	if (types.btf) out.push(plain(".BTF", types.btf));
	if (types.ext) out.push(plain(".BTF.ext", types.ext));
	out.push(...manifest(files, options));
	const number = new Map<OutputSymbol, number>(resolved.symbols.map((s, i) => [s, i]));
	for (const [section, list] of relocations) {
		const i = place.get(section)!;
		out[i] = { ...out[i]!, relocations: ordered(list, number) };
	}
	const file: ElfFile = {
		littleEndian,
		flags: files.reduce((flags, f) => flags | f.elf.flags, 0),
		sections: out,
		symbols: resolved.symbols.map((s) => ({
			name: s.name,
			binding: s.binding,
			type: s.type,
			other: s.visibility,
			section: s.section === undefined ? "undefined" : s.section === "absolute" ? "absolute" : place.get(s.section)!,
			value: s.value,
			size: s.size,
		})),
	};
	return writeElf(file);
}

function sameByteOrder(files: readonly InputFile[]): boolean {
	const [first] = files as [InputFile];
	for (const f of files)
		if (f.elf.littleEndian !== first.elf.littleEndian)
			throw new LinkError(
				`${first.name} is ${orderOf(first)}-endian, ${f.name} is ${orderOf(f)}-endian: one program runs in one byte order`,
			);
	return first.elf.littleEndian;
}

const orderOf = (f: InputFile): string => (f.elf.littleEndian ? "little" : "big");

function plain(name: string, data: Uint8Array): ElfSection {
	return { name, type: SHT.progbits, flags: 0, align: 4, entrySize: 0, size: data.length, data, relocations: [] };
}

function manifest(files: readonly InputFile[], { note }: LinkOptions): ElfSection[] {
	const [only] = files;
	if (files.length === 1 && only?.manifest) return [{ ...only.manifest, relocations: [] }];
	for (const f of files)
		if (f.manifest)
			note?.(`${f.name}: its manifest (section ".skep") is left out: it says what that file alone was made of`);
	return [];
}

/** By the writer's rule: those without addend first; else as the files had them. */
function ordered(list: readonly OutputRelocation[], number: ReadonlyMap<OutputSymbol, number>) {
	const at = (r: OutputRelocation) => (r.symbol ? number.get(r.symbol)! : -1);
	const written = list.map(({ symbol: _, ...r }, i) => ({ ...r, symbol: at(list[i]!) }));
	return [...written.filter((r) => r.addend === undefined), ...written.filter((r) => r.addend !== undefined)];
}
