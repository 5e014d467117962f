import { MAP_FLAGS } from "@skep/bpf/uapi";
import type { Memory } from "#machine";
import type { MapState } from "./map.ts";

/**
 * Entries in blocks that are made as a map fills, so that a value never moves while a program points at it. An entry is a
 * number; its head and its value stand in two regions, for only the value is the program's.
 */
const BLOCK_BYTES = 65_536;

/** Chooses how many entries a block has: 2^`blockShift`. `headBytes` is set. */
export function sizeBlocks(map: MapState, most: number): void {
	const entry = map.headBytes + map.stride * map.copies;
	while (map.blockShift < 16 && 1 << map.blockShift < most && entry << (map.blockShift + 1) <= BLOCK_BYTES)
		map.blockShift++;
}

export const headOf = (map: MapState, entry: number): number =>
	map.blocks[(entry >>> map.blockShift) * 2]! + (entry & ((1 << map.blockShift) - 1)) * map.headBytes;

export const valueAddress = (map: MapState, entry: number): number =>
	map.blocks[(entry >>> map.blockShift) * 2 + 1]! + (entry & ((1 << map.blockShift) - 1)) * (map.stride * map.copies);

/** Whether the next entry that was never handed out, `made`, wants a block that is not there yet. */
export const wantsBlock = (map: MapState): boolean => map.made >>> map.blockShift === map.blocks.length / 2;

/** False: no memory is left. */
export function addBlock(map: MapState, memory: Memory): boolean {
	const heads = map.headBytes << map.blockShift;
	const values = (map.stride * map.copies) << map.blockShift;
	const first = memory.allocate(heads, "kernel", false);
	if (first === undefined) return false;
	const second = memory.allocate(values, "map", (map.flags & MAP_FLAGS.BPF_F_RDONLY_PROG) === 0);
	if (second === undefined) {
		memory.free(first);
		return false;
	}
	map.blocks.push(first, second);
	map.bytes += heads + values;
	return true;
}

/** The entry whose value is at this address; -1: none. */
export function entryAt(map: MapState, value: number): number {
	const size = map.stride * map.copies;
	for (let block = 0; block < map.blocks.length; block += 2) {
		const from = value - map.blocks[block + 1]!;
		if (from >= 0 && from < size << map.blockShift) return ((block / 2) << map.blockShift) + Math.floor(from / size);
	}
	return -1;
}

export function releaseBlocks(map: MapState, memory: Memory): void {
	for (const address of map.blocks) memory.free(address);
}
