import { ERRNO } from "@skep/bpf/kernel";
import { MAP_FLAGS } from "@skep/bpf/uapi";
import { nextIndex } from "./array.ts";
import { ACCESS, flagsFit } from "./flags.ts";
import type { MapHandler, MapShape, MapState } from "./map.ts";

/**
 * Arrays of programs, of perf events and of maps: slots that hold the id of an object. System calls bring descriptors, which the
 * owner of the descriptors turns into ids: `setSlot`, `slotOf`, `clearSlot`.
 */
function check(map: MapShape): number {
	const allowed =
		MAP_FLAGS.BPF_F_NUMA_NODE | ACCESS | (map.type === "perf_event_array" ? MAP_FLAGS.BPF_F_PRESERVE_ELEMS : 0);
	if (map.valueSize !== 4 || map.keySize !== 4 || map.maxEntries === 0) return -ERRNO.EINVAL;
	if ((map.flags & (MAP_FLAGS.BPF_F_RDONLY_PROG | MAP_FLAGS.BPF_F_WRONLY_PROG)) !== 0) return -ERRNO.EINVAL;
	return flagsFit(map.flags, allowed) ? 0 : -ERRNO.EINVAL;
}

/** Slots are kept where they are used: 2³² of them would be 16 GiB on Linux, and more than it gives. */
const MOST_SLOTS = 1 << 24;

export const objectArray: MapHandler = {
	check,
	allocate: (map) => (map.maxEntries > MOST_SLOTS ? -ERRNO.ENOMEM : 0),
	release: (map) => {
		map.slots.length = 0;
	},
	lookup: () => 0,
	update: () => -ERRNO.EINVAL,
	delete: () => -ERRNO.EINVAL,
	nextKey: (map, _memory, key, out) => nextIndex(map, key, out),
	takes: false,
};

/** Arrays of maps have batches besides; empty slots are stepped over. */
export const mapArray: MapHandler = {
	...objectArray,
	batch(map, _memory, from, room) {
		const keys: number[] = [];
		let index = from;
		for (; index < map.slots.length && keys.length < room; index++) if (map.slots[index] !== 0) keys.push(index);
		const values = keys.map((key) => map.slots[key]!);
		return { keys, values, indexed: true, plain: true, next: keys.length === room ? index : undefined };
	},
};

/** Id in a slot; 0: empty, or no such slot. */
export const slotOf = (map: MapState, index: number): number => map.slots[index] ?? 0;

/** Puts an id into a slot. The id that was there (0: none), or -E2BIG. */
export function setSlot(map: MapState, index: number, id: number): number {
	if (index >= map.maxEntries) return -ERRNO.E2BIG;
	while (map.slots.length <= index) map.slots.push(0);
	const before = map.slots[index]!;
	map.slots[index] = id;
	return before;
}
