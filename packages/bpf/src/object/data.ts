import type { Btf } from "#btf";
import { SHF, SHT, STB, STT } from "#elf";
import type { MapSpec, VariableSpec } from "#spec";
import { MAP_FLAGS } from "#uapi";
import type { Source } from "./source.ts";

const DATA = /^\.(rodata|data|bss)(\.|$)/;
const MAX_SIZE = 0xffffffff;

export interface Data {
	readonly maps: ReadonlyMap<string, MapSpec>;
	readonly variables: ReadonlyMap<string, VariableSpec>;
	/** Section index to map name. */
	readonly sections: ReadonlyMap<number, string>;
	/** What was passed over. */
	readonly notes: readonly string[];
}

/** Globals in a BPF arena. */
const ARENA = ".addr_space.1";
/** `st_other`: STV_INTERNAL, STV_HIDDEN. */
const isHidden = (other: number): boolean => (other & 3) === 1 || (other & 3) === 2;

/**
 * Sections of global variables: each is an array map with one value, and its symbols are windows into it. Variables of an
 * arena are windows into `arena`, the object's map of that type.
 */
export function readData(source: Source, btf: Btf | undefined, arena: MapSpec | undefined): Data {
	const maps = new Map<string, MapSpec>();
	const variables = new Map<string, VariableSpec>();
	const sections = new Map<number, string>();
	const types = btf ? variableTypes(btf) : new Map<string, number>();
	const notes: string[] = [];
	for (const [index, s] of source.elf.sections.entries()) {
		const kind = s.name === ARENA ? "arena" : DATA.exec(s.name)?.[1];
		if (!kind || (s.flags & SHF.alloc) === 0 || s.size === 0) continue;
		if (s.relocations.length)
			notes.push(
				`section ${s.name} holds ${s.relocations.length} addresses of other things, which no loader fills in: they stay offsets`,
			);
		if (s.size > MAX_SIZE) throw source.error({ section: s.name, path: "size" }, `${s.size} bytes are too many`);
		if (s.type !== SHT.nobits && s.type !== SHT.progbits)
			throw source.error({ section: s.name, path: "type" }, `section type ${s.type}, expected PROGBITS or NOBITS`);
		const home = kind === "arena" ? arena?.name : s.name;
		if (home === undefined)
			throw source.error(
				{ section: s.name, path: "name" },
				"variables of an arena, but the object has no map of that type",
			);
		if (maps.has(home)) throw source.error({ section: s.name, path: "name" }, "two sections have this name");
		sections.set(index, home);
		let shared = false;
		for (const symbol of source.symbolsOf(index)) {
			if (symbol.type !== STT.object || symbol.size === 0) continue;
			if (symbol.value + symbol.size > s.size)
				throw source.error(
					{ section: s.name, offset: symbol.value, path: `Sym/${symbol.name}/size` },
					`"${symbol.name}" takes bytes ${symbol.value} to ${symbol.value + symbol.size} of ${s.size}`,
				);
			if (symbol.binding !== STB.local && !isHidden(symbol.other)) shared = true;
			if (symbol.binding === STB.local && variables.has(symbol.name)) continue;
			variables.set(symbol.name, {
				name: symbol.name,
				map: home,
				offset: symbol.value,
				size: symbol.size,
				type: types.get(symbol.name) ?? 0,
			});
		}
		const contents = s.type === SHT.nobits ? {} : { contents: s.data.slice() };
		if (kind === "arena") {
			maps.set(home, { ...arena!, ...contents });
			continue;
		}
		const readOnly = kind === "rodata";
		maps.set(s.name, {
			name: s.name,
			type: "array",
			keySize: 4,
			valueSize: s.size,
			maxEntries: 1,
			// Only sections with a variable that others may name are mapped, as libbpf has it.
			flags: (readOnly ? MAP_FLAGS.BPF_F_RDONLY_PROG : 0) | (shared ? MAP_FLAGS.BPF_F_MMAPABLE : 0),
			keyType: 0,
			valueType: btf?.find(s.name, "datasec") ?? 0,
			pinning: "none",
			...contents,
			frozen: readOnly,
		});
	}
	return { maps, variables, sections, notes };
}

/** Type of each VAR of the object, by name. */
function variableTypes(btf: Btf): Map<string, number> {
	const types = new Map<string, number>();
	for (const id of btf.ofKind("var")) {
		const t = btf.type(id);
		if (t.kind === "var" && !types.has(t.name)) types.set(t.name, t.type);
	}
	return types;
}
