/**
 * THE CONTRACT: what a kernel offers at the level of the system call: bpf(2) with plain attributes, perf_event_open(2),
 * mmap(2), and the few questions that tracing asks beside them. `@skep/linux` implements it by FFI; a virtual kernel will.
 * Live objects, collections, commands and tests are written once on it.
 *
 * Synchronous; results below zero are -errno; nothing here throws. Members of attributes have the kernel's names;
 * buffers are the caller's and are used during the call only. Beside the types stand two tables: commands and errnos.
 */
export type {
	Attributes,
	BtfInfo,
	BtfLoad,
	CommandName,
	EnableStats,
	GetFdById,
	GetNextId,
	IterCreate,
	LinkCreate,
	LinkDetach,
	LinkInfo,
	LinkUpdate,
	MapCreate,
	MapDelete,
	MapDeleteBatch,
	MapFreeze,
	MapGetNextKey,
	MapInfo,
	MapLookup,
	MapLookupBatch,
	MapUpdate,
	MapUpdateBatch,
	ObjGet,
	ObjGetInfoByFd,
	ObjPin,
	PerfEventLinkInfo,
	ProgAttach,
	ProgBindMap,
	ProgDetach,
	ProgInfo,
	ProgLoad,
	ProgQuery,
	ProgStreamRead,
	ProgTestRun,
	RawTracepointOpen,
	TaskFdQuery,
	TokenCreate,
} from "./attributes.ts";
export type { FolderEntry, Folders } from "./bpffs.ts";
export { COMMANDS } from "./commands.ts";
export type { Diagnose, Diagnosis, Refused } from "./diagnosis.ts";
export { ERRNO, type ErrnoName, errnoName } from "./errno.ts";
export type {
	DeviceProgram,
	FilterReply,
	Host,
	NetworkListing,
	NetworkRequest,
	Places,
	Pmu,
	Sandbox,
	SocketOption,
	TrialDevice,
	UserFunction,
	UserProbe,
} from "./host.ts";
export type { Kernel, Mapping, ObjectKind } from "./kernel.ts";
export { PERF_FLAG_FD_CLOEXEC, PERF_TYPE, type PerfEventAttr, type PerfEventRequest } from "./perf-event.ts";
export { versionCode } from "./version.ts";
