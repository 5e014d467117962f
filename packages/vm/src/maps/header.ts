import type { Memory } from "#machine";
import type { MapState } from "./map.ts";

/**
 * A map's header: what it changes while programs run, in the machine's memory, so that generated code and other workers
 * see the same as whoever runs here. Byte offsets from `MapState.header`; each is a 32-bit word, 0 at first. A header has a
 * cache line of its own.
 */
// biome-ignore format: table
export const HEADER = {
	/** Who changes the map: see `machine/lock`. */
	lock: 0,
	/** Hash, trie: entries that hold something. Queue: how many values. */
	used: 4,
	/** Hash, trie: entries ever handed out. Queue: where the first stands. Arena: 1 once all of it is one region. User ring: 1 while it is drained. */
	made: 8,
	/** Hash, trie: first entry of the free list + 1; 0: none. */
	free: 12,
	/** LRU: most recently used entry + 1; 0: none. Trie: the root. */
	newest: 16,
	/** LRU: least recently used entry + 1; 0: none. */
	oldest: 20,
	/** Hash, trie: blocks of entries that are there; their addresses stand in the directory. */
	blocks: 24,
	/** Bytes of the machine's memory that the map holds, header and directory aside. */
	bytes: 28,
	/** Hash, where workers share the memory: odd while an entry is taken out of its bucket, another number afterwards. */
	changes: 32,
} as const;

/** Of a header; also what it is aligned to. */
export const HEADER_BYTES = 64;

/** Index of a header's word in `Memory.words`. */
export const headerWord = (map: MapState, field: number): number => (map.header + field) >> 2;

/** Counts bytes that a map takes or, below zero, gives back. */
export function addBytes(map: MapState, memory: Memory, bytes: number): void {
	const at = headerWord(map, HEADER.bytes);
	memory.words[at] = memory.words[at]! + bytes;
}
