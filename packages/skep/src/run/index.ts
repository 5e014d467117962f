/**
 * One run of one file: `readSource` compiles or reads it, `Session.open` loads and attaches it, then either the user half
 * is evaluated (`evaluateUserHalf`) or something stands in its place: live tables (`showLive`), JSON Lines
 * (`writeLines`). A `Recorder` makes a recording meanwhile; `replayInto` gives one to a session on a virtual kernel. `stop()` detaches and drains, `close()` gives everything back.
 *
 * The user half is the module itself, loaded through a module hook that gives it this package for `skep`, blanks the
 * bodies of kernel-only functions and strips types; its handles find their compiled twins by the place of their call.
 */
export {
	flagName,
	howToGive,
	OptionError,
	type OptionValues,
	type ParsedOptions,
	parseOptions,
	renderOptions,
} from "./arguments.ts";
export { CaptureFile } from "./capture-file.ts";
export { type EventResult, packetEvents, type RepeatableEvents, recordedEvents } from "./debug-events.ts";
export { evaluateUserHalf, UserHalfError } from "./evaluate.ts";
export { answerLoad, loadsItself } from "./explicit.ts";
export { display, readBtfFile, readBytes } from "./files.ts";
export { doorUrl, installHook } from "./hook.ts";
export { type RecordOutput, readRecords, recordsOf } from "./iterators.ts";
export { kernelData, shippedTracepoints } from "./kernel-data.ts";
export { type KernelTypesText, kernelTypes } from "./kernel-types.ts";
export { writeLines } from "./lines.ts";
export {
	choosePacketProgram,
	type PacketCounts,
	renderPacketCounts,
	runPackets,
	withoutPins,
} from "./packets.ts";
export { Recorder, type RecorderOptions, recordedMaps } from "./recorder.ts";
export { changesSince, type ReplayCounts, readRecordingFile, renderReplay, replayInto } from "./replay.ts";
export { firstLine, noteLines, nothingAttached } from "./say.ts";
export { type Attached, Session, type SessionOptions, type Unattached } from "./session.ts";
export { shapeOf } from "./shapes.ts";
export { onSignals } from "./signals.ts";
export {
	type Compiled,
	type CompilerTools,
	compileFile,
	compileSource,
	programTypes,
	readRecordingSource,
	readSource,
	type Source,
} from "./source.ts";
export { renderMaps, showLive } from "./view.ts";
