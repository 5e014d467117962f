import type { RunState } from "#helpers";
import type { Scratch } from "#hooks";
import type { ClockState, Cpu, MemoryState, ReplayState, Task } from "#machine";
import { alone, endSharing, epochOf } from "./processors.ts";
import { forgetCode, type System } from "./system.ts";
import type { Tables } from "./tables.ts";

/**
 * A whole machine at one moment: plain data that nobody changes, so it can be restored any number of times. Also in the
 * middle of a run, as far as that is data: see `Cpu.nested`.
 */
export interface Snapshot {
	readonly memory: MemoryState;
	readonly cpus: readonly Cpu[];
	readonly clock: ClockState;
	readonly tasks: readonly Task[];
	readonly tables: Tables;
	readonly scratch: readonly Scratch[];
	readonly taskStructs: System["taskStructs"];
	readonly trace: readonly string[];
	readonly random: number;
	readonly task: Task;
	readonly run: RunState;
	readonly replay: ReplayState | undefined;
}

/** What the machine is now; memory that is as in `before` is shared with it. */
export function saveSystem(system: System, before?: Snapshot): Snapshot {
	const { environment } = system;
	if (system.memory.shared) alone(system, "a snapshot");
	// The kernel's types are made when they are first asked for, and stand in the table from then on: from the start, then.
	void system.btf;
	return {
		memory: system.memory.save(before?.memory),
		cpus: copied(system.cpus),
		clock: system.clock.state,
		tasks: system.tasks.rows(),
		// Many rows, which never change: only their list grows.
		tables: { ...copied({ ...system.tables, tracepoints: [] }), tracepoints: [...system.tables.tracepoints] },
		scratch: copied(system.scratch),
		taskStructs: copied(system.taskStructs),
		trace: [...environment.trace],
		random: environment.random,
		task: environment.task,
		run: copied(environment.run),
		replay: copied(environment.replay),
	};
}

/** Makes the machine again what it was. */
export function restoreSystem(system: System, snapshot: Snapshot): void {
	const { environment, tasks, memory } = system;
	if (memory.shared) alone(system, "restoring a snapshot");
	const epoch = epochOf(memory);
	memory.restore(snapshot.memory);
	if (memory.shared) endSharing(system, epoch);
	assign(system.cpus, snapshot.cpus);
	system.clock.state = snapshot.clock;
	const kept = new Set(snapshot.tasks.map(({ pid }) => pid));
	for (const { pid } of tasks.rows()) if (!kept.has(pid)) tasks.delete(pid);
	for (const task of snapshot.tasks) tasks.set(task);
	const { tracepoints } = system.tables;
	tracepoints.splice(0, tracepoints.length, ...snapshot.tables.tracepoints);
	assign(system.tables, { ...snapshot.tables, tracepoints });
	assign(system.scratch, snapshot.scratch);
	assign(system.taskStructs, snapshot.taskStructs);
	environment.trace.splice(0, environment.trace.length, ...snapshot.trace);
	environment.random = snapshot.random;
	environment.task = snapshot.task;
	environment.run = copied(snapshot.run);
	environment.replay = copied(snapshot.replay);
	system.attached.clear();
	// A number may be another program's now.
	for (const [id, { insns }] of system.codes)
		if (system.tables.programs.get(id)?.insns !== insns) forgetCode(system, id);
}

/**
 * A copy of plain data: objects, arrays, maps, sets, words. Bytes are shared: those in tables are never changed in place
 * (instructions, types, what was recorded); the ones that are stand in memory.
 */
export function copied<T>(value: T): T {
	return copyOf(value) as T;
}

function copyOf(value: unknown): unknown {
	if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
	if (Array.isArray(value)) return value.map(copyOf);
	if (value instanceof Map) return new Map([...value].map(([key, each]) => [key, copyOf(each)]));
	if (value instanceof Set) return new Set(value);
	if (ArrayBuffer.isView(value)) return (value as Int32Array).slice();
	return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, copyOf(each)]));
}

/** Makes `to` equal to `from` without exchanging what others hold: containers, rows of tables, words. */
export function assign(to: object, from: object): void {
	if (to === from) return;
	if (to instanceof Map && from instanceof Map) {
		// In their order: what is attached first runs first.
		const rows = [...from].map(([key, each]) => [key, assigned(to.get(key), each)] as const);
		to.clear();
		for (const [key, each] of rows) to.set(key, each);
	} else if (to instanceof Set && from instanceof Set) {
		to.clear();
		for (const each of from) to.add(each);
	} else if (to instanceof Int32Array) to.set(from as Int32Array);
	else if (Array.isArray(to) && Array.isArray(from)) {
		to.splice(0, to.length, ...from.map((each, i) => assigned(to[i], each)));
	} else {
		const target = to as Record<string, unknown>;
		for (const key of Object.keys(target)) if (!(key in from)) delete target[key];
		for (const [key, each] of Object.entries(from)) target[key] = assigned(target[key], each);
	}
}

function assigned(own: unknown, value: unknown): unknown {
	if (!isContainer(own) || !isContainer(value)) return copyOf(value);
	assign(own, value);
	return own;
}

const isContainer = (value: unknown): value is object =>
	typeof value === "object" && value !== null && !(value instanceof Uint8Array);
