import type { Memory } from "#machine";
import {
	contextRoom,
	HEADROOM,
	type Input,
	MOST_PACKET,
	NO_MEMORY,
	PACKET_ROOM,
	packetRoom,
	type Scratch,
} from "./context.ts";

/** `struct xdp_md`: six 32-bit words. The first three are the packet's guest addresses. */
export const XDP_MD_SIZE = 24;

/**
 * A packet of at most `MOST_PACKET` bytes with headroom and tailroom, from a queue of a device; `meta` of its first bytes are
 * metadata.
 */
export function xdpInput(
	memory: Memory,
	scratch: Scratch,
	packet: Uint8Array,
	ifindex: number,
	queue: number,
	meta = 0,
): Input {
	const context = contextRoom(memory, scratch, XDP_MD_SIZE, true);
	const room = packetRoom(memory, scratch);
	if (context === 0 || room === 0 || packet.length > MOST_PACKET + meta) return NO_MEMORY;
	const { u8, view } = memory;
	const first = room + HEADROOM - meta;
	// What is before it stays clean as long as nobody moves its beginning.
	if (scratch.narrowed !== memory.narrowed || scratch.packetFirst !== first) u8.fill(0, room, first);
	u8.set(packet, first);
	// Behind it nothing is left of an earlier one. What a program appended, the context of the last run tells.
	const end = first + packet.length;
	const before = Math.max(scratch.packetEnd, view.getUint32(context + 4, true));
	if (before > end) u8.fill(0, end, Math.min(before, room + PACKET_ROOM));
	// The rest of the buffer is none of the program's business, until it moves an end.
	if (scratch.narrowed !== memory.narrowed || scratch.packetFirst !== first || scratch.packetEnd !== end)
		memory.narrow(room, first, end);
	scratch.narrowed = memory.narrowed;
	scratch.packetFirst = first;
	scratch.packetEnd = end;
	view.setUint32(context, first + meta, true);
	view.setUint32(context + 4, first + packet.length, true);
	view.setUint32(context + 8, first, true);
	view.setUint32(context + 12, ifindex, true);
	view.setUint32(context + 16, queue, true);
	view.setUint32(context + 20, 0, true);
	return { context, contextSize: XDP_MD_SIZE, packetStart: room, packetEnd: room + PACKET_ROOM };
}

/** The packet as the program left it, metadata first: address and length. */
export function xdpPacket(
	memory: Memory,
	context: number,
): { readonly at: number; readonly length: number; readonly meta: number } {
	const { view } = memory;
	const at = view.getUint32(context + 8, true);
	return { at, length: view.getUint32(context + 4, true) - at, meta: view.getUint32(context, true) - at };
}
