import { VmFault } from "@skep/bpf/base";
import {
	type Callables,
	CODE_TAG,
	type Cpu,
	MAX_FRAMES,
	type Memory,
	R1,
	R10,
	STACK_FRAME_SIZE,
	wasmHost,
	wasmRefusal,
} from "#machine";
import { callback, execute, run } from "./interpreter.ts";
import type { Settings } from "./jit/emitter.ts";
import { hasTailCalls } from "./jit/entrances.ts";
import { type Door, enterAgain, enterLinked, enterProgram, type Link, type Linked, linkProgram } from "./jit/linked.ts";
import { scratchOf, scratchWords, Windows } from "./jit/scratch.ts";
import type { Code } from "./prepare.ts";

export type EngineName = "jit" | "interpreter";
/** `auto`: programs begin in the interpreter and are translated once that pays. */
export type EngineChoice = EngineName | "auto";

export interface EngineOptions {
	/** Default: auto. */
	readonly engine?: EngineChoice | undefined;
	/** Whether generated code compares accesses with the regions of memory. Default: true. */
	readonly checked?: boolean;
	/** Whether generated code counts instruction slots, so that a loop for ever ends. Default: true. */
	readonly fuel?: boolean;
	/** Whether generated code makes tail calls as WebAssembly has them; else they nest. Default: where the host has them. */
	readonly tailCalls?: boolean;
}

/** Runs the programs of one machine. */
export interface Engine {
	readonly engine: EngineName;
	/** Why it is that one. */
	readonly reason: string;
	/** As the interpreter's `run`. */
	run(code: Code, cpu: Cpu): void;
	/** The same so many times, with the same r1 and as much fuel each time; the word at `cleared` is 0 before each. */
	repeat(code: Code, cpu: Cpu, times: number, cleared: number): void;
	/** As the interpreter's `callback`. */
	callback(low: number, high: number, cpu: Cpu): void;
	/** The code of this id is gone, or is to be another. */
	forget(id: number): void;
	/** The WebAssembly module that a program became; undefined: it is interpreted. */
	wasm(code: Code): Uint8Array | undefined;
}

/** What is known of a code that is or may be translated. */
interface Translation {
	readonly link: Link;
	/** Instruction slots that the interpreter has run of it. */
	heat: number;
	/** Undefined: not yet, or never. */
	linked: Linked | undefined;
	main: Door | undefined;
	/** Its slot in the gate, as long as that is its own; -1: it has none. */
	slot: number;
	/** Why it cannot be translated. */
	refused: string;
}

/**
 * Slots that the interpreter runs before a program is translated: as many as take the time of translating, which is
 * so many for any program and so many more for each of its slots. Measured: some 15 ns a slot against 1 ms and 2 µs.
 */
const HEAT = 60_000;
const HEAT_A_SLOT = 150;

export function newEngine(memory: Memory, calls: Callables<Code>, options: EngineOptions = {}): Engine {
	const choice = options.engine ?? "auto";
	if (choice === "interpreter") return interpreterEngine(memory, calls, "it was asked for");
	const refusal = wasmRefusal();
	if (refusal !== undefined) return interpreterEngine(memory, calls, refusal);
	return new Jit(memory, calls, options, choice);
}

const interpreterEngine = (memory: Memory, calls: Callables<Code>, reason: string): Engine => ({
	engine: "interpreter",
	reason,
	run: (code, cpu) => run(code, cpu, memory, calls),
	repeat: (code, cpu, times, cleared) => repeatedly(cpu, memory, times, cleared, () => run(code, cpu, memory, calls)),
	callback: (low, high, cpu) => callback(low, high, cpu, memory, calls),
	forget: () => {},
	wasm: () => undefined,
});

class Jit implements Engine {
	readonly engine = "jit";
	readonly reason: string;
	readonly #isEager: boolean;
	readonly #link: Link;

	constructor(memory: Memory, calls: Callables<Code>, options: EngineOptions, choice: EngineChoice) {
		this.reason = choice === "jit" ? "it was asked for" : "the host runs generated code";
		this.#isEager = choice === "jit";
		const host = wasmHost()!;
		const tailCalls = options.tailCalls ?? hasTailCalls(host);
		Windows.clear(memory);
		const settings: Settings = {
			checked: options.checked ?? true,
			fuel: options.fuel ?? true,
			tailCalls,
			shared: memory.shared,
			scratch: scratchOf(memory.processor),
			argumentCounts: calls.argumentCounts ?? [],
		};
		this.#link = {
			host,
			memory,
			calls,
			settings,
			scratch: scratchWords(settings.scratch),
			interpret: (code, slot, cpu) => execute(code, slot, cpu, memory, calls),
			perform: (code, slot, cpu) => this.#perform(code, slot, cpu),
			entranceOf: (code) => this.#stateOf(code).linked?.entrance,
			routines: new Map(),
			entrances: undefined,
			gate: undefined,
			cpu: undefined,
		};
	}

	run(code: Code, cpu: Cpu): void {
		const link = this.#link;
		const state = code.translation as Translation | undefined;
		if (state === undefined || state.link !== link || state.main === undefined) {
			run(code, cpu, link.memory, link.calls, link.perform);
			return;
		}
		this.#begin(code, cpu);
		const { slot } = state;
		if (slot >= 0 && link.gate!.owners[slot] === state) {
			try {
				enterProgram(slot, cpu, link);
			} catch (error) {
				throw faultOf(error, cpu);
			}
			cpu.depth = 0;
			cpu.code = code.id;
		} else this.#enter(state.main, cpu);
	}

	repeat(code: Code, cpu: Cpu, times: number, cleared: number): void {
		const link = this.#link;
		const { fuel } = cpu;
		const [low, high] = [cpu.registers[R1]!, cpu.registers[R1 + 1]!];
		// The first time may translate it.
		repeatedly(cpu, link.memory, 1, cleared, () => this.run(code, cpu));
		if (times === 1) return;
		cpu.registers[R1] = low;
		cpu.registers[R1 + 1] = high;
		cpu.fuel = fuel;
		if (!this.#isAtGate(code)) {
			repeatedly(cpu, link.memory, times - 1, cleared, () => this.run(code, cpu));
			return;
		}
		this.#begin(code, cpu);
		try {
			enterAgain((code.translation as Translation).slot, cpu, link, times - 1, cleared);
		} catch (error) {
			throw faultOf(error, cpu);
		}
		cpu.depth = 0;
		cpu.code = code.id;
	}

	/** Whether the gate is the way into a program. */
	#isAtGate(code: Code): boolean {
		const state = code.translation as Translation | undefined;
		return state !== undefined && state.slot >= 0 && this.#link.gate?.owners[state.slot] === state;
	}

	#begin(code: Code, cpu: Cpu): void {
		cpu.depth = 0;
		cpu.nested = 0;
		cpu.tail = 0;
		cpu.code = code.id;
	}

	callback(low: number, high: number, cpu: Cpu): void {
		const link = this.#link;
		const { memory, calls, perform } = link;
		const code = (high & CODE_TAG) !== 0 && (low & 7) === 0 ? calls.code?.(high & ~CODE_TAG) : undefined;
		const state = code?.translation as Translation | undefined;
		const door = state?.link === link ? state.linked?.doors.get(low >>> 3) : undefined;
		if (!door || cpu.depth + 1 + door.height > MAX_FRAMES) {
			callback(low, high, cpu, memory, calls, perform);
			return;
		}
		// Generated code leaves r6 … r9 alone, wherever its caller has them: nothing has to be kept for that one.
		const { pc, depth, code: caller, mayGoto, registers } = cpu;
		cpu.depth = depth + 1;
		cpu.code = code!.id;
		cpu.nested++;
		this.#enter(door, cpu);
		cpu.nested--;
		cpu.depth = depth;
		cpu.code = caller;
		cpu.pc = pc;
		cpu.mayGoto = mayGoto;
		registers[R10] = cpu.stack + (MAX_FRAMES - depth) * STACK_FRAME_SIZE;
		registers[R10 + 1] = 0;
	}

	forget(id: number): void {
		this.#link.entrances?.forget(id);
		this.#link.gate?.forget(id);
	}

	wasm(code: Code): Uint8Array | undefined {
		return this.#linkedOf(code)?.translated.bytes;
	}

	#perform(code: Code, slot: number, cpu: Cpu): void {
		const state = this.#stateOf(code);
		const link = this.#link;
		if (!state.linked && state.refused === "") {
			if (!this.#isEager && state.heat < HEAT + code.slots * HEAT_A_SLOT) {
				const before = cpu.fuel;
				link.interpret(code, slot, cpu);
				state.heat += before - cpu.fuel;
				return;
			}
			this.#translate(code, state);
		}
		const door = state.linked?.doors.get(slot);
		if (!door || cpu.depth + door.height > MAX_FRAMES) {
			link.interpret(code, slot, cpu);
			return;
		}
		this.#enter(door, cpu);
	}

	#enter(door: Door, cpu: Cpu): void {
		try {
			enterLinked(door, cpu, this.#link);
		} catch (error) {
			throw faultOf(error, cpu);
		}
	}

	#linkedOf(code: Code): Linked | undefined {
		const state = this.#stateOf(code);
		if (!state.linked && state.refused === "") this.#translate(code, state);
		return state.linked;
	}

	#stateOf(code: Code): Translation {
		const known = code.translation as Translation | undefined;
		if (known?.link === this.#link) return known;
		// Counting and stepping are the interpreter's.
		const refused = code.edges ? "its instructions are counted" : code.traced ? "its instructions are announced" : "";
		const state: Translation = { link: this.#link, heat: 0, linked: undefined, main: undefined, slot: -1, refused };
		code.translation = state;
		return state;
	}

	#translate(code: Code, state: Translation): void {
		try {
			state.linked = linkProgram(code, this.#link);
			const { main, isSimple, entrance } = state.linked;
			state.main = main;
			if (main && isSimple) state.slot = this.#link.gate!.put(code.id, entrance, state);
		} catch (error) {
			// A host may refuse what is too large for it.
			if (!(error instanceof Error)) throw error;
			state.refused = error.message;
		}
	}
}

/** Does so many times what runs a program on a processor; see `Engine.repeat`. */
function repeatedly(cpu: Cpu, memory: Memory, times: number, cleared: number, once: () => void): void {
	const { fuel } = cpu;
	const [low, high] = [cpu.registers[R1]!, cpu.registers[R1 + 1]!];
	for (let left = times; left > 0; left--) {
		memory.words[cleared >> 2] = 0;
		cpu.registers[R1] = low;
		cpu.registers[R1 + 1] = high;
		cpu.fuel = fuel;
		once();
	}
}

/** Of what ended generated code: where nothing is compared, only the end of memory is noticed. */
function faultOf(error: unknown, cpu: Cpu): unknown {
	const isTrap = error instanceof Error && error.constructor.name === "RuntimeError";
	return isTrap ? new VmFault("access", cpu.pc, `in generated code after this one: ${error.message}`) : error;
}
