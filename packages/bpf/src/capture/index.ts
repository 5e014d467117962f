/**
 * What was captured, as files. Packets: pcap (micro- and nanoseconds) and pcapng, both byte orders, read and written.
 *
 * `readCapture` takes a file's bytes, or a source that hands them out piece by piece, and gives its packets one by one as
 * views: nothing is copied, and memory does not grow with the file. Malformed input is a FormatError with offset and path
 * at the packet where it is reached; lengths that no file has are refused before anything is read for them.
 * `PcapWriter` and `PcapngWriter` write packet by packet, `writePcap` and `writePcapng` a whole file.
 *
 * Runs of programs: a `Recording` is a plain value, `writeRecording` and `readRecording` are its file, and `WireReader`
 * makes its events from what the recording variant of a program logs.
 */
export type {
	Capture,
	CaptureInterface,
	CaptureOption,
	CapturePacket,
	CaptureSection,
	PacketToWrite,
} from "./capture.ts";
export type { CaptureSource } from "./input.ts";
export { ETHERNET, LINK_TYPES, linkTypeName } from "./link-types.ts";
export { type PcapOptions, PcapWriter, writePcap } from "./pcap.ts";
export {
	BLOCK,
	type EnhancedPacketToWrite,
	type InterfaceToWrite,
	OPTION,
	PcapngWriter,
	type SectionToWrite,
	textOption,
	writePcapng,
} from "./pcapng.ts";
export { readCapture } from "./read.ts";
export type {
	RecordedEntry,
	RecordedEvent,
	RecordedField,
	RecordedMap,
	RecordedMember,
	RecordedObject,
	RecordedOutcome,
	RecordedPointer,
	RecordedProgram,
	RecordedRead,
	RecordedResult,
	RecordedShape,
	RecordedTask,
	Recording,
	RecordingMeta,
} from "./recording.ts";
export { isRecording, readRecording } from "./recording-read.ts";
export { type WireOptions, WireReader } from "./recording-wire.ts";
export { writeRecording } from "./recording-write.ts";
