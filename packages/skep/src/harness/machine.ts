import { dirname, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { BpfError, NotSupportedError, VmFault } from "@skep/bpf/base";
import { CompileError, compile } from "@skep/compiler";
import type { TracepointTable } from "@skep/compiler/declare";
import { formatDiagnostics } from "@skep/compiler/diagnostics";
import { type Argument, chooseKernel, openVirtual, type StructValue, type VirtualKernel } from "#backend";
import { activate, mapHandleAt, type Site, siteOfHandle } from "#program";
import { type CompilerTools, compileSource, display, kernelData, Session, type Source, withoutPins } from "#run";
import { counting, countLines, lineOf } from "./coverage.ts";
import { fillMap } from "./fill.ts";
import { machines } from "./machines.ts";
import { optionsOf } from "./options.ts";
import { type RecordFields, recordOf } from "./record.ts";

export interface MachineOptions {
	/** Of the module, as its user half has them; what is not given has its default. */
	readonly options?: Readonly<Record<string, unknown>>;
	/** Possible CPUs of the virtual machine. Default 2. */
	readonly cpus?: number;
	readonly kernel?: string;
}

/** A task that is there from now on, and that whatever happens next happens in. */
export interface TestTask {
	/** The process. */
	readonly pid: number;
	/** The thread; default: the process's first. */
	readonly tid?: number;
	readonly uid?: number;
	readonly gid?: number;
	readonly comm?: string;
	readonly ppid?: number;
	/** Where it runs; default 0. */
	readonly cpu?: number;
	/** Further members of its task_struct: `{ se: { sum_exec_runtime: 5n } }`. */
	readonly struct?: StructValue;
}

/** Frames of a test run are Ethernet's. */
const SHORTEST_PACKET = 14;

// At once, not when it is first needed: a module that waits would be evaluated after those that a test imports behind it.
const tools: CompilerTools = { compile, CompileError, formatDiagnostics, kernelData };
const sources = new Map<string, Source>();
let tracepoints: TracepointTable | undefined;

// Handles of whatever the test file imports look for their machine when they are used.
activate(machines);

/**
 * A fresh kernel with the module's programs loaded and attached, and the module's handles bound to it until it is disposed.
 * `module`: a namespace (`import * as program from …`) or the URL of a file that is not to be evaluated.
 * @throws CompileError, MachineInUseError, BpfError
 */
export function machine(module: object, options: MachineOptions = {}): Machine {
	if (options.kernel !== undefined)
		throw new NotSupportedError(`machine({ kernel: "${options.kernel}" })`, "kernels of other versions come later");
	const source = sourceOf(module);
	const onLinux = process.env["SKEP_TEST_KERNEL"] === "linux";
	const devices = Object.values(options.options ?? {}).filter((value) => typeof value === "string");
	const virtual = onLinux
		? undefined
		: openVirtual({
				cpus: options.cpus ?? 2,
				count: counting,
				devices: ["lo", ...devices.filter((name) => name !== "lo")],
			});
	const kernel = virtual ?? chooseKernel("linux").kernel;
	const session = Session.open(withoutPins(source), kernel, optionsOf(source, options.options ?? {}, kernel), {
		attach: !onLinux,
	});
	return new Machine(session, virtual);
}

/** One kernel under test. */
export class Machine implements Disposable {
	readonly #session: Session;
	readonly #virtual: VirtualKernel | undefined;
	#tid = 0;
	#cpu = 0;
	#closed = false;

	/** @throws MachineInUseError; then the session is closed */
	constructor(session: Session, virtual: VirtualKernel | undefined) {
		this.#session = session;
		this.#virtual = virtual;
		try {
			machines.add(session);
		} catch (error) {
			session.close();
			throw error;
		}
		activate(machines);
	}

	/** Runs a program on a packet: its verdict, and the packet as it was left. */
	packet(
		program: string | { readonly name: string },
		bytes: Uint8Array,
	): { readonly verdict: number; readonly bytes: Uint8Array } {
		const name = typeof program === "string" ? program : program.name;
		const found = this.#session.collection.program(name);
		if (bytes.length < SHORTEST_PACKET)
			throw new BpfError(
				"ERR_ARGUMENT",
				`packet(): ${bytes.length} bytes, and no kernel runs a program on less than an Ethernet header (${SHORTEST_PACKET})`,
			);
		const { retval, data } = this.#running(name, () => found.testRun({ data: bytes }));
		return { verdict: retval | 0, bytes: data };
	}

	/** An event: every program that is attached to it runs, in the task and on the CPU of `task()`. */
	tracepoint(name: string, fields: RecordFields): void {
		const kernel = this.#made("tracepoint()");
		tracepoints ??= kernelData(undefined).tracepoints;
		const tracepoint = tracepoints.find(name);
		if (tracepoint === undefined) {
			const near = tracepoints.suggest(name);
			throw new BpfError("ERR_ARGUMENT", `no tracepoint ${name}${near === undefined ? "" : `, did you mean ${near}?`}`);
		}
		const record = recordOf(kernel, tracepoint, fields, this.#tid);
		this.#running(undefined, () => kernel.raise({ tracepoint: name, record, pid: this.#tid, cpu: this.#cpu }));
	}

	/**
	 * The same for raw and typed tracepoints, by their bare name: arguments are numbers, text, `{ task: pid }`, or
	 * `{ struct: "linux_binprm", value: { … } }` laid out by the machine's types.
	 */
	rawTracepoint(tracepoint: string, ...args: readonly Argument[]): void {
		const kernel = this.#made("rawTracepoint()");
		this.#running(undefined, () =>
			kernel.raise({ tracepoint: `:${tracepoint}`, args, pid: this.#tid, cpu: this.#cpu }),
		);
	}

	task(task: TestTask): void {
		const kernel = this.#made("task()");
		const { pid, tid = pid, cpu = 0 } = task;
		if (cpu < 0 || cpu >= kernel.possibleCpus)
			throw new BpfError("ERR_ARGUMENT", `task(): the machine has CPUs 0 to ${kernel.possibleCpus - 1}, not ${cpu}`);
		const { tasks } = kernel.system;
		const row = (id: number) =>
			tasks.get(id) ?? { pid: id, tgid: pid, comm: "", uid: 0, gid: 0, parent: 1, cgroupId: 1n };
		const before = tasks.get(tid) ?? { ...row(pid), pid: tid };
		const now = {
			...before,
			tgid: pid,
			comm: task.comm ?? before.comm,
			uid: task.uid ?? before.uid,
			gid: task.gid ?? task.uid ?? before.gid,
			parent: task.ppid ?? before.parent,
		};
		if (tasks.get(now.parent) === undefined) kernel.task({ ...row(now.parent), tgid: now.parent });
		if (tid !== pid && tasks.get(pid) === undefined) kernel.task({ ...now, pid });
		const same =
			tasks.get(tid) !== undefined &&
			Object.entries(now).every(([key, value]) => before[key as keyof typeof now] === value);
		if (!same || task.struct !== undefined) kernel.task(now, task.struct);
		this.#tid = tid;
		this.#cpu = cpu;
	}

	/** The clock stands still but for this. Timers of programs that come due meanwhile run. */
	advance(nanoseconds: bigint): void {
		if (typeof nanoseconds !== "bigint" || nanoseconds < 0n)
			throw new BpfError("ERR_ARGUMENT", `advance(): nanoseconds as a bigint from 0n expected, not ${nanoseconds}`);
		this.#made("advance()").advance(nanoseconds);
	}

	/** Until something is taken out of it, nothing goes into this map or ring buffer any more. */
	fill(map: unknown): void {
		const fd = typeof map === "object" && map !== null && "fd" in map ? map.fd : undefined;
		const { collection, kernel } = this.#session;
		for (const [name, each] of collection.maps) {
			if (each.fd.number !== fd) continue;
			fillMap(kernel, each, this.#session.mapByName(name).raw);
			return;
		}
		throw new BpfError("ERR_ARGUMENT", "fill(): a map of the machine's module is expected");
	}

	/** The handle of a map by its name in the source: for files that are not imported. */
	map(name: string): object {
		const { source } = this.#session;
		const handles = source.manifest?.handles.filter((each) => each.kind === "map") ?? [];
		const handle = handles.find((each) => each.name === name);
		if (handle === undefined) {
			const names = handles.map((each) => each.name).join(", ") || "none";
			throw new BpfError("ERR_ARGUMENT", `${source.name} has no map ${name}; its maps: ${names}`);
		}
		const path = resolve(dirname(source.path), source.manifest!.modules[handle.module]!);
		return mapHandleAt(handle.word, { url: pathToFileURL(path).href, line: handle.line, column: handle.column });
	}

	/** Lines of printk so far. */
	get trace(): readonly string[] {
		return this.#made("trace").trace;
	}

	[Symbol.dispose](): void {
		if (this.#closed) return;
		this.#closed = true;
		if (this.#virtual !== undefined && counting) countLines(this.#session, this.#virtual);
		machines.delete(this.#session);
		activate(machines);
		this.#session.close();
	}

	#made(what: string): VirtualKernel {
		if (this.#virtual !== undefined) return this.#virtual;
		throw new NotSupportedError(what, "only a virtual kernel makes things happen; on Linux a machine takes packets");
	}

	/** A program that did what no verifier lets pass is told by its line. */
	#running<T>(program: string | undefined, work: () => T): T {
		try {
			return work();
		} catch (error) {
			if (!(error instanceof VmFault)) throw error;
			const at = program === undefined ? undefined : lineOf(this.#session, program, error.pc);
			if (at !== undefined) error.message = `${at.file}:${at.line}: ${error.message}`;
			throw error;
		}
	}
}

function sourceOf(module: object): Source {
	if (module instanceof URL) return compiled(fileURLToPath(module));
	const paths = [...new Set(sitesIn(module).map(({ url }) => fileURLToPath(url)))];
	if (paths.length === 0)
		throw new BpfError(
			"ERR_ARGUMENT",
			'machine(): the module exports no map, program or options, by which it could be told; export one, or give the place of its file: new URL("./FILE.ts", import.meta.url)',
		);
	// Handles that it has from other modules are compiled with the entry, not the other way round.
	const whole = paths.map(compiled).find((source) => paths.every((path) => source.texts.has(path)));
	if (whole === undefined)
		throw new BpfError(
			"ERR_ARGUMENT",
			`machine(): handles of several files are in this module (${paths.map(display).join(", ")}), and none imports all of them; give the place of one: new URL("./FILE.ts", import.meta.url)`,
		);
	return whole;
}

function sitesIn(module: object): Site[] {
	return Object.values(module).flatMap((value) => {
		const site = siteOfHandle(value);
		return site?.url.startsWith("file:") ? [site] : [];
	});
}

function compiled(path: string): Source {
	let source = sources.get(path);
	if (source === undefined) {
		source = compileSource(tools, display(path));
		sources.set(path, source);
		if (source.warnings !== "") process.stderr.write(`${source.warnings}\n`);
	}
	return source;
}
