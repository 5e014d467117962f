import { ERRNO } from "@skep/bpf/kernel";
import { MAP_FLAGS, UPDATE_FLAGS } from "@skep/bpf/uapi";
import type { Memory } from "#machine";
import { ACCESS, flagsFit, MOST_ENTRY_BYTES } from "./flags.ts";
import type { Bytes, MapHandler, MapShape, MapState } from "./map.ts";
import { copy } from "./values.ts";

/** Queues and stacks: values without keys in a circle of `maxEntries`. `made` is where the first stands, `used` how many. */
function check(map: MapShape): number {
	if (map.maxEntries === 0 || map.keySize !== 0 || map.valueSize === 0) return -ERRNO.EINVAL;
	if (!flagsFit(map.flags, MAP_FLAGS.BPF_F_NUMA_NODE | ACCESS)) return -ERRNO.EINVAL;
	return map.valueSize > MOST_ENTRY_BYTES ? -ERRNO.E2BIG : 0;
}

function allocate(map: MapState, memory: Memory): number {
	const size = map.maxEntries * map.stride;
	if (size > memory.limit) return -ERRNO.ENOMEM;
	const data = memory.allocate(size, "map", true);
	if (data === undefined) return -ERRNO.ENOMEM;
	map.data = data;
	map.bytes += size;
	return 0;
}

const at = (map: MapState, index: number): number => map.data + ((map.made + index) % map.maxEntries) * map.stride;

/** Address of what would come out next; 0: empty. */
export function peek(map: MapState): number {
	if (map.used === 0) return 0;
	return at(map, map.type === "stack" ? map.used - 1 : 0);
}

/** Takes out what `peek` points at. */
export function drop(map: MapState): void {
	if (map.type === "queue") map.made = (map.made + 1) % map.maxEntries;
	map.used--;
}

/** Adds a value; with BPF_EXIST the oldest gives way where it is full. 0, -EINVAL, -E2BIG. */
export function push(map: MapState, memory: Memory, value: Bytes, valueAt: number, flags: number): number {
	if (flags !== 0 && flags !== UPDATE_FLAGS.BPF_EXIST) return -ERRNO.EINVAL;
	if (map.used === map.maxEntries) {
		if (flags === 0) return -ERRNO.E2BIG;
		map.made = (map.made + 1) % map.maxEntries;
		map.used--;
	}
	copy(value ?? memory.u8, valueAt, memory.u8, at(map, map.used), map.valueSize);
	map.used++;
	return 0;
}

export const queue: MapHandler = {
	check,
	allocate,
	release: (map, memory) => memory.free(map.data),
	lookup: (map) => peek(map),
	update: (map, memory, _key, _keyAt, value, valueAt, flags) => push(map, memory, value, valueAt, flags),
	delete: () => -ERRNO.EINVAL,
	nextKey: () => -ERRNO.EINVAL,
	takes: true,
	keyless: true,
};
