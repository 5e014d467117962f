import type { Clock, Cpu, Memory, ReplayState, Task, Tasks } from "#machine";
import type { MapState } from "#maps";

/** What the program that runs was called for. Plain. */
export interface RunState {
	/** Type of the program. */
	readonly program: string;
	/** Guest address of its context. */
	readonly context: number;
	/** Bytes of the context that a helper may look at. */
	readonly contextSize: number;
	/** bpf_get_attach_cookie. */
	readonly cookie: bigint;
	/** Packet buffer: what head and tail may be moved within; 0 where there is none. */
	readonly packetStart: number;
	readonly packetEnd: number;
	/** Records that were reserved and not yet submitted. */
	readonly reserved: number[];
	/** Address of the spin lock that it has; 0: none. */
	lock: number;
	/** The timer whose callback this is; 0 or absent: it is none. */
	readonly timer?: number;
}

/** A timer or a work item in a map's value, which holds its id. Plain. */
export interface TimerState {
	readonly id: number;
	readonly kind: "timer" | "wq";
	readonly map: number;
	/** Address of the value that it is in, and of itself. */
	readonly value: number;
	readonly at: number;
	/** CLOCK_REALTIME 0, CLOCK_MONOTONIC 1, CLOCK_BOOTTIME 7. */
	readonly clock: number;
	/** Program that the callback is of; 0: none yet. */
	program: number;
	/** Code address of the callback. */
	low: number;
	high: number;
	/** Monotonic time when it is due; undefined: it is not started. */
	due: bigint | undefined;
	/** Of those that are due at the same time, the one that was started first comes first. */
	order: number;
	/** Where it runs. */
	cpu: number;
}

/** What is to be called later. Plain. */
export interface Timers {
	/** By the number that stands in the value. */
	readonly rows: Map<number, TimerState>;
	/** Numbers and orders given out so far. */
	made: number;
	/** Numbers of work items that were started, in order. */
	readonly work: number[];
}

/** Ring of a perf event that programs write to. Plain. */
export interface PerfRing {
	/** Whether it takes what programs write: PERF_COUNT_SW_BPF_OUTPUT. */
	readonly isOutput: boolean;
	/** -1: any. */
	readonly cpu: number;
	readonly enabled: boolean;
	readonly paused: boolean;
	/** Guest address of its first page; 0: it is not mapped. */
	readonly ring: number;
	/** Bytes behind that page. */
	readonly ringSize: number;
	/** Records that found no room since the last that did. */
	lost: number;
}

/** Where the output of an iterator's run goes. Plain. */
export interface SequenceState {
	/** Address of its `struct seq_file`, by which programs name it. */
	readonly file: number;
	/** What was written, piece by piece. */
	readonly parts: Uint8Array[];
}

/** All that helpers see. `objects` makes it; nothing in it is the helpers' own. */
export interface Environment {
	readonly memory: Memory;
	readonly clock: Clock;
	readonly tasks: Tasks;
	readonly maps: ReadonlyMap<number, MapState>;
	/** Lines of trace_printk, the oldest dropped beyond what the kernel keeps. */
	readonly trace: string[];
	/** State of the generator behind get_prandom_u32: a 32-bit word. */
	random: number;
	/** The task that is current. */
	readonly task: Task;
	readonly run: RunState;
	/** The recorded run that is run again; undefined: none is. */
	readonly replay: ReplayState | undefined;
	/** Set while an iterator's program runs. */
	readonly sequence: SequenceState | undefined;
	/** Where the current task's task_struct is; 0: the kernel has no types to lay it out by. */
	taskAddress(): number;
	readonly timers: Timers;
	/** Another worker owns the machine: it makes and ends what is not only memory. */
	readonly isWorker: boolean;
	/** Perf events by id. */
	readonly events: ReadonlyMap<number, PerfRing>;
	/** A program is held, or no more, by what may call it later. */
	holdProgram(id: number): void;
	dropProgram(id: number): void;
	/** Where a task's task_struct is, by its pid; 0: there is no such task. */
	taskOf(pid: number): number;
	/** Enters a function of the program by its code address; the result is in r0. */
	callback(low: number, high: number, cpu: Cpu): void;
}

/** High word of what a program holds as a map: no address is there, so nobody can look inside. The low word is the map's id. */
export const MAP_TAG = 0x6d61_7000;
