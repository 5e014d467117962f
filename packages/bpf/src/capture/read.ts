import type { Capture, CapturePacket } from "./capture.ts";
import { type CaptureSource, Input } from "./input.ts";
import { pcapVariant, readPcap, readPcapHeader } from "./pcap.ts";
import { BLOCK, readPcapng } from "./pcapng.ts";

/** Beginnings (little-endian) of what people take for a capture; the message names it. */
const OTHERS: readonly (readonly [mask: number, magic: number, what: string])[] = [
	[0xffff, 0x8b1f, "a gzip file: unpack it first"],
	[0xffffffff, 0xfd2fb528, "a zstd file: unpack it first"],
	[0xffffffff, 0x184d2204, "an lz4 file: unpack it first"],
	[0xffffffff, 0x6f6f6e73, "a snoop capture"],
	[0xffffffff, 0xa1b2cd34, "a capture of a patched libpcap (magic a1b2cd34)"],
	[0xffffffff, 0x34cdb2a1, "a capture of a patched libpcap (magic a1b2cd34)"],
];

/**
 * Reads a pcap or pcapng file, of either byte order, from its bytes or piece by piece from a source; nothing is copied.
 * @throws FormatError for what is no capture; packets throw it where they are malformed
 */
export function readCapture(input: Uint8Array | CaptureSource, { file }: { readonly file?: string } = {}): Capture {
	const first = new Input(input, file);
	if (first.ended(0)) throw first.error("header", "the file is empty, a pcap or pcapng capture is expected", 0);
	const magic = first.at(0, 4, "header").u32("header/magic");
	const variant = pcapVariant(magic);
	if (variant === undefined && magic !== BLOCK.SECTION) {
		const other = OTHERS.find(([mask, value]) => (magic & mask) >>> 0 === value);
		const found = other === undefined ? `begins with 0x${magic.toString(16).padStart(8, "0")}` : `is ${other[2]}`;
		throw first.error("header/magic", `this ${found}, a pcap or pcapng capture is expected`, 0);
	}
	// A source is read on where it stands; bytes are read from their beginning each time.
	const start = () => (input instanceof Uint8Array ? new Input(input, file) : first);
	if (variant === undefined) {
		return { format: "pcapng", linkType: undefined, packets: iterable(() => readPcapng(start())) };
	}
	const from = readPcapHeader(first, variant);
	return { format: "pcap", linkType: from.linkType, packets: iterable(() => readPcap(start(), from)) };
}

function iterable(begin: () => Iterator<CapturePacket>): Iterable<CapturePacket> {
	return { [Symbol.iterator]: begin };
}
