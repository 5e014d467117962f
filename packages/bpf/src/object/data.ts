import { NotSupportedError } from "#base";
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
}

/** Sections of global variables: each is an array map with one value, and its symbols are windows into it. */
export function readData(source: Source, btf: Btf | undefined): Data {
	const maps = new Map<string, MapSpec>();
	const variables = new Map<string, VariableSpec>();
	const sections = new Map<number, string>();
	const types = btf ? variableTypes(btf) : new Map<string, number>();
	for (const [index, s] of source.elf.sections.entries()) {
		const kind = DATA.exec(s.name)?.[1];
		if (!kind || (s.flags & SHF.alloc) === 0 || s.size === 0) continue;
		if (s.relocations.length)
			throw new NotSupportedError(`section "${s.name}"`, "variables that hold addresses cannot be read yet");
		if (s.size > MAX_SIZE) throw source.error({ section: s.name, path: "size" }, `${s.size} bytes are too many`);
		if ((kind === "bss") !== (s.type === SHT.nobits))
			throw source.error({ section: s.name, path: "type" }, `section type ${s.type} does not fit the name`);
		if (maps.has(s.name)) throw source.error({ section: s.name, path: "name" }, "two sections have this name");
		sections.set(index, s.name);
		let shared = false;
		for (const symbol of source.symbolsOf(index)) {
			if (symbol.type !== STT.object || symbol.size === 0) continue;
			if (symbol.value + symbol.size > s.size)
				throw source.error(
					{ section: s.name, offset: symbol.value, path: `Sym/${symbol.name}/size` },
					`"${symbol.name}" takes bytes ${symbol.value} to ${symbol.value + symbol.size} of ${s.size}`,
				);
			if (symbol.binding !== STB.local) shared = true;
			else if (variables.has(symbol.name)) continue;
			variables.set(symbol.name, {
				name: symbol.name,
				map: s.name,
				offset: symbol.value,
				size: symbol.size,
				type: types.get(symbol.name) ?? 0,
			});
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
			...(s.type === SHT.nobits ? {} : { contents: s.data.slice() }),
			frozen: readOnly,
		});
	}
	return { maps, variables, sections };
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
