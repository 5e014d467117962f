import { cstring, decodeUtf8, FormatError, LinkError, NotSupportedError } from "#base";
import { Btf } from "#btf";
import { type ElfFile, type ElfSection, readElf, SHT, STB } from "#elf";
import type { CollectionSpec, FunctionSpec, ProgramSpec } from "#spec";
import { PROG_FLAGS, sectionMeaning } from "#uapi";
import { readData } from "./data.ts";
import { readExt } from "./ext.ts";
import { type CodeFunction, functionsOf, specOf } from "./functions.ts";
import { readManifest } from "./manifest.ts";
import { readMaps } from "./maps.ts";
import type { Source } from "./source.ts";

export interface ReadObjectOptions {
	/** Name of the collection and of the file in messages; default `object`. */
	readonly name?: string;
}

/** Sections that a later issue brings, and why they cannot be passed over. */
const REFUSED: readonly (readonly [pattern: RegExp, feature: string])[] = [
	[/^maps$/, "map definitions of the legacy form (struct bpf_map_def)"],
	[/^\.?struct_ops(\.link)?$/, "struct_ops"],
	[/^\.kconfig$/, "kconfig externs"],
	[/^\.addr_space\.1$|^\.arena\.1$/, "arena variables"],
];

/**
 * Reads an object: same bytes in, same value out. The result's byte arrays are its own or windows into `bytes`.
 * @throws FormatError for malformed ELF, BTF, instructions or manifest; NotSupportedError, with the section's name, for
 * what is well-formed but not understood (legacy maps, struct_ops, kconfig, arena, unknown program sections).
 */
export function readObject(bytes: Uint8Array, options: ReadObjectOptions = {}): CollectionSpec {
	const name = options.name ?? "object";
	const elf = readElf(bytes, options.name);
	const source = sourceOf(elf, options.name);
	for (const s of elf.sections)
		for (const [pattern, feature] of REFUSED)
			if (pattern.test(s.name)) throw new NotSupportedError(`section "${s.name}"`, `${feature} cannot be read yet`);
	const btf = readBtf(source);
	const functions = functionsOf(source);
	const ext = readExt(source, btf, functions);
	const maps = readMaps(source, btf);
	const data = readData(source, btf);
	const programs = new Map<string, ProgramSpec>();
	const subprograms = new Map<string, FunctionSpec>();
	const context = { source, btf, ext, functions, maps: maps.bySymbol, data: data.sections };
	for (const f of functions.all) {
		const spec = specOf(f, context);
		if (f.section.name === ".text") subprograms.set(spec.name, spec);
		else programs.set(spec.name, programOf(f, spec, source));
	}
	// A program may be called like a subprogram; then it is one too.
	for (const p of [...programs.values(), ...subprograms.values()])
		for (const r of p.references) {
			if (r.kind !== "function" || subprograms.has(r.function)) continue;
			const called = programs.get(r.function);
			if (!called) throw new LinkError(`${p.name} calls "${r.function}", which is not there`, { symbol: r.function });
			const {
				section: _s,
				hook: _h,
				type: _t,
				attachType: _a,
				attachTo: _o,
				flags: _f,
				autoload: _l,
				...plain
			} = called;
			subprograms.set(r.function, plain);
		}
	return {
		name,
		byteOrder: elf.littleEndian ? "little" : "big",
		license: licenseOf(source),
		kernelVersion: versionOf(source),
		maps: new Map([...maps.maps, ...data.maps]),
		programs,
		functions: subprograms,
		variables: data.variables,
		btf,
		manifest: manifestOf(source),
	};
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

function programOf(f: CodeFunction, spec: FunctionSpec, source: Source): ProgramSpec {
	const meaning = sectionMeaning(f.section.name);
	if (!meaning)
		throw new NotSupportedError(
			`section "${f.section.name}"`,
			`no program type is known by that name (program ${f.name})`,
		);
	if (meaning.type === "struct_ops")
		throw new NotSupportedError(`section "${f.section.name}"`, "struct_ops cannot be read yet");
	if (f.binding === STB.local)
		throw source.error(
			{ section: f.section.name, offset: f.start, path: `Sym/${f.name}` },
			"a program is static, expected a global function",
		);
	return {
		...spec,
		section: f.section.name,
		hook: meaning.name,
		type: meaning.type,
		...(meaning.attachType === undefined ? {} : { attachType: meaning.attachType }),
		...(meaning.target === undefined ? {} : { attachTo: meaning.target }),
		flags: (meaning.sleepable ? PROG_FLAGS.BPF_F_SLEEPABLE : 0) | (meaning.frags ? PROG_FLAGS.BPF_F_XDP_HAS_FRAGS : 0),
		autoload: meaning.autoload,
	};
}
