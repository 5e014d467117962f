import { ERRNO } from "@skep/bpf/kernel";
import { MAP_FLAGS, UPDATE_FLAGS } from "@skep/bpf/uapi";
import type { Memory } from "#machine";
import { ACCESS, flagsFit, MOST_ENTRY_BYTES } from "./flags.ts";
import { guarded } from "./guard.ts";
import { addBytes, HEADER, headerWord } from "./header.ts";
import type { Bytes, MapHandler, MapShape, MapState } from "./map.ts";
import { copy } from "./values.ts";

/** Queues and stacks: values without keys in a circle of `maxEntries`. `made` of the header is where the first stands, `used` how many. */
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
	addBytes(map, memory, size);
	return 0;
}

const usedOf = (map: MapState, memory: Memory): number => memory.words[headerWord(map, HEADER.used)]!;
const at = (map: MapState, memory: Memory, index: number): number =>
	map.data + ((memory.words[headerWord(map, HEADER.made)]! + index) % map.maxEntries) * map.stride;

/** Address of what would come out next; 0: empty. */
export function peek(map: MapState, memory: Memory): number {
	const used = usedOf(map, memory);
	if (used === 0) return 0;
	return at(map, memory, map.type === "stack" ? used - 1 : 0);
}

/** Takes out what `peek` points at. */
export function drop(map: MapState, memory: Memory): void {
	if (map.type === "queue") dropFirst(map, memory);
	else memory.words[headerWord(map, HEADER.used)]!--;
}

function dropFirst(map: MapState, { words }: Memory): void {
	const made = headerWord(map, HEADER.made);
	words[made] = (words[made]! + 1) % map.maxEntries;
	words[headerWord(map, HEADER.used)]!--;
}

/** Copies what would come out next to an address of the machine's, and takes it out where it is `gone`. 0, -ENOENT. */
export function take(map: MapState, memory: Memory, to: number, gone: boolean): number {
	return memory.shared ? guarded(map, memory, () => taken(map, memory, to, gone)) : taken(map, memory, to, gone);
}

function taken(map: MapState, memory: Memory, to: number, gone: boolean): number {
	const from = peek(map, memory);
	if (from === 0) return -ERRNO.ENOENT;
	memory.u8.copyWithin(to, from, from + map.valueSize);
	if (gone) drop(map, memory);
	return 0;
}

/** Adds a value; with BPF_EXIST the oldest gives way where it is full. 0, -EINVAL, -E2BIG. */
export function push(map: MapState, memory: Memory, value: Bytes, valueAt: number, flags: number): number {
	if (flags !== 0 && flags !== UPDATE_FLAGS.BPF_EXIST) return -ERRNO.EINVAL;
	if (!memory.shared) return add(map, memory, value, valueAt, flags);
	return guarded(map, memory, () => add(map, memory, value, valueAt, flags));
}

function add(map: MapState, memory: Memory, value: Bytes, valueAt: number, flags: number): number {
	if (usedOf(map, memory) === map.maxEntries) {
		if (flags === 0) return -ERRNO.E2BIG;
		dropFirst(map, memory);
	}
	copy(value ?? memory.u8, valueAt, memory.u8, at(map, memory, usedOf(map, memory)), map.valueSize);
	memory.words[headerWord(map, HEADER.used)]!++;
	return 0;
}

export const queue: MapHandler = {
	check,
	allocate,
	release: (map, memory) => memory.free(map.data),
	lookup: peek,
	update: (map, memory, _key, _keyAt, value, valueAt, flags) => push(map, memory, value, valueAt, flags),
	delete: () => -ERRNO.EINVAL,
	nextKey: () => -ERRNO.EINVAL,
	takes: true,
	keyless: true,
};
