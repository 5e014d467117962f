import { NotSupportedError } from "#base";
import { STT } from "#elf";
import type { MapSpec } from "#spec";
import { MAP_TYPES, type MapType } from "#uapi";
import type { Source } from "./source.ts";

/** Maps from before BTF: `struct bpf_map_def` in the section `maps`. */
const SECTION = "maps";
/** type, key_size, value_size, max_entries, map_flags. */
const PLAIN = 20;
/** iproute2's `struct bpf_elf_map`: type, size_key, size_value, max_elem, flags, id, pinning, inner_id, inner_idx. */
const IPROUTE2 = 36;
const NAME_OF = new Map<number, MapType>(
	Object.entries(MAP_TYPES).map(([name, { value }]) => [value, name as MapType]),
);
const HOLDS_FDS: ReadonlySet<MapType> = new Set(["array_of_maps", "hash_of_maps", "prog_array"]);

export interface LegacyMaps {
	readonly maps: readonly MapSpec[];
	/** By offset in the section. */
	readonly bySymbol: ReadonlyMap<number, string>;
	/** Index of the section; -1: none. */
	readonly section: number;
}

/**
 * Definitions are of one size, which the section's size and the number of its symbols give: what stands behind the first
 * twenty bytes must be zero, or is iproute2's.
 */
export function readLegacyMaps(source: Source): LegacyMaps {
	const section = source.section(SECTION);
	const index = source.sectionIndex(SECTION);
	const bySymbol = new Map<number, string>();
	const maps: MapSpec[] = [];
	if (!section || section.size === 0) return { maps, bySymbol, section: index };
	const symbols = source
		.symbolsOf(index)
		.filter((s) => s.name !== "" && (s.type === STT.object || s.type === STT.notype))
		.sort((a, b) => a.value - b.value);
	const fail = (offset: number, path: string, message: string) =>
		source.error({ section: SECTION, offset, path }, message);
	const { data } = section;
	if (data.length !== section.size) throw fail(0, "size", "map definitions without contents");
	if (!symbols.length) throw fail(0, "size", `${section.size} bytes without a symbol`);
	const size = section.size / symbols.length;
	if (!Number.isInteger(size) || size % 4 !== 0 || size < PLAIN)
		throw fail(
			0,
			"size",
			`${section.size} bytes for ${symbols.length} maps: ${size} each, expected at least ${PLAIN} in words of 4`,
		);
	const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
	for (const s of symbols) {
		const path = `Sym/${s.name}`;
		if (s.value % size !== 0) throw fail(s.value, path, `"${s.name}" begins inside a definition of ${size} bytes`);
		if (s.value + size > section.size)
			throw fail(s.value, path, `"${s.name}" begins at the end of ${section.size} bytes`);
		if (bySymbol.has(s.value)) throw fail(s.value, path, `"${bySymbol.get(s.value)}" begins there too`);
		const word = (n: number): number => view.getUint32(s.value + n * 4, source.elf.littleEndian);
		const type = NAME_OF.get(word(0));
		if (!type)
			throw new NotSupportedError(`map "${s.name}" in section "${SECTION}"`, `map type ${word(0)} is not known`);
		const tail = data.subarray(s.value + PLAIN, s.value + size);
		const pinning = size === IPROUTE2 ? iproute2Pinning(word, s.name) : 0;
		if (size !== IPROUTE2 && tail.some((byte) => byte !== 0))
			throw new NotSupportedError(
				`map "${s.name}" in section "${SECTION}"`,
				`its definition of ${size} bytes uses members behind the first ${PLAIN}, which nobody knows the meaning of`,
			);
		bySymbol.set(s.value, s.name);
		maps.push({
			name: s.name,
			type,
			keySize: word(1),
			valueSize: word(2) || (HOLDS_FDS.has(type) ? 4 : 0),
			maxEntries: word(3),
			flags: word(4),
			keyType: 0,
			valueType: 0,
			pinning: pinning ? "by-name" : "none",
			frozen: false,
			legacy: true,
		});
	}
	return { maps, bySymbol, section: index };
}

/** 0: none, 2: one map for the machine; the folder is the loader's. */
function iproute2Pinning(word: (n: number) => number, name: string): number {
	const pinning = word(6);
	const what = `map "${name}" in section "${SECTION}"`;
	if (word(7) !== 0 || word(8) !== 0)
		throw new NotSupportedError(what, "maps in maps in iproute2's form (inner_id) cannot be read");
	if (pinning !== 0 && pinning !== 2)
		throw new NotSupportedError(what, `pinning ${pinning} of iproute2 (a folder for each object) cannot be read`);
	return pinning;
}
