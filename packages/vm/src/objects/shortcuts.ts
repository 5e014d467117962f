import { ERRNO } from "@skep/bpf/kernel";
import { HELPERS, MAP_FLAGS, type MapType } from "@skep/bpf/uapi";
import { MAP_TAG } from "#helpers";
import type { Shortcut } from "#machine";
import type { System } from "./system.ts";

const idOf = (name: string): number => HELPERS.find((row) => row.name === name)!.id;
const LOOKUP = idOf("map_lookup_elem");
const PROCESSOR = idOf("get_smp_processor_id");
const LOOP = idOf("loop");
const MOST_ROUNDS = 1 << 23;
/** Their values stay in the map's memory, whatever is deleted. */
const KEYED: ReadonlySet<MapType> = new Set(["hash", "percpu_hash", "lru_hash", "lru_percpu_hash"]);

/** What a program need not call; see `Callables.shortcut`. A map that a program names lives as long as the program. */
export function shortcutOf(system: System, id: number, low: number, high: number): Shortcut | undefined {
	if (id === PROCESSOR) return { kind: "processor" };
	if (id === LOOP) return { kind: "rounds", most: MOST_ROUNDS, beyond: -ERRNO.E2BIG };
	if (id !== LOOKUP || high !== MAP_TAG) return undefined;
	const map = system.tables.maps.get(low);
	if (!map) return undefined;
	const { valueSize, stride, copies, data, maxEntries } = map;
	const writable = (map.flags & MAP_FLAGS.BPF_F_RDONLY_PROG) === 0;
	if (KEYED.has(map.type)) return { kind: "lookup", valueSize, writable };
	if (map.type !== "array" && map.type !== "percpu_array") return undefined;
	const perProcessor = copies === 1 ? 0 : stride;
	return { kind: "array", data, stride: stride * copies, entries: maxEntries, perProcessor, valueSize, writable };
}
