import { ERRNO } from "@skep/bpf/kernel";
import { MAP_FLAGS } from "@skep/bpf/uapi";
import type { Memory } from "#machine";
import { nextIndex } from "./array.ts";
import { ACCESS, flagsFit } from "./flags.ts";
import { addBytes } from "./header.ts";
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

/** Bytes of a slot. */
const SLOT = 4;

function allocate(map: MapState, memory: Memory): number {
	const size = map.maxEntries * SLOT;
	const data = size > memory.limit ? undefined : memory.allocate(size, "kernel", false);
	if (data === undefined) return -ERRNO.ENOMEM;
	map.data = data;
	addBytes(map, memory, size);
	return 0;
}

export const objectArray: MapHandler = {
	check,
	allocate,
	release: (map, memory) => memory.free(map.data),
	lookup: () => 0,
	update: () => -ERRNO.EINVAL,
	delete: () => -ERRNO.EINVAL,
	nextKey: (map, _memory, key, out) => nextIndex(map, key, out),
	takes: false,
};

/** Arrays of maps have batches besides; empty slots are stepped over. */
export const mapArray: MapHandler = {
	...objectArray,
	batch(map, memory, from, room) {
		const keys: number[] = [];
		const slots = slotsOf(map, memory);
		let index = from;
		for (; index < slots.length && keys.length < room; index++) if (slots[index] !== 0) keys.push(index);
		const values = keys.map((key) => slots[key]!);
		return { keys, values, indexed: true, plain: true, next: keys.length === room ? index : undefined };
	},
};

/** All slots: a window, which ends with the buffer. */
export const slotsOf = (map: MapState, { words }: Memory): Int32Array =>
	words.subarray(map.data >> 2, (map.data >> 2) + map.maxEntries);

/** Id in a slot; 0: empty, or no such slot. */
export const slotOf = (map: MapState, { words }: Memory, index: number): number =>
	index < map.maxEntries ? words[(map.data >> 2) + index]! : 0;

/** Puts an id into a slot. The id that was there (0: none), or -E2BIG. */
export function setSlot(map: MapState, { words }: Memory, index: number, id: number): number {
	if (index >= map.maxEntries) return -ERRNO.E2BIG;
	const at = (map.data >> 2) + index;
	const before = words[at]!;
	words[at] = id;
	return before;
}
