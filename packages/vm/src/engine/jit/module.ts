import type { Memory } from "#machine";
import type { Code } from "../prepare.ts";
import { assembleModule, type DefinedFunction, type ImportedFunction } from "./assembly.ts";
import type { Callee } from "./calls.ts";
import type { IMPORT, Settings } from "./emitter.ts";
import { I32, I64, OP } from "./opcodes.ts";
import { planOf } from "./plan.ts";
import { SCRATCH } from "./scratch.ts";
import { type Shortcuts, translate } from "./translation.ts";
import { Writer } from "./writer.ts";

/** A program as a WebAssembly module, and what must be known to enter it. */
export interface Translated {
	readonly bytes: Uint8Array<ArrayBuffer>;
	/** Functions that may be entered, by the slot of their entry. */
	readonly entries: ReadonlyMap<number, Entry>;
}

export interface Entry {
	/** Name of the export: it takes the lowest address of its stack frame. */
	readonly name: string;
	/** Registers r1 … r5 that it takes from memory, as bits. */
	readonly parameters: number;
	/** Frames that it and all it calls may take. */
	readonly height: number;
}

const IMPORTS: readonly ImportedFunction[] = [
	{ name: "helper", params: [I32, I32, I32], results: [I32] },
	{ name: "kfunc", params: [I32, I32, I32, I32], results: [I32] },
	{ name: "packet", params: [I32, I32, I32, I32], results: [I32] },
	{ name: "load", params: [I32, I32, I32, I32, I32], results: [I32] },
	{ name: "store", params: [I32, I32, I32, I32, I32], results: [I32] },
	{ name: "leave", params: [I32, I32], results: [] },
	{ name: "tail", params: [I32], results: [] },
] satisfies readonly (ImportedFunction & { name: keyof typeof IMPORT })[];

/** Translates a program. The same program, memory and shortcuts give the same bytes. */
export function translateProgram(code: Code, memory: Memory, settings: Settings, shortcuts: Shortcuts): Translated {
	const plan = planOf(code, memory, shortcuts, settings.checked);
	const callees = new Map<number, Callee>();
	const functions: DefinedFunction[] = [];
	const entries = new Map<number, Entry>();
	for (const one of plan.functions) {
		const { entry, parameters } = one;
		const taken = [1, 2, 3, 4, 5].filter((r) => (parameters & (1 << r)) !== 0);
		functions.push({
			params: [I32, ...taken.map(() => I64)],
			results: [I64],
			body: translate(one, { code, settings, shortcuts, callees }),
		});
		const index = IMPORTS.length + functions.length - 1;
		callees.set(entry, { index, parameters, callsOut: plan.callingOut.has(entry) });
		if (!plan.entered.has(entry)) continue;
		const name = `at${entry}`;
		functions.push({ params: [I32], results: [], body: door(index, taken), exportAs: name });
		entries.set(entry, { name, parameters, height: plan.heights.get(entry)! });
	}
	return { bytes: assembleModule(IMPORTS, functions), entries };
}

/** What JavaScript calls: arguments and result are in memory, for no 64-bit number crosses over. */
function door(callee: number, parameters: readonly number[]): Writer {
	const w = new Writer(1);
	w.i32(0);
	w.get(0);
	for (const register of parameters) {
		w.i32(0);
		w.access(OP.i64_load, SCRATCH.registers + register * 8);
	}
	w.call(callee);
	w.access(OP.i64_store, SCRATCH.registers);
	return w;
}
