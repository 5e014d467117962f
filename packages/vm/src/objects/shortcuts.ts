import { ERRNO } from "@skep/bpf/kernel";
import { HELPERS, MAP_FLAGS, type MapType } from "@skep/bpf/uapi";
import { helperRoutine, MAP_TAG, MOST_TAIL_CALLS } from "#helpers";
import { type KnownArguments, R1, R2, RUN_WORDS_SIZE, runWord, type Shortcut } from "#machine";
import { type MapState, mapHandler } from "#maps";
import type { System } from "./system.ts";

const idOf = (name: string): number => HELPERS.find((row) => row.name === name)!.id;
type Work = "lookup" | "update" | "delete";
const WORK: ReadonlyMap<number, Work> = new Map([
	[idOf("map_lookup_elem"), "lookup"],
	[idOf("map_update_elem"), "update"],
	[idOf("map_delete_elem"), "delete"],
]);
const NAMES: ReadonlyMap<number, string> = new Map(HELPERS.map(({ id, name }) => [id, name]));
const PROCESSOR = idOf("get_smp_processor_id");
const LOOP = idOf("loop");
const TAIL_CALL = idOf("tail_call");
const MOST_ROUNDS = 1 << 23;
/** By helper: see `Callables.argumentCounts`. */
export const ARGUMENT_COUNTS: readonly number[] = [
	0,
	...HELPERS.map(({ id, args }) => (id === TAIL_CALL || args.includes("...") ? 5 : args.length)),
];
/** Their values stay in the map's memory, whatever is deleted. */
const KEYED: ReadonlySet<MapType> = new Set(["hash", "percpu_hash", "lru_hash", "lru_percpu_hash"]);

/** What a program need not call; see `Callables.shortcut`. A map that a program names lives as long as the program. */
export function shortcutOf(system: System, id: number, { words }: KnownArguments): Shortcut | undefined {
	if (id === PROCESSOR) return { kind: "processor" };
	if (id === LOOP) return { kind: "rounds", most: MOST_ROUNDS, beyond: -ERRNO.E2BIG };
	if (id === TAIL_CALL) return tailCallShortcut(mapAt(system, words, R2));
	const name = NAMES.get(id);
	const routine = name === undefined ? undefined : helperRoutine(name, system.memory);
	if (routine) return { kind: "routine", takesProcessor: false, ...routine };
	const work = WORK.get(id);
	const map = work && mapAt(system, words, R1);
	if (!map) return undefined;
	if (work !== "lookup") return KEYED.has(map.type) ? routineOf(system, map, work) : undefined;
	const { valueSize, stride, copies, data, maxEntries } = map;
	const writable = (map.flags & MAP_FLAGS.BPF_F_RDONLY_PROG) === 0;
	if (KEYED.has(map.type)) return routineOf(system, map, "lookup") ?? { kind: "lookup", valueSize, writable };
	if (map.type !== "array" && map.type !== "percpu_array") return undefined;
	const perProcessor = copies === 1 ? 0 : stride;
	return { kind: "array", data, stride: stride * copies, entries: maxEntries, perProcessor, valueSize, writable };
}

/** The map that a register is known to hold. */
function mapAt(system: System, words: Int32Array, register: number): MapState | undefined {
	return words[register + 1] === MAP_TAG ? system.tables.maps.get(words[register]!) : undefined;
}

function tailCallShortcut(map: MapState | undefined): Shortcut | undefined {
	if (map?.type !== "prog_array") return undefined;
	return {
		kind: "tail",
		slots: map.data,
		entries: map.maxEntries,
		count: runWord(0, "tailCalls"),
		perProcessor: RUN_WORDS_SIZE,
		most: MOST_TAIL_CALLS,
		refused: -ERRNO.ENOENT,
	};
}

/** What a helper does to a map of keys, as instructions. */
function routineOf({ memory }: System, map: MapState, work: Work): Shortcut | undefined {
	const routine = mapHandler(map.type)!.routines?.[work]?.(map, memory.shared);
	if (!routine) return undefined;
	const { keySize, valueSize } = map;
	const key = { register: 2, size: keySize, writes: false };
	const value = { size: valueSize, writable: (map.flags & MAP_FLAGS.BPF_F_RDONLY_PROG) === 0 };
	return {
		kind: "routine",
		...routine,
		takesProcessor: true,
		reaches: work === "update" ? [key, { register: 3, size: valueSize, writes: false }] : [key],
		...(work === "lookup" ? { value } : {}),
	};
}
