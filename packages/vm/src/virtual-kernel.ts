/**
 * The virtual side of the contract: a kernel of its own, to which bpf(2) commands come as to Linux. Its state is data:
 * linear memory, a clock, tasks, tables of rows with ids. Time stands until it is told to go, chance comes from a seed,
 * and its types have offsets that no real kernel has. What only a virtual machine can do stands beside the contract:
 * `raise` makes an event happen, `replay` runs a recorded one again, `packet` sends one through a program, `task` and `user` make what events happen to.
 */
import { BpfError } from "@skep/bpf/base";
import { Btf } from "@skep/bpf/btf";
import {
	type Attributes,
	type CommandName,
	ERRNO,
	type Folders,
	type Kernel,
	type Mapping,
	type ObjectKind,
	type PerfEventAttr,
	type PerfEventRequest,
	type Places,
} from "@skep/bpf/kernel";
import type { EngineChoice, EngineName, EngineOptions } from "#engine";
import { Clock, MAX_FRAMES, Memory, STACK_FRAME_SIZE, type Task, Tasks } from "#machine";
import {
	advance,
	assembleSystem,
	become,
	COMMANDS,
	checkCommand,
	closeDescriptor,
	controlPerfEvent,
	endTask,
	engineOf,
	executed,
	followSystem,
	forOwner,
	idOf,
	isBpffs,
	type JoinOptions,
	joinSystem,
	leaveMachine,
	listFolder,
	type MachineEvent,
	makeCgroup,
	mapMemory,
	mapRing,
	newTables,
	openPerfEvent,
	type ProgramState,
	placesOf,
	type Raised,
	type ReplayEvent,
	type Replayed,
	raise,
	readIterator,
	releaseProcessor,
	removeFolder,
	repeater,
	replay,
	restoreSystem,
	runPacket,
	runVerdict,
	type SharedMachine,
	type Snapshot,
	type StructValue,
	StructWriter,
	type System,
	saveSystem,
	setTask,
	shareSystem,
	type Tables,
	tracepointId,
	unmapMemory,
	unmapRing,
	unpin,
	type Verdict,
	workersOf,
} from "#objects";

export type { EngineChoice, EngineName, EngineOptions } from "#engine";
export type { Task } from "#machine";
export type {
	Argument,
	JoinOptions,
	KernelValue,
	MachineEvent,
	Raised,
	ReplayEvent,
	Replayed,
	SharedMachine,
	Snapshot,
	StructValue,
	Verdict,
} from "#objects";
export { virtualBtf } from "#objects";

export interface VirtualKernelOptions {
	/** Possible CPUs, 1 … 128. Default 2. */
	readonly cpus?: number;
	/** The one of them that runs what names none: test runs, events. Default 0. */
	readonly cpu?: number;
	/** Of the generator behind bpf_get_prandom_u32. Default 1. */
	readonly seed?: number;
	/** Nanoseconds since boot when it starts. Default one second. */
	readonly time?: bigint;
	/** Nanoseconds that each reading of a clock takes. Default 0: time stands. */
	readonly timeStep?: bigint;
	/** What real time is ahead of time since boot, in nanoseconds. Default 0. */
	readonly realTime?: bigint;
	/** Bytes that maps, contexts and tasks may take in all. Default 256 MiB. */
	readonly memory?: number;
	/**
	 * Raw BTF, or what makes it when it is first asked for: its types, to which programs are relocated. `virtualBtf` makes
	 * one. Absent: no types, no typed tracepoints.
	 */
	readonly btf?: Uint8Array | (() => Uint8Array) | undefined;
	/** `category:name` of its tracepoints. Absent: any well-formed name is one. */
	readonly tracepoints?: Iterable<string> | undefined;
	/** Names of network devices; the first has index 1. Default: lo. */
	readonly devices?: readonly string[];
	readonly tasks?: Iterable<Task>;
	/** Instruction slots that one run may take before it is a fault. Default 64 million. */
	readonly fuel?: number;
	/**
	 * What programs run in: translated to WebAssembly at their first run (`jit`), once that pays (`auto`), or never. What
	 * the host does not allow falls back, and `engine` says so. Default: auto.
	 */
	readonly engine?: EngineChoice;
	/**
	 * Whether translated programs compare each access with the regions of memory. False: for programs that a verifier has
	 * taken; a wrong access may read and write whatever the machine holds, but nothing beyond. Default: true.
	 */
	readonly checked?: boolean;
	/** Whether it counts how often each instruction runs: see `executed`. Default: false. */
	readonly count?: boolean;
	/**
	 * Whether other workers may use the machine too: see `share`. The host has to have shared memory; in a browser the page
	 * must be cross-origin isolated. Maps take all their memory when they are made. Default: false.
	 */
	readonly shared?: boolean;
	/** The host's clock in nanoseconds, from anywhere on: for the run time of programs, which programs never see. Absent: it is 0. */
	readonly now?: (() => number) | undefined;
}

const KINDS: Readonly<Record<string, ObjectKind | undefined>> = {
	map: "map",
	program: "prog",
	link: "link",
	btf: "btf",
};
const REPLAYED: ReadonlySet<string> = new Set(["tracepoint", "raw_tracepoint", "raw_tracepoint_writable", "tracing"]);
const RELEASE = "6.18.0-skep-virtual";
const PAGE = 4096;
const MOST_CPUS = 128;
const FUEL = 64_000_000;

/** A kernel without Linux and without root. */
export class VirtualKernel implements Kernel {
	readonly name = "virtual";
	readonly release = RELEASE;
	readonly possibleCpus: number;
	readonly pageSize = PAGE;
	/** Its state and caches. */
	readonly system: System;
	readonly places: Places;

	/**
	 * @param system for `join`: what another worker has made
	 * @throws RangeError for options out of range, and where the host has no shared memory; FormatError for malformed BTF
	 */
	constructor(options: VirtualKernelOptions = {}, system?: System) {
		const cpus = options.cpus ?? 2;
		if (!Number.isInteger(cpus) || cpus < 1 || cpus > MOST_CPUS)
			throw new RangeError(`1 to ${MOST_CPUS} CPUs, not ${cpus}`);
		const { cpu = 0 } = options;
		if (!Number.isInteger(cpu) || cpu < 0 || cpu >= cpus) throw new RangeError(`CPU 0 to ${cpus - 1}, not ${cpu}`);
		this.possibleCpus = cpus;
		this.system = system ?? newSystem(options, cpus);
		this.places = placesOf(this.system);
	}

	/**
	 * In a worker: a kernel on a machine that another worker has made and shared. It runs programs as one processor, and
	 * looks up and changes the same maps; what makes or ends objects it refuses (BpfError ERR_WORKER). Descriptors are the
	 * owner's. @throws BpfError ERR_WORKER where another worker is that processor; RangeError for a CPU that there is not
	 */
	static join(shared: SharedMachine, options: JoinOptions): VirtualKernel {
		return new VirtualKernel({ cpus: shared.stacks.length }, joinSystem(shared, options));
	}

	bpf<C extends CommandName>(command: C, attr: Attributes[C]): number {
		if (this.system.environment.isWorker) checkCommand(this.system, command);
		return COMMANDS[command](this.system, attr);
	}

	perfEventOpen(attr: PerfEventAttr, pid: number, cpu: number, _groupFd: number, _flags: number): number {
		forOwner(this.system, "perf events");
		return openPerfEvent(this.system, attr, pid, cpu);
	}

	perfEventIoctl(fd: number, request: PerfEventRequest, argument: number): number {
		forOwner(this.system, "perf events");
		return controlPerfEvent(this.system, fd, request, argument);
	}

	read(fd: number, bytes: Uint8Array): number {
		forOwner(this.system, "iterators");
		return readIterator(this.system, fd, bytes);
	}

	mmap(fd: number, offset: number, length: number, writable: boolean): Mapping | number {
		const event = idOf(this.system, fd, "event");
		if (event > 0) {
			forOwner(this.system, "rings of perf events");
			const ring = mapRing(this.system, fd, offset, length);
			return ring < 0 ? ring : new VirtualMapping(this.system, ring, undefined, () => unmapRing(this.system, event));
		}
		if (this.system.tables.maps.get(idOf(this.system, fd, "map"))?.type === "arena")
			forOwner(this.system, "mapping an arena");
		const at = mapMemory(this.system, fd, offset, length, writable);
		if (at < 0) return at;
		const map = this.system.tables.maps.get(idOf(this.system, fd, "map"))!;
		const address = map.type === "arena" ? Number(map.userStart) : undefined;
		return new VirtualMapping(this.system, at, address, () => unmapMemory(this.system, map, writable));
	}

	close(fd: number): number {
		return closeDescriptor(this.system, fd);
	}

	tracepointId(category: string, name: string): number {
		return tracepointId(this.system, category, name);
	}

	interfaceIndex(name: string): number {
		const at = this.system.tables.devices.indexOf(name);
		return at < 0 ? -ERRNO.ENODEV : at + 1;
	}

	objectKind(fd: number): ObjectKind | number {
		const held = this.system.tables.descriptors.get(fd);
		if (!held) return -ERRNO.EBADF;
		return KINDS[held.kind] ?? -ERRNO.EINVAL;
	}

	isBpffs(path: string): number {
		return isBpffs(this.system, path);
	}

	unlink(path: string): number {
		forOwner(this.system, "pins");
		return unpin(this.system, path);
	}

	readonly folders: Folders = {
		list: (path) => listFolder(this.system, path),
		remove: (path) => removeFolder(this.system, path),
	};

	btf(): Uint8Array | number {
		return this.system.btf?.bytes ?? -ERRNO.ENOENT;
	}

	/**
	 * Time goes on by so many nanoseconds, and timers of programs that come due run, each at its time.
	 * @throws VmFault of the first of them that did what no verifier lets pass
	 */
	advance(nanoseconds: bigint): void {
		forOwner(this.system, "making time go");
		advance(this.system, nanoseconds);
	}

	/** What programs run in, and why. */
	get engine(): { readonly engine: EngineName; readonly reason: string } {
		const { engine, reason } = engineOf(this.system);
		return { engine, reason };
	}

	/** Time, for whoever makes it go; timers of programs wait for `advance`. */
	get clock(): Clock {
		return this.system.clock;
	}

	/** Lines of bpf_trace_printk. */
	get trace(): readonly string[] {
		return this.system.environment.trace;
	}

	/** Runs what is attached to a tracepoint. @throws VmFault of the first program that did what no verifier lets pass */
	raise(event: MachineEvent): Raised {
		return raise(this.system, event);
	}

	/**
	 * Runs a loaded tracepoint program (of any kind) once more as it was recorded, whatever it is attached to.
	 * @throws VmFault; BpfError for other types of programs, and where memory is missing
	 */
	replay(programFd: number, event: ReplayEvent): Replayed {
		const program = this.system.tables.programs.get(idOf(this.system, programFd, "program"));
		if (!program) throw new BpfError("EBADF", `descriptor ${programFd} is no program`);
		if (!REPLAYED.has(program.type))
			throw new BpfError("ERR_PROGRAM", `${program.name} is of type ${program.type}: recordings are of tracepoints`);
		return replay(this.system, program, event);
	}

	/** Runs a loaded XDP program on one packet. @throws VmFault; RangeError for a packet longer than a buffer */
	packet(
		programFd: number,
		bytes: Uint8Array,
		options: { readonly ifindex?: number; readonly cpu?: number; readonly pid?: number } = {},
	): Verdict {
		const program = this.#xdp(programFd, options.pid ?? 0);
		const verdict = runPacket(this.system, program, bytes, options.ifindex, options.cpu);
		if (!verdict) throw new RangeError(`a packet of ${bytes.length} bytes does not fit into one buffer`);
		return verdict;
	}

	/** As `packet`, but only what the program returned: faster, where nobody wants to see the packet afterwards. */
	verdict(programFd: number, bytes: Uint8Array, ifindex?: number, cpu?: number): number {
		const verdict = runVerdict(this.system, this.#xdp(programFd, 0), bytes, ifindex, cpu);
		if (verdict < 0) throw new RangeError(`a packet of ${bytes.length} bytes does not fit into one buffer`);
		return verdict;
	}

	/** An XDP program, which the task is about to run. */
	#xdp(programFd: number, pid: number): ProgramState {
		const program = this.system.tables.programs.get(idOf(this.system, programFd, "program"));
		if (program?.type !== "xdp") throw new BpfError("EBADF", `descriptor ${programFd} is no XDP program`);
		become(this.system, pid);
		return program;
	}

	/**
	 * What runs a loaded XDP program so many times on one packet, which stays as each run leaves it, and gives the last
	 * result: for measuring, in any engine. @throws VmFault; RangeError for a packet longer than a buffer
	 */
	repeater(programFd: number, bytes: Uint8Array, options: EngineOptions = {}): (times: number) => number {
		const program = this.system.tables.programs.get(idOf(this.system, programFd, "program"));
		if (program?.type !== "xdp") throw new BpfError("EBADF", `descriptor ${programFd} is no XDP program`);
		const found = repeater(this.system, program, bytes, options);
		if (!found) throw new RangeError(`a packet of ${bytes.length} bytes does not fit into one buffer`);
		return found;
	}

	/** Adds a task, or changes one; `more` are further members of its task_struct (`{ se: { sum_exec_runtime: 5n } }`). Its address. */
	task(task: Task, more?: StructValue): bigint {
		forOwner(this.system, "tasks");
		return BigInt(setTask(this.system, task, more));
	}

	/** Makes a cgroup, and those above it: `box/web`, or its whole path below /sys/fs/cgroup. Its id, for tasks that are in it. */
	cgroup(path: string): bigint {
		forOwner(this.system, "cgroups");
		return BigInt(makeCgroup(this.system.tables, path));
	}

	/** A task is gone. False: there was none. */
	endTask(pid: number): boolean {
		forOwner(this.system, "tasks");
		return endTask(this.system, pid);
	}

	/** Puts text (NUL-terminated) or bytes into user space: what events point at. Its address. */
	user(value: string | Uint8Array): bigint {
		if (!this.system.btf) return BigInt(new StructWriter(this.system.memory, EMPTY, "user").bytes(value));
		return BigInt(new StructWriter(this.system.memory, this.system.btf, "user").bytes(value));
	}

	/** Puts a struct into the kernel's memory by its types. Its address. */
	place(struct: string, value: StructValue): bigint {
		const { btf, memory } = this.system;
		if (!btf) throw new BpfError("ERR_NO_BTF", "the virtual kernel has no types to lay out structs by");
		return BigInt(new StructWriter(memory, btf).place(struct, value));
	}

	/** Puts text (NUL-terminated) or bytes into the kernel's memory. Its address. */
	bytes(value: string | Uint8Array): bigint {
		return BigInt(new StructWriter(this.system.memory, this.system.btf ?? EMPTY).bytes(value));
	}

	/** How often each instruction slot of a program ran so far; all 0 unless it was made with `count`. */
	executed(programFd: number): Float64Array {
		const counts = executed(this.system, idOf(this.system, programFd, "program"));
		if (!counts) throw new BpfError("EBADF", `descriptor ${programFd} is no program`);
		return counts;
	}

	/**
	 * The machine, for other workers to join (`VirtualKernel.join`): a value to post to them. What it has now they know, and
	 * it stays as long as the machine; of what is made afterwards they learn by another one (`follow`).
	 * @param room bytes that each worker has for contexts, packets and texts of its own. Default 256 KiB
	 * @throws BpfError ERR_NOT_SHARED unless it was made with `shared`; ERR_NO_MEMORY
	 */
	share(room?: number): SharedMachine {
		forOwner(this.system, "sharing it");
		return shareSystem(this.system, room);
	}

	/** In a worker: what the owner has made since is known from now on. */
	follow(shared: SharedMachine): void {
		followSystem(this.system, shared);
	}

	/** In a worker: it runs nothing more; another one may be its CPU. */
	leave(): void {
		leaveMachine(this.system);
	}

	/** CPUs that are workers now. */
	get workers(): number[] {
		return workersOf(this.system);
	}

	/**
	 * A worker that did not leave is gone: another one may be its CPU. What it was about to change when it ended may be half
	 * done, and a lock that it had stays taken. False: that CPU is no worker.
	 */
	releaseWorker(cpu: number): boolean {
		return releaseProcessor(this.system, cpu);
	}

	/** All that it is now, as plain data: to be restored later. What is as it was in `before` is shared with it. */
	snapshot(before?: Snapshot): Snapshot {
		return saveSystem(this.system, before);
	}

	/** Makes it what it was when the snapshot was taken. */
	restore(snapshot: Snapshot): void {
		restoreSystem(this.system, snapshot);
	}

	/** Gives back what `user`, `bytes` and `place` gave. False: there is nothing. */
	free(address: bigint): boolean {
		return this.system.memory.free(Number(address));
	}
}

const EMPTY = Btf.decode(
	new Uint8Array([0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]),
);

/** Mapped memory: a window of the machine's, whose buffer is another one once the machine has grown. */
class VirtualMapping implements Mapping {
	readonly offset: number;
	/** Arenas: where user space sees it. */
	readonly address: number | undefined;
	readonly #system: System;
	readonly #close: () => void;
	#open = true;

	constructor(system: System, offset: number, address: number | undefined, close: () => void) {
		this.#system = system;
		this.offset = offset;
		this.address = address;
		this.#close = close;
	}

	get buffer(): ArrayBufferLike {
		return this.#system.memory.buffer;
	}

	unmap(): void {
		if (this.#open) this.#close();
		this.#open = false;
	}
}

function newSystem(options: VirtualKernelOptions, count: number): System {
	const memory = new Memory(options.memory, options.shared ?? false, options.cpu ?? 0);
	const clock = new Clock(
		{
			monotonic: options.time ?? 1_000_000_000n,
			step: options.timeStep ?? 0n,
			realOffset: options.realTime ?? 0n,
		},
		memory,
	);
	const tasks = new Tasks(options.tasks ?? []);
	const tables = newTables();
	fill(tables, options);
	const btfId = options.btf ? tables.next.btf++ : 0;
	const stacks = Array.from({ length: count }, () => {
		const stack = memory.allocate(MAX_FRAMES * STACK_FRAME_SIZE, "stack");
		if (stack === undefined) throw new RangeError(`${options.memory} bytes of memory are too few for ${count} CPUs`);
		return stack;
	});
	return assembleSystem({
		memory,
		clock,
		tasks,
		tables,
		stacks,
		btf: options.btf,
		btfId,
		taskStructs: new Map(),
		random: (options.seed ?? 1) | 0,
		isWorker: false,
		settings: {
			fuel: options.fuel ?? FUEL,
			engine: options.engine ?? "auto",
			checked: options.checked ?? true,
			home: options.cpu ?? 0,
			count: options.count ?? false,
			closedTracepoints: options.tracepoints !== undefined,
		},
		now: options.now ?? (() => 0),
	});
}

function fill(tables: Tables, options: VirtualKernelOptions): void {
	tables.devices.push(...(options.devices ?? ["lo"]));
	for (const each of options.tracepoints ?? []) {
		const [category = "", name = ""] = each.split(":");
		tables.tracepoints.push({ id: tables.tracepoints.length + 1, category, name });
	}
}
