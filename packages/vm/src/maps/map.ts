import type { MapType } from "@skep/bpf/uapi";
import type { Memory } from "#machine";
import type { Routine } from "./routine.ts";

/** What the kernel keeps for itself in a value: neither system calls nor updates read or write it. */
export interface SpecialField {
	readonly kind: "timer" | "spin_lock" | "wq";
	/** In the value; bytes. */
	readonly offset: number;
	readonly size: number;
}

/** What maps must be that a map of maps holds. */
export interface InnerShape {
	readonly type: MapType;
	readonly keySize: number;
	readonly valueSize: number;
	readonly maxEntries: number;
	readonly flags: number;
}

/** What MAP_CREATE asks, and what a map is for as long as it lives. Sizes in bytes. */
export interface MapShape {
	readonly type: MapType;
	readonly keySize: number;
	readonly valueSize: number;
	readonly maxEntries: number;
	readonly flags: number;
	readonly extra: bigint;
	/** Maps of maps. */
	readonly inner?: InnerShape | undefined;
	/** What of a value is the kernel's own, as its BTF says. */
	readonly fields?: readonly SpecialField[] | undefined;
}

/**
 * One map as data: plain values, and addresses of what lies in the machine's memory. What it does stands in the handler
 * of its type.
 */
export interface MapState extends MapShape {
	readonly id: number;
	readonly name: string;
	readonly btf: number;
	readonly keyType: number;
	readonly valueType: number;
	/** Values of an entry: the machine's CPUs for per-CPU maps, else 1. */
	readonly copies: number;
	/** From one value to the next: `valueSize` rounded up to 8. */
	readonly stride: number;
	/** File descriptors, pins and programs that hold it. */
	references: number;
	frozen: boolean;
	/** Writable mappings, which a freeze must not meet. */
	writers: number;
	/** Address of its header: what it changes while programs run. See `HEADER`. */
	header: number;
	/**
	 * Array: its values. Ring buffer: its first page. Hash: its buckets (one 32-bit entry number + 1 each). Arrays of
	 * programs, perf events and maps: the id in each slot, 32 bits, 0: none.
	 */
	data: number;
	/**
	 * Hash, trie: where the addresses of blocks of entries stand, two words a block: of heads with their keys, of values.
	 * A block has 2^`blockShift` entries; there is room for `mostBlocks`.
	 */
	directory: number;
	mostBlocks: number;
	blockShift: number;
	bucketMask: number;
	/** Hash: bytes of an entry's head, key and all. */
	headBytes: number;
	/** Arena: 1 for a page that is allocated. Storage: address of the owner and of its value, in turn. */
	readonly slots: number[];
	/** Arena: address of its first byte in user space; 0n: nobody has mapped it yet. */
	userStart: bigint;
}

/** A key or value to read: bytes of the caller, or undefined for the machine's own memory, at an offset. */
export type Bytes = Uint8Array | undefined;

/** All copies of a per-CPU value: what system calls read and write. */
export const ALL_CPUS = -1;

/** What a type of map does. Results below zero are -errno; nothing throws. */
export interface MapHandler {
	/** What Linux checks before it allocates. 0 or -errno. */
	check(shape: MapShape, copies: number): number;
	/** Takes what it needs from the start. 0 or -errno. */
	allocate(map: MapState, memory: Memory): number;
	/** Gives back what it took; not the header. */
	release(map: MapState, memory: Memory): void;
	/** Address of an entry's (first) value; 0: none. `touch`: a program looks, which keeps an LRU entry young. */
	lookup(map: MapState, memory: Memory, key: Bytes, at: number, touch: boolean): number;
	/** `cpu`: whose copy a program writes, or ALL_CPUS. */
	update(
		map: MapState,
		memory: Memory,
		key: Bytes,
		keyAt: number,
		value: Bytes,
		valueAt: number,
		flags: number,
		cpu: number,
	): number;
	delete(map: MapState, memory: Memory, key: Bytes, at: number): number;
	/** Writes the key after `key` (undefined: the first) to `out`. 0 or -ENOENT. */
	nextKey(map: MapState, memory: Memory, key: Uint8Array | undefined, out: Uint8Array): number;
	/** Up to `room` entries from position `from` on. Absent: the type has no batches. */
	batch?(map: MapState, memory: Memory, from: number, room: number): Batch | number;
	/** mmap: address of `length` bytes from `offset` on, or -errno. Absent: the type cannot be mapped. */
	mapping?(map: MapState, offset: number, length: number, writable: boolean, memory: Memory): number;
	/** Key of the entry whose value is at `value`: its address in the machine's memory; of an array the index itself. */
	keyOf?(map: MapState, memory: Memory, value: number): number;
	/** What programs do to it, as instructions; where workers share the memory, too. Undefined: this map's helper is called. */
	readonly routines?: Partial<
		Readonly<Record<"lookup" | "update" | "delete", (map: MapState, shared: boolean) => Routine | undefined>>
	>;
	/** LOOKUP_AND_DELETE of one element. */
	readonly takes: boolean;
	/** Absent where there is none: queues, stacks. */
	readonly keyless?: boolean;
}

/** Entries found: addresses of keys and values; `next` undefined: that was all. */
export interface Batch {
	/** Address of each key; array maps: the index itself, with `indexed`. */
	readonly keys: readonly number[];
	/** Address of each value; with `plain` a 32-bit number itself. */
	readonly values: readonly number[];
	readonly plain?: boolean;
	readonly indexed: boolean;
	readonly next: number | undefined;
}
