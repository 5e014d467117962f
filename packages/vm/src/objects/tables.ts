import type { AttachType, ProgramType } from "@skep/bpf/uapi";
import type { PerfRing, Timers } from "#helpers";
import type { MapState } from "#maps";

/** What a file descriptor or a pin is of. */
export type ObjectKind =
	| "map"
	| "program"
	| "btf"
	| "link"
	| "event"
	| "statistics"
	| "cgroup"
	| "namespace"
	| "iterator";

export interface Descriptor {
	readonly kind: ObjectKind;
	readonly id: number;
	readonly readable: boolean;
	readonly writable: boolean;
}

export interface ProgramState {
	readonly id: number;
	readonly name: string;
	readonly type: ProgramType;
	readonly attachType: AttachType | undefined;
	/** As they came; references by descriptor are in `maps` and `values`. */
	readonly insns: Uint8Array;
	/** Which map an instruction's wide load means, by slot. */
	readonly mapAt: Readonly<Record<number, number>>;
	/** Maps that it holds, each once. */
	readonly maps: readonly number[];
	/** The one of them that is an arena; 0: none. */
	readonly arena: number;
	readonly gpl: boolean;
	readonly flags: number;
	readonly tag: string;
	readonly btf: number;
	readonly funcInfo: Uint8Array;
	readonly lineInfo: Uint8Array;
	/** tracing: id of the tracepoint's typedef in the kernel's BTF, and the tracepoint's name. */
	readonly attachBtf: number;
	readonly attachTo: string;
	/** Monotonic, when it was loaded. */
	readonly loaded: bigint;
	references: number;
	/** Counted while somebody holds statistics, and their time in nanoseconds by the host's clock. */
	runs: number;
	runTime: number;
	/** Runs that ended with a fault. */
	faults: number;
}

export interface BtfState {
	readonly id: number;
	readonly name: string;
	readonly bytes: Uint8Array;
	readonly kernel: boolean;
	references: number;
}

/** What a program is attached to. */
export interface LinkState {
	readonly id: number;
	readonly kind: "raw_tracepoint" | "tracing" | "iter" | "xdp" | "tcx" | "cgroup" | "perf_event";
	program: number;
	/** Tracepoint, by its bare name. */
	readonly tracepoint: string;
	/** perf_event: the event. */
	readonly event: number;
	/** xdp, tcx: the device; 0 once it is detached. */
	ifindex: number;
	/** cgroup: its id; 0 once it is detached. */
	cgroup: number;
	/** cgroup, tcx: number of the attach type. */
	readonly hook: number;
	readonly cookie: bigint;
	/** iter: which tasks it walks over; absent or 0: all. */
	readonly filter?: { readonly tid: number; readonly pid: number };
	references: number;
	detached: boolean;
}

/** A run of an iterator. */
export interface IteratorState {
	readonly id: number;
	readonly program: number;
	readonly filter: { readonly tid: number; readonly pid: number };
	/** What it wrote; undefined: nobody has read yet. */
	output: Uint8Array | undefined;
	/** So much was read. */
	at: number;
	references: number;
}

/** A cgroup of version 2: its folder. The root has id 1. */
export interface CgroupState {
	readonly id: number;
	readonly path: string;
}

/** One program of a chain. */
export interface ChainEntry {
	program: number;
	/** That holds it there; 0: none, then the entry holds the program itself. */
	readonly link: number;
}

/** Programs at one hook of a cgroup or of a device, in the order in which they run. */
export interface ChainState {
	/** Cgroups: BPF_F_ALLOW_OVERRIDE, BPF_F_ALLOW_MULTI. XDP: its mode. */
	flags: number;
	/** Goes up with every change. */
	revision: number;
	readonly entries: ChainEntry[];
}

export interface EventState extends PerfRing {
	readonly id: number;
	/** Of the tracepoint; 0: another kind of event. */
	readonly tracepoint: number;
	enabled: boolean;
	paused: boolean;
	ring: number;
	ringSize: number;
	/** Set by ioctl; 0: none. */
	program: number;
	/** Link that took it over; 0: none. */
	link: number;
	references: number;
}

export interface TracepointRow {
	readonly id: number;
	readonly category: string;
	readonly name: string;
}

/** Everything that the kernel knows of its objects: plain rows with ids. With memory, clock and tasks it is the whole state. */
export interface Tables {
	readonly descriptors: Map<number, Descriptor>;
	readonly maps: Map<number, MapState>;
	readonly programs: Map<number, ProgramState>;
	readonly btfs: Map<number, BtfState>;
	readonly links: Map<number, LinkState>;
	readonly events: Map<number, EventState>;
	readonly iterators: Map<number, IteratorState>;
	/** bpffs: absolute path to what is pinned there. */
	readonly pins: Map<string, { readonly kind: ObjectKind; readonly id: number }>;
	readonly tracepoints: TracepointRow[];
	/** Devices by name; the index is the place + 1. */
	readonly devices: string[];
	/** By id. */
	readonly cgroups: Map<number, CgroupState>;
	/** By place and hook, see `chainKey`; those that never had a program are missing. */
	readonly chains: Map<string, ChainState>;
	/** Next id of each kind. */
	readonly next: Record<"map" | "program" | "btf" | "link" | "event" | "cgroup" | "iterator", number>;
	/** Descriptors that hold BPF_ENABLE_STATS. */
	statistics: number;
	readonly timers: Timers;
}

/** Where systems mount cgroups of version 2. */
export const CGROUP_ROOT = "/sys/fs/cgroup";

export const newTables = (): Tables => ({
	descriptors: new Map(),
	maps: new Map(),
	programs: new Map(),
	btfs: new Map(),
	links: new Map(),
	events: new Map(),
	iterators: new Map(),
	pins: new Map(),
	tracepoints: [],
	devices: [],
	cgroups: new Map([[1, { id: 1, path: CGROUP_ROOT }]]),
	chains: new Map(),
	next: { map: 1, program: 1, btf: 1, link: 1, event: 1, cgroup: 2, iterator: 1 },
	statistics: 0,
	timers: { rows: new Map(), made: 0, work: [] },
});
