/**
 * Live objects, written once on the contract: whatever owns a descriptor, and what reads from it.
 *
 * `BpfMap`, `Program`, `Link` own their descriptors (`Fd`): close them, or let `using` do it. `attachTracepoint` …
 * make links, one file an attach kind. `TypedMap` speaks plain values by BTF, `DataSection` has a section's variables. Readers:
 * `RingBufferReader` with `Pump` on an adaptive timer, `PerfBufferReader`, `IteratorReader`; `UserRingBuffer` writes.
 * `pin` and `fromPin` of each give it a name in a bpffs and find it there, `unpin` takes the name away.
 * `ids`, `queryPrograms`, `queryTaskFd` tell what there is. `loadBtf` loads BTF, for older kernels in older words; `has` and
 * `probe…` ask the kernel by doing.
 *
 * A kernel's no is thrown by `refuse`: EPERM as PermissionError with the reason that the kernel's owner gives
 * (`explainWith`), a verifier's no as VerifierError with its whole log, else SyscallError with words on what to do.
 */
export type { BatchResult, BatchWay, ChunkOptions, MapChunk } from "./batch.ts";
export { loadBtf, sanitizeBtf } from "./btf.ts";
export { Fd, type FdTracer, type OpenFd, traceFds } from "./fd.ts";
export { entryAt, listFolder, MOUNT_OPTIONS, mountBpffs, removeFolder, removeName } from "./folders.ts";
export { type Access, ids, openById } from "./ids.ts";
export { btfOf, KernelBtf } from "./kernel-btf.ts";
export type { LinkWay } from "./link/attachment.ts";
export { attachCgroup, type CgroupOptions } from "./link/cgroup.ts";
export type { Container } from "./link/container.ts";
export { attachIterator, type CgroupOrder, type IteratorTarget } from "./link/iterator.ts";
export { attachKprobe, attachKsyscall, type KprobeTarget } from "./link/kprobe.ts";
export { attachKprobeMulti, type KprobeMultiTarget } from "./link/kprobe-multi.ts";
export { Link } from "./link/link.ts";
export { attachLirc } from "./link/lirc.ts";
export { attachRoute, type RouteTarget } from "./link/lwt.ts";
export { attachNetfilter, type NetfilterTarget } from "./link/netfilter.ts";
export { attachNetns } from "./link/netns.ts";
export { attachPerfEvent, PERF_EVENT_NAMES, type PerfEventName, type PerfSampling } from "./link/perf-event.ts";
export type { Position } from "./link/position.ts";
export { attachRawTracepoint } from "./link/raw-tracepoint.ts";
export { attachSocket } from "./link/socket.ts";
export { attachSockmap, type SockmapOptions } from "./link/sockmap.ts";
export { attachStructOps, updateStructOps } from "./link/struct-ops.ts";
export { attachClassifier, attachTc, type TcFilter, type TcOptions, tcFilterOf } from "./link/tc.ts";
export { attachNetkit, attachTcx, type Direction, type NetkitSide, type TcxOptions } from "./link/tcx.ts";
export { attachTracepoint } from "./link/tracepoint.ts";
export { attachReplacement, attachTracing } from "./link/tracing.ts";
export { attachUprobe, attachUprobeMulti, type UprobeMultiTarget, type UprobeTarget } from "./link/uprobe.ts";
export { attachUsdt, type UsdtTarget } from "./link/usdt.ts";
export { parseUsdtArguments, type UsdtArgument } from "./link/usdt-arguments.ts";
export { attachXdp, type XdpMode, type XdpOptions } from "./link/xdp.ts";
export { formatLpmKey, lpmKey } from "./lpm.ts";
export { BpfMap, type MapBlueprint, MappedMap, type UpdateMode } from "./map.ts";
export { objectName } from "./name.ts";
export { BPFFS, openPin, pin as pinFd, unpin } from "./pins.ts";
export type { ProbeAnswer } from "./probe/ask.ts";
export { ATTACH_KINDS, type AttachAnswer, type AttachKind, type AttachTrial, probeAttach } from "./probe/attach.ts";
export { probeCommand } from "./probe/command.ts";
export { FEATURE_TABLE, type Feature, has } from "./probe/feature.ts";
export { probeHelper } from "./probe/helper.ts";
export { callKfunc, kfuncNames, kfuncsAreTagged, probeKfunc } from "./probe/kfunc.ts";
export { probeLink } from "./probe/link.ts";
export { probeMapType } from "./probe/map.ts";
export { type Offload, probeOffload } from "./probe/offload.ts";
export { probeProgramType } from "./probe/program.ts";
export {
	enableStats,
	Program,
	type ProgramBlueprint,
	type ProgramBtf,
	type ProgramStats,
} from "./program.ts";
export { type AttachedProgram, type QueryOptions, type QueryResult, type QueryTarget, queryPrograms } from "./query.ts";
export { type IteratorOptions, IteratorReader } from "./reader/iterator.ts";
export { Pace, type PaceOptions } from "./reader/pace.ts";
export { type PerfBufferOptions, PerfBufferReader, type SampleSink } from "./reader/perf-buffer.ts";
export type { RecordSink } from "./reader/ring.ts";
export { RingBufferReader } from "./reader/ring-buffer.ts";
export { Pump, type PumpOptions, type Timers } from "./reader/timer.ts";
export { UserRecord, UserRingBuffer } from "./reader/user-ring-buffer.ts";
export { explainWith, refuse } from "./refusal.ts";
export { queryTaskFd, type TaskFd, type TaskFdType } from "./task-query.ts";
export { type SkBuff, type SkLookup, skBuff, skLookup, type XdpMd, xdpMd } from "./test-context.ts";
export { TEST_RUNS, type TestRunInput, type TestRunKind, type TestRunResult } from "./test-run.ts";
export { createToken } from "./token.ts";
export { type MapTypes, mapTypes, TypedMap } from "./typed-map.ts";
export { DataSection, Variable, type VariablePlace } from "./variable.ts";
export { Walk, type WalkMap } from "./walk.ts";
