import { cstring, decodeUtf8, FormatError, LinkError, NotSupportedError } from "#base";
import { Btf } from "#btf";
import { type ElfFile, type ElfSection, readElf, SHT, STB } from "#elf";
import type { CollectionSpec, FunctionSpec, ProgramSpec } from "#spec";
import { oldSectionMeaning, PROG_FLAGS, sectionMeaning } from "#uapi";
import { readData } from "./data.ts";
import { readExt } from "./ext.ts";
import { readExterns } from "./externs.ts";
import { type CodeFunction, exceptionCallbacks, functionsOf, specOf } from "./functions.ts";
import { readLegacyMaps } from "./legacy-maps.ts";
import { readManifest } from "./manifest.ts";
import { readMaps } from "./maps.ts";
import type { Source } from "./source.ts";
import { readStructOps } from "./struct-ops.ts";

export interface ReadObjectOptions {
	/** Name of the collection and of the file in messages; default `object`. */
	readonly name?: string;
	/** What programs of a section are that the table of sections does not have (`bpftool prog load … type xdp`). */
	readonly programType?: (section: string) => Pick<ProgramSpec, "type" | "attachType"> | undefined;
}

/**
 * Reads an object: same bytes in, same value out. The result's byte arrays are its own or windows into `bytes`.
 * What libbpf passes over is passed over, and said in `notes`. @throws FormatError for malformed ELF, BTF, instructions
 * or manifest; LinkError for references to nothing; NotSupportedError, with the section's name, for what is well-formed
 * but not understood (unknown program sections, map types and attributes).
 */
export function readObject(bytes: Uint8Array, options: ReadObjectOptions = {}): CollectionSpec {
	const name = options.name ?? "object";
	const elf = readElf(bytes, options.name);
	const source = sourceOf(elf, options.name);
	const btf = readBtf(source);
	const functions = functionsOf(source);
	const ext = readExt(source, btf, functions);
	const maps = readMaps(source, btf, functions);
	const legacy = readLegacyMaps(source);
	const arena = [...maps.maps.values()].find((map) => map.type === "arena");
	const data = readData(source, btf, arena);
	const externs = readExterns(source, btf);
	const all = new Map(maps.maps);
	const more = [...legacy.maps, ...readStructOps(source, btf, functions), ...(externs.map ? [externs.map] : [])];
	for (const map of more) {
		if (all.has(map.name)) throw source.error({ section: ".maps", path: map.name }, `two maps are named "${map.name}"`);
		all.set(map.name, map);
	}
	for (const [key, map] of data.maps) {
		if (all.has(key) && map.type !== "arena")
			throw source.error({ section: key, path: "name" }, "a map has the name of this section");
		all.set(key, map);
	}
	const notes = [...maps.notes, ...data.notes];
	const programs = new Map<string, ProgramSpec>();
	const subprograms = new Map<string, FunctionSpec>();
	const context = {
		source,
		btf,
		ext,
		functions,
		maps: new Map([
			[source.sectionIndex(".maps"), maps.bySymbol],
			[legacy.section, legacy.bySymbol],
		]),
		data: data.sections,
		externs: externs.externs,
		exceptions: exceptionCallbacks(btf),
	};
	for (const f of functions.all) {
		const spec = specOf(f, context);
		// A lone function of .text is a program of which somebody else must say the type.
		const lone = functions.all.length === 1 && options.programType?.(f.section.name) !== undefined;
		if (f.section.name === ".text" && !lone) subprograms.set(spec.name, spec);
		else {
			const program = programOf(f, spec, source, options);
			programs.set(spec.name, program);
			if (oldSectionMeaning(f.section.name))
				notes.push(`section ${f.section.name} is read as ${program.hook}, as loaders before libbpf 1.0 did`);
		}
	}
	// A program may be called like a subprogram; then it is one too.
	for (const p of [...programs.values(), ...subprograms.values()])
		for (const callee of calleesOf(p)) {
			if (subprograms.has(callee)) continue;
			const called = programs.get(callee);
			if (!called) throw new LinkError(`${p.name} calls "${callee}", which is not there`, { symbol: callee });
			subprograms.set(callee, functionOf(called));
		}
	return {
		name,
		byteOrder: elf.littleEndian ? "little" : "big",
		license: licenseOf(source),
		kernelVersion: versionOf(source),
		maps: all,
		programs,
		functions: subprograms,
		variables: new Map([...data.variables, ...externs.variables]),
		...(externs.externs.size ? { externs: externs.externs } : {}),
		btf,
		manifest: manifestOf(source),
		...(notes.length ? { notes } : {}),
	};
}

const calleesOf = (f: FunctionSpec): string[] => [
	...f.references.flatMap((r) => (r.kind === "function" ? [r.function] : [])),
	...(f.exceptionCallback === undefined ? [] : [f.exceptionCallback]),
];

function functionOf(program: ProgramSpec): FunctionSpec {
	const { section: _s, hook: _h, type: _t, attachType: _a, attachTo: _o, flags: _f, autoload: _l, ...plain } = program;
	return plain;
}

function sourceOf(elf: ElfFile, file: string | undefined): Source {
	const byName = new Map<string, number>();
	for (const [i, s] of elf.sections.entries()) if (!byName.has(s.name)) byName.set(s.name, i);
	const section = (name: string): ElfSection | undefined => {
		const i = byName.get(name);
		return i === undefined ? undefined : elf.sections[i];
	};
	const error = (at: { section?: string; offset?: number; path: string }, message: string): FormatError =>
		new FormatError(
			{
				...(file === undefined ? {} : { file }),
				...(at.section === undefined ? {} : { section: at.section }),
				offset: at.offset ?? 0,
				path: at.path,
			},
			message,
		);
	const symbols = Map.groupBy(elf.symbols, (s) => s.section);
	return {
		elf,
		file,
		section,
		sectionIndex: (name) => byName.get(name) ?? -1,
		symbolsOf: (index) => symbols.get(index) ?? [],
		error,
	};
}

function readBtf(source: Source): Btf | undefined {
	const s = source.section(".BTF");
	if (!s || s.data.length === 0) return undefined;
	return Btf.decode(s.data, { section: ".BTF", ...(source.file === undefined ? {} : { file: source.file }) });
}

function licenseOf(source: Source): string {
	const s = source.section("license");
	return s ? cstring(s.data) : "";
}

function versionOf(source: Source): number {
	const s = source.section("version");
	if (!s) return 0;
	if (s.data.length !== 4)
		throw source.error({ section: "version", path: "version" }, `${s.data.length} bytes, expected 4`);
	return new DataView(s.data.buffer, s.data.byteOffset, 4).getUint32(0, source.elf.littleEndian);
}

function manifestOf(source: Source): CollectionSpec["manifest"] {
	const s = source.section(".skep");
	if (!s || s.type === SHT.nobits) return undefined;
	return readManifest(decodeUtf8(s.data), (path, message) => source.error({ section: ".skep", path }, message));
}

function programOf(f: CodeFunction, spec: FunctionSpec, source: Source, options: ReadObjectOptions): ProgramSpec {
	const meaning = sectionMeaning(f.section.name) ?? oldSectionMeaning(f.section.name);
	const given = options.programType?.(f.section.name);
	if (!meaning && !given)
		throw new NotSupportedError(
			`section "${f.section.name}"`,
			`no program type is known by that name (program ${f.name})`,
		);
	if (f.binding === STB.local)
		throw source.error(
			{ section: f.section.name, offset: f.start, path: `Sym/${f.name}` },
			"a program is static, expected a global function",
		);
	const base = { ...spec, section: f.section.name };
	if (!meaning) return { ...base, ...given!, flags: 0, autoload: true };
	return {
		...base,
		hook: meaning.name,
		type: meaning.type,
		...(meaning.attachType === undefined ? {} : { attachType: meaning.attachType }),
		...given,
		...(meaning.target === undefined ? {} : { attachTo: meaning.target }),
		flags: (meaning.sleepable ? PROG_FLAGS.BPF_F_SLEEPABLE : 0) | (meaning.frags ? PROG_FLAGS.BPF_F_XDP_HAS_FRAGS : 0),
		autoload: meaning.autoload,
	};
}
