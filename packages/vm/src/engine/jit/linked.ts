import {
	type Callables,
	type Cpu,
	MAX_FRAMES,
	MAY_GOTO_LIMIT,
	type Memory,
	R1,
	R2,
	R3,
	R4,
	R5,
	R6,
	R10,
	STACK_FRAME_SIZE,
	type WasmHost,
} from "#machine";
import { none, reachLoad, reachStore } from "../faults.ts";
import type { Code } from "../prepare.ts";
import type { Settings } from "./emitter.ts";
import { Entrances } from "./entrances.ts";
import { Gate } from "./gate.ts";
import { ENTRANCE_NAME, type RoutineBody, type Translated, translateProgram } from "./module.ts";
import type { Scratch } from "./scratch.ts";

/** Runs a function of a program on the frame that `cpu.depth` says, arguments in r1 … r5, result in r0. */
export type Perform = (code: Code, slot: number, cpu: Cpu) => void;

/** What generated code of one machine shares. `cpu` is the one that runs. */
export interface Link {
	readonly host: WasmHost;
	readonly memory: Memory;
	readonly calls: Callables<Code>;
	readonly settings: Settings;
	/** Where it is handed over, as indices of `Memory.words`. */
	readonly scratch: Scratch;
	/** Goes on in the interpreter. */
	readonly interpret: Perform;
	/** Whatever is best. */
	readonly perform: Perform;
	/** Where others go on in a program; undefined: it is not translated. */
	readonly entranceOf: (code: Code) => unknown;
	/** Routines that programs of this machine were translated with. A cache. */
	readonly routines: Map<string, RoutineBody>;
	/** Made when the first program that makes tail calls is linked. */
	entrances: Entrances | undefined;
	/** Made when the first program is linked. */
	gate: Gate | undefined;
	/** The processor that runs, or ran last: memory tells generated code of it. */
	cpu: Cpu | undefined;
}

/** A function that may be entered. */
export interface Door {
	readonly open: (base: number) => void;
	readonly parameters: number;
	readonly height: number;
}

/** A program, translated and instantiated. */
export interface Linked {
	readonly doors: ReadonlyMap<number, Door>;
	/** The program's own; undefined: it may nest too deep. */
	readonly main: Door | undefined;
	/** Whether the gate is a way in: it takes r1 alone. */
	readonly isSimple: boolean;
	/** Where other programs go on in this one. */
	readonly entrance: unknown;
	readonly translated: Translated;
}

const FRAME_SHIFT = Math.log2(STACK_FRAME_SIZE);
/** r1 among parameters. */
const FIRST = 1 << 1;
/** What generated code counts in. */
const MOST_FUEL = 0x7fff_ffff;

/** @throws what the host throws where it does not take the module; RangeError where it has no memory to share */
export function linkProgram(code: Code, link: Link): Linked {
	const { memory, calls, host } = link;
	const shared = memory.wasm;
	if (!shared) throw new RangeError("the host has no memory that generated code could share");
	const translated = translateProgram(
		code,
		memory,
		link.settings,
		calls.shortcut ? (id, known) => calls.shortcut!(id, known) : () => undefined,
		link.routines,
	);
	if (translated.tails) link.entrances ??= new Entrances(host, shared, link.settings, (base) => goOn(base, link));
	const instance = new host.Instance(new host.Module(translated.bytes), {
		m: { memory: shared, table: link.entrances?.table, ...importsOf(code, link) },
	});
	const doors = new Map<number, Door>();
	for (const [slot, { name, parameters, height }] of translated.entries)
		doors.set(slot, { open: instance.exports[name] as Door["open"], parameters, height });
	const main = doors.get(0);
	const entrance = translated.isEntrance ? instance.exports[ENTRANCE_NAME] : undefined;
	link.gate ??= new Gate(host, shared, link.settings);
	return {
		doors,
		main: main && main.height <= MAX_FRAMES ? main : undefined,
		isSimple: entrance !== undefined && main !== undefined && (main.parameters & ~FIRST) === 0,
		entrance,
		translated,
	};
}

// What other modules export is looked up each time; this is not.
const FIRST_FRAME = (MAX_FRAMES - 1) * STACK_FRAME_SIZE;
const ARGUMENT = R1;

/** Enters a program by its slot in the gate, on an empty stack. */
export function enterProgram(slot: number, cpu: Cpu, link: Link): void {
	if (link.cpu === cpu) passGate(slot, cpu, link);
	else becomeAndPass(slot, cpu, link);
}

// Of its own: a closure costs the function that it is in.
const becomeAndPass = (slot: number, cpu: Cpu, link: Link): void =>
	asProcessor(cpu, link, () => passGate(slot, cpu, link));

/** The same, `times` times with the same r1 and as much fuel; the word at `cleared` is 0 before each. */
export function enterAgain(slot: number, cpu: Cpu, link: Link, times: number, cleared: number): void {
	asProcessor(cpu, link, () => {
		const { registers, fuel, id, stack } = cpu;
		const given = Math.min(fuel, MOST_FUEL);
		const [low, high] = [registers[R1]!, registers[R1 + 1]!];
		registers[0] = link.gate!.enterAgain(slot, id, stack + FIRST_FRAME, low, high, given, times, cleared);
		finish(cpu, link, fuel - given);
	});
}

/** What else a run leaves; `rest`: fuel that was not given. */
function finish(cpu: Cpu, { memory: { words }, scratch, settings }: Link, rest: number): void {
	cpu.registers[1] = words[scratch.registers + 1]!;
	if (settings.fuel) cpu.fuel = rest + words[scratch.fuel]!;
}

function passGate(slot: number, cpu: Cpu, link: Link): void {
	const { registers, fuel } = cpu;
	const given = Math.min(fuel, MOST_FUEL);
	const base = cpu.stack + FIRST_FRAME;
	registers[0] = link.gate!.enter(slot, cpu.id, base, registers[ARGUMENT]!, registers[ARGUMENT + 1]!, given);
	finish(cpu, link, fuel - given);
}

/** Does what is to be done on a processor; the one in whose run that is, if any, is then again the one that runs. */
function asProcessor(cpu: Cpu, link: Link, run: () => void): void {
	const outer = link.cpu;
	link.cpu = cpu;
	try {
		run();
	} finally {
		if (outer !== undefined) {
			link.cpu = outer;
			prepare(link, outer);
		}
	}
}

/** Enters generated code on the frame that `cpu.depth` says. */
export function enterLinked(door: Door, cpu: Cpu, link: Link): void {
	if (link.cpu === cpu) passDoor(door, cpu, link);
	else asProcessor(cpu, link, () => passDoor(door, cpu, link));
}

function passDoor({ open, parameters }: Door, cpu: Cpu, link: Link): void {
	const { depth, code, registers, fuel } = cpu;
	const { scratch } = link;
	const { words } = link.memory;
	if ((parameters & FIRST) !== 0) {
		words[scratch.registers + R1] = registers[R1]!;
		words[scratch.registers + R1 + 1] = registers[R1 + 1]!;
	}
	if ((parameters & ~FIRST) !== 0) for (let i = R2; i < R6; i++) words[scratch.registers + i] = registers[i]!;
	const given = Math.min(fuel, MOST_FUEL);
	words[scratch.fuel] = given;
	prepare(link, cpu);
	open(cpu.stack + FIRST_FRAME - depth * STACK_FRAME_SIZE);
	const after = link.memory.words;
	registers[0] = after[scratch.registers]!;
	registers[1] = after[scratch.registers + 1]!;
	if (link.settings.fuel) cpu.fuel = fuel - given + after[scratch.fuel]!;
	cpu.depth = depth;
	cpu.code = code;
}

/** Leaves in memory what generated code must know of the processor. */
function prepare({ scratch, memory: { words } }: Link, cpu: Cpu): void {
	words[scratch.stackEnd] = cpu.stack + MAX_FRAMES * STACK_FRAME_SIZE;
	words[scratch.processor] = cpu.id;
}

function importsOf(code: Code, link: Link): Record<string, unknown> {
	const { memory, calls, settings, scratch } = link;
	/** The processor as whoever is called sees it: where the program is, and how deep. */
	const at = (pc: number, base: number): Cpu => {
		const cpu = link.cpu!;
		cpu.pc = pc;
		cpu.code = code.id;
		cpu.depth = MAX_FRAMES - 1 - ((base - cpu.stack) >> FRAME_SHIFT);
		cpu.registers[R10] = base + STACK_FRAME_SIZE;
		cpu.registers[R10 + 1] = 0;
		return cpu;
	};
	const { helper } = calls;
	/** Calls a helper whose arguments are in `registers`. */
	const call = (id: number, pc: number, base: number): number => {
		const cpu = at(pc, base);
		const { words } = memory;
		if (settings.fuel) cpu.fuel = words[scratch.fuel]!;
		if (!helper(id, cpu)) none("helper", id, pc);
		comeBack(cpu, link);
		return cpu.tail === 0 ? 0 : goesOn(cpu);
	};
	const callOut = (pc: number, base: number): Cpu => {
		const cpu = at(pc, base);
		const { words } = memory;
		const { registers } = cpu;
		// One by one: V8 does not unroll, and this is on the way of every call.
		registers[R1] = words[scratch.registers + 2]!;
		registers[R1 + 1] = words[scratch.registers + 3]!;
		registers[R2] = words[scratch.registers + 4]!;
		registers[R2 + 1] = words[scratch.registers + 5]!;
		registers[R3] = words[scratch.registers + 6]!;
		registers[R3 + 1] = words[scratch.registers + 7]!;
		registers[R4] = words[scratch.registers + 8]!;
		registers[R4 + 1] = words[scratch.registers + 9]!;
		registers[R5] = words[scratch.registers + 10]!;
		registers[R5 + 1] = words[scratch.registers + 11]!;
		if (settings.fuel) cpu.fuel = words[scratch.fuel]!;
		return cpu;
	};
	/** A function ends: with what the code gives that a helper left in `tail`, or with what is in r0. */
	const goesOn = (cpu: Cpu): 1 => {
		memory.words[scratch.tail] = cpu.tail;
		cpu.tail = 0;
		return 1;
	};
	return {
		// By how many arguments there are: words cross over more quickly than by way of memory.
		helper0: call,
		helper1(id: number, pc: number, base: number, a: number, b: number): number {
			const { registers } = link.cpu!;
			registers[R1] = a;
			registers[R1 + 1] = b;
			return call(id, pc, base);
		},
		helper2(id: number, pc: number, base: number, a: number, b: number, c: number, d: number): number {
			const { registers } = link.cpu!;
			registers[R1] = a;
			registers[R1 + 1] = b;
			registers[R2] = c;
			registers[R2 + 1] = d;
			return call(id, pc, base);
		},
		helper3(
			id: number,
			pc: number,
			base: number,
			a: number,
			b: number,
			c: number,
			d: number,
			e: number,
			f: number,
		): number {
			const { registers } = link.cpu!;
			registers[R1] = a;
			registers[R1 + 1] = b;
			registers[R2] = c;
			registers[R2 + 1] = d;
			registers[R3] = e;
			registers[R3 + 1] = f;
			return call(id, pc, base);
		},
		helper(id: number, pc: number, base: number): number {
			const cpu = callOut(pc, base);
			if (!helper(id, cpu)) none("helper", id, pc);
			comeBack(cpu, link);
			return cpu.tail === 0 ? 0 : goesOn(cpu);
		},
		kfunc(id: number, module: number, pc: number, base: number): number {
			const cpu = callOut(pc, base);
			if (!calls.kfunc?.(id, module, cpu)) none("kfunc", id, pc);
			comeBack(cpu, link);
			return cpu.tail === 0 ? 0 : goesOn(cpu);
		},
		packet(offset: number, size: 1 | 2 | 4, pc: number, base: number): number {
			const cpu = at(pc, base);
			if (settings.fuel) cpu.fuel = memory.words[scratch.fuel]!;
			const isThere = calls.packet?.(offset, size, cpu) ?? none("packet data", offset, pc);
			if (!isThere) {
				cpu.registers[0] = 0;
				cpu.registers[1] = 0;
			}
			comeBack(cpu, link);
			return isThere ? 0 : goesOn(cpu);
		},
		reach(
			low: number,
			high: number,
			all: number,
			distance: number,
			size: number,
			pc: number,
			base: number,
			window: number,
			kind: number,
		): number {
			const writes = kind < 0;
			// What is in use of the stack was looked at, and is another part each time.
			if (high === 0 && memory.find(low, all) && (!writes || memory.foundWritable)) {
				if (memory.region(low)!.kind !== "stack") {
					memory.remember(window, Math.abs(kind));
					return low;
				}
			}
			if (size === 0) return -1;
			const cpu = at(pc, base);
			const { registers } = cpu;
			// Both words of the access's own address.
			const own = (low >>> 0) + distance;
			registers[0] = own;
			registers[1] = high + (own > 0xffff_ffff ? 1 : 0);
			const address = (writes ? reachStore : reachLoad)(code, cpu, memory, 0, 0, size, pc);
			return all === size ? address : -1;
		},
		leave(pc: number, base: number): void {
			const cpu = at(pc, base);
			const { words } = memory;
			const kept = savedOf(cpu);
			for (let i = 0; i < R10; i++) cpu.registers[i] = words[scratch.registers + i]!;
			if (settings.fuel) cpu.fuel = words[scratch.fuel]!;
			cpu.mayGoto = words[scratch.mayGoto]!;
			link.interpret(code, pc, cpu);
			comeBack(cpu, link);
			restoreSaved(cpu, kept);
		},
		tail: (base: number) => goOn(base, link),
	};
}

/** Goes on in the code whose id is in memory, in the frame at `base`. None: the result is there. */
function goOn(base: number, link: Link): void {
	const { memory, calls, settings, scratch, entrances } = link;
	const { words } = memory;
	const id = words[scratch.tail]!;
	if (id === 0) return;
	const cpu = link.cpu!;
	const { registers } = cpu;
	for (let i = R1; i < R6; i++) registers[i] = words[scratch.registers + i]!;
	registers[R10] = base + STACK_FRAME_SIZE;
	registers[R10 + 1] = 0;
	cpu.depth = MAX_FRAMES - 1 - ((base - cpu.stack) >> FRAME_SHIFT);
	if (settings.fuel) cpu.fuel = words[scratch.fuel]!;
	const next = calls.code?.(id) ?? none("program", id, cpu.pc);
	cpu.code = next.id;
	cpu.mayGoto = MAY_GOTO_LIMIT;
	const kept = savedOf(cpu);
	link.perform(next, 0, cpu);
	comeBack(cpu, link);
	restoreSaved(cpu, kept);
	const entrance = entrances && link.entranceOf(next);
	if (entrance) entrances.put(id, entrance);
}

/** r6 … r9: they are of whoever called generated code, if that is the interpreter. */
const savedOf = ({ registers }: Cpu): Int32Array => registers.slice(R6, R10);
const restoreSaved = ({ registers }: Cpu, kept: Int32Array): void => registers.set(kept, R6);

/** Leaves the result where generated code looks for it. */
function comeBack(cpu: Cpu, { memory, settings, scratch }: Link): void {
	const { words } = memory;
	words[scratch.registers] = cpu.registers[0]!;
	words[scratch.registers + 1] = cpu.registers[1]!;
	if (settings.fuel) words[scratch.fuel] = cpu.fuel;
}
