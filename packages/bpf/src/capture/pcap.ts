import { ByteWriter } from "#base";
import {
	type CaptureInterface,
	type CaptureOption,
	type CapturePacket,
	LONGEST_PACKET,
	type PacketToWrite,
} from "./capture.ts";
import type { Input } from "./input.ts";
import { ETHERNET } from "./link-types.ts";

const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
const FILE_HEADER = 24;
const PACKET_HEADER = 16;
const NO_OPTIONS: readonly CaptureOption[] = [];

/** Byte order and resolution that the first four bytes (read as little-endian) tell; undefined: not a pcap file. */
export function pcapVariant(magic: number): { littleEndian: boolean; unitsPerSecond: bigint } | undefined {
	switch (magic) {
		case MICROSECONDS:
			return { littleEndian: true, unitsPerSecond: 1_000_000n };
		case 0xd4c3b2a1:
			return { littleEndian: false, unitsPerSecond: 1_000_000n };
		case NANOSECONDS:
			return { littleEndian: true, unitsPerSecond: 1_000_000_000n };
		case 0x4d3cb2a1:
			return { littleEndian: false, unitsPerSecond: 1_000_000_000n };
		default:
			return undefined;
	}
}

/** The file's header, version 2.4, of a variant that is known: what it says holds for every packet. @throws FormatError */
export function readPcapHeader(
	input: Input,
	{ littleEndian, unitsPerSecond }: { littleEndian: boolean; unitsPerSecond: bigint },
): CaptureInterface {
	input.setByteOrder(littleEndian);
	const header = input.at(4, FILE_HEADER - 4, "header");
	const major = header.u16("header/major version");
	const minor = header.u16("header/minor version");
	if (major !== 2 || minor !== 4) throw input.error("header/version", `version ${major}.${minor}, 2.4 is expected`, 4);
	// Time zone and precision of the clock: zero in every file since 1990, and ignored by every reader.
	header.take(8, "header");
	const snapLength = header.u32("header/snap length");
	// Above the link type: whether, and how long, frame check sequences stand at the ends of packets.
	const linkType = header.u32("header/link type") & 0xffff;
	return {
		section: { index: 0, byteOrder: littleEndian ? "little" : "big" },
		index: 0,
		linkType,
		snapLength,
		unitsPerSecond,
		timestampOffset: 0n,
	};
}

/** Packets of a pcap file behind its header. @throws FormatError */
export function* readPcap(input: Input, from: CaptureInterface): Generator<CapturePacket, void, undefined> {
	input.setByteOrder(from.section.byteOrder === "little");
	const nanoseconds = 1_000_000_000n / from.unitsPerSecond;
	let offset = FILE_HEADER;
	for (let index = 0; !input.ended(offset); index++) {
		const path = `Packet[${index}]`;
		const head = input.at(offset, PACKET_HEADER, path);
		const seconds = head.u32(path);
		const fraction = head.u32(path);
		const capturedLength = head.u32(path);
		const originalLength = head.u32(path);
		if (capturedLength > LONGEST_PACKET) {
			throw input.error(
				`${path}/captured length`,
				`${capturedLength} bytes, a packet has at most ${LONGEST_PACKET}`,
				offset + 8,
			);
		}
		offset += PACKET_HEADER;
		const data = input.at(offset, capturedLength, `${path}/data`).slice(capturedLength, path);
		offset += capturedLength;
		yield {
			index,
			timestamp: BigInt(seconds) * 1_000_000_000n + BigInt(fraction) * nanoseconds,
			capturedLength,
			originalLength,
			data,
			interface: from,
			options: NO_OPTIONS,
		};
	}
}

export interface PcapOptions {
	/** LINKTYPE_…; default 1: Ethernet. */
	readonly linkType?: number;
	/** Default 262,144, as tcpdump writes it. */
	readonly snapLength?: number;
	/** Timestamps in microseconds, rounded down, as every reader knows them, or in nanoseconds (default). */
	readonly resolution?: "us" | "ns";
	/** Default little. */
	readonly byteOrder?: "little" | "big";
}

/** Writes a pcap file packet by packet; `take()` hands over what was written since the last time. */
export class PcapWriter {
	readonly #littleEndian: boolean;
	readonly #unit: bigint;
	#writer: ByteWriter;

	constructor({
		linkType = ETHERNET,
		snapLength = 262_144,
		resolution = "ns",
		byteOrder = "little",
	}: PcapOptions = {}) {
		this.#littleEndian = byteOrder === "little";
		this.#unit = resolution === "ns" ? 1n : 1000n;
		this.#writer = new ByteWriter(this.#littleEndian);
		this.#writer
			.u32(resolution === "ns" ? NANOSECONDS : MICROSECONDS)
			.u16(2)
			.u16(4)
			.zero(8)
			.u32(snapLength)
			.u32(linkType);
	}

	/** @throws RangeError where the time is before 1970 or after 2106 */
	packet({ data, timestamp = 0n, originalLength = data.length }: PacketToWrite): void {
		const seconds = timestamp / 1_000_000_000n;
		if (timestamp < 0n || seconds > 0xffff_ffffn)
			throw new RangeError(`a pcap file holds times from 1970 to 2106, ${timestamp} ns is not one`);
		this.#writer
			.u32(Number(seconds))
			.u32(Number((timestamp % 1_000_000_000n) / this.#unit))
			.u32(data.length)
			.u32(originalLength)
			.write(data);
	}

	/** Bytes since the last call; the first ones begin with the file's header. */
	take(): Uint8Array<ArrayBuffer> {
		const bytes = this.#writer.finish();
		this.#writer = new ByteWriter(this.#littleEndian);
		return bytes;
	}
}

/** A whole pcap file. @throws RangeError where a time does not fit */
export function writePcap(packets: Iterable<PacketToWrite>, options: PcapOptions = {}): Uint8Array<ArrayBuffer> {
	const writer = new PcapWriter(options);
	for (const packet of packets) writer.packet(packet);
	return writer.take();
}
