import { VmFault } from "@skep/bpf/base";
import { MAP_FLAGS } from "@skep/bpf/uapi";
import {
	type Code,
	closeTrap,
	type Engine,
	newEngine,
	newTrace,
	type PrepareOptions,
	prepare,
	type Reference,
	resume,
	slotCounts,
	type Trace,
} from "#engine";
import {
	abandonLock,
	abandonRecords,
	type HelperFunction,
	helperFunction,
	isAlive,
	kernelFunction,
	loadAbsolute,
	MAP_TAG,
	ProgramException,
	replayResult,
	type TimerState,
} from "#helpers";
import { HOOKS, type Input } from "#hooks";
import {
	type Callables,
	type Cpu,
	codeAddress,
	MAX_FRAMES,
	MAY_GOTO_LIMIT,
	R10,
	runWord,
	STACK_FRAME_SIZE,
} from "#machine";
import { mapHandler } from "#maps";
import { exceptionCallback } from "./exceptions.ts";
import { claimProcessor } from "./processors.ts";
import { functionName } from "./programs.ts";
import { ARGUMENT_COUNTS, shortcutOf } from "./shortcuts.ts";
import type { Engines, MutableRun, System } from "./system.ts";
import type { ProgramState } from "./tables.ts";

/** What the engine calls, bound to one system. */
const callables = new WeakMap<System, Callables<Code>>();

export function callsOf(system: System): Callables<Code> {
	let calls = callables.get(system);
	if (!calls) {
		const { environment } = system;
		const kernelFunctions = new Map<number, HelperFunction | undefined>();
		calls = {
			helper(id, cpu) {
				const found = helperFunction(id);
				if (!found) return false;
				if (environment.replay && replayResult(environment.replay, id, cpu)) return true;
				found(environment, cpu);
				return true;
			},
			kfunc(id, _module, cpu) {
				let found = kernelFunctions.get(id);
				if (!found) {
					found = kernelFunction(functionName(system, id) ?? "");
					kernelFunctions.set(id, found);
				}
				if (!found) return false;
				found(environment, cpu);
				return true;
			},
			packet: (offset, size, cpu) => loadAbsolute(environment, offset, size, cpu),
			code: (id) => codeOf(system, id),
			argumentCounts: ARGUMENT_COUNTS,
			shortcut: (id, known) => shortcutOf(system, id, known),
		};
		callables.set(system, calls);
	}
	return calls;
}

function newEngines(system: System): Engines {
	const calls = callsOf(system);
	const plain = newEngine(system.memory, calls, { engine: "interpreter" });
	return { plain, chosen: newEngine(system.memory, calls, { engine: system.engine, checked: system.checked }) };
}

function enginesOf(system: System): Engines {
	system.engines ??= newEngines(system);
	return system.engines;
}

/** What runs the programs of a system. */
export const engineOf = (system: System): Engine => enginesOf(system).chosen;

function runningEngine(system: System): Engine {
	const { chosen, plain } = enginesOf(system);
	return system.environment.replay || system.tracing ? plain : chosen;
}

/** A program as the engine takes it: prepared once, again where the cache lost it. */
export function codeOf(system: System, id: number): Code | undefined {
	const { tracing } = system;
	const codes = tracing?.codes ?? system.codes;
	const before = codes.get(id);
	if (before) return before;
	const program = system.tables.programs.get(id);
	if (!program) return undefined;
	const code = prepare(program.insns, {
		id,
		// What is not allocated of an arena reads as 0, as on Linux.
		probe: HOOKS[program.type]!.probe || program.arena !== 0,
		arena: arenaOf(system, program),
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
	if (isValue && map.type === "arena") {
		const address = map.userStart + BigInt(reference.high >>> 0);
		return { low: Number(BigInt.asIntN(32, address)), high: Number(BigInt.asIntN(32, address >> 32n)) };
	}
	return isValue ? { low: map.data + reference.high, high: 0 } : { low: map.id, high: MAP_TAG };
}

/** Where the arena of a program is: what addr_space_cast goes by. */
function arenaOf(system: System, program: ProgramState): PrepareOptions["arena"] {
	const map = system.tables.maps.get(program.arena);
	return map && { guest: map.data, user: map.userStart, casts: (map.flags & MAP_FLAGS.BPF_F_NO_USER_CONV) === 0 };
}

/** Enters a program's function on the processor that runs. */
export function enter(system: System, low: number, high: number, cpu: Cpu): void {
	runningEngine(system).callback(low, high, cpu);
}

/** What stands in the environment while nothing runs. */
export const newRun = (): MutableRun => ({
	program: "",
	context: 0,
	contextSize: 0,
	cookie: 0n,
	packetStart: 0,
	packetEnd: 0,
	reserved: [],
	lock: 0,
	timer: 0,
});

/** Runs a program on a processor and gives r0's low word, unsigned. @throws VmFault, which is counted */
export function runProgram(system: System, program: ProgramState, input: Input, cpu: Cpu, cookie: bigint): number {
	const { environment } = system;
	if (system.memory.shared) claimProcessor(system, cpu.id);
	const outer = environment.run;
	const own = environment.spareRun ?? newRun();
	environment.spareRun = undefined;
	own.program = program.type;
	own.context = input.context;
	own.contextSize = input.contextSize;
	own.cookie = cookie;
	own.packetStart = input.packetStart;
	own.packetEnd = input.packetEnd;
	environment.run = own;
	const began = system.tables.statistics > 0 ? system.now() : -1;
	cpu.registers[2] = input.context;
	cpu.registers[3] = 0;
	cpu.fuel = system.fuel;
	cpu.depth = 0;
	system.memory.words[runWord(cpu.id, "tailCalls") >> 2] = 0;
	try {
		const code = codeOf(system, program.id)!;
		if (system.tracing) closeTrap(system.tracing.trace);
		runningEngine(system).run(code, cpu);
		return cpu.registers[0]! >>> 0;
	} catch (error) {
		if (error instanceof ProgramException) return caught(system, program, error, cpu);
		if (error instanceof VmFault) program.faults++;
		throw error;
	} finally {
		if (began >= 0) {
			program.runs++;
			program.runTime += system.now() - began;
		}
		if (environment.run.reserved.length > 0) abandonRecords(environment);
		if (environment.run.lock !== 0) abandonLock(environment);
		environment.run = outer;
		environment.spareRun = own;
		if (environment.timers.work.length > 0) runWork(system);
	}
}

/** What a program returns that threw: what its exception callback makes of the cookie, else the cookie. */
function caught(system: System, program: ProgramState, thrown: ProgramException, cpu: Cpu): number {
	const slot = exceptionCallback(system, program.btf, program.funcInfo);
	if (slot === undefined) return Number(thrown.cookie & 0xffff_ffffn);
	const { low, high } = codeAddress(program.id, slot);
	beginAnew(system, program.id, cpu);
	cpu.registers[2] = Number(BigInt.asIntN(32, thrown.cookie));
	cpu.registers[3] = Number(BigInt.asIntN(32, thrown.cookie >> 32n));
	enter(system, low, high, cpu);
	return cpu.registers[0]! >>> 0;
}

/** An empty stack for a function that a program does not call itself. */
function beginAnew(system: System, program: number, cpu: Cpu): void {
	cpu.depth = 0;
	cpu.tail = 0;
	cpu.pc = 0;
	cpu.code = program;
	cpu.fuel = system.fuel;
	cpu.mayGoto = MAY_GOTO_LIMIT;
	system.memory.words[runWord(cpu.id, "tailCalls") >> 2] = 0;
	cpu.registers[R10] = cpu.stack + MAX_FRAMES * STACK_FRAME_SIZE;
	cpu.registers[R10 + 1] = 0;
}

/** Runs work items that were started, and those that they start. The first fault. */
export function runWork(system: System): unknown {
	const { environment } = system;
	const { rows, work } = environment.timers;
	let fault: unknown;
	for (let id = work.shift(); id !== undefined; id = work.shift()) {
		const row = rows.get(id);
		if (!row || !isAlive(environment, row)) continue;
		const wrong = fire(system, row);
		fault ??= wrong;
	}
	return fault;
}

/** Bytes of an array's key, which stands nowhere in memory. */
const INDEX = 4;

/** Calls a row's function with its map, key and value. The fault that it ended with. */
export function fire(system: System, row: TimerState): VmFault | undefined {
	const { environment, memory, tables } = system;
	const map = tables.maps.get(row.map)!;
	const program = tables.programs.get(row.program);
	const cpu = system.cpus[row.cpu]!;
	if (!program) return undefined;
	let key = mapHandler(map.type)!.keyOf?.(map, memory, row.value) ?? 0;
	const index = map.type === "array" ? (memory.allocate(INDEX, "map", false) ?? 0) : 0;
	if (index !== 0) {
		memory.view.setUint32(index, key, true);
		key = index;
	}
	if (memory.shared) claimProcessor(system, cpu.id);
	const outer = environment.run;
	environment.run = { ...outer, program: program.type, reserved: [], lock: 0, timer: row.id };
	beginAnew(system, program.id, cpu);
	const { registers } = cpu;
	registers[2] = map.id;
	registers[3] = MAP_TAG;
	registers[4] = key;
	registers[5] = 0;
	registers[6] = row.value;
	registers[7] = 0;
	environment.holdProgram(program.id);
	try {
		enter(system, row.low, row.high, cpu);
		return undefined;
	} catch (error) {
		if (error instanceof ProgramException) return undefined;
		if (!(error instanceof VmFault)) throw error;
		program.faults++;
		return error;
	} finally {
		environment.run = outer;
		environment.dropProgram(program.id);
		if (index !== 0) memory.free(index);
	}
}

/**
 * From now on `observe` is told of each instruction, of whatever runs, but those that it lets run quietly by its second
 * argument (`Trace.quiet`); the function that it gives ends that.
 */
export function startTracing(system: System, observe: (cpu: Cpu, trace: Trace) => void): () => void {
	const outer = system.tracing;
	const trace: Trace = newTrace((cpu) => observe(cpu, trace));
	system.tracing = { trace, codes: new Map() };
	return () => {
		system.tracing = outer;
	};
}

/**
 * Goes on with a run in whose middle the machine was saved, on the processor that ran, to its exit or to what it throws
 * (bpf_throw). What follows a run, in its event or in the kernel, does not. @throws VmFault, and what an observer throws
 */
export function resumeRun(system: System, cpu: Cpu): void {
	if (system.tracing) closeTrap(system.tracing.trace);
	try {
		resume(cpu, system.memory, callsOf(system));
	} catch (error) {
		if (!(error instanceof ProgramException)) throw error;
	}
}
