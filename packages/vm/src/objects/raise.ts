import { BpfError, VmFault } from "@skep/bpf/base";
import { argumentsInput, type Input, tracepointInput, xdpInput, xdpPacket } from "#hooks";
import { runProgram } from "./run.ts";
import { type StructValue, StructWriter } from "./structs.ts";
import type { System } from "./system.ts";
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
	const { tables, memory } = system;
	const cpu = system.cpus[event.cpu ?? 0];
	if (!cpu) throw new RangeError(`the machine has ${system.cpus.length} CPUs, there is no CPU ${event.cpu}`);
	const [category = "", name = ""] = event.tracepoint.split(":");
	become(system, event.pid ?? 0);
	const row = tables.tracepoints.find((each) => each.name === name && each.category === category);
	const targets = [...attached(system, row?.id ?? 0, name)];
	const runs: { program: number; result: number }[] = [];
	if (targets.length === 0) return { runs };
	const scratch = system.scratch[cpu.id]!;
	const structs = event.args?.some((arg) => typeof arg === "string" || (typeof arg === "object" && "struct" in arg));
	const writer = structs && system.btf ? new StructWriter(memory, system.btf) : undefined;
	const words = targets.some(([program]) => program.type !== "tracepoint")
		? argumentWords(system, writer, event.args ?? [])
		: [];
	let fault: unknown;
	try {
		for (const [program, cookie] of targets) {
			const input: Input =
				program.type === "tracepoint"
					? tracepointInput(memory, scratch, event.record ?? new Uint8Array(8))
					: argumentsInput(memory, scratch, words);
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

function* attached(system: System, tracepoint: number, name: string): Generator<[ProgramState, bigint]> {
	const { tables } = system;
	const programOf = (id: number) => tables.programs.get(id)!;
	for (const link of tables.links.values()) {
		if (link.detached) continue;
		if (isAt(system, link, tracepoint, name)) yield [programOf(link.program), link.cookie];
	}
	for (const event of tables.events.values()) {
		if (tracepoint !== 0 && event.tracepoint === tracepoint && event.enabled && event.program !== 0)
			yield [programOf(event.program), 0n];
	}
}

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

/** Runs an XDP program on one packet. Undefined: it is too long for one buffer, or memory is out. @throws VmFault */
export function runPacket(
	system: System,
	program: ProgramState,
	bytes: Uint8Array,
	device = 0,
	cpuId = 0,
): Verdict | undefined {
	const cpu = system.cpus[cpuId];
	if (!cpu) throw new RangeError(`the machine has ${system.cpus.length} CPUs, there is no CPU ${cpuId}`);
	const { memory } = system;
	const input = xdpInput(memory, system.scratch[cpuId]!, bytes, { ifindex: device, queue: 0 });
	if (input.context === 0) return undefined;
	const verdict = runProgram(system, program, input, cpu, 0n);
	const { at, length, meta } = xdpPacket(memory, input.context);
	return { verdict, packet: memory.u8.slice(at + meta, at + length) };
}
