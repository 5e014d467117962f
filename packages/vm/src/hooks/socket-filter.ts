import type { Memory } from "#machine";
import { contextRoom, type Input, LOOPBACK, NO_MEMORY, PACKET_ROOM, packetRoom, type Scratch } from "./context.ts";

/** `struct __sk_buff`, as far as a socket filter, a classifier or a cgroup's program may look at it. */
export const SKB_SIZE = 192;
const LENGTH = 0;
const PACKET_TYPE = 4;
const PROTOCOL = 16;
const IFINDEX = 40;
const DATA = 76;
const DATA_END = 80;
const ETHERNET = 14;
/** NET_SKB_PAD: before a packet on a socket. */
const PAD = 64;
/** Longest packet that a test run takes. */
export const MOST_SKB = PACKET_ROOM - PAD;

/** PACKET_HOST, MULTICAST or OTHERHOST. The addresses of lo, its own and that of all, are all zeros: there is no broadcast. */
function packetType(packet: Uint8Array): number {
	if (packet.subarray(0, 6).every((byte) => byte === 0)) return 0;
	return (packet[0]! & 1) !== 0 ? 2 : 3;
}

const LEAST_PROTOCOL = 0x600;
const ETH_P_802_3 = 0x0001;
const ETH_P_802_2 = 0x0004;

/** Ethernet's type; below 0x600 that is a length, and what follows the header tells Novell's frames from 802.2's. */
function protocolOf(packet: Uint8Array): number {
	const type = (packet[12]! << 8) | packet[13]!;
	if (type >= LEAST_PROTOCOL) return type;
	return packet[ETHERNET] === 0xff && packet[ETHERNET + 1] === 0xff ? ETH_P_802_3 : ETH_P_802_2;
}

/**
 * A packet that came in on lo, whose Ethernet header is stripped off before the program sees it, as on a socket; `whole`: it is
 * there, as at a device's classifiers.
 */
export function skbInput(memory: Memory, scratch: Scratch, packet: Uint8Array, whole: boolean): Input {
	const context = contextRoom(memory, scratch, SKB_SIZE, true);
	const room = packetRoom(memory, scratch);
	if (context === 0 || room === 0 || packet.length > MOST_SKB) return NO_MEMORY;
	const { u8, view } = memory;
	const first = room + PAD;
	u8.set(packet, first);
	scratch.packetEnd = room + PACKET_ROOM;
	const skipped = whole ? 0 : ETHERNET;
	memory.narrow(room, first + skipped, first + packet.length);
	u8.fill(0, context, context + SKB_SIZE);
	view.setUint32(context + LENGTH, packet.length - skipped, true);
	view.setUint32(context + PACKET_TYPE, packetType(packet), true);
	view.setUint16(context + PROTOCOL, protocolOf(packet));
	view.setUint32(context + IFINDEX, LOOPBACK, true);
	view.setUint32(context + DATA, first + skipped, true);
	view.setUint32(context + DATA_END, first + packet.length, true);
	return { context, contextSize: SKB_SIZE, packetStart: room, packetEnd: room + PACKET_ROOM };
}
