import { MAP_FLAGS } from "@skep/bpf/uapi";
import type { Memory } from "#machine";
import { addBytes, HEADER, headerWord } from "./header.ts";
import type { MapState } from "./map.ts";

/**
 * Entries in blocks that are made as a map fills, so that a value never moves while a program points at it. An entry is a
 * number; its head and its value stand in two regions, for only the value is the program's.
 */
const BLOCK_BYTES = 65_536;

/** Of a directory's row: addresses of a block's heads and of its values. */
const ROW = 8;

/**
 * Chooses how many entries a block has, 2^`blockShift`, and takes the directory for `most` entries, or for as many as
 * there is memory. `headBytes` is set. False: no memory is left.
 */
export function sizeBlocks(map: MapState, memory: Memory, most: number): boolean {
	const entry = map.headBytes + map.stride * map.copies;
	while (map.blockShift < 16 && 2 ** map.blockShift < most && entry * 2 ** (map.blockShift + 1) <= BLOCK_BYTES)
		map.blockShift++;
	const block = 2 ** map.blockShift;
	map.mostBlocks = Math.min(Math.ceil(most / block), Math.ceil(memory.limit / (entry * block)));
	const directory = memory.allocate(map.mostBlocks * ROW, "kernel", false);
	if (directory === undefined) return false;
	map.directory = directory;
	return true;
}

export const headOf = (map: MapState, memory: Memory, entry: number): number =>
	memory.words[(map.directory >> 2) + (entry >>> map.blockShift) * 2]! +
	(entry & ((1 << map.blockShift) - 1)) * map.headBytes;

export const valueAddress = (map: MapState, memory: Memory, entry: number): number =>
	memory.words[(map.directory >> 2) + (entry >>> map.blockShift) * 2 + 1]! +
	(entry & ((1 << map.blockShift) - 1)) * (map.stride * map.copies);

/**
 * Number + 1 of an entry that was never handed out; 0: no memory is left for the block that it wants. Whether there may
 * be more the caller knows.
 */
export function nextEntry(map: MapState, memory: Memory): number {
	const made = memory.words[headerWord(map, HEADER.made)]!;
	if (made >>> map.blockShift === memory.words[headerWord(map, HEADER.blocks)]! && !addBlock(map, memory)) return 0;
	memory.words[headerWord(map, HEADER.made)] = made + 1;
	return made + 1;
}

/**
 * Makes the blocks of `most` entries: workers that share the memory cannot make regions for each other. False: no memory
 * is left for all of them.
 */
export function makeBlocks(map: MapState, memory: Memory, most: number): boolean {
	if (map.mostBlocks * 2 ** map.blockShift < most) return false;
	while (memory.words[headerWord(map, HEADER.blocks)]! < map.mostBlocks) if (!addBlock(map, memory)) return false;
	return true;
}

/** False: no memory is left. */
function addBlock(map: MapState, memory: Memory): boolean {
	const count = memory.words[headerWord(map, HEADER.blocks)]!;
	if (count === map.mostBlocks) return false;
	const heads = map.headBytes << map.blockShift;
	const values = (map.stride * map.copies) << map.blockShift;
	const first = memory.allocate(heads, "kernel", false);
	if (first === undefined) return false;
	const second = memory.allocate(values, "map", (map.flags & MAP_FLAGS.BPF_F_RDONLY_PROG) === 0);
	if (second === undefined) {
		memory.free(first);
		return false;
	}
	const row = (map.directory >> 2) + count * 2;
	// The buffer may be another one by now.
	memory.words[row] = first;
	memory.words[row + 1] = second;
	memory.words[headerWord(map, HEADER.blocks)] = count + 1;
	addBytes(map, memory, heads + values);
	return true;
}

/** The entry whose value is at this address; -1: none. */
export function entryAt(map: MapState, memory: Memory, value: number): number {
	const size = map.stride * map.copies;
	for (const [block, address] of blockAddresses(map, memory).entries()) {
		const from = value - address;
		if ((block & 1) === 1 && from >= 0 && from < size << map.blockShift)
			return ((block >> 1) << map.blockShift) + Math.floor(from / size);
	}
	return -1;
}

/** Where a map's blocks are: heads and values in turn. Of types without blocks none. */
export function blockAddresses(map: MapState, memory: Memory): Int32Array {
	const first = map.directory >> 2;
	return memory.words.slice(first, first + memory.words[headerWord(map, HEADER.blocks)]! * 2);
}

export function releaseBlocks(map: MapState, memory: Memory): void {
	for (const address of blockAddresses(map, memory)) memory.free(address);
	memory.free(map.directory);
}
