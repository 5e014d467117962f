/** A section of a pcapng file; a pcap file is one section. */
export interface CaptureSection {
	/** From 0. */
	readonly index: number;
	readonly byteOrder: "little" | "big";
	readonly hardware?: string;
	readonly os?: string;
	/** The program that wrote it. */
	readonly application?: string;
}

/** Where packets were captured; a pcap file has one. */
export interface CaptureInterface {
	readonly section: CaptureSection;
	/** From 0 in its section. */
	readonly index: number;
	/** LINKTYPE_… (1: Ethernet). */
	readonly linkType: number;
	/** Bytes that are kept of a packet; 0: no limit. */
	readonly snapLength: number;
	/** Units of the file's timestamps in a second: 10^6, 10^9, 2^n … */
	readonly unitsPerSecond: bigint;
	/** Seconds that are added to every timestamp. */
	readonly timestampOffset: bigint;
	readonly name?: string;
	readonly description?: string;
}

/** An option of a pcapng block: its code and its bytes without padding. */
export interface CaptureOption {
	readonly code: number;
	readonly value: Uint8Array;
}

/** A packet as it stands in a file. */
export interface CapturePacket {
	/** From 0, through all sections. */
	readonly index: number;
	/** Nanoseconds since 1970; undefined: the file has none (simple packet blocks). */
	readonly timestamp: bigint | undefined;
	/** Bytes in the file: `data.length`. */
	readonly capturedLength: number;
	/** Bytes on the wire. */
	readonly originalLength: number;
	/** A view, never a copy. Of a `CaptureSource` it is good until the next packet is asked for. */
	readonly data: Uint8Array;
	readonly interface: CaptureInterface;
	/** Of pcapng; read when asked for. @throws FormatError */
	readonly options: readonly CaptureOption[];
}

/** A capture that is being read. */
export interface Capture {
	readonly format: "pcap" | "pcapng";
	/** LINKTYPE_… of every packet of a pcap file; undefined: pcapng, where each interface has its own. */
	readonly linkType: number | undefined;
	/**
	 * The packets in the order of the file; what is malformed throws FormatError when it is reached, after every packet
	 * before it. Bytes may be iterated again and again, a source once.
	 */
	readonly packets: Iterable<CapturePacket>;
}

/** A packet to be written; one that was read is one too. */
export interface PacketToWrite {
	readonly data: Uint8Array;
	/** Nanoseconds since 1970; default 0. */
	readonly timestamp?: bigint | undefined;
	/** Bytes on the wire; default: those of `data`. */
	readonly originalLength?: number | undefined;
}

/** Longest packet that is read: what is beyond is taken for garbage. */
export const LONGEST_PACKET = 16 * 1024 * 1024;
