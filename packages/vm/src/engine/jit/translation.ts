import type { Flow, Graph } from "@skep/bpf/cfg";
import { type KnownArguments, MAY_GOTO_LIMIT, type Memory, type Shortcut } from "#machine";
import type { Code } from "../prepare.ts";
import { atomic, compareBefore, load, store } from "./access.ts";
import { advance, type Sources } from "./analysis.ts";
import { binary, byteOrder, cast, condition, extend, negate } from "./arithmetic.ts";
import {
	type Callee,
	callFunction,
	callOut,
	callRoutine,
	codeSlot,
	isZero,
	loopCall,
	loopInline,
	shortResult,
} from "./calls.ts";
import { Emitter, type Settings } from "./emitter.ts";
import { CONSTANT, Facts, type FactsTable, type ValueFact } from "./facts.ts";
import type { Step } from "./forms.ts";
import type { Groups } from "./groups.ts";
import type { Hoists } from "./hoists.ts";
import { I32, OP } from "./opcodes.ts";
import type { Windows } from "./scratch.ts";
import { writeDispatched, writeStructured } from "./structure.ts";
import type { Writer } from "./writer.ts";

/** What a call of a helper comes to; see `Callables.shortcut`. */
export type Shortcuts = (helper: number, known: KnownArguments) => Shortcut | undefined;

/** One function of a program, as far as it was looked at before it is translated. */
export interface FunctionPlan {
	readonly entry: number;
	readonly graph: Graph;
	readonly flow: Flow;
	/** By block. */
	readonly steps: readonly (readonly Step[])[];
	/** By block: what is known at its beginning. */
	readonly facts: FactsTable;
	readonly values: Values;
	readonly parameters: number;
}

export interface Surroundings {
	readonly code: Code;
	readonly settings: Settings;
	readonly shortcuts: Shortcuts;
	readonly windows: Windows;
	/** By the slot of a function's entry; those that are missing are the interpreter's to call. */
	readonly callees: ReadonlyMap<number, Callee>;
	/** Functions that are written where they are called. */
	readonly inlined: ReadonlyMap<number, FunctionPlan>;
	/** By `keyOf`. */
	readonly routines: ReadonlyMap<string, Callee>;
	/** Frames that the function may take, where others may enter it at any depth; else 0. */
	readonly height: number;
}

/** Of a helper's call: what is known of it without knowing helpers. */
export function shortcutOf(shortcuts: Shortcuts, step: Step, facts: Facts): Shortcut | undefined {
	if (step.form.name !== "call_helper") return undefined;
	const words = new Int32Array(12);
	let registers = 0;
	for (let r = 1; r <= 5; r++) {
		if (facts.kinds[r] !== CONSTANT) continue;
		registers |= 1 << r;
		words[r * 2] = facts.low[r]!;
		words[r * 2 + 1] = facts.high[r]!;
	}
	return shortcuts(step.imm, { registers, words });
}

/** The function that a call of a helper goes round and round in; undefined: that is not known. */
export function roundsOf(shortcut: Shortcut | undefined, facts: Facts, code: number): number | undefined {
	return shortcut?.kind === "rounds" && isZero(facts, 4) ? codeSlot(facts, 2, code) : undefined;
}

/** What tells a routine from others. */
export const keyOf = ({ insns }: { readonly insns: Uint8Array }): string => String.fromCharCode(...insns);

/** The value whose address a call gives, or 0. */
function valueFactOf(shortcut: Shortcut | undefined): Omit<ValueFact, "alike"> | undefined {
	switch (shortcut?.kind) {
		case "array":
		case "lookup":
			return { size: shortcut.valueSize, writable: shortcut.writable };
		case "routine":
			return shortcut.value;
		default:
			return undefined;
	}
}

/** What calls and wide loads are known to give: by the slot of each. */
export class Values {
	readonly found = new Map<number, ValueFact>();
	/** By size and whether it may be written: the first slot that finds such. */
	readonly #alike = new Map<number, number>();
	readonly #code: Code;
	readonly #memory: Memory;
	readonly #shortcuts: Shortcuts;

	/** Undefined: each access is compared for itself. */
	readonly groups: Groups | undefined;
	/** What is compared before loops; undefined: that is not known yet. */
	hoists: Hoists | undefined;
	readonly noteAccess: Sources["noteAccess"];

	constructor(code: Code, memory: Memory, shortcuts: Shortcuts, groups: Groups | undefined) {
		this.#code = code;
		this.#memory = memory;
		this.#shortcuts = shortcuts;
		this.groups = groups;
		this.noteAccess = groups && ((step, facts) => groups.note(step, facts));
	}

	readonly origin = (step: Step, facts: Facts): ValueFact | undefined => {
		if (step.form.shape !== "wide") {
			const shortcut = shortcutOf(this.#shortcuts, step, facts);
			const value = valueFactOf(shortcut);
			return value && this.#keep(step.slot, value);
		}
		// A map that the program refers to lives as long as the program.
		if (!this.#code.values.has(step.slot) || step.high !== 0 || !this.#memory.find(step.imm, 1)) return undefined;
		const { foundStart, foundEnd, foundWritable } = this.#memory;
		const offset = step.imm - foundStart;
		return this.#keep(step.slot, { size: foundEnd - foundStart, writable: foundWritable, offset });
	};

	#keep(slot: number, value: Omit<ValueFact, "alike">): ValueFact {
		const kind = value.size * 2 + (value.writable ? 1 : 0);
		const alike = this.#alike.get(kind) ?? slot;
		const kept = { ...value, alike };
		if (alike === slot) {
			this.#alike.set(kind, slot);
			this.found.set(slot, kept);
		}
		return kept;
	}

	/** Each instruction with what is known before it, block by block. */
	walk(
		flow: Flow,
		steps: readonly (readonly Step[])[],
		facts: FactsTable,
		visit: (step: Step, now: Facts) => void,
	): void {
		const now = new Facts();
		for (const block of flow.order) {
			now.take(facts, block);
			for (const step of steps[block]!) {
				visit(step, now);
				advance(now, step, this);
			}
		}
	}
}

/** Writes one function. `parameters`: registers r1 … r5 that it takes, as bits. */
export function translate(plan: FunctionPlan, parameters: number, around: Surroundings): Writer {
	const e = new Emitter(around.settings, around.windows, parameters, around.code.slots + 1);
	e.begin(plan.entry, isCounting(plan) ? MAY_GOTO_LIMIT : undefined);
	if (around.height > 1) e.checkHeight(plan.entry, around.height);
	writeBody(e, plan, around);
	e.finish();
	return e.w;
}

/** Whether it counts how often may_goto goes on. */
export const isCounting = ({ steps }: Pick<FunctionPlan, "steps">): boolean =>
	steps.some((own) => own.at(-1)!.form.name === "may_goto");

/** All blocks of a function. */
function writeBody(e: Emitter, { graph, flow, steps, facts, values }: FunctionPlan, around: Surroundings): void {
	const now = new Facts();
	const headers = new Set(flow.loops.map(({ header }) => header));
	// What ran and is not yet counted, at the beginning of each block and at its end: the first way to a block says it, and
	// the others count what is theirs.
	const before = new Int32Array(graph.blocks.length).fill(-1);
	const after = new Int32Array(graph.blocks.length);
	before[0] = 0;
	const writer = {
		loop(header: number): void {
			for (const hoist of values.hoists?.before.get(header) ?? []) compareBefore(e, hoist, graph.blocks[header]!.slot);
		},
		body(block: number): void {
			e.pending = Math.max(before[block]!, 0);
			if (headers.has(block) || !flow.reducible) e.checkFuel(graph.blocks[block]!.slot);
			now.take(facts, block);
			for (const step of steps[block]!) {
				emit(e, step, now, values, around);
				advance(now, step, values);
			}
			if (!flow.reducible) e.count();
			after[block] = e.pending;
		},
		isFree: (from: number, to: number): boolean => before[to] === -1 || before[to] === after[from],
		goes(from: number, to: number): void {
			e.pending = after[from]!;
			if (before[to] === -1) before[to] = e.pending;
			else e.countTo(before[to]!);
		},
		condition(block: number): void {
			const last = steps[block]!.at(-1)!;
			if (last.form.name === "may_goto") {
				e.w.get(e.mayGoto);
				e.w.op(OP.i32_eqz);
			} else condition(e, last);
		},
		notTaken(block: number): void {
			if (steps[block]!.at(-1)!.form.name !== "may_goto") return;
			e.w.get(e.mayGoto);
			e.w.i32(1);
			e.w.op(OP.i32_sub);
			e.w.set(e.mayGoto);
		},
		outside(block: number, taken: boolean): void {
			const last = steps[block]!.at(-1)!;
			e.pending = after[block]!;
			// Behind the code, and where no instruction begins, words say so.
			e.leave(taken ? last.second : around.code.slots);
		},
	};
	if (flow.reducible) writeStructured(graph, flow, e.w, writer);
	else writeDispatched(graph, e.w, e.w.local(I32), writer);
}

/** Registers that a function shares with its caller: r0 … r5. */
const CLOBBERED = 0b11_1111;

/** One instruction. Those that end a block only count here. */
function emit(e: Emitter, step: Step, facts: Facts, values: Values, around: Surroundings): void {
	const { form, slot, imm, high, dst } = step;
	if (form.shape === "wide" ? form.name !== "ld_imm64" : isLeft(step, around)) {
		const { pending } = e;
		e.leave(slot);
		e.pending = pending;
		return;
	}
	e.pending++;
	switch (form.shape) {
		case "alu_imm":
		case "alu_reg":
			binary(e, step);
			break;
		case "unary":
			negate(e, step);
			break;
		case "extend":
			extend(e, step);
			break;
		case "cast":
			cast(e, step);
			break;
		case "endian":
			byteOrder(e, step);
			break;
		case "wide":
			e.pending++;
			e.w.i64(imm, high);
			e.set(dst);
			break;
		case "load":
		case "atomic_load":
			load(e, facts, values, step);
			break;
		case "store_imm":
		case "store_reg":
			store(e, facts, values, step);
			break;
		case "atomic":
			atomic(e, facts, values, step);
			break;
		case "packet":
			callOut(e, step);
			break;
		case "call":
			call(e, step, facts, values, around);
			break;
		case "exit":
			e.exit();
			break;
		default:
			break;
	}
}

/** Whether an instruction is the interpreter's to run, with all that comes after it. */
function isLeft({ form, second }: Step, { callees, inlined }: Surroundings): boolean {
	if (form.shape === "call_reg" || form.shape === "outside") return true;
	return form.name === "call_function" && !callees.has(second) && !inlined.has(second);
}

function call(e: Emitter, step: Step, facts: Facts, values: Values, around: Surroundings): void {
	if (step.form.name === "call_function") {
		const { second, slot } = step;
		const inlined = around.inlined.get(second);
		if (inlined) e.inline(second, CLOBBERED, slot + 1, () => writeBody(e, inlined, around));
		else callFunction(e, around.callees.get(second)!, slot);
		return;
	}
	const shortcut = shortcutOf(around.shortcuts, step, facts);
	const rounds = roundsOf(shortcut, facts, around.code.id);
	const callee = rounds === undefined ? undefined : around.callees.get(rounds);
	const inlined = rounds === undefined ? undefined : around.inlined.get(rounds);
	if (inlined && shortcut?.kind === "rounds")
		loopInline(e, inlined.entry, shortcut, step.slot, () => writeBody(e, inlined, around));
	else if (callee && shortcut?.kind === "rounds") loopCall(e, callee, shortcut, step.slot);
	else if (shortcut?.kind === "routine")
		callRoutine(e, facts, values, shortcut, around.routines.get(keyOf(shortcut))!, step);
	else if (!shortcut || !shortResult(e, facts, shortcut, step)) callOut(e, step);
}
