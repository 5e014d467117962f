import { ERRNO } from "@skep/bpf/kernel";
import { MAP_FLAGS } from "@skep/bpf/uapi";
import type { Memory } from "#machine";
import { addBytes } from "./header.ts";
import type { MapHandler, MapShape, MapState } from "./map.ts";
import { copy } from "./values.ts";

/**
 * Storage at objects: a value for a task or a cgroup, by the object's address. `slots` has the owner's and the value's
 * address in turn. System calls name owners by descriptors (pidfds, cgroups), of which this kernel has none.
 */
const MOST_VALUE = 0x1_0000 - 24;

function check(map: MapShape): number {
	const { keySize, valueSize, maxEntries, flags } = map;
	const allowed = MAP_FLAGS.BPF_F_NO_PREALLOC | MAP_FLAGS.BPF_F_CLONE;
	if ((flags & ~allowed) !== 0 || (flags & MAP_FLAGS.BPF_F_NO_PREALLOC) === 0) return -ERRNO.EINVAL;
	if (maxEntries !== 0 || keySize !== 4 || valueSize === 0) return -ERRNO.EINVAL;
	return valueSize > MOST_VALUE ? -ERRNO.E2BIG : 0;
}

/** Address of an owner's value; 0: it has none. */
export function stored(map: MapState, owner: number): number {
	const { slots } = map;
	for (let i = 0; i < slots.length; i += 2) if (slots[i] === owner) return slots[i + 1]!;
	return 0;
}

/** Gives an owner a value: what is at `from`, zeros for 0. Its address; 0: no memory. */
export function store(map: MapState, memory: Memory, owner: number, from: number): number {
	const value = memory.allocate(map.stride, "map", true);
	if (value === undefined) return 0;
	map.slots.push(owner, value);
	addBytes(map, memory, map.stride);
	if (from !== 0) copy(memory.u8, from, memory.u8, value, map.valueSize);
	return value;
}

/** Takes an owner's value away. 0, -ENOENT. */
export function unstore(map: MapState, memory: Memory, owner: number): number {
	const { slots } = map;
	for (let i = 0; i < slots.length; i += 2) {
		if (slots[i] !== owner) continue;
		memory.free(slots[i + 1]!);
		slots.splice(i, 2);
		addBytes(map, memory, -map.stride);
		return 0;
	}
	return -ERRNO.ENOENT;
}

const noDescriptor = (): number => -ERRNO.EBADF;

export const storage: MapHandler = {
	check,
	allocate: () => 0,
	release: (map, memory) => {
		for (let i = 1; i < map.slots.length; i += 2) memory.free(map.slots[i]!);
		map.slots.length = 0;
	},
	lookup: () => 0,
	update: noDescriptor,
	delete: noDescriptor,
	nextKey: () => -ERRNO.ENOTSUPP,
	takes: false,
};
