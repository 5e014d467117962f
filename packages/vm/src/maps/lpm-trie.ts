import { ERRNO } from "@skep/bpf/kernel";
import { MAP_FLAGS, UPDATE_FLAGS } from "@skep/bpf/uapi";
import type { Memory } from "#machine";
import { entryAt, headOf, makeBlocks, nextEntry, releaseBlocks, sizeBlocks, valueAddress } from "./blocks.ts";
import { ACCESS, flagsFit, MOST_ENTRY_BYTES } from "./flags.ts";
import { guarded } from "./guard.ts";
import { HEADER, headerWord } from "./header.ts";
import type { Batch, Bytes, MapHandler, MapShape, MapState } from "./map.ts";
import { copy, writeValue } from "./values.ts";

/**
 * LPM tries: prefixes of bits, of which a lookup finds the longest that fits. A node is an entry of `blocks.ts`; links are
 * numbers + 1, 0 is none; `newest` is the root. A node without a value only parts two others (`BARE`).
 *
 * Head of a node: child 0, child 1, BARE or 0; then the key as it came: length in bits, the bits.
 */
const CHILD = 0;
const KIND = 8;
const KEY = 16;
const BARE = 1;
/** Of a key, before its bits. */
const LENGTH = 4;
const LEAST_KEY = LENGTH + 1;
const MOST_KEY = LENGTH + 256;

function check(map: MapShape): number {
	const { keySize, valueSize, maxEntries, flags } = map;
	if (maxEntries === 0 || (flags & MAP_FLAGS.BPF_F_NO_PREALLOC) === 0) return -ERRNO.EINVAL;
	if (!flagsFit(flags, MAP_FLAGS.BPF_F_NO_PREALLOC | MAP_FLAGS.BPF_F_NUMA_NODE | ACCESS)) return -ERRNO.EINVAL;
	if (keySize < LEAST_KEY || keySize > MOST_KEY) return -ERRNO.EINVAL;
	return valueSize < 1 || valueSize > MOST_ENTRY_BYTES - MOST_KEY ? -ERRNO.EINVAL : 0;
}

function allocate(map: MapState, memory: Memory): number {
	map.headBytes = KEY + ((map.keySize + 7) & ~7);
	if (!sizeBlocks(map, memory, 2 * map.maxEntries)) return -ERRNO.ENOMEM;
	if (!memory.shared || makeBlocks(map, memory, 2 * map.maxEntries)) return 0;
	releaseBlocks(map, memory);
	return -ERRNO.ENOMEM;
}

const rootOf = (map: MapState, memory: Memory): number => memory.words[headerWord(map, HEADER.newest)]!;

const mostBits = (map: MapState): number => (map.keySize - LENGTH) * 8;
const lengthAt = (bytes: Uint8Array, at: number): number =>
	(bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
const bitAt = (bytes: Uint8Array, key: number, bit: number): number =>
	(bytes[key + LENGTH + (bit >>> 3)]! >>> (7 - (bit & 7))) & 1;

const keyAt = (map: MapState, memory: Memory, link: number): number => headOf(map, memory, link - 1) + KEY;
const child = (map: MapState, memory: Memory, link: number, side: number): number =>
	memory.view.getInt32(headOf(map, memory, link - 1) + CHILD + side * 4, true);
const isBare = (map: MapState, memory: Memory, link: number): boolean =>
	memory.view.getInt32(headOf(map, memory, link - 1) + KIND, true) === BARE;

/** How many of the first bits of two keys are the same; not more than the shorter one has. */
function common(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): number {
	const most = Math.min(lengthAt(a, aAt), lengthAt(b, bAt));
	for (let bit = 0; bit < most; bit += 8) {
		const differ = a[aAt + LENGTH + (bit >>> 3)]! ^ b[bAt + LENGTH + (bit >>> 3)]!;
		if (differ !== 0) return Math.min(most, bit + Math.clz32(differ) - 24);
	}
	return most;
}

function lookup(map: MapState, memory: Memory, key: Bytes, at: number): number {
	const { u8 } = memory;
	const bytes = key ?? u8;
	if (lengthAt(bytes, at) > mostBits(map)) return 0;
	let found = 0;
	for (let link = rootOf(map, memory); link !== 0; ) {
		const own = keyAt(map, memory, link);
		const length = lengthAt(u8, own);
		if (common(u8, own, bytes, at) < length) break;
		if (!isBare(map, memory, link)) found = link;
		if (length === mostBits(map)) break;
		link = child(map, memory, link, bitAt(bytes, at, length));
	}
	return found === 0 ? 0 : valueAddress(map, memory, found - 1);
}

/** Way from the root to where a key is or would be: links, the last of them 0 or the node that ends the way. */
function way(map: MapState, memory: Memory, bytes: Uint8Array, at: number): number[] {
	const { u8 } = memory;
	const length = lengthAt(bytes, at);
	const links: number[] = [];
	let link = rootOf(map, memory);
	for (;;) {
		links.push(link);
		if (link === 0) return links;
		const own = keyAt(map, memory, link);
		const ownLength = lengthAt(u8, own);
		if (ownLength === length || common(u8, own, bytes, at) !== ownLength) return links;
		link = child(map, memory, link, bitAt(bytes, at, ownLength));
	}
}

/** Puts `link` where the way's node `index` hangs. */
function hang(map: MapState, memory: Memory, links: readonly number[], index: number, bit: number, link: number): void {
	if (index === 0) memory.words[headerWord(map, HEADER.newest)] = link;
	else memory.view.setInt32(headOf(map, memory, links[index - 1]! - 1) + CHILD + bit * 4, link, true);
}

/** A fresh node with this key; 0: no memory. */
function take(map: MapState, memory: Memory): number {
	const { words } = memory;
	const link = words[headerWord(map, HEADER.free)]!;
	if (link === 0) return nextEntry(map, memory);
	const head = headOf(map, memory, link - 1);
	words[headerWord(map, HEADER.free)] = memory.view.getInt32(head + CHILD, true);
	memory.u8.fill(0, head, head + map.headBytes);
	return link;
}

function giveBack(map: MapState, memory: Memory, link: number): void {
	const { words } = memory;
	memory.view.setInt32(headOf(map, memory, link - 1) + CHILD, words[headerWord(map, HEADER.free)]!, true);
	words[headerWord(map, HEADER.free)] = link;
}

function update(
	map: MapState,
	memory: Memory,
	key: Bytes,
	at: number,
	value: Bytes,
	valueAt: number,
	flags: number,
	cpu: number,
): number {
	if (flags > UPDATE_FLAGS.BPF_EXIST) return -ERRNO.EINVAL;
	const bytes = (): Uint8Array => key ?? memory.u8;
	const length = lengthAt(bytes(), at);
	if (length > mostBits(map)) return -ERRNO.EINVAL;
	const links = way(map, memory, bytes(), at);
	const end = links.length - 1;
	const node = links[end]!;
	const same = node === 0 ? 0 : common(memory.u8, keyAt(map, memory, node), bytes(), at);
	const isExact = node !== 0 && same === length && lengthAt(memory.u8, keyAt(map, memory, node)) === length;
	if (isExact && !isBare(map, memory, node)) {
		if (flags === UPDATE_FLAGS.BPF_NOEXIST) return -ERRNO.EEXIST;
		// Bits behind the prefix may be others now.
		copy(bytes(), at, memory.u8, keyAt(map, memory, node), map.keySize);
		writeValue(map, memory, valueAddress(map, memory, node - 1), value, valueAt, cpu, false);
		return 0;
	}
	if (flags === UPDATE_FLAGS.BPF_EXIST) return -ERRNO.ENOENT;
	if (memory.words[headerWord(map, HEADER.used)] === map.maxEntries) return -ERRNO.ENOSPC;
	if (isExact) {
		memory.view.setInt32(headOf(map, memory, node - 1) + KIND, 0, true);
		copy(bytes(), at, memory.u8, keyAt(map, memory, node), map.keySize);
		writeValue(map, memory, valueAddress(map, memory, node - 1), value, valueAt, cpu, true);
		memory.words[headerWord(map, HEADER.used)]!++;
		return 0;
	}
	const fresh = take(map, memory);
	const parting = fresh !== 0 && node !== 0 && same < length ? take(map, memory) : 0;
	if (fresh === 0 || (node !== 0 && same < length && parting === 0)) {
		if (fresh !== 0) giveBack(map, memory, fresh);
		return -ERRNO.ENOMEM;
	}
	const { u8, view } = memory;
	copy(bytes(), at, u8, keyAt(map, memory, fresh), map.keySize);
	writeValue(map, memory, valueAddress(map, memory, fresh - 1), value, valueAt, cpu, true);
	let top = fresh;
	if (parting !== 0) {
		const head = headOf(map, memory, parting - 1);
		copy(u8, keyAt(map, memory, node), u8, head + KEY, map.keySize);
		view.setUint32(head + KEY, same, true);
		view.setInt32(head + KIND, BARE, true);
		const side = bitAt(u8, keyAt(map, memory, fresh), same);
		view.setInt32(head + CHILD + side * 4, fresh, true);
		view.setInt32(head + CHILD + (1 - side) * 4, node, true);
		top = parting;
	} else if (node !== 0) {
		view.setInt32(headOf(map, memory, fresh - 1) + CHILD + bitAt(u8, keyAt(map, memory, node), length) * 4, node, true);
	}
	hang(map, memory, links, end, sideOf(map, memory, links, end, bytes(), at), top);
	memory.words[headerWord(map, HEADER.used)]!++;
	return 0;
}

/** On which side of its parent the way's node `index` hangs. */
function sideOf(
	map: MapState,
	memory: Memory,
	links: readonly number[],
	index: number,
	bytes: Uint8Array,
	at: number,
): number {
	return index === 0 ? 0 : bitAt(bytes, at, lengthAt(memory.u8, keyAt(map, memory, links[index - 1]!)));
}

function remove(map: MapState, memory: Memory, key: Bytes, at: number): number {
	const bytes = key ?? memory.u8;
	const length = lengthAt(bytes, at);
	if (length > mostBits(map)) return -ERRNO.EINVAL;
	const links = way(map, memory, bytes, at);
	const end = links.length - 1;
	const node = links[end]!;
	if (node === 0 || isBare(map, memory, node)) return -ERRNO.ENOENT;
	const own = keyAt(map, memory, node);
	if (lengthAt(memory.u8, own) !== length || common(memory.u8, own, bytes, at) !== length) return -ERRNO.ENOENT;
	memory.words[headerWord(map, HEADER.used)]!--;
	const left = child(map, memory, node, 0);
	const right = child(map, memory, node, 1);
	if (left !== 0 && right !== 0) {
		memory.view.setInt32(headOf(map, memory, node - 1) + KIND, BARE, true);
		return 0;
	}
	const side = sideOf(map, memory, links, end, bytes, at);
	const parent = end === 0 ? 0 : links[end - 1]!;
	if (left === 0 && right === 0 && parent !== 0 && isBare(map, memory, parent)) {
		// What parted two nodes has one left: that takes its place.
		const other = child(map, memory, parent, 1 - side);
		hang(map, memory, links, end - 1, sideOf(map, memory, links, end - 1, bytes, at), other);
		giveBack(map, memory, parent);
	} else hang(map, memory, links, end, side, left || right);
	giveBack(map, memory, node);
	return 0;
}

/** First node of a part, where children come before their parent and 0 before 1. */
function first(map: MapState, memory: Memory, from: number): number {
	let found = 0;
	for (let link = from; link !== 0; ) {
		if (!isBare(map, memory, link)) found = link;
		link = child(map, memory, link, 0) || (found === link ? child(map, memory, link, 1) : 0);
	}
	return found;
}

/** The node after the last of the way; 0: there is none. */
function following(map: MapState, memory: Memory, links: number[]): number {
	let node = links.pop()!;
	for (let parent = links.pop(); parent !== undefined; parent = links.pop()) {
		const right = child(map, memory, parent, 1);
		if (child(map, memory, parent, 0) === node && right !== 0) return first(map, memory, right);
		if (!isBare(map, memory, parent)) return parent;
		node = parent;
	}
	return 0;
}

/** The node after a key's; a key that is not there: the first. 0: there is none. */
function nextNode(map: MapState, memory: Memory, key: Uint8Array | undefined, at: number): number {
	if (!key || lengthAt(key, at) > mostBits(map)) return first(map, memory, rootOf(map, memory));
	const links = way(map, memory, key, at);
	const node = links.at(-1)!;
	const length = lengthAt(key, at);
	const own = node === 0 ? 0 : keyAt(map, memory, node);
	if (
		node === 0 ||
		isBare(map, memory, node) ||
		lengthAt(memory.u8, own) !== length ||
		common(memory.u8, own, key, at) !== length
	)
		return first(map, memory, rootOf(map, memory));
	return following(map, memory, links);
}

function nextKey(map: MapState, memory: Memory, key: Uint8Array | undefined, out: Uint8Array): number {
	const node = nextNode(map, memory, key, 0);
	if (node === 0) return -ERRNO.ENOENT;
	copy(memory.u8, keyAt(map, memory, node), out, 0, map.keySize);
	return 0;
}

function batch(map: MapState, memory: Memory, from: number, room: number): Batch {
	const keys: number[] = [];
	const values: number[] = [];
	let node =
		from === 0 ? first(map, memory, rootOf(map, memory)) : nextNode(map, memory, memory.u8, keyAt(map, memory, from));
	let last = from;
	for (; node !== 0 && keys.length < room; node = nextNode(map, memory, memory.u8, keyAt(map, memory, node))) {
		keys.push(keyAt(map, memory, node));
		values.push(valueAddress(map, memory, node - 1));
		last = node;
	}
	return { keys, values, indexed: false, next: node === 0 ? undefined : last };
}

/** Workers that share the map go through it one at a time, for its nodes move. */
export const lpmTrie: MapHandler = {
	check,
	allocate,
	release: releaseBlocks,
	lookup: (map, memory, key, at) =>
		memory.shared ? guarded(map, memory, () => lookup(map, memory, key, at)) : lookup(map, memory, key, at),
	update: (map, memory, key, keyAt, value, valueAt, flags, cpu) =>
		memory.shared
			? guarded(map, memory, () => update(map, memory, key, keyAt, value, valueAt, flags, cpu))
			: update(map, memory, key, keyAt, value, valueAt, flags, cpu),
	delete: (map, memory, key, at) =>
		memory.shared ? guarded(map, memory, () => remove(map, memory, key, at)) : remove(map, memory, key, at),
	nextKey: (map, memory, key, out) => guarded(map, memory, () => nextKey(map, memory, key, out)),
	batch: (map, memory, from, room) => guarded(map, memory, () => batch(map, memory, from, room)),
	keyOf: (map, memory, value) => {
		const entry = entryAt(map, memory, value);
		return entry < 0 ? 0 : headOf(map, memory, entry) + KEY;
	},
	takes: false,
};
