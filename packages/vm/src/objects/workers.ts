import { BpfError } from "@skep/bpf/base";
import type { CommandName } from "@skep/bpf/kernel";
import { Clock, Memory, type SharedMemory, type Task, Tasks } from "#machine";
import { assembleSystem, type SystemSettings } from "./assemble.ts";
import { hold, WORKERS_FIRST } from "./descriptors.ts";
import { epochOf, forOwner, joinProcessor } from "./processors.ts";
import { assign, copied } from "./snapshot.ts";
import type { System } from "./system.ts";
import type { ObjectKind, Tables } from "./tables.ts";

/**
 * One machine, several workers. The worker that made the machine owns it: it alone makes and ends objects, in tables of its
 * own. The others have copies of these tables, from when they joined, and run programs as one processor each on the same
 * memory, where all is that a map changes while programs run. Each has a room in that memory for its own contexts, packets
 * and texts.
 */

/** A machine as other workers need it: post it to them as it is. */
export interface SharedMachine {
	readonly memory: Omit<SharedMemory, "room">;
	/** By processor: where a worker has its own regions; undefined for the owner's. */
	readonly rooms: readonly (SharedMemory["room"] | undefined)[];
	readonly stacks: readonly number[];
	readonly tables: Tables;
	readonly tasks: readonly Task[];
	readonly taskStructs: System["taskStructs"];
	readonly btfId: number;
	readonly random: number;
	readonly settings: SystemSettings;
	/** It holds as long as the machine is in this one. */
	readonly epoch: number;
}

/** Bytes that a worker has for contexts, packets and texts of its own. */
const ROOM = 256 * 1024;

/** What other workers need. What there is now stays as long as the machine. @throws BpfError ERR_NOT_SHARED, ERR_NO_MEMORY */
export function shareSystem(system: System, room: number = ROOM): SharedMachine {
	const { memory, sharing, tables } = system;
	if (!memory.shared)
		throw new BpfError("ERR_NOT_SHARED", "the machine's memory is not shared: make the kernel with `shared: true`");
	void system.btf;
	for (const { id } of system.cpus) {
		if (id === system.home || sharing.rooms.has(id)) continue;
		const start = memory.reserve(room, 64);
		if (start === undefined)
			throw new BpfError("ERR_NO_MEMORY", `no memory is left for a worker's own ${room} bytes (CPU ${id})`);
		sharing.rooms.set(id, { start, end: start + room });
	}
	const keep = (kind: ObjectKind, rows: ReadonlyMap<number, unknown>): void => {
		for (const id of rows.keys()) {
			if (sharing.held.has(`${kind} ${id}`)) continue;
			sharing.held.add(`${kind} ${id}`);
			hold(system, kind, id);
		}
	};
	keep("map", tables.maps);
	keep("program", tables.programs);
	keep("btf", tables.btfs);
	keep("link", tables.links);
	keep("event", tables.events);
	const { fuel, engine, checked, home, count, closedTracepoints } = system;
	return {
		memory: memory.share(),
		rooms: system.cpus.map(({ id }) => sharing.rooms.get(id)),
		stacks: system.cpus.map(({ stack }) => stack),
		tables: copied(tables),
		tasks: system.tasks.rows(),
		taskStructs: copied(system.taskStructs),
		btfId: system.btfId,
		random: system.environment.random,
		settings: { fuel, engine, checked, home, count, closedTracepoints },
		epoch: epochOf(memory),
	};
}

export interface JoinOptions {
	/** The processor that this worker is: no other may be it at the same time. */
	readonly cpu: number;
	/** See `VirtualKernelOptions`. Default: as the owner has it. */
	readonly engine?: SystemSettings["engine"];
	readonly checked?: boolean;
	readonly count?: boolean;
	/** Of the generator behind bpf_get_prandom_u32. Default: by the owner's and the processor. */
	readonly seed?: number;
	readonly now?: (() => number) | undefined;
}

/** A worker's system on a machine that another one owns. @throws BpfError ERR_WORKER, RangeError */
export function joinSystem(shared: SharedMachine, options: JoinOptions): System {
	const { cpu } = options;
	if (!Number.isInteger(cpu) || cpu < 0 || cpu >= shared.stacks.length)
		throw new RangeError(`CPU 0 to ${shared.stacks.length - 1}, not ${cpu}`);
	const room = shared.rooms[cpu];
	if (!room) throw new BpfError("ERR_WORKER", `CPU ${cpu} is the machine's owner`);
	const memory = new Memory(undefined, { ...shared.memory, room }, cpu);
	if (shared.epoch !== epochOf(memory))
		throw new BpfError("ERR_WORKER", "the machine was restored since it was shared: share it again");
	// Before anything of this processor is written.
	joinProcessor(memory, cpu);
	const system = assembleSystem({
		memory,
		clock: new Clock("kept", memory),
		tasks: new Tasks(shared.tasks),
		tables: copied(shared.tables),
		stacks: shared.stacks,
		btf: shared.tables.btfs.get(shared.btfId)?.bytes,
		btfId: shared.btfId,
		taskStructs: copied(shared.taskStructs),
		random: options.seed ?? (shared.random ^ Math.imul(cpu, 0x9e37_79b9)) | 0,
		isWorker: true,
		settings: {
			...shared.settings,
			home: cpu,
			engine: options.engine ?? shared.settings.engine,
			checked: options.checked ?? shared.settings.checked,
			count: options.count ?? shared.settings.count,
		},
		now: options.now ?? (() => 0),
	});
	system.sharing.processors.add(cpu);
	return system;
}

/** Takes over what the owner has made, changed and ended since this worker joined. Its own descriptors stay. */
export function followSystem(system: System, shared: SharedMachine): void {
	const { memory, tables, tasks, sharing } = system;
	if (!system.environment.isWorker || shared.epoch !== epochOf(memory) || !sharing.processors.has(system.home))
		throw new BpfError("ERR_WORKER", "only a worker of this machine, as it is now, follows what its owner does");
	memory.follow(shared.memory);
	const own = [...tables.descriptors].filter(([fd]) => fd >= WORKERS_FIRST);
	assign(tables, shared.tables);
	for (const [fd, held] of own) tables.descriptors.set(fd, held);
	for (const task of shared.tasks) tasks.set(task);
	assign(system.taskStructs, shared.taskStructs);
	system.attached.clear();
}

/** Commands that make and end nothing but descriptors. */
const WORKERS: ReadonlySet<CommandName> = new Set<CommandName>([
	"MAP_LOOKUP_ELEM",
	"MAP_UPDATE_ELEM",
	"MAP_DELETE_ELEM",
	"MAP_GET_NEXT_KEY",
	"MAP_LOOKUP_AND_DELETE_ELEM",
	"MAP_LOOKUP_BATCH",
	"MAP_LOOKUP_AND_DELETE_BATCH",
	"MAP_UPDATE_BATCH",
	"MAP_DELETE_BATCH",
	"PROG_TEST_RUN",
	"MAP_GET_NEXT_ID",
	"PROG_GET_NEXT_ID",
	"BTF_GET_NEXT_ID",
	"LINK_GET_NEXT_ID",
	"MAP_GET_FD_BY_ID",
	"PROG_GET_FD_BY_ID",
	"BTF_GET_FD_BY_ID",
	"LINK_GET_FD_BY_ID",
	"OBJ_GET",
	"OBJ_GET_INFO_BY_FD",
	"TASK_FD_QUERY",
	"PROG_QUERY",
]);

/** @throws BpfError ERR_WORKER where a worker asks for what only the owner may do */
export function checkCommand(system: System, command: CommandName): void {
	if (!WORKERS.has(command)) forOwner(system, command);
}
