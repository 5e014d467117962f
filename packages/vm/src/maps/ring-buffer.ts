import { ERRNO } from "@skep/bpf/kernel";
import { MAP_FLAGS, RINGBUF } from "@skep/bpf/uapi";
import type { Memory } from "#machine";
import { guarded } from "./guard.ts";
import { addBytes } from "./header.ts";
import type { MapHandler, MapShape, MapState } from "./map.ts";
import { copy } from "./values.ts";

/**
 * BPF ring buffer, laid out as Linux does: a page with the consumer's position, a page with the producer's, the data, and
 * the data again, so that no record wraps. Here the second copy is memory of its own: the part of a record that runs over
 * the end is copied to the beginning when the record is finished.
 *
 * A record's header is its length with the busy and the discard bit; the second word, Linux's own business there, holds
 * the map's id here.
 */
export const RING_PAGE = 4096;
const HEADER = RINGBUF.BPF_RINGBUF_HDR_SZ;
const MOST_RECORD = 0x3fff_ffff;
const BUSY = RINGBUF.BPF_RINGBUF_BUSY_BIT;
const DISCARD = RINGBUF.BPF_RINGBUF_DISCARD_BIT;

const unsupported = (): number => -ERRNO.ENOTSUPP;

const roomOf = (map: MapShape): number => 2 * RING_PAGE + 2 * map.maxEntries;

function check(map: MapShape): number {
	const { maxEntries } = map;
	const power = maxEntries !== 0 && Number.isInteger(Math.log2(maxEntries));
	if ((map.flags & ~MAP_FLAGS.BPF_F_NUMA_NODE) !== 0) return -ERRNO.EINVAL;
	return map.keySize !== 0 || map.valueSize !== 0 || !power || maxEntries < RING_PAGE ? -ERRNO.EINVAL : 0;
}

function allocate(map: MapState, memory: Memory): number {
	const size = roomOf(map);
	if (size > memory.limit) return -ERRNO.ENOMEM;
	const data = memory.allocate(size, "map", true);
	if (data === undefined) return -ERRNO.ENOMEM;
	map.data = data;
	addBytes(map, memory, size);
	return 0;
}

function mapping(map: MapState, offset: number, length: number, writable: boolean): number {
	if (writable && (offset !== 0 || length > RING_PAGE)) return -ERRNO.EPERM;
	return offset + length > roomOf(map) ? -ERRNO.EINVAL : map.data + offset;
}

export const ringBuffer: MapHandler = {
	check,
	allocate,
	release: (map, memory) => memory.free(map.data),
	lookup: () => 0,
	update: unsupported,
	delete: unsupported,
	nextKey: unsupported,
	mapping,
	takes: false,
};

/** User space writes here and programs read: the consumer's page is theirs, the rest the writer's. */
export const userRingBuffer: MapHandler = {
	...ringBuffer,
	mapping(map, offset, length, writable) {
		if (writable && offset === 0) return -ERRNO.EPERM;
		return offset + length > roomOf(map) ? -ERRNO.EINVAL : map.data + offset;
	},
};

/** What is next in a user ring buffer: a record's address and size, or why there is none; `skip`: bytes to go on by. */
export interface UserRecord {
	readonly error: number;
	readonly address: number;
	readonly size: number;
	readonly skip: number;
}

/** Most bytes that a dynptr reaches. */
const MOST_DYNPTR = 2 ** 24 - 1;

export function peekUserRecord(map: MapState, memory: Memory): UserRecord {
	const none = (error: number, skip = 0): UserRecord => ({ error: -error, address: 0, size: 0, skip });
	const producer = producerOf(map, memory);
	if (producer % 8 !== 0) return none(ERRNO.EINVAL);
	const consumer = consumerOf(map, memory);
	if (consumer >= producer) return none(ERRNO.ENODATA);
	const header = dataOf(map) + (consumer % map.maxEntries);
	const word = memory.view.getUint32(header, true);
	const size = (word & ~(BUSY | DISCARD)) >>> 0;
	const total = Math.ceil((size + HEADER) / 8) * 8;
	if (total > producer - consumer) return none(ERRNO.EINVAL);
	if (total > map.maxEntries || size > MOST_DYNPTR) return none(ERRNO.E2BIG);
	if ((word & DISCARD) !== 0) return none(ERRNO.EAGAIN, total);
	return (word & BUSY) !== 0 ? none(ERRNO.ENODATA) : { error: 0, address: header + HEADER, size, skip: total };
}

/** The consumer of a user ring buffer goes on. */
export function consumeUserRecord(map: MapState, memory: Memory, bytes: number): void {
	setPosition(memory, map.data, consumerOf(map, memory) + bytes);
}

function setPosition(memory: Memory, at: number, position: number): void {
	if (memory.shared) {
		Atomics.store(memory.longs, at >> 3, BigInt(position));
		return;
	}
	memory.view.setUint32(at, position >>> 0, true);
	memory.view.setUint32(at + 4, Math.floor(position / 2 ** 32), true);
}

function position(memory: Memory, at: number): number {
	if (memory.shared) return Number(BigInt.asUintN(64, Atomics.load(memory.longs, at >> 3)));
	return memory.view.getUint32(at, true) + memory.view.getUint32(at + 4, true) * 2 ** 32;
}

const consumerOf = (map: MapState, memory: Memory): number => position(memory, map.data);
const producerOf = (map: MapState, memory: Memory): number => position(memory, map.data + RING_PAGE);
const dataOf = (map: MapState): number => map.data + 2 * RING_PAGE;

/** Address of `size` bytes for a new record; 0: no room, or no record can be so long. */
export function reserveRecord(map: MapState, memory: Memory, size: number): number {
	if (size < 0 || size > MOST_RECORD) return 0;
	const length = (size + HEADER + 7) & ~7;
	if (length > map.maxEntries) return 0;
	if (!memory.shared) return reserve(map, memory, size, length);
	return guarded(map, memory, () => reserve(map, memory, size, length));
}

function reserve(map: MapState, memory: Memory, size: number, length: number): number {
	const start = producerOf(map, memory);
	const end = start + length;
	const consumer = consumerOf(map, memory);
	if (end - consumer > map.maxEntries - 1) return 0;
	const { view } = memory;
	const header = dataOf(map) + (start % map.maxEntries);
	view.setUint32(header, (size | BUSY) >>> 0, true);
	view.setUint32(header + 4, map.id, true);
	setPosition(memory, map.data + RING_PAGE, end);
	return header + HEADER;
}

/** Id of the ring buffer that a reserved record belongs to, as its header says; the caller checks it. */
export const ringOfRecord = (memory: Memory, record: number): number => memory.view.getUint32(record - 4, true);

/** Bytes of a record, as its header says. */
export const recordSize = (memory: Memory, record: number): number =>
	(memory.view.getUint32(record - HEADER, true) & ~(BUSY | DISCARD)) >>> 0;

/** Whether `record` is one of this ring's that is still being written. */
export function isReserved(map: MapState, memory: Memory, record: number): boolean {
	const at = record - HEADER - dataOf(map);
	return at >= 0 && at < map.maxEntries && at % 8 === 0 && memory.view.getInt32(record - HEADER, true) < 0;
}

/** Finishes a record: the consumer may have it, or step over it. */
export function finishRecord(map: MapState, memory: Memory, record: number, discard: boolean): void {
	const { view, u8 } = memory;
	const header = record - HEADER;
	// A program that no verifier has seen may have written over the length: it is none that the ring could have.
	const size = Math.min(recordSize(memory, record), map.maxEntries - HEADER);
	const data = dataOf(map);
	const over = record + size - (data + map.maxEntries);
	if (over > 0) u8.copyWithin(data, data + map.maxEntries, data + map.maxEntries + over);
	if (memory.shared) Atomics.store(memory.words, header >> 2, discard ? size | DISCARD : size);
	else view.setUint32(header, discard ? (size | DISCARD) >>> 0 : size, true);
}

/** A whole record at once. 0, or -EAGAIN where there is no room. */
export function outputRecord(map: MapState, memory: Memory, from: number, size: number): number {
	const record = reserveRecord(map, memory, size);
	if (record === 0) return -ERRNO.EAGAIN;
	copy(memory.u8, from, memory.u8, record, size);
	finishRecord(map, memory, record, false);
	return 0;
}

/** What bpf_ringbuf_query answers. */
export function queryRing(map: MapState, memory: Memory, what: number): number {
	switch (what) {
		case RINGBUF.BPF_RB_AVAIL_DATA:
			return producerOf(map, memory) - consumerOf(map, memory);
		case RINGBUF.BPF_RB_RING_SIZE:
			return map.maxEntries;
		case RINGBUF.BPF_RB_CONS_POS:
			return consumerOf(map, memory);
		case RINGBUF.BPF_RB_PROD_POS:
			return producerOf(map, memory);
		default:
			return 0;
	}
}
