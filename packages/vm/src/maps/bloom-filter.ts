import { ERRNO } from "@skep/bpf/kernel";
import { MAP_FLAGS } from "@skep/bpf/uapi";
import type { Memory } from "#machine";
import { ACCESS, flagsFit } from "./flags.ts";
import { addBytes } from "./header.ts";
import type { Bytes, MapHandler, MapShape, MapState } from "./map.ts";

/**
 * Bloom filters: a set that can be asked whether a value may be in it. `map_extra` says how many hash functions. The bits
 * that a value sets are not Linux's, whose seed is chance: what is in is found on both, what else is found may differ.
 */
const DEFAULT_HASHES = 5;
const MOST_BITS = 2 ** 31;
/** KMALLOC_MAX_SIZE. */
const MOST_VALUE = 1 << 22;

function check(map: MapShape): number {
	const { keySize, valueSize, maxEntries, flags, extra } = map;
	if (keySize !== 0 || valueSize === 0 || maxEntries === 0 || (extra & ~0xfn) !== 0n) return -ERRNO.EINVAL;
	const allowed = MAP_FLAGS.BPF_F_NUMA_NODE | MAP_FLAGS.BPF_F_ZERO_SEED | ACCESS;
	if (!flagsFit(flags, allowed)) return -ERRNO.EINVAL;
	return valueSize > MOST_VALUE ? -ERRNO.E2BIG : 0;
}

const hashesOf = (map: MapShape): number => Number(map.extra) || DEFAULT_HASHES;

/** 7/5 bits a hash function and entry, which is near 1/ln 2, up to the next power of two. */
function bitsOf(map: MapShape): number {
	const bits = Math.floor((map.maxEntries * hashesOf(map)) / 5) * 7;
	return bits <= 64 ? 64 : Math.min(MOST_BITS, 2 ** Math.ceil(Math.log2(bits)));
}

function allocate(map: MapState, memory: Memory): number {
	const size = bitsOf(map) / 8;
	const data = size > memory.limit ? undefined : memory.allocate(size, "kernel", false);
	if (data === undefined) return -ERRNO.ENOMEM;
	map.data = data;
	addBytes(map, memory, size);
	return 0;
}

function bitOf(map: MapState, bytes: Uint8Array, at: number, which: number): number {
	let hash = Math.imul(which + 1, 0x9e37_79b9);
	for (let i = 0; i < map.valueSize; i++) hash = Math.imul(hash ^ bytes[at + i]!, 0x0100_0193);
	hash ^= hash >>> 15;
	hash = Math.imul(hash, 0x2c1b_3c6d);
	hash ^= hash >>> 13;
	return (hash >>> 0) % bitsOf(map);
}

/** Puts a value in. 0, -EINVAL. */
export function addToFilter(map: MapState, memory: Memory, value: Bytes, at: number, flags: number): number {
	if (flags !== 0) return -ERRNO.EINVAL;
	const { u8 } = memory;
	for (let which = 0; which < hashesOf(map); which++) {
		const bit = bitOf(map, value ?? u8, at, which);
		const byte = map.data + (bit >>> 3);
		if (memory.shared) Atomics.or(u8, byte, 1 << (bit & 7));
		else u8[byte]! |= 1 << (bit & 7);
	}
	return 0;
}

/** 0: the value may be in it; -ENOENT: it is not. */
export function askFilter(map: MapState, memory: Memory, value: Bytes, at: number): number {
	const { u8 } = memory;
	for (let which = 0; which < hashesOf(map); which++) {
		const bit = bitOf(map, value ?? u8, at, which);
		if ((u8[map.data + (bit >>> 3)]! & (1 << (bit & 7))) === 0) return -ERRNO.ENOENT;
	}
	return 0;
}

const refused = (): number => -ERRNO.EOPNOTSUPP;

export const bloomFilter: MapHandler = {
	check,
	allocate,
	release: (map, memory) => memory.free(map.data),
	lookup: () => 0,
	update: (map, memory, _key, _keyAt, value, valueAt, flags) => addToFilter(map, memory, value, valueAt, flags),
	delete: refused,
	nextKey: refused,
	takes: false,
	keyless: true,
};
