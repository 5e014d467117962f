import { type ByteReader, ByteWriter, decodeUtf8, encodeUtf8 } from "#base";
import {
	type CaptureInterface,
	type CaptureOption,
	type CapturePacket,
	type CaptureSection,
	LONGEST_PACKET,
	type PacketToWrite,
} from "./capture.ts";
import type { Input } from "./input.ts";
import { ETHERNET } from "./link-types.ts";

/** Types of pcapng blocks that are understood here; all others are stepped over. */
export const BLOCK = {
	SECTION: 0x0a0d0d0a,
	INTERFACE: 1,
	/** Obsolete: read, never written. */
	PACKET: 2,
	SIMPLE_PACKET: 3,
	ENHANCED_PACKET: 6,
} as const;

/** Codes of options, by the block they belong to. */
export const OPTION = {
	END: 0,
	COMMENT: 1,
	section: { HARDWARE: 2, OS: 3, APPLICATION: 4 },
	interface: { NAME: 2, DESCRIPTION: 3, RESOLUTION: 9, FILTER: 11, OS: 12, OFFSET: 14 },
	packet: { FLAGS: 2, HASH: 3, DROP_COUNT: 4, PACKET_ID: 5, QUEUE: 6, VERDICT: 7 },
} as const;

const BYTE_ORDER = 0x1a2b3c4d;
const BYTE_ORDER_SWAPPED = 0x4d3c2b1a;
/** Type and length in front, length behind. */
const FRAME = 12;
const LONGEST_BLOCK = 2 * LONGEST_PACKET;
const MOST_INTERFACES = 65_536;
const SECOND = 1_000_000_000n;

/** Bytes from a block's type to the end of its fixed fields, its closing length included. */
const SHORTEST: ReadonlyMap<number, number> = new Map([
	[BLOCK.SECTION, 28],
	[BLOCK.INTERFACE, 20],
	[BLOCK.PACKET, 32],
	[BLOCK.SIMPLE_PACKET, 16],
	[BLOCK.ENHANCED_PACKET, 32],
]);

/** Packets of a pcapng file. @throws FormatError */
export function* readPcapng(input: Input): Generator<CapturePacket, void, undefined> {
	let section: CaptureSection | undefined;
	let interfaces: CaptureInterface[] = [];
	let offset = 0;
	let index = 0;
	for (let number = 0; !input.ended(offset); number++) {
		const path = `Block[${number}]`;
		const start = offset;
		const head = input.at(start, FRAME, path);
		const type = head.u32(path);
		if (type === BLOCK.SECTION) input.setByteOrder(byteOrderOf(input, start, path));
		const length = blockLength(input, start, type, path);
		offset += length;
		if (!SHORTEST.has(type)) continue;
		const body = input.at(start, length, path);
		body.take(8, path);
		// The end of the block's content as the reader counts: windows begin anywhere.
		const end = body.offset + length - FRAME;
		switch (type) {
			case BLOCK.SECTION:
				section = readSection(body, end, section === undefined ? 0 : section.index + 1, path);
				interfaces = [];
				break;
			case BLOCK.INTERFACE:
				if (interfaces.length === MOST_INTERFACES)
					throw input.error(path, `a section has at most ${MOST_INTERFACES} interfaces`, start);
				interfaces.push(readInterface(body, end, section!, interfaces.length, path));
				break;
			default:
				yield readPacket(body, end, type, interfaces, index++, path);
		}
	}
}

function byteOrderOf(input: Input, start: number, path: string): boolean {
	input.setByteOrder(true);
	const magic = input.at(start + 8, 4, path).u32(path);
	if (magic === BYTE_ORDER) return true;
	if (magic === BYTE_ORDER_SWAPPED) return false;
	throw input.error(`${path}/byte order`, `0x${magic.toString(16)}, 0x1a2b3c4d is expected in either order`, start + 8);
}

/** Checked: as long as its kind is at least, whole words, and said again behind the block. */
function blockLength(input: Input, start: number, type: number, path: string): number {
	const length = input.at(start + 4, 4, path).u32(path);
	const place = `${path}/total length`;
	const least = SHORTEST.get(type) ?? FRAME;
	if (length < least)
		throw input.error(
			place,
			`${length} bytes, a block of type 0x${type.toString(16)} has at least ${least}`,
			start + 4,
		);
	if (length % 4 !== 0) throw input.error(place, `${length} bytes, a multiple of 4 is expected`, start + 4);
	if (length > LONGEST_BLOCK && SHORTEST.has(type))
		throw input.error(place, `${length} bytes, a block has at most ${LONGEST_BLOCK}`, start + 4);
	// What is known is read whole anyway; asking for it at once keeps a source from reading it twice.
	if (SHORTEST.has(type)) input.at(start, length, path);
	const closing = input.at(start + length - 4, 4, path).u32(path);
	if (closing !== length) {
		throw input.error(
			`${path}/closing length`,
			`${closing}, but ${length} stands in front of the block`,
			start + length - 4,
		);
	}
	return length;
}

function readSection(body: ByteReader, end: number, index: number, path: string): CaptureSection {
	body.take(4, path);
	const major = body.u16(`${path}/major version`);
	const minor = body.u16(`${path}/minor version`);
	// 1.2 was written by mistake for years and is no other than 1.0.
	if (major !== 1 || (minor !== 0 && minor !== 2))
		throw body.error(`${path}/version`, `version ${major}.${minor}, 1.0 is expected`, body.offset - 4);
	body.take(8, `${path}/section length`);
	const found: { hardware?: string; os?: string; application?: string } = {};
	for (const { code, value } of readOptions(body, end, path)) {
		if (code === OPTION.section.HARDWARE) found.hardware = decodeUtf8(value);
		else if (code === OPTION.section.OS) found.os = decodeUtf8(value);
		else if (code === OPTION.section.APPLICATION) found.application = decodeUtf8(value);
	}
	return { index, byteOrder: body.littleEndian ? "little" : "big", ...found };
}

function readInterface(
	body: ByteReader,
	end: number,
	section: CaptureSection,
	index: number,
	path: string,
): CaptureInterface {
	const linkType = body.u16(`${path}/link type`);
	body.take(2, path);
	const snapLength = body.u32(`${path}/snap length`);
	let unitsPerSecond = 1_000_000n;
	let timestampOffset = 0n;
	const found: { name?: string; description?: string } = {};
	for (const { code, value } of readOptions(body, end, path)) {
		if (code === OPTION.interface.NAME) found.name = decodeUtf8(value);
		else if (code === OPTION.interface.DESCRIPTION) found.description = decodeUtf8(value);
		else if (code === OPTION.interface.RESOLUTION) {
			const [exponent] = sized(body, value, 1, `${path}/if_tsresol`);
			unitsPerSecond = exponent! & 0x80 ? 1n << BigInt(exponent! & 0x7f) : 10n ** BigInt(exponent!);
		} else if (code === OPTION.interface.OFFSET) {
			const bytes = sized(body, value, 8, `${path}/if_tsoffset`);
			timestampOffset = new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0, body.littleEndian);
		}
	}
	return { section, index, linkType, snapLength, unitsPerSecond, timestampOffset, ...found };
}

function sized(body: ByteReader, value: Uint8Array, size: number, path: string): Uint8Array {
	if (value.length !== size) {
		const at = value.byteOffset - body.bytes.byteOffset;
		throw body.error(path, `${value.length} bytes, ${size} expected`, at);
	}
	return value;
}

function readPacket(
	body: ByteReader,
	end: number,
	type: number,
	interfaces: readonly CaptureInterface[],
	index: number,
	path: string,
): CapturePacket {
	const start = body.offset;
	let from = 0;
	let units: bigint | undefined;
	if (type !== BLOCK.SIMPLE_PACKET) {
		if (type === BLOCK.PACKET) {
			from = body.u16(path);
			body.take(2, path); // packets that were lost before this one
		} else from = body.u32(path);
		const high = body.u32(path);
		units = (BigInt(high) << 32n) | BigInt(body.u32(path));
	}
	const place = interfaces[from];
	if (place === undefined) {
		const there = interfaces.length === 0 ? "its section has none" : `its section has ${interfaces.length}`;
		throw body.error(`${path}/interface`, `interface ${from}, but ${there}`, start);
	}
	let capturedLength = type === BLOCK.SIMPLE_PACKET ? 0 : body.u32(path);
	const originalLength = body.u32(path);
	if (type === BLOCK.SIMPLE_PACKET)
		capturedLength = Math.min(originalLength, place.snapLength === 0 ? originalLength : place.snapLength);
	if (capturedLength > LONGEST_PACKET || capturedLength > end - body.offset) {
		throw body.error(
			`${path}/captured length`,
			`${capturedLength} bytes, but the block has room for ${end - body.offset}`,
			body.offset - (type === BLOCK.SIMPLE_PACKET ? 4 : 8),
		);
	}
	const data = body.slice(capturedLength, path);
	body.take(Math.min(padding(capturedLength), end - body.offset), path);
	const timestamp = units === undefined ? undefined : nanosecondsOf(units, place);
	const rest = type === BLOCK.SIMPLE_PACKET ? undefined : { body, at: body.offset, end, path };
	return new EnhancedPacket(index, timestamp, originalLength, data, place, rest);
}

/** A packet whose options are read when they are asked for. */
class EnhancedPacket implements CapturePacket {
	readonly index: number;
	readonly timestamp: bigint | undefined;
	readonly originalLength: number;
	readonly data: Uint8Array;
	readonly interface: CaptureInterface;
	readonly #rest: { body: ByteReader; at: number; end: number; path: string } | undefined;

	constructor(
		index: number,
		timestamp: bigint | undefined,
		originalLength: number,
		data: Uint8Array,
		from: CaptureInterface,
		rest: { body: ByteReader; at: number; end: number; path: string } | undefined,
	) {
		this.index = index;
		this.timestamp = timestamp;
		this.originalLength = originalLength;
		this.data = data;
		this.interface = from;
		this.#rest = rest;
	}

	get capturedLength(): number {
		return this.data.length;
	}

	get options(): readonly CaptureOption[] {
		if (this.#rest === undefined) return [];
		const { body, at, end, path } = this.#rest;
		body.offset = at;
		return readOptions(body, end, path);
	}
}

/** Options from the cursor to `end`, or to the one that says it is the last. */
function readOptions(body: ByteReader, end: number, path: string): CaptureOption[] {
	const options: CaptureOption[] = [];
	while (end - body.offset >= 4) {
		const code = body.u16(path);
		const length = body.u16(path);
		if (code === OPTION.END) break;
		if (length > end - body.offset) {
			throw body.error(
				`${path}/Option[${options.length}]`,
				`option ${code} has ${length} bytes, but ${end - body.offset} are left in the block`,
				body.offset - 2,
			);
		}
		options.push({ code, value: body.slice(length, path) });
		body.take(Math.min(padding(length), end - body.offset), path);
	}
	return options;
}

const padding = (length: number): number => -length & 3;

function nanosecondsOf(units: bigint, { unitsPerSecond, timestampOffset }: CaptureInterface): bigint {
	const nanoseconds = unitsPerSecond === SECOND ? units : (units * SECOND) / unitsPerSecond;
	return timestampOffset === 0n ? nanoseconds : nanoseconds + timestampOffset * SECOND;
}

export interface SectionToWrite {
	/** Default little. */
	readonly byteOrder?: "little" | "big" | undefined;
	readonly hardware?: string | undefined;
	readonly os?: string | undefined;
	/** The program that writes. */
	readonly application?: string | undefined;
}

export interface InterfaceToWrite {
	/** LINKTYPE_…; default 1: Ethernet. */
	readonly linkType?: number;
	/** Default 0: no limit. */
	readonly snapLength?: number;
	readonly name?: string;
	readonly description?: string;
	/** Timestamps count 10^-n seconds, n from 0 to 127, or 2^-n where it says so; default 9: nanoseconds. */
	readonly resolution?: number | { readonly binary: number };
	/** Seconds that readers add to each timestamp; default 0. */
	readonly timestampOffset?: bigint;
	readonly options?: readonly CaptureOption[];
}

export interface EnhancedPacketToWrite extends PacketToWrite {
	/** As `interface()` gave it; default 0. */
	readonly interface?: number;
	readonly options?: readonly CaptureOption[];
}

/** An option that is text: a comment of a packet is `textOption(OPTION.COMMENT, "…")`. */
export const textOption = (code: number, text: string): CaptureOption => ({ code, value: encodeUtf8(text) });

/** Writes a pcapng file block by block; `take()` hands over what was written since the last time. */
export class PcapngWriter {
	#writer: ByteWriter;
	#interfaces: { unitsPerSecond: bigint; offset: bigint; snapLength: number }[] = [];

	constructor(section: SectionToWrite = {}) {
		this.#writer = new ByteWriter(true);
		this.section(section);
	}

	/** Begins a section: its own byte order, and no interfaces yet. */
	section({ byteOrder = "little", hardware, os, application }: SectionToWrite = {}): void {
		const littleEndian = byteOrder === "little";
		if (this.#writer.littleEndian !== littleEndian) {
			const before = this.#writer.finish();
			this.#writer = new ByteWriter(littleEndian).write(before);
		}
		this.#interfaces = [];
		const body = new ByteWriter(littleEndian).u32(BYTE_ORDER).u16(1).u16(0).u64(-1n);
		const texts = [
			[OPTION.section.HARDWARE, hardware],
			[OPTION.section.OS, os],
			[OPTION.section.APPLICATION, application],
		] as const;
		writeOptions(body, textOptions(texts));
		this.block(BLOCK.SECTION, body.finish());
	}

	/** Describes an interface; gives its index, which packets name. @throws RangeError for a resolution out of range */
	interface({
		linkType = ETHERNET,
		snapLength = 0,
		name,
		description,
		resolution = 9,
		timestampOffset = 0n,
		options = [],
	}: InterfaceToWrite = {}): number {
		const binary = typeof resolution === "object";
		const exponent = binary ? resolution.binary : resolution;
		if (!Number.isInteger(exponent) || exponent < 0 || exponent > 127)
			throw new RangeError(`a resolution of ${binary ? 2 : 10}^-${exponent} s, an exponent from 0 to 127 is expected`);
		const { littleEndian } = this.#writer;
		const body = new ByteWriter(littleEndian).u16(linkType).u16(0).u32(snapLength);
		const texts = textOptions([
			[OPTION.interface.NAME, name],
			[OPTION.interface.DESCRIPTION, description],
		]);
		const numbers = [
			{ code: OPTION.interface.RESOLUTION, value: Uint8Array.of(binary ? exponent | 0x80 : exponent) },
			...(timestampOffset === 0n
				? []
				: [{ code: OPTION.interface.OFFSET, value: new ByteWriter(littleEndian).u64(timestampOffset).finish() }]),
		];
		writeOptions(body, [...texts, ...numbers, ...options]);
		this.block(BLOCK.INTERFACE, body.finish());
		return (
			this.#interfaces.push({
				unitsPerSecond: binary ? 1n << BigInt(exponent) : 10n ** BigInt(exponent),
				offset: timestampOffset,
				snapLength,
			}) - 1
		);
	}

	/** An enhanced packet block. @throws RangeError for an interface that was not described, a time that does not fit */
	packet({
		data,
		timestamp = 0n,
		originalLength = data.length,
		interface: from = 0,
		options = [],
	}: EnhancedPacketToWrite): void {
		const place = this.#interfaces[from];
		if (place === undefined)
			throw new RangeError(`interface ${from} was not described, there are ${this.#interfaces.length}`);
		const units = ((timestamp - place.offset * SECOND) * place.unitsPerSecond) / SECOND;
		if (units < 0n || units >= 1n << 64n)
			throw new RangeError(`${timestamp} ns is no time that interface ${from} can tell in 64 bits`);
		const body = new ByteWriter(this.#writer.littleEndian, 64 + data.length);
		body
			.u32(from)
			.u32(Number(units >> 32n))
			.u32(Number(units & 0xffff_ffffn))
			.u32(data.length)
			.u32(originalLength)
			.write(data)
			.align(4);
		writeOptions(body, options);
		this.block(BLOCK.ENHANCED_PACKET, body.finish());
	}

	/** A simple packet block: of the first interface, without a time; cut to its snap length. @throws RangeError */
	simplePacket({ data, originalLength = data.length }: PacketToWrite): void {
		const place = this.#interfaces[0];
		const kept = place === undefined ? -1 : Math.min(originalLength, place.snapLength || originalLength);
		if (kept !== data.length)
			throw new RangeError(`${data.length} bytes of data, a simple packet of this interface has ${Math.max(0, kept)}`);
		const body = new ByteWriter(this.#writer.littleEndian, 16 + data.length).u32(originalLength).write(data);
		this.block(BLOCK.SIMPLE_PACKET, body.finish());
	}

	/** A block of any type; `body` is filled up to whole words. */
	block(type: number, body: Uint8Array): void {
		const length = FRAME + body.length + padding(body.length);
		this.#writer.u32(type).u32(length).write(body).zero(padding(body.length)).u32(length);
	}

	/** Bytes since the last call. */
	take(): Uint8Array<ArrayBuffer> {
		const bytes = this.#writer.finish();
		this.#writer = new ByteWriter(this.#writer.littleEndian);
		return bytes;
	}
}

function textOptions(texts: readonly (readonly [number, string | undefined])[]): CaptureOption[] {
	return texts.flatMap(([code, text]) => (text === undefined ? [] : [textOption(code, text)]));
}

function writeOptions(body: ByteWriter, options: readonly CaptureOption[]): void {
	if (options.length === 0) return;
	for (const { code, value } of options) {
		if (value.length > 0xffff) throw new RangeError(`option ${code} has ${value.length} bytes, 65535 are the most`);
		body.u16(code).u16(value.length).write(value).zero(padding(value.length));
	}
	body.u16(OPTION.END).u16(0);
}

/** A whole pcapng file of one section with one interface. @throws RangeError where a time does not fit */
export function writePcapng(
	packets: Iterable<PacketToWrite>,
	options: SectionToWrite & InterfaceToWrite = {},
): Uint8Array<ArrayBuffer> {
	const { byteOrder, hardware, os, application, ...rest } = options;
	const writer = new PcapngWriter({ byteOrder, hardware, os, application });
	writer.interface(rest);
	for (const { data, timestamp, originalLength } of packets) writer.packet({ data, timestamp, originalLength });
	return writer.take();
}
