import { FormatError, LinkError } from "#base";
import {
	type Btf,
	BtfBuilder,
	type BtfExt,
	type BtfType,
	type CoreRecord,
	dedup,
	type ExtSection,
	encodeExt,
	type FuncRecord,
	type LineRecord,
	renumber,
} from "#btf";
import { type ElfSymbol, STB, STT } from "#elf";
import type { InputFile } from "./input.ts";
import type { OutputSection, Placement } from "./sections.ts";
import type { OutputSymbol, ResolvedSymbols } from "./symbols.ts";

export interface MergedTypes {
	/** Contents of `.BTF`; undefined: no file has types. */
	readonly btf: Uint8Array | undefined;
	/** Contents of `.BTF.ext`; undefined: there is nothing to say. */
	readonly ext: Uint8Array | undefined;
}

interface Files {
	readonly inputs: readonly InputFile[];
	readonly placements: readonly (readonly (Placement | undefined)[])[];
	readonly sections: readonly OutputSection[];
	readonly resolved: ResolvedSymbols;
}

type SectionVariable = { readonly type: number; readonly offset: number; readonly size: number };
/** Highest number of entries of one type. */
const MAX_ENTRIES = 0xffff;

/**
 * Joins the types of all files, each once. A symbol that several files speak of has the type of the file whose word counts;
 * DATASECs are made anew from where the variables went; what `.BTF.ext` says goes along with its instructions.
 * @throws LinkError, FormatError
 */
export function mergeTypes(files: Files, littleEndian: boolean): MergedTypes {
	if (files.inputs.every((f) => !f.btf)) return { btf: undefined, ext: undefined };
	const joined = new BtfBuilder();
	const maps = addTypes(files, joined);
	for (const [name, section] of collectVariables(files, maps)) {
		if (section.vars.length > MAX_ENTRIES)
			throw new LinkError(`section "${name}" has ${section.vars.length} variables, BTF holds ${MAX_ENTRIES}`, {
				section: name,
			});
		if (section.size > 0xffffffff)
			throw new LinkError(`section "${name}" has ${section.size} bytes, BTF holds less than 2^32`, { section: name });
		section.vars.sort((a, b) => a.offset - b.offset);
		joined.add({ kind: "datasec", name, size: section.size, vars: section.vars });
	}
	const { builder, ids } = dedup(joined.finish());
	const ext = mergeExt(files, maps, ids);
	const said = ext.funcs.length + ext.lines.length + ext.core.length > 0;
	// Its strings come into the types' table, so it is written first.
	const extBytes = said ? encodeExt(ext, (text) => builder.string(text)) : undefined;
	const btfBytes = builder.encode();
	if (!littleEndian) {
		swapWords(btfBytes, true);
		if (extBytes) swapWords(extBytes, false);
	}
	return { btf: btfBytes, ext: extBytes };
}

/** Adds all but DATASECs; gives the new id by file and old id. 0 for what the result has no place for. */
function addTypes({ inputs, resolved }: Files, joined: BtfBuilder): Uint32Array[] {
	const maps = inputs.map((f) => new Uint32Array((f.btf?.count ?? 0) + 1));
	/** By symbol: where the type that counts was put. */
	const chosen = new Map<string, number>();
	const pending: { readonly id: number; readonly type: BtfType; readonly map: Uint32Array }[] = [];
	for (const [n, { btf, types }] of inputs.entries()) {
		if (!btf) continue;
		const map = maps[n]!;
		const left = leftOut(btf, inputs[n]!, resolved);
		for (let id = btf.firstId; id <= btf.count; id++) {
			const t = btf.type(id);
			if (t.kind === "datasec" || left.has(id)) continue;
			// A tag of what is not taken from here says nothing of what is.
			if (t.kind === "decl_tag" && left.has(t.type)) continue;
			const made = joined.reserve();
			map[id] = made;
			pending.push({ id: made, type: t, map });
			if ((t.kind === "var" || t.kind === "func") && t.linkage !== "static" && types.get(t.name) === id)
				chosen.set(t.name, made);
		}
	}
	for (const [n, { btf }] of inputs.entries()) {
		if (!btf) continue;
		for (let id = btf.firstId; id <= btf.count; id++) {
			const kind = btf.kind(id);
			if ((kind === "var" || kind === "func") && maps[n]![id] === 0) maps[n]![id] = chosen.get(btf.name(id)) ?? 0;
		}
	}
	for (const { id, type, map } of pending)
		joined.set(
			id,
			renumber(type, (old) => map[old]!),
		);
	return maps;
}

/** Variables and functions that other files see and whose type comes from another file, or from none. Ids. */
function leftOut(btf: Btf, input: InputFile, { globals }: ResolvedSymbols): Set<number> {
	const left = new Set<number>();
	for (let id = btf.firstId; id <= btf.count; id++) {
		const kind = btf.kind(id);
		if (kind !== "var" && kind !== "func") continue;
		const t = btf.type(id);
		if ((t.kind !== "var" && t.kind !== "func") || t.linkage === "static") continue;
		const symbol = globals.get(t.name);
		if (!symbol || symbol.typed.file !== input || symbol.typed.id !== id) left.add(id);
	}
	if (left.size === 0) return left;
	const users = countUsers(btf, input);
	for (const id of [...left]) {
		// What only this declaration said goes with it; structs stay, somebody may ask for them by name.
		let t = btf.type(id);
		while ("type" in t && users[t.type] === 1) {
			const of = t.type;
			t = btf.type(of);
			if (t.kind !== "func_proto" && t.kind !== "array" && t.kind !== "ptr" && t.kind !== "const") break;
			left.add(of);
		}
	}
	return left;
}

/** By id: how many types and records refer to it. */
function countUsers(btf: Btf, input: InputFile): Uint32Array {
	const users = new Uint32Array(btf.count + 1);
	for (let id = btf.firstId; id <= btf.count; id++)
		renumber(btf.type(id), (to) => {
			users[to]!++;
			return to;
		});
	for (const s of input.ext?.core ?? []) for (const r of s.records) if (r.type < users.length) users[r.type]!++;
	return users;
}

interface Variables {
	readonly size: number;
	readonly vars: SectionVariable[];
}

/** What stands in each DATASEC of the result, in the order of its sections; then those that have no section (`.ksyms`). */
function collectVariables(files: Files, maps: readonly Uint32Array[]): Map<string, Variables> {
	const { inputs, placements, sections, resolved } = files;
	const found = new Map<string, Variables>();
	const typed = new Set<string>(inputs.flatMap((f) => [...f.datasecs.keys()]));
	for (const s of sections) if (typed.has(s.name)) found.set(s.name, { size: s.size, vars: [] });
	const declared = new Map<string, { readonly section: string; readonly file: string }>();
	for (const [n, input] of inputs.entries()) {
		for (const [name, id] of input.datasecs) {
			const t = input.btf!.type(id);
			if (t.kind !== "datasec") continue;
			const index = input.elf.sections.findIndex((s, i) => s.name === name && placements[n]![i] !== undefined);
			const place = index < 0 ? undefined : placements[n]![index];
			if (place?.shared) continue;
			let variables = found.get(name);
			if (!variables) {
				variables = { size: 0, vars: [] };
				found.set(name, variables);
			}
			const locals = localsOf(input, index);
			for (const v of t.vars) {
				const variable = input.btf!.type(v.type);
				if (variable.kind !== "var" && variable.kind !== "func")
					throw new FormatError(
						{ file: input.name, section: ".BTF", offset: 0, path: `DATASEC ${name}` },
						`type ${v.type} is a ${variable.kind}, expected a variable or a function`,
					);
				if (variable.linkage === "static") {
					const at = locals.get(variable.name) ?? v.offset;
					variables.vars.push({ type: maps[n]![v.type]!, offset: (place?.at ?? 0) + at, size: v.size });
					continue;
				}
				const symbol = resolved.globals.get(variable.name);
				if (!symbol) continue;
				if (place === undefined) declareExtern(name, symbol, input, declared);
				// Each stands where its definition does, once; an extern where it is declared first.
				if (symbol.typed.file !== input || symbol.typed.id !== v.type) continue;
				const defined = typeof symbol.section === "object";
				variables.vars.push({
					type: maps[n]![v.type]!,
					offset: defined ? symbol.value : v.offset,
					size: v.size,
				});
			}
		}
	}
	return found;
}

/** An extern of the kernel's (`.ksyms`, `.kconfig`) is so in every file. */
function declareExtern(
	section: string,
	{ name, section: definedIn, typed }: OutputSymbol,
	input: InputFile,
	declared: Map<string, { readonly section: string; readonly file: string }>,
): void {
	if (typeof definedIn === "object")
		throw new LinkError(
			`"${name}" is an extern of section "${section}" in ${input.name}, but ${typed.file.name} defines it in "${definedIn.name}"`,
			{ symbol: name, section },
		);
	const known = declared.get(name);
	if (known && known.section !== section)
		throw new LinkError(
			`"${name}" is an extern of section "${known.section}" in ${known.file} and of "${section}" in ${input.name}`,
			{ symbol: name, section },
		);
	declared.set(name, known ?? { section, file: input.name });
}

/** Offsets of a section's local variables by name; those of one name twice are not there. */
function localsOf(input: InputFile, section: number): Map<string, number> {
	const found = new Map<string, number>();
	const twice = new Set<string>();
	const isLocal = (s: ElfSymbol) => s.section === section && s.binding === STB.local && s.type === STT.object;
	for (const s of input.elf.symbols) {
		if (!isLocal(s)) continue;
		if (found.has(s.name)) twice.add(s.name);
		found.set(s.name, s.value);
	}
	for (const name of twice) found.delete(name);
	return found;
}

function mergeExt({ inputs, placements }: Files, maps: readonly Uint32Array[], ids: Uint32Array): BtfExt {
	const funcs = new Map<string, FuncRecord[]>();
	const lines = new Map<string, LineRecord[]>();
	const core = new Map<string, CoreRecord[]>();
	for (const [n, input] of inputs.entries()) {
		if (!input.ext) continue;
		const map = maps[n]!;
		const type = (old: number, path: string): number => {
			if (old >= map.length)
				throw new FormatError(
					{ file: input.name, section: ".BTF.ext", offset: 0, path },
					`type id ${old}, the highest is ${map.length - 1}`,
				);
			return ids[map[old]!]!;
		};
		const carry = <T extends { readonly offset: number }>(
			part: string,
			from: readonly ExtSection<T>[],
			to: Map<string, T[]>,
			rewrite: (record: T) => T,
		): void => {
			for (const s of from) {
				const index = input.elf.sections.findIndex((e, i) => e.name === s.section && placements[n]![i] !== undefined);
				const place = index < 0 ? undefined : placements[n]![index];
				// What is said of a section that is not there is said of nothing.
				if (!place) continue;
				let list = to.get(s.section);
				if (!list) {
					list = [];
					to.set(s.section, list);
				}
				const size = input.elf.sections[index]!.size;
				for (const r of s.records) {
					if (r.offset >= size)
						throw new FormatError(
							{ file: input.name, section: ".BTF.ext", offset: 0, path: part },
							`offset ${r.offset} of section "${s.section}", which has ${size} bytes`,
						);
					list.push({ ...rewrite(r), offset: r.offset + place.at });
				}
			}
		};
		carry("func_info", input.ext.funcs, funcs, (r) => ({ ...r, type: type(r.type, "func_info") }));
		carry("line_info", input.ext.lines, lines, (r) => r);
		carry("core_relo", input.ext.core, core, (r) => ({ ...r, type: type(r.type, "core_relo") }));
	}
	const sections = <T>(found: Map<string, T[]>): ExtSection<T>[] =>
		[...found].map(([section, records]) => ({ section, records }));
	return { funcs: sections(funcs), lines: sections(lines), core: sections(core) };
}

/**
 * Turns the byte order of what was written little-endian: BTF and .BTF.ext are 32-bit words but for the first (a magic of
 * 16 bits and two bytes) and the strings.
 */
function swapWords(bytes: Uint8Array, strings: boolean): void {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const end = strings ? view.getUint32(4, true) + view.getUint32(16, true) : bytes.length;
	view.setUint16(0, view.getUint16(0, true), false);
	for (let at = 4; at + 4 <= end; at += 4) view.setUint32(at, view.getUint32(at, true), false);
}
