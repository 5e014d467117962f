import { VmFault } from "@skep/bpf/base";
import { type Code, callback, closeTrap, newTrace, prepare, type Reference, resume, run, slotCounts } from "#engine";
import { abandonRecords, helperFunction, loadAbsolute, MAP_TAG, replayResult } from "#helpers";
import { HOOKS, type Input } from "#hooks";
import type { Callables, Cpu } from "#machine";
import { KFUNCS } from "./check.ts";
import { functionName } from "./programs.ts";
import type { System } from "./system.ts";
import type { ProgramState } from "./tables.ts";

/** What the engine calls, bound to one system. */
const callables = new WeakMap<System, Callables<Code>>();

function callsOf(system: System): Callables<Code> {
	let calls = callables.get(system);
	if (!calls) {
		const { environment } = system;
		calls = {
			helper(id, cpu) {
				const found = helperFunction(id);
				if (!found) return false;
				if (environment.replay && replayResult(environment.replay, id, cpu)) return true;
				found(environment, cpu);
				return true;
			},
			kfunc(id, _module, cpu) {
				if (!KFUNCS.has(functionName(system, id) ?? "")) return false;
				cpu.registers[0] = 0;
				cpu.registers[1] = 0;
				return true;
			},
			packet: (offset, size, cpu) => loadAbsolute(environment, offset, size, cpu),
			code: (id) => codeOf(system, id),
			observe: (cpu) => system.tracing?.observe(cpu),
		};
		callables.set(system, calls);
	}
	return calls;
}

/** A program as the engine takes it: prepared once, again where the cache lost it. */
function codeOf(system: System, id: number): Code | undefined {
	const { tracing } = system;
	const codes = tracing?.codes ?? system.codes;
	const before = codes.get(id);
	if (before) return before;
	const program = system.tables.programs.get(id);
	if (!program) return undefined;
	const code = prepare(program.insns, {
		id,
		probe: HOOKS[program.type]!.probe,
		count: system.count && !tracing,
		trace: tracing?.trace,
		resolve: (reference) => addressOf(system, program, reference),
	});
	codes.set(id, code);
	return code;
}

/** How often each slot of a program ran, as far as the machine counts; undefined: there is no such program. */
export function executed(system: System, id: number): Float64Array | undefined {
	const code = codeOf(system, id);
	return code && slotCounts(code);
}

function addressOf(
	system: System,
	program: ProgramState,
	reference: Reference,
): { low: number; high: number } | undefined {
	const map = system.tables.maps.get(program.mapAt[reference.slot] ?? 0);
	if (!map) return undefined;
	const isValue = reference.kind === "map-value" || reference.kind === "map-value-by-index";
	return isValue ? { low: map.data + reference.high, high: 0 } : { low: map.id, high: MAP_TAG };
}

/** Enters a program's function on the processor that runs. */
export function enter(system: System, low: number, high: number, cpu: Cpu): void {
	callback(low, high, cpu, system.memory, callsOf(system));
}

/** Runs a program on a processor and gives r0's low word, unsigned. @throws VmFault, which is counted */
export function runProgram(system: System, program: ProgramState, input: Input, cpu: Cpu, cookie: bigint): number {
	const { environment, memory } = system;
	const outer = environment.run;
	environment.run = {
		program: program.type,
		context: input.context,
		contextSize: input.contextSize,
		cookie,
		packetStart: input.packetStart,
		packetEnd: input.packetEnd,
		reserved: [],
		tailCalls: 0,
	};
	if (system.tables.statistics > 0) program.runs++;
	cpu.registers[2] = input.context;
	cpu.registers[3] = 0;
	cpu.fuel = system.fuel;
	cpu.depth = 0;
	try {
		const code = codeOf(system, program.id)!;
		if (system.tracing) closeTrap(system.tracing.trace);
		run(code, cpu, memory, callsOf(system));
		return cpu.registers[0]! >>> 0;
	} catch (error) {
		if (error instanceof VmFault) program.faults++;
		throw error;
	} finally {
		if (environment.run.reserved.length > 0) abandonRecords(environment);
		environment.run = outer;
	}
}

/** From now on `observe` is told of each instruction, of whatever runs; the function that it gives ends that. */
export function startTracing(system: System, observe: (cpu: Cpu) => void): () => void {
	const outer = system.tracing;
	system.tracing = { trace: newTrace(), codes: new Map(), observe };
	return () => {
		system.tracing = outer;
	};
}

/**
 * Goes on with a run in whose middle the machine was saved, on the processor that ran, and ends it as `runProgram` does.
 * @throws VmFault, and what an observer throws
 */
export function resumeRun(system: System, cpu: Cpu): void {
	const { environment, memory } = system;
	if (system.tracing) closeTrap(system.tracing.trace);
	try {
		resume(cpu, memory, callsOf(system));
	} finally {
		if (environment.run.reserved.length > 0) abandonRecords(environment);
	}
}
