import type { Memory } from "#machine";

/**
 * Memory that contexts and packets stand in, kept from event to event. A region is exactly as large as what is in it, so
 * that reading past a context's end is a fault. Plain numbers.
 */
export interface Scratch {
	context: number;
	contextSize: number;
	contextWritable: boolean;
	/** Buffer of packets: `PACKET_ROOM` bytes; 0: not made yet. */
	packet: number;
	/** Beginning of the last packet, and the end of what it may have left in the buffer. */
	packetFirst: number;
	packetEnd: number;
	/** `Memory.narrowed` when it was put there: another count tells that its ends were moved. */
	narrowed: number;
}

export const newScratch = (): Scratch => ({
	context: 0,
	contextSize: 0,
	contextWritable: false,
	packet: 0,
	packetFirst: 0,
	packetEnd: 0,
	narrowed: -1,
});

/** Where a program's input is. `packetStart` and `packetEnd` bound what its packet may grow to; 0: it has none. */
export interface Input {
	readonly context: number;
	readonly contextSize: number;
	readonly packetStart: number;
	readonly packetEnd: number;
}

/** Bytes of a packet's page that are before the packet, and all that it may use: a page less the kernel's shared info. */
export const HEADROOM = 256;
const SHARED_INFO = 320;
export const PACKET_ROOM = 4096 - SHARED_INFO;
/** Longest packet in one buffer. */
export const MOST_PACKET = PACKET_ROOM - HEADROOM;

/** Index of the device that test runs come in on. */
export const LOOPBACK = 1;

/** A region of exactly `size` bytes for the context; 0: the machine has no memory left. */
export function contextRoom(memory: Memory, scratch: Scratch, size: number, writable: boolean): number {
	if (scratch.context !== 0 && scratch.contextSize === size) {
		if (scratch.contextWritable !== writable) memory.protect(scratch.context, writable);
		scratch.contextWritable = writable;
		return scratch.context;
	}
	if (scratch.context !== 0) memory.free(scratch.context);
	scratch.context = memory.allocate(size, "context", writable) ?? 0;
	scratch.contextSize = size;
	scratch.contextWritable = writable;
	return scratch.context;
}

/** The buffer for packets; 0: no memory left. */
export function packetRoom(memory: Memory, scratch: Scratch): number {
	if (scratch.packet === 0) scratch.packet = memory.allocate(PACKET_ROOM, "packet", true, 4096) ?? 0;
	return scratch.packet;
}

export const NO_MEMORY: Input = { context: 0, contextSize: 0, packetStart: 0, packetEnd: 0 };
