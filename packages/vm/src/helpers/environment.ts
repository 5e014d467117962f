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
	/** Tail calls so far. */
	tailCalls: number;
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
	/** Where the current task's task_struct is; 0: the kernel has no types to lay it out by. */
	taskAddress(): number;
	/** Enters a function of the program by its code address; the result is in r0. */
	callback(low: number, high: number, cpu: Cpu): void;
}

/** High word of what a program holds as a map: no address is there, so nobody can look inside. The low word is the map's id. */
export const MAP_TAG = 0x6d61_7000;
