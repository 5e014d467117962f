import type { Btf } from "@skep/bpf/btf";
import type { Code, Engine, EngineChoice, Trace } from "#engine";
import type { Environment, RunState, SequenceState } from "#helpers";
import type { Scratch } from "#hooks";
import type { Clock, Cpu, Memory, ReplayState, Task, Tasks } from "#machine";
import type { ProgramState, Tables } from "./tables.ts";

/** The environment of helpers, with what changes from run to run. */
export interface RunEnvironment extends Environment {
	task: Task;
	run: RunState;
	/** A row for the next run; undefined while a run has it. A cache. */
	spareRun: MutableRun | undefined;
	replay: ReplayState | undefined;
	sequence: SequenceState | undefined;
}

export type MutableRun = { -readonly [K in keyof RunState]: RunState[K] };

/** What a tracepoint's event runs. */
export interface Attached {
	readonly targets: readonly { readonly program: ProgramState; readonly cookie: bigint }[];
	/** Whether one of them wants the event's arguments. */
	readonly wantsWords: boolean;
}

/** One virtual kernel, as what it is made of. State is in `memory`, `clock`, `tasks`, `tables` and the numbers; the rest are caches. */
export interface System {
	readonly memory: Memory;
	readonly clock: Clock;
	readonly tasks: Tasks;
	readonly tables: Tables;
	readonly cpus: readonly Cpu[];
	/** One a CPU. */
	readonly scratch: readonly Scratch[];
	readonly environment: RunEnvironment;
	/** The kernel's own types, decoded when they are first asked for; undefined: it has none, and no typed tracepoints. */
	readonly btf: Btf | undefined;
	/** Id of those types among the BTF objects. */
	readonly btfId: number;
	/** Where each task's task_struct is, by pid; made when it is first asked for. */
	readonly taskStructs: Map<number, { readonly address: number; readonly parts: readonly number[] }>;
	/** Instruction slots that one run may take. */
	readonly fuel: number;
	/** What programs run in. */
	readonly engine: EngineChoice;
	readonly checked: boolean;
	/** Number of the processor that runs what names none. */
	readonly home: number;
	/** Whether prepared programs count how often each instruction runs. */
	readonly count: boolean;
	/** The host's clock in nanoseconds, from anywhere on: what the run time of programs is measured with. */
	readonly now: () => number;
	/** Whether tracepoints are only those listed; else any well-formed name is one. */
	readonly closedTracepoints: boolean;
	/** By `category:name`, as it was looked up since something was attached or detached last. A cache. */
	readonly attached: Map<string, Attached>;
	/** What runs programs, made when the first one runs. A cache. */
	engines: Engines | undefined;
	/** Prepared programs by id: made again when they are missing. */
	readonly codes: Map<number, Code>;
	/** Set while programs run step by step: what is told of each instruction, and the codes that announce them. */
	tracing: Tracing | undefined;
	readonly sharing: Sharing;
}

/** What of a machine is said to other workers, where its memory is shared. */
export interface Sharing {
	/** By processor: where the worker that is it has its own regions. */
	readonly rooms: Map<number, { readonly start: number; readonly end: number }>;
	/** Objects (kind and id) that workers know, and that are held for them. */
	readonly held: Set<string>;
	/** Processors on which this worker runs programs. */
	readonly processors: Set<number>;
}

/** What was prepared of a program is none of it any more. */
export function forgetCode({ codes, engines }: System, id: number): void {
	codes.delete(id);
	engines?.chosen.forget(id);
}

export interface Engines {
	readonly chosen: Engine;
	/** For runs in which what helpers give is given beforehand. */
	readonly plain: Engine;
}

/** Who watches each instruction. */
export interface Tracing {
	readonly trace: Trace;
	/** Prepared for it, by id. */
	readonly codes: Map<number, Code>;
}
