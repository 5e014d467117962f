import { encodeUtf8 } from "@skep/bpf/base";
import { Btf } from "@skep/bpf/btf";
import type { EngineChoice } from "#engine";
import { COMM } from "#helpers";
import { newScratch } from "#hooks";
import { type Clock, type Memory, newCpu, runWord, type Task, type Tasks } from "#machine";
import { drop, hold } from "./descriptors.ts";
import { enter, newRun } from "./run.ts";
import type { RunEnvironment, System } from "./system.ts";
import type { Tables } from "./tables.ts";
import { taskStruct } from "./tasks.ts";

/** How programs run, and what there is for ever. Plain. */
export interface SystemSettings {
	readonly fuel: number;
	readonly engine: EngineChoice;
	readonly checked: boolean;
	readonly home: number;
	readonly count: boolean;
	readonly closedTracepoints: boolean;
}

/** What a system is made of: a new one, or one whose machine another worker has made. */
export interface SystemParts {
	readonly memory: Memory;
	readonly clock: Clock;
	readonly tasks: Tasks;
	readonly tables: Tables;
	/** Address of each processor's stack. */
	readonly stacks: readonly number[];
	/** The kernel's types, or what makes them when they are first asked for. */
	readonly btf: Uint8Array | (() => Uint8Array) | undefined;
	readonly btfId: number;
	readonly taskStructs: System["taskStructs"];
	readonly random: number;
	readonly isWorker: boolean;
	readonly settings: SystemSettings;
	readonly now: () => number;
}

/** Binds the parts to one system. */
export function assembleSystem(parts: SystemParts): System {
	const { memory, clock, tasks, tables, btfId, settings } = parts;
	let types: Btf | undefined;
	const decode = (): Btf | undefined => {
		if (types || !parts.btf) return types;
		const bytes = typeof parts.btf === "function" ? parts.btf() : parts.btf;
		types = Btf.decode(bytes, { section: "vmlinux" });
		if (!tables.btfs.has(btfId))
			tables.btfs.set(btfId, { id: btfId, name: "vmlinux", bytes, kernel: true, references: 1 });
		return types;
	};
	if (parts.btf instanceof Uint8Array && !parts.isWorker) decode();
	const cpus = parts.stacks.map((stack, id) => newCpu(id, stack));
	const random = runWord(memory.processor, "random") >> 2;
	let current: Task;
	const environment: RunEnvironment = {
		memory,
		clock,
		tasks,
		maps: tables.maps,
		trace: [],
		get random() {
			return memory.words[random]!;
		},
		set random(state) {
			memory.words[random] = state;
		},
		get task() {
			return current;
		},
		set task(task) {
			current = task;
			showTask(memory, task);
		},
		run: newRun(),
		spareRun: undefined,
		replay: undefined,
		sequence: undefined,
		timers: tables.timers,
		isWorker: parts.isWorker,
		events: tables.events,
		holdProgram: (id) => hold(system, "program", id),
		dropProgram: (id) => drop(system, "program", id),
		taskOf: (pid) => taskStruct(system, pid),
		taskAddress: () => environment.replay?.taskStruct ?? taskStruct(system, environment.task.pid),
		callback: (low, high, cpu) => enter(system, low, high, cpu),
	};
	environment.random = parts.random;
	environment.task = tasks.get(0)!;
	const system: System = Object.assign(new KernelTypes(decode), {
		memory,
		clock,
		tasks,
		tables,
		cpus,
		scratch: cpus.map(newScratch),
		environment,
		btfId,
		taskStructs: parts.taskStructs,
		...settings,
		now: parts.now,
		attached: new Map(),
		engines: undefined,
		codes: new Map(),
		tracing: undefined,
		sharing: { rooms: new Map(), held: new Set<string>(), processors: new Set<number>() },
	});
	return system;
}

/** Leaves in memory what programs may ask of the current task. */
function showTask({ words, u8, processor }: Memory, { pid, tgid, uid, gid, comm }: Task): void {
	const ids = runWord(processor, "pid") >> 2;
	words[ids] = pid;
	words[ids + 1] = tgid;
	const owner = runWord(processor, "uid") >> 2;
	words[owner] = uid;
	words[owner + 1] = gid;
	const name = runWord(processor, "comm");
	u8.fill(0, name, name + COMM);
	u8.set(encodeUtf8(comm).subarray(0, COMM - 1), name);
}

/** A getter of a class: an object that has one of its own is slow to V8, all of it. */
class KernelTypes {
	readonly #decode: () => Btf | undefined;

	constructor(decode: () => Btf | undefined) {
		this.#decode = decode;
	}
	get btf(): Btf | undefined {
		return this.#decode();
	}
}
