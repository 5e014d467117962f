import type { Memory } from "#machine";
import { contextRoom, type Input, NO_MEMORY, PACKET_ROOM, packetRoom, type Scratch } from "./context.ts";

/** `struct __sk_buff`, as far as a socket filter may look at it. */
export const SKB_SIZE = 192;
const LENGTH = 0;
const PROTOCOL = 16;
const DATA = 76;
const DATA_END = 80;
const ETHERNET = 14;
/** NET_SKB_PAD: before a packet on a socket. */
const PAD = 64;
/** Longest packet that a test run takes. */
export const MOST_SKB = PACKET_ROOM - PAD;

/** A packet whose Ethernet header is stripped off before the program sees it, as on a socket. */
export function skbInput(memory: Memory, scratch: Scratch, packet: Uint8Array): Input {
	const context = contextRoom(memory, scratch, SKB_SIZE, true);
	const room = packetRoom(memory, scratch);
	if (context === 0 || room === 0 || packet.length > MOST_SKB) return NO_MEMORY;
	const { u8, view } = memory;
	const first = room + PAD;
	u8.set(packet, first);
	scratch.packetEnd = room + PACKET_ROOM;
	u8.fill(0, context, context + SKB_SIZE);
	view.setUint32(context + LENGTH, packet.length - ETHERNET, true);
	view.setUint16(context + PROTOCOL, view.getUint16(first + 12, true), true);
	view.setUint32(context + DATA, first + ETHERNET, true);
	view.setUint32(context + DATA_END, first + packet.length, true);
	return { context, contextSize: SKB_SIZE, packetStart: room, packetEnd: room + PACKET_ROOM };
}
