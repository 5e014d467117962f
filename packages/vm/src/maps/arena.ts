import { ERRNO } from "@skep/bpf/kernel";
import { MAP_FLAGS } from "@skep/bpf/uapi";
import type { Memory } from "#machine";
import { addBytes, HEADER, headerWord } from "./header.ts";
import type { MapHandler, MapShape, MapState } from "./map.ts";

/**
 * Arenas: pages that programs and user space share, as many as `maxEntries`, at addresses that both know. The whole place
 * is reserved; a page is a region once it is allocated. `slots` has 1 for an allocated page. `userStart` is the address of
 * the first byte in user space: what programs' pointers count from after addr_space_cast to user space. Where user space
 * may touch any page, which allocates it, all of the place is one region (`made` of the header is 1): nobody sees when that
 * happens.
 */
const PAGE = 4096;
const FLAGS = MAP_FLAGS.BPF_F_SEGV_ON_FAULT | MAP_FLAGS.BPF_F_MMAPABLE | MAP_FLAGS.BPF_F_NO_USER_CONV;
const MOST_BYTES = 2 ** 32;
/** High word of arenas' addresses in user space where nobody asks for another. */
const USER_HALF = 0x7e10n;

function check(map: MapShape): number {
	const { keySize, valueSize, maxEntries, flags, extra } = map;
	if (keySize !== 0 || valueSize !== 0 || maxEntries === 0) return -ERRNO.EINVAL;
	if ((flags & MAP_FLAGS.BPF_F_MMAPABLE) === 0 || (flags & ~FLAGS) !== 0) return -ERRNO.EINVAL;
	if (extra % BigInt(PAGE) !== 0n) return -ERRNO.EINVAL;
	const size = maxEntries * PAGE;
	if (size > MOST_BYTES) return -ERRNO.E2BIG;
	return extra >> 32n === (extra + BigInt(size) - 1n) >> 32n ? 0 : -ERRNO.ERANGE;
}

const isWhole = (map: MapState, memory: Memory): boolean => memory.words[headerWord(map, HEADER.made)] === 1;
const sizeOf = (map: MapShape): number => map.maxEntries * PAGE;

function allocate(map: MapState, memory: Memory): number {
	const data = sizeOf(map) > memory.limit ? undefined : memory.reserve(sizeOf(map), PAGE);
	if (data === undefined) return -ERRNO.ENOMEM;
	map.data = data;
	map.userStart = map.extra;
	return 0;
}

/** Makes the regions of the place what the pages say: one for each run of allocated pages. */
function lay(map: MapState, memory: Memory, isOpen: boolean): void {
	if (isWhole(map, memory)) return;
	let start = -1;
	for (let page = 0; page <= map.slots.length; page++) {
		const isThere = map.slots[page] === 1;
		if (isThere && start < 0) start = page;
		if (isThere || start < 0) continue;
		if (isOpen) memory.open(map.data + start * PAGE, (page - start) * PAGE, "map");
		else memory.shut(map.data + start * PAGE);
		start = -1;
	}
}

function release(map: MapState, memory: Memory): void {
	lay(map, memory, false);
	if (isWhole(map, memory)) memory.shut(map.data);
	map.slots.length = 0;
	memory.unreserve(map.data, sizeOf(map));
}

/** Page of an address in user space, of which the low word counts; -1: it is none of this arena's. */
function pageAt(map: MapState, low: number): number {
	const from = (low - Number(map.userStart & 0xffff_ffffn)) >>> 0;
	return from < sizeOf(map) ? Math.floor(from / PAGE) : -1;
}

/** Whether a page is in use: allocated, or written by user space, which needs not ask. */
function isTaken(map: MapState, memory: Memory, page: number): boolean {
	if (map.slots[page] === 1) return true;
	if (!isWhole(map, memory)) return false;
	const from = map.data + page * PAGE;
	return memory.u8.subarray(from, from + PAGE).some((byte) => byte !== 0);
}

function setPages(map: MapState, first: number, count: number, state: number): void {
	while (map.slots.length < first + count) map.slots.push(0);
	map.slots.fill(state, first, first + count);
}

/** Allocates `count` pages, at `low` of an address in user space where it is not 0. Low word of their address, or 0. */
export function allocatePages(map: MapState, memory: Memory, low: number, count: number): number {
	// Where the low word of the first address is 0 its page would be taken for none.
	let first = (map.userStart & 0xffff_ffffn) === 0n ? 1 : 0;
	if (low !== 0) {
		if (low % PAGE !== 0) return 0;
		first = pageAt(map, low);
	}
	if (count === 0 || count > map.maxEntries || first < 0) return 0;
	const isFree = (from: number): boolean => {
		for (let page = from; page < from + count; page++) if (isTaken(map, memory, page)) return false;
		return from + count <= map.maxEntries;
	};
	if (low === 0) while (first + count <= map.maxEntries && !isFree(first)) first++;
	if (!isFree(first)) return 0;
	lay(map, memory, false);
	setPages(map, first, count, 1);
	lay(map, memory, true);
	memory.u8.fill(0, map.data + first * PAGE, map.data + (first + count) * PAGE);
	addBytes(map, memory, count * PAGE);
	return (Number(map.userStart & 0xffff_ffffn) + first * PAGE) >>> 0;
}

/** Gives pages back, as far as they are the arena's. */
export function freePages(map: MapState, memory: Memory, low: number, count: number): void {
	const first = pageAt(map, low & ~(PAGE - 1));
	if (first < 0 || count === 0) return;
	const most = Math.min(count, map.maxEntries - first);
	lay(map, memory, false);
	for (let page = first; page < first + most; page++) if (map.slots[page] === 1) addBytes(map, memory, -PAGE);
	setPages(map, first, most, 0);
	memory.u8.fill(0, map.data + first * PAGE, map.data + (first + most) * PAGE);
	lay(map, memory, true);
}

/** Maps the arena; from then on it has an address in user space. Linux minds a length that is too long only the second time. */
function mapping(map: MapState, offset: number, length: number, writable: boolean, memory: Memory): number {
	if (offset !== 0) return -ERRNO.EINVAL;
	if (map.userStart !== 0n && Math.ceil(length / PAGE) * PAGE > sizeOf(map)) return -ERRNO.E2BIG;
	if (map.userStart === 0n) map.userStart = (USER_HALF << 32n) | BigInt(map.data);
	if (writable && !isWhole(map, memory) && (map.flags & MAP_FLAGS.BPF_F_SEGV_ON_FAULT) === 0) {
		lay(map, memory, false);
		memory.words[headerWord(map, HEADER.made)] = 1;
		memory.open(map.data, sizeOf(map), "map");
	}
	return map.data;
}

const refused = (): number => -ERRNO.EOPNOTSUPP;

export const arena: MapHandler = {
	check,
	allocate,
	release,
	lookup: () => 0,
	update: refused,
	delete: refused,
	nextKey: refused,
	mapping,
	takes: false,
	keyless: true,
};
