import { ERRNO } from "@skep/bpf/kernel";
import { MAP_FLAGS } from "@skep/bpf/uapi";
import type { Memory } from "#machine";
import { entryAt, headOf, makeBlocks, nextEntry, releaseBlocks, sizeBlocks, valueAddress } from "./blocks.ts";
import { ACCESS, flagsFit, MOST_ENTRY_BYTES, MOST_PERCPU_BYTES, updateAllowed } from "./flags.ts";
import { guarded } from "./guard.ts";
import { HASH_ENTRY, HASH_ENTRY_USED, hashOf } from "./hash-entry.ts";
import { deleteRoutine, lookupRoutine, updateRoutine } from "./hash-routines.ts";
import { addBytes, HEADER, headerWord } from "./header.ts";
import type { Batch, Bytes, MapHandler, MapShape, MapState } from "./map.ts";
import { clearFields, copy, writeValue } from "./values.ts";

/**
 * Hash maps: plain, per-CPU and LRU. Entries stand in blocks that are made as the map fills, so a value never moves while
 * a program points at it. An entry is a number; its head is laid out as hash-entry.ts says. Of an LRU map that workers
 * share, the head ends with a word that a lookup sets, so that it needs not change the order of use: it counts when the
 * order is looked at next.
 *
 * Workers that change a shared map have its lock; lookups take none. What an entry holds is there before the entry is, and
 * whoever finds none looks again if one was taken out meanwhile. As on Linux, an entry that is found may be taken out and
 * hold another key by the time that its value is used.
 */
const { next: NEXT, hash: HASH, newer: NEWER, older: OLDER, key: HEAD } = HASH_ENTRY;
/** How often a lookup without the lock is tried. */
const TURNS = 8;

/** More buckets than that are not made, however many entries a map may have. */
const MOST_BUCKETS = 1 << 20;
const FLAGS =
	MAP_FLAGS.BPF_F_NO_PREALLOC |
	MAP_FLAGS.BPF_F_NO_COMMON_LRU |
	MAP_FLAGS.BPF_F_NUMA_NODE |
	MAP_FLAGS.BPF_F_ZERO_SEED |
	ACCESS;

const isLru = (map: MapShape): boolean => map.type === "lru_hash" || map.type === "lru_percpu_hash";
const sizeOfHead = (map: MapShape): number => HEAD + ((map.keySize + 7) & ~7);

function check(map: MapShape, copies: number): number {
	const lru = isLru(map);
	const { keySize, valueSize, maxEntries, flags } = map;
	const perCpu = map.type === "percpu_hash" || map.type === "lru_percpu_hash";
	if (!flagsFit(flags, FLAGS)) return -ERRNO.EINVAL;
	if (!lru && (flags & MAP_FLAGS.BPF_F_NO_COMMON_LRU) !== 0) return -ERRNO.EINVAL;
	if (lru && (flags & MAP_FLAGS.BPF_F_NO_PREALLOC) !== 0) return -ERRNO.ENOTSUPP;
	if ((flags & MAP_FLAGS.BPF_F_NUMA_NODE) !== 0 && (perCpu || (flags & MAP_FLAGS.BPF_F_NO_COMMON_LRU) !== 0))
		return -ERRNO.EINVAL;
	if (maxEntries === 0 || keySize === 0 || valueSize === 0) return -ERRNO.EINVAL;
	if (keySize + valueSize >= MOST_ENTRY_BYTES) return -ERRNO.E2BIG;
	if (perCpu && ((valueSize + 7) & ~7) > MOST_PERCPU_BYTES) return -ERRNO.E2BIG;
	// Linux counts 16 bytes a bucket in 32 bits.
	if (maxEntries > 2 ** 28) return -ERRNO.E2BIG;
	return copies > 0 ? 0 : -ERRNO.EINVAL;
}

function allocate(map: MapState, memory: Memory): number {
	map.headBytes = sizeOfHead(map) + (memory.shared && isLru(map) ? HASH_ENTRY_USED : 0);
	const entry = map.headBytes + map.stride * map.copies;
	// Made as it fills; yet what could never fill is refused at once, as where everything is made beforehand.
	if (map.maxEntries * entry > memory.limit) return -ERRNO.ENOMEM;
	let buckets = 1;
	while (buckets < map.maxEntries && buckets < MOST_BUCKETS) buckets *= 2;
	const data = memory.allocate(buckets * 4, "kernel", false);
	if (data === undefined) return -ERRNO.ENOMEM;
	map.data = data;
	map.bucketMask = buckets - 1;
	if (!sizeBlocks(map, memory, map.maxEntries)) {
		memory.free(data);
		return -ERRNO.ENOMEM;
	}
	addBytes(map, memory, buckets * 4);
	if (!memory.shared || makeBlocks(map, memory, map.maxEntries)) return 0;
	release(map, memory);
	return -ERRNO.ENOMEM;
}

function release(map: MapState, memory: Memory): void {
	releaseBlocks(map, memory);
	memory.free(map.data);
}

/** Entry + 1 of a key; 0: none; -1: not found among `most` that were looked at. */
function find(map: MapState, memory: Memory, key: Uint8Array, at: number, hash: number, most = 0x7fff_ffff): number {
	let left = most;
	const { u8, words } = memory;
	const { keySize, headBytes, blockShift } = map;
	const directory = map.directory >> 2;
	const inBlock = (1 << blockShift) - 1;
	let link = words[(map.data >> 2) + (hash & map.bucketMask)]!;
	search: while (link !== 0) {
		if (left-- <= 0) return -1;
		const entry = link - 1;
		const head = words[directory + (entry >>> blockShift) * 2]! + (entry & inBlock) * headBytes;
		if (words[(head + HASH) >> 2] === hash) {
			const own = head + HEAD;
			for (let i = 0; i < keySize; i++) {
				if (u8[own + i] !== key[at + i]) {
					link = words[(head + NEXT) >> 2]!;
					continue search;
				}
			}
			return link;
		}
		link = words[(head + NEXT) >> 2]!;
	}
	return 0;
}

function lookup(map: MapState, memory: Memory, key: Bytes, at: number, touch: boolean): number {
	const bytes = key ?? memory.u8;
	const hash = hashOf(bytes, at, map.keySize);
	const link = memory.shared ? findShared(map, memory, bytes, at, hash) : find(map, memory, bytes, at, hash);
	if (link === 0) return 0;
	if (touch && isLru(map)) {
		if (memory.shared) memory.words[usedWord(map, memory, link)] = 1;
		else refresh(map, memory, link);
	}
	return valueAddress(map, memory, link - 1);
}

/** Index of the word that a lookup sets. */
const usedWord = (map: MapState, memory: Memory, link: number): number =>
	(headOf(map, memory, link - 1) + map.headBytes - HASH_ENTRY_USED) >> 2;

/** As `find`, while others may change the map. */
function findShared(map: MapState, memory: Memory, key: Uint8Array, at: number, hash: number): number {
	const { words } = memory;
	const changes = headerWord(map, HEADER.changes);
	for (let turn = 0; turn < TURNS; turn++) {
		const before = Atomics.load(words, changes);
		const link = find(map, memory, key, at, hash, map.maxEntries);
		if (link > 0) return link;
		// Whoever comes to an entry that was taken out meanwhile goes on in another bucket.
		if (link === 0 && (before & 1) === 0 && Atomics.load(words, changes) === before) return 0;
	}
	return guarded(map, memory, () => find(map, memory, key, at, hash));
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
	if (!memory.shared) return put(map, memory, key, keyAt, value, valueAt, flags, cpu);
	return guarded(map, memory, () => put(map, memory, key, keyAt, value, valueAt, flags, cpu));
}

function put(
	map: MapState,
	memory: Memory,
	key: Bytes,
	keyAt: number,
	value: Bytes,
	valueAt: number,
	flags: number,
	cpu: number,
): number {
	const hash = hashOf(key ?? memory.u8, keyAt, map.keySize);
	const link = find(map, memory, key ?? memory.u8, keyAt, hash);
	const allowed = updateAllowed(flags, link !== 0);
	if (allowed !== 0) return allowed;
	if (link !== 0) {
		writeValue(map, memory, valueAddress(map, memory, link - 1), value, valueAt, cpu, false);
		if (isLru(map)) refresh(map, memory, link);
		return 0;
	}
	const fresh = take(map, memory);
	if (fresh < 0) return fresh;
	const { u8, words } = memory;
	const head = headOf(map, memory, fresh - 1);
	const bucket = map.data + (hash & map.bucketMask) * 4;
	words[(head + NEXT) >> 2] = words[bucket >> 2]!;
	words[(head + HASH) >> 2] = hash;
	copy(key ?? u8, keyAt, u8, head + HEAD, map.keySize);
	writeValue(map, memory, valueAddress(map, memory, fresh - 1), value, valueAt, cpu, true);
	if (memory.shared) Atomics.store(words, bucket >> 2, fresh);
	else words[bucket >> 2] = fresh;
	words[headerWord(map, HEADER.used)]!++;
	if (isLru(map)) enter(map, memory, fresh);
	return 0;
}

/** Entry + 1 that nobody has: from the free list, a new block, or the LRU's oldest. -E2BIG, -ENOMEM. */
function take(map: MapState, memory: Memory): number {
	const { words } = memory;
	const free = words[headerWord(map, HEADER.free)]!;
	if (free !== 0) {
		words[headerWord(map, HEADER.free)] = words[(headOf(map, memory, free - 1) + NEXT) >> 2]!;
		return free;
	}
	const oldest = words[headerWord(map, HEADER.oldest)]!;
	if (words[headerWord(map, HEADER.made)]! < map.maxEntries) {
		const link = nextEntry(map, memory);
		if (link !== 0) return link;
		if (oldest === 0) return -ERRNO.ENOMEM;
	}
	if (!isLru(map)) return -ERRNO.E2BIG;
	remove(map, memory, memory.shared ? leastUsed(map, memory) : oldest);
	return take(map, memory);
}

/** The oldest entry that no lookup has found since the order of use was looked at last; those before it become the newest. */
function leastUsed(map: MapState, memory: Memory): number {
	const { words } = memory;
	for (let left = words[headerWord(map, HEADER.used)]!; ; left--) {
		const oldest = words[headerWord(map, HEADER.oldest)]!;
		const used = usedWord(map, memory, oldest);
		if (words[used] === 0 || left === 0) return oldest;
		words[used] = 0;
		refresh(map, memory, oldest);
	}
}

/** Takes an entry out of its bucket, and of the LRU's order, and puts it on the free list. */
function remove(map: MapState, memory: Memory, link: number): void {
	const { words } = memory;
	const head = headOf(map, memory, link - 1);
	const hash = words[(head + HASH) >> 2]!;
	let at = map.data + (hash & map.bucketMask) * 4;
	const changes = headerWord(map, HEADER.changes);
	if (memory.shared) Atomics.add(words, changes, 1);
	while (words[at >> 2]! !== link) at = headOf(map, memory, words[at >> 2]! - 1) + NEXT;
	words[at >> 2] = words[(head + NEXT) >> 2]!;
	if (isLru(map)) leave(map, memory, link);
	if (map.fields) clearFields(map, memory, valueAddress(map, memory, link - 1));
	words[(head + NEXT) >> 2] = words[headerWord(map, HEADER.free)]!;
	words[headerWord(map, HEADER.free)] = link;
	words[headerWord(map, HEADER.used)]!--;
	if (memory.shared) Atomics.add(words, changes, 1);
}

/** Puts an entry in the order of use, as the newest. */
function enter(map: MapState, memory: Memory, link: number): void {
	const { words } = memory;
	const head = headOf(map, memory, link - 1);
	const newest = words[headerWord(map, HEADER.newest)]!;
	words[(head + NEWER) >> 2] = 0;
	words[(head + OLDER) >> 2] = newest;
	if (newest !== 0) words[(headOf(map, memory, newest - 1) + NEWER) >> 2] = link;
	else words[headerWord(map, HEADER.oldest)] = link;
	words[headerWord(map, HEADER.newest)] = link;
}

function leave(map: MapState, memory: Memory, link: number): void {
	const { words } = memory;
	const head = headOf(map, memory, link - 1);
	const newer = words[(head + NEWER) >> 2]!;
	const older = words[(head + OLDER) >> 2]!;
	if (newer !== 0) words[(headOf(map, memory, newer - 1) + OLDER) >> 2] = older;
	else words[headerWord(map, HEADER.newest)] = older;
	if (older !== 0) words[(headOf(map, memory, older - 1) + NEWER) >> 2] = newer;
	else words[headerWord(map, HEADER.oldest)] = newer;
}

function refresh(map: MapState, memory: Memory, link: number): void {
	if (memory.words[headerWord(map, HEADER.newest)] === link) return;
	leave(map, memory, link);
	enter(map, memory, link);
}

function removeKey(map: MapState, memory: Memory, key: Bytes, at: number): number {
	return memory.shared
		? guarded(map, memory, () => removeFound(map, memory, key, at))
		: removeFound(map, memory, key, at);
}

function removeFound(map: MapState, memory: Memory, key: Bytes, at: number): number {
	const bytes = key ?? memory.u8;
	const link = find(map, memory, bytes, at, hashOf(bytes, at, map.keySize));
	if (link === 0) return -ERRNO.ENOENT;
	remove(map, memory, link);
	return 0;
}

function nextKey(map: MapState, memory: Memory, key: Uint8Array | undefined, out: Uint8Array): number {
	return guarded(map, memory, () => keyAfter(map, memory, key, out));
}

function keyAfter(map: MapState, memory: Memory, key: Uint8Array | undefined, out: Uint8Array): number {
	const { u8, words } = memory;
	let bucket = 0;
	let link = 0;
	// A key that is gone starts anew, as without one.
	const hash = key ? hashOf(key, 0, map.keySize) : 0;
	const before = key ? find(map, memory, key, 0, hash) : 0;
	if (before !== 0) {
		link = words[(headOf(map, memory, before - 1) + NEXT) >> 2]!;
		bucket = (hash & map.bucketMask) + 1;
	}
	while (link === 0) {
		if (bucket > map.bucketMask) return -ERRNO.ENOENT;
		link = words[(map.data + bucket++ * 4) >> 2]!;
	}
	copy(u8, headOf(map, memory, link - 1) + HEAD, out, 0, map.keySize);
	return 0;
}

function batch(map: MapState, memory: Memory, from: number, room: number): Batch | number {
	return guarded(map, memory, () => entriesFrom(map, memory, from, room));
}

function entriesFrom(map: MapState, memory: Memory, from: number, room: number): Batch | number {
	const { words } = memory;
	const keys: number[] = [];
	const values: number[] = [];
	let bucket = from;
	if (bucket > map.bucketMask) return { keys, values, indexed: false, next: undefined };
	for (; bucket <= map.bucketMask; bucket++) {
		const before = keys.length;
		let link = words[(map.data + bucket * 4) >> 2]!;
		for (; link !== 0 && keys.length <= room; link = words[(headOf(map, memory, link - 1) + NEXT) >> 2]!) {
			keys.push(headOf(map, memory, link - 1) + HEAD);
			values.push(valueAddress(map, memory, link - 1));
		}
		if (keys.length <= room) continue;
		// A bucket is read whole or not at all.
		keys.length = before;
		values.length = before;
		return before === 0 ? -ERRNO.ENOSPC : { keys, values, indexed: false, next: bucket };
	}
	return { keys, values, indexed: false, next: undefined };
}

function keyOf(map: MapState, memory: Memory, value: number): number {
	const entry = entryAt(map, memory, value);
	return entry < 0 ? 0 : headOf(map, memory, entry) + HEAD;
}

export const hash: MapHandler = {
	check,
	allocate,
	release,
	lookup,
	update,
	delete: removeKey,
	nextKey,
	batch,
	keyOf,
	takes: true,
	routines: { lookup: lookupRoutine, update: updateRoutine, delete: deleteRoutine },
};
