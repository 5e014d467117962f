/**
 * Live objects, written once on the contract: whatever owns a descriptor, and what reads from it.
 *
 * `BpfMap`, `Program`, `Link` own their descriptors (`Fd`): close them, or let `using` do it. `attachTracepoint` …
 * make links, one file an attach kind. `RingBufferReader` consumes a ring buffer, `Pump` does so on an adaptive timer.
 * `pin` and `fromPin` of each give it a name in a bpffs and find it there, `unpin` takes the name away.
 * `loadBtf` loads BTF, for older kernels in older words; `has` asks the kernel by doing.
 *
 * A kernel's no is thrown by `refuse`: EPERM as PermissionError with the reason that the kernel's owner gives
 * (`explainWith`), a verifier's no as VerifierError with its whole log, else SyscallError with words on what to do.
 */
export type { BatchResult, BatchWay, ChunkOptions, MapChunk } from "./batch.ts";
export { loadBtf, sanitizeBtf } from "./btf.ts";
export { Fd, type FdTracer, type OpenFd, traceFds } from "./fd.ts";
export { FEATURE_TABLE, type Feature, has } from "./features.ts";
export { Link, type LinkWay } from "./link/link.ts";
export { attachToPerfEvent } from "./link/perf-event.ts";
export { attachRawTracepoint } from "./link/raw-tracepoint.ts";
export { attachTracepoint } from "./link/tracepoint.ts";
export { attachTracing } from "./link/tracing.ts";
export { attachXdp, type XdpMode } from "./link/xdp.ts";
export { BpfMap, type MapBlueprint, MappedMap, type UpdateMode } from "./map.ts";
export { objectName } from "./name.ts";
export { BPFFS, unpin } from "./pins.ts";
export {
	enableStats,
	Program,
	type ProgramBlueprint,
	type ProgramBtf,
	type ProgramStats,
	type TestRunInput,
	type TestRunResult,
} from "./program.ts";
export { Pace, type PaceOptions } from "./reader/pace.ts";
export type { RecordSink } from "./reader/ring.ts";
export { RingBufferReader } from "./reader/ring-buffer.ts";
export { Pump, type PumpOptions, type Timers } from "./reader/timer.ts";
export { explainWith, refuse } from "./refusal.ts";
export { Walk, type WalkMap } from "./walk.ts";
