import { BpfError, VmFault } from "@skep/bpf/base";
import { argumentsInput, type Input, tracepointInput, xdpInput, xdpPacket } from "#hooks";
import { runProgram } from "./run.ts";
import { type StructValue, StructWriter } from "./structs.ts";
import type { Attached, System } from "./system.ts";
import type { LinkState, ProgramState } from "./tables.ts";
import { taskStruct } from "./tasks.ts";

/** An argument of a raw tracepoint: a number or address, text (its address), or a struct by the kernel's types. */
export type Argument =
	| number
	| bigint
	| string
	| { readonly task: number }
	| { readonly struct: string; readonly value: StructValue };

/** Something that happens in the machine. */
export interface MachineEvent {
	/** `sched:sched_process_exec`. */
	readonly tracepoint: string;
	/** The event's record for tracepoint programs, common fields and all. */
	readonly record?: Uint8Array | undefined;
	/** For raw and typed tracepoints. */
	readonly args?: readonly Argument[] | undefined;
	/** The task it happens in; default 0, the idle task. */
	readonly pid?: number | undefined;
	/** Default 0. */
	readonly cpu?: number | undefined;
}

/** What an event led to. */
export interface Raised {
	/** Programs that ran, by id, with what they returned. */
	readonly runs: readonly { readonly program: number; readonly result: number }[];
}

/** Makes a task current for what runs next. */
export function become(system: System, pid: number): void {
	const task = system.tasks.get(pid);
	if (!task) throw new BpfError("ERR_NO_TASK", `the machine has no task ${pid}`);
	system.environment.task = task;
}

/**
 * Runs everything that is attached to a tracepoint, in the order of attachment. A program that faults does not keep the
 * others from running; the first fault is thrown at the end. @throws VmFault
 */
export function raise(system: System, event: MachineEvent): Raised {
	const cpu = system.cpus[event.cpu ?? system.home];
	if (!cpu) throw new RangeError(`the machine has ${system.cpus.length} CPUs, there is no CPU ${event.cpu}`);
	become(system, event.pid ?? 0);
	const { targets, wantsWords } = system.attached.get(event.tracepoint) ?? attached(system, event.tracepoint);
	if (targets.length === 0) return NOBODY;
	const runs: { program: number; result: number }[] = [];
	const { memory } = system;
	const scratch = system.scratch[cpu.id]!;
	const args = event.args ?? NO_ARGUMENTS;
	const isPlain = !wantsWords || args.every(isNumber);
	const writer = isPlain || !system.btf ? undefined : new StructWriter(memory, system.btf);
	const words = isPlain ? args : argumentWords(system, writer, args);
	let fault: unknown;
	try {
		for (const { program, cookie } of targets) {
			const input: Input =
				program.type === "tracepoint"
					? tracepointInput(memory, scratch, event.record ?? NO_RECORD)
					: argumentsInput(memory, scratch, words as readonly (number | bigint)[]);
			try {
				runs.push({ program: program.id, result: runProgram(system, program, input, cpu, cookie) });
			} catch (error) {
				if (!(error instanceof VmFault)) throw error;
				fault ??= error;
			}
		}
	} finally {
		writer?.release();
	}
	if (fault !== undefined) throw fault;
	return { runs };
}

const NOBODY: Raised = { runs: [] };
const NO_ARGUMENTS: readonly Argument[] = [];
const NO_RECORD = new Uint8Array(8);
const isNumber = (arg: Argument): arg is number | bigint => typeof arg === "number" || typeof arg === "bigint";

/** What is attached to a tracepoint, in the order of attachment; kept until something else is attached or detached. */
function attached(system: System, tracepoint: string): Attached {
	const { tables } = system;
	const [category = "", name = ""] = tracepoint.split(":");
	const id = tables.tracepoints.find((each) => each.name === name && each.category === category)?.id ?? 0;
	const targets: { program: ProgramState; cookie: bigint }[] = [];
	const add = (program: number, cookie: bigint) => targets.push({ program: tables.programs.get(program)!, cookie });
	for (const link of tables.links.values())
		if (!link.detached && isAt(system, link, id, name)) add(link.program, link.cookie);
	for (const event of tables.events.values())
		if (id !== 0 && event.tracepoint === id && event.enabled && event.program !== 0) add(event.program, 0n);
	const found = { targets, wantsWords: targets.some(({ program }) => program.type !== "tracepoint") };
	// As many as machines raise; names that nobody listens to are not kept for ever.
	if (system.attached.size >= MOST_KEPT) system.attached.clear();
	system.attached.set(tracepoint, found);
	return found;
}
const MOST_KEPT = 1024;

function isAt(system: System, link: LinkState, tracepoint: number, name: string): boolean {
	if (link.kind === "raw_tracepoint" || link.kind === "tracing") return link.tracepoint === name;
	if (link.kind !== "perf_event" || tracepoint === 0) return false;
	const event = system.tables.events.get(link.event);
	return event?.tracepoint === tracepoint && event.enabled;
}

function argumentWords(system: System, writer: StructWriter | undefined, args: readonly Argument[]): bigint[] {
	return args.map((arg) => {
		if (typeof arg === "number" || typeof arg === "bigint") return BigInt(arg);
		if (typeof arg === "object" && "task" in arg) return BigInt(taskStruct(system, arg.task));
		if (!writer) throw new BpfError("ERR_NO_BTF", "the virtual kernel has no types to lay out text and structs by");
		return BigInt(typeof arg === "string" ? writer.bytes(arg) : writer.place(arg.struct, arg.value));
	});
}

/** What an XDP program made of a packet. */
export interface Verdict {
	/** XDP_ABORTED 0, DROP 1, PASS 2, TX 3, REDIRECT 4; what else it returned. */
	readonly verdict: number;
	/** The packet as it was left. */
	readonly packet: Uint8Array;
}

/** Runs an XDP program on one packet; what it returned. -1: the packet is too long for one buffer, or memory is out. @throws VmFault */
export function runVerdict(
	system: System,
	program: ProgramState,
	bytes: Uint8Array,
	device = 0,
	cpuId = system.home,
): number {
	const cpu = system.cpus[cpuId];
	if (!cpu) throw new RangeError(`the machine has ${system.cpus.length} CPUs, there is no CPU ${cpuId}`);
	const input = xdpInput(system.memory, system.scratch[cpuId]!, bytes, device, 0);
	return input.context === 0 ? -1 : runProgram(system, program, input, cpu, 0n);
}

/** As `runVerdict`, with the packet as it was left; undefined for -1. @throws VmFault */
export function runPacket(
	system: System,
	program: ProgramState,
	bytes: Uint8Array,
	device = 0,
	cpuId = system.home,
): Verdict | undefined {
	const verdict = runVerdict(system, program, bytes, device, cpuId);
	if (verdict < 0) return undefined;
	const { memory } = system;
	const { at, length, meta } = xdpPacket(memory, system.scratch[cpuId]!.context);
	return { verdict, packet: memory.u8.slice(at + meta, at + length) };
}
