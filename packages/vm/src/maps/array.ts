import { ERRNO } from "@skep/bpf/kernel";
import { MAP_FLAGS, UPDATE_FLAGS } from "@skep/bpf/uapi";
import type { Memory } from "#machine";
import { ACCESS, flagsFit, MOST_PERCPU_BYTES } from "./flags.ts";
import { addBytes } from "./header.ts";
import type { Batch, Bytes, MapHandler, MapShape, MapState } from "./map.ts";
import { writeValue } from "./values.ts";

/** Arrays, plain and per-CPU: one block of memory, every entry there from the start. */
const FLAGS = MAP_FLAGS.BPF_F_NUMA_NODE | MAP_FLAGS.BPF_F_MMAPABLE | MAP_FLAGS.BPF_F_INNER_MAP | ACCESS;
const PAGE = 4096;

function check(map: MapShape): number {
	const perCpu = map.type === "percpu_array";
	const { flags, valueSize } = map;
	if (map.maxEntries === 0 || map.keySize !== 4 || valueSize === 0) return -ERRNO.EINVAL;
	if (!flagsFit(flags, FLAGS)) return -ERRNO.EINVAL;
	if (perCpu && (flags & (MAP_FLAGS.BPF_F_NUMA_NODE | MAP_FLAGS.BPF_F_MMAPABLE | MAP_FLAGS.BPF_F_INNER_MAP)) !== 0)
		return -ERRNO.EINVAL;
	if (valueSize > 0x7fff_ffff) return -ERRNO.E2BIG;
	if (perCpu && ((valueSize + 7) & ~7) > MOST_PERCPU_BYTES) return -ERRNO.E2BIG;
	return 0;
}

const roomOf = (map: MapState): number => Math.ceil((map.maxEntries * map.stride * map.copies) / PAGE) * PAGE;

function allocate(map: MapState, memory: Memory): number {
	const size = roomOf(map);
	if (size > memory.limit) return -ERRNO.ENOMEM;
	const data = memory.allocate(size, "map", (map.flags & MAP_FLAGS.BPF_F_RDONLY_PROG) === 0);
	if (data === undefined) return -ERRNO.ENOMEM;
	map.data = data;
	addBytes(map, memory, size);
	return 0;
}

function release(map: MapState, memory: Memory): void {
	memory.free(map.data);
}

const indexAt = (bytes: Uint8Array, at: number): number =>
	(bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;

const valueAddress = (map: MapState, index: number): number => map.data + index * map.stride * map.copies;

function lookup(map: MapState, memory: Memory, key: Bytes, at: number): number {
	const index = indexAt(key ?? memory.u8, at);
	return index < map.maxEntries ? valueAddress(map, index) : 0;
}

function update(
	map: MapState,
	memory: Memory,
	key: Bytes,
	keyAt: number,
	value: Bytes,
	valueAt: number,
	flags: number,
	cpu: number,
): number {
	if (flags > UPDATE_FLAGS.BPF_EXIST) return -ERRNO.EINVAL;
	const index = indexAt(key ?? memory.u8, keyAt);
	if (index >= map.maxEntries) return -ERRNO.E2BIG;
	if (flags === UPDATE_FLAGS.BPF_NOEXIST) return -ERRNO.EEXIST;
	writeValue(map, memory, valueAddress(map, index), value, valueAt, cpu, false);
	return 0;
}

export function nextIndex(map: MapShape, key: Uint8Array | undefined, out: Uint8Array): number {
	const index = key ? indexAt(key, 0) : map.maxEntries;
	if (index === map.maxEntries - 1) return -ERRNO.ENOENT;
	const next = index >= map.maxEntries ? 0 : index + 1;
	for (let i = 0; i < 4; i++) out[i] = next >>> (i * 8);
	return 0;
}

function batch(map: MapState, _memory: Memory, from: number, room: number): Batch {
	const keys: number[] = [];
	const values: number[] = [];
	let index = from;
	for (; index < map.maxEntries && keys.length < room; index++) {
		keys.push(index);
		values.push(valueAddress(map, index));
	}
	return { keys, values, indexed: true, next: keys.length === room ? index : undefined };
}

function mapping(map: MapState, offset: number, length: number): number {
	if (map.type !== "array") return -ERRNO.ENOTSUPP;
	if ((map.flags & MAP_FLAGS.BPF_F_MMAPABLE) === 0) return -ERRNO.EINVAL;
	if (offset + Math.ceil(length / PAGE) * PAGE > roomOf(map)) return -ERRNO.EINVAL;
	return map.data + offset;
}

export const array: MapHandler = {
	check,
	allocate,
	release,
	lookup,
	update,
	delete: () => -ERRNO.EINVAL,
	nextKey: (map, _memory, key, out) => nextIndex(map, key, out),
	batch,
	keyOf: (map, _memory, value) => Math.floor((value - map.data) / (map.stride * map.copies)),
	mapping,
	takes: false,
};
