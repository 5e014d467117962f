import { MAX_FRAMES, type Memory } from "#machine";
import { type Code, prepare } from "../prepare.ts";
import { assembleModule, type DefinedFunction, type ImportedFunction } from "./assembly.ts";
import type { Callee } from "./calls.ts";
import type { IMPORT, Settings } from "./emitter.ts";
import { ENTRANCE } from "./entrances.ts";
import { I32, I64, OP } from "./opcodes.ts";
import { planOf } from "./plan.ts";
import { REACH_SIGNATURE, reachBody } from "./reach.ts";
import { type Scratch, Windows } from "./scratch.ts";
import { type Shortcuts, translate } from "./translation.ts";
import { Writer } from "./writer.ts";

/** A program as a WebAssembly module, and what must be known to enter it. */
export interface Translated {
	readonly bytes: Uint8Array<ArrayBuffer>;
	/** Functions that may be entered, by the slot of their entry. */
	readonly entries: ReadonlyMap<number, Entry>;
	/** It exports `ENTRANCE_NAME`, where other programs go on in this one. */
	readonly isEntrance: boolean;
	/** It calls functions of the table. */
	readonly tails: boolean;
}

export interface Entry {
	/** Name of the export: it takes the lowest address of its stack frame. */
	readonly name: string;
	/** Registers r1 … r5 that it takes from memory, as bits. */
	readonly parameters: number;
	/** Frames that it and all it calls may take. */
	readonly height: number;
}

/** Export under which a program is put into the table. */
export const ENTRANCE_NAME = "entrance";

const IMPORTS: readonly ImportedFunction[] = [
	...[0, 1, 2, 3].map(
		(count) =>
			({
				name: `helper${count as 0 | 1 | 2 | 3}`,
				params: [I32, I32, I32, ...new Array<number>(2 * count).fill(I32)],
				results: [I32],
			}) as const,
	),
	{ name: "helper", params: [I32, I32, I32], results: [I32] },
	{ name: "kfunc", params: [I32, I32, I32, I32], results: [I32] },
	{ name: "packet", params: [I32, I32, I32, I32], results: [I32] },
	{ name: "reach", params: [I32, I32, I32, I32, I32, I32, I32, I32, I32], results: [I32] },
	{ name: "leave", params: [I32, I32], results: [] },
	{ name: "tail", params: [I32], results: [] },
] satisfies readonly (ImportedFunction & { name: keyof typeof IMPORT })[];

/** A routine, translated; it may be a part of any module. */
export interface RoutineBody {
	readonly parameters: number;
	readonly body: Writer;
}

/** Routines that are kept for other programs. */
const MOST_ROUTINES = 64;

/**
 * Translates a program. The same program, memory and shortcuts give the same bytes. `known`: routines by `keyOf`, to which
 * new ones come.
 */
export function translateProgram(
	code: Code,
	memory: Memory,
	settings: Settings,
	ask: Shortcuts,
	known: Map<string, RoutineBody>,
): Translated {
	const shortcuts = askedOnce(ask);
	const plan = planOf(code, memory, shortcuts, settings.checked);
	const callees = new Map<number, Callee>();
	const functions: DefinedFunction[] = settings.checked
		? [{ ...REACH_SIGNATURE, body: reachBody(settings.scratch) }]
		: [];
	const windows = new Windows(memory.processor);
	const routines = new Map<string, Callee>();
	for (const [key, { insns }] of plan.routines) {
		let made = known.get(key);
		if (!made) {
			made = routine(insns, memory, settings, windows);
			// Maps come and go.
			if (known.size >= MOST_ROUTINES) known.clear();
			known.set(key, made);
		}
		const { parameters, body } = made;
		functions.push({ params: [I32, ...registersOf(parameters).map(() => I64)], results: [I64], body });
		routines.set(key, { index: IMPORTS.length + functions.length - 1, parameters });
	}
	const entries = new Map<number, Entry>();
	let isEntrance = false;
	for (const one of plan.functions) {
		const { entry } = one;
		if (plan.inlined.has(entry) && !plan.entered.has(entry)) continue;
		const height = plan.heights.get(entry)!;
		// A program is entered from others too, all in one way.
		const isMain = entry === 0;
		isEntrance ||= isMain && height <= MAX_FRAMES;
		const parameters = isMain ? ARGUMENTS : one.parameters;
		functions.push({
			params: [I32, ...registersOf(parameters).map(() => I64)],
			results: [I64],
			body: translate(one, parameters, {
				code,
				settings,
				shortcuts,
				callees,
				inlined: plan.inlined,
				routines,
				windows,
				height: isMain ? height : 0,
			}),
			...(isMain && isEntrance ? { exportAs: ENTRANCE_NAME } : {}),
		});
		const index = IMPORTS.length + functions.length - 1;
		callees.set(entry, { index, parameters });
		if (!plan.entered.has(entry)) continue;
		const name = `at${entry}`;
		functions.push({
			params: [I32],
			results: [],
			body: door(index, parameters, one.parameters, settings.scratch),
			exportAs: name,
		});
		entries.set(entry, { name, parameters: one.parameters, height });
	}
	const { tails } = plan;
	return {
		bytes: assembleModule(IMPORTS, functions, settings.shared, tails ? ENTRANCE : undefined),
		entries,
		isEntrance,
		tails,
	};
}

const NONE: ReadonlyMap<never, never> = new Map<never, never>();

/** Each call is asked about more than once. */
function askedOnce(ask: Shortcuts): Shortcuts {
	const answers = new Map<string, ReturnType<Shortcuts>>();
	return (helper, known) => {
		const key = `${helper}:${known.registers}:${known.words}`;
		if (!answers.has(key)) answers.set(key, ask(helper, known));
		return answers.get(key);
	};
}

/** What a helper does, as a function: not checked, not counted. */
function routine(insns: Uint8Array, memory: Memory, settings: Settings, windows: Windows): RoutineBody {
	const code = prepare(insns, { id: 0 });
	const shortcuts = () => undefined;
	const [one] = planOf(code, memory, shortcuts, false).functions;
	const around = { code, shortcuts, callees: NONE, inlined: NONE, routines: NONE, windows, height: 0 };
	const plain = { ...settings, checked: false, fuel: false };
	return { parameters: one!.parameters, body: translate(one!, one!.parameters, { ...around, settings: plain }) };
}

const ARGUMENTS = 0b11_1110;
const registersOf = (bits: number): number[] => [1, 2, 3, 4, 5].filter((r) => (bits & (1 << r)) !== 0);

/**
 * What JavaScript calls: arguments and result are in memory, for no 64-bit number crosses over. Of the parameters, those
 * that are not `read` are not there.
 */
function door(callee: number, parameters: number, read: number, scratch: Scratch): Writer {
	const w = new Writer(1);
	w.i32(0);
	w.get(0);
	for (const register of registersOf(parameters)) {
		if ((read & (1 << register)) === 0) {
			w.i64(0);
			continue;
		}
		w.i32(0);
		w.access(OP.i64_load, scratch.registers + register * 8);
	}
	w.call(callee);
	w.access(OP.i64_store, scratch.registers);
	return w;
}
