import { type Flow, type Graph, OUTSIDE } from "@skep/bpf/cfg";
import { type Step, writeOf } from "./forms.ts";

/** What is known of a register before an instruction, on every way there. */
export const UNKNOWN = 0;
/** It holds `low` and `high`. */
export const CONSTANT = 1;
/** It points `low` bytes above r10. */
export const STACK = 2;
/** It points `low` bytes into a value such as the instruction at slot `high` finds. */
export const VALUE = 3;
/** It is 0 or points to the beginning of the value that the instruction at slot `high` found last. */
export const MAYBE = 4;
/** It points `low` bytes above where the register pointed by which the access at slot `high` went; see `Groups`. */
export const CHECKED = 5;

/** A map's value as far as accesses must know it. */
export interface ValueFact {
	readonly size: number;
	readonly writable: boolean;
	/** For constant addresses: bytes from the value's beginning. */
	readonly offset?: number;
}

const REGISTERS = 11;

/** Facts of all registers at one place. */
export class Facts {
	readonly #all = new Int32Array(3 * REGISTERS);
	readonly kinds = this.#all.subarray(0, REGISTERS);
	readonly low = this.#all.subarray(REGISTERS, 2 * REGISTERS);
	readonly high = this.#all.subarray(2 * REGISTERS);

	constructor() {
		this.put(10, STACK, 0);
	}
	put(register: number, kind: number, low = 0, high = 0): void {
		this.kinds[register] = kind;
		this.low[register] = low;
		this.high[register] = high;
	}
	copy(from: Facts): void {
		for (let i = 0; i < 3 * REGISTERS; i++) this.#all[i] = from.#all[i]!;
	}
	/** What a table says of a block. */
	take(table: FactsTable, block: number): void {
		const at = block * 3 * REGISTERS;
		for (let i = 0; i < 3 * REGISTERS; i++) this.#all[i] = table.words[at + i]!;
	}
	/** Keeps in a table what it and this know of a block; whether anything changed. */
	meet(table: FactsTable, block: number): boolean {
		const { words } = table;
		const at = block * 3 * REGISTERS;
		if (table.reached[block] === 0) {
			table.reached[block] = 1;
			for (let i = 0; i < 3 * REGISTERS; i++) words[at + i] = this.#all[i]!;
			return true;
		}
		let changed = false;
		for (let r = 0; r < 10; r++) {
			const [kind, low, high] = [at + r, at + r + REGISTERS, at + r + 2 * REGISTERS];
			if (words[kind] === UNKNOWN) continue;
			if (words[kind] === this.kinds[r] && words[low] === this.low[r] && words[high] === this.high[r]) continue;
			words[kind] = UNKNOWN;
			words[low] = 0;
			words[high] = 0;
			changed = true;
		}
		return changed;
	}
}

/** Facts at the beginning of each block. */
export interface FactsTable {
	readonly words: Int32Array;
	/** 1: control gets there. */
	readonly reached: Uint8Array;
}

/** What an instruction leaves in the register that it writes, beyond arithmetic: results of calls, addresses of values. */
export type Origin = (step: Step, facts: Facts) => ValueFact | undefined;

/** What facts come from besides arithmetic. */
export interface Sources {
	readonly origin: Origin;
	/** Of the slots of calls that give values of the same kind one, so that it does not matter which of them gave it. */
	readonly sameValue: (slot: number) => number;
	/** Learns from an access; absent: accesses tell nothing. */
	readonly noteAccess?: ((step: Step, facts: Facts) => void) | undefined;
}

/** Changes `facts` as an instruction does. */
export function advance(facts: Facts, step: Step, { origin, noteAccess }: Sources): void {
	noteAccess?.(step, facts);
	change(facts, step, origin);
	const { shape } = step.form;
	// Regions may be others when a call comes back.
	if (noteAccess && (shape === "call" || shape === "call_reg" || shape === "packet"))
		for (let r = 0; r < 10; r++) if (facts.kinds[r] === CHECKED) facts.put(r, UNKNOWN);
}

function change(facts: Facts, step: Step, origin: Origin): void {
	const { form, dst, src, imm, high, slot } = step;
	const { kinds, low } = facts;
	if (form.shape === "wide") {
		const value = origin(step, facts);
		if (value) facts.put(dst, VALUE, value.offset ?? 0, slot);
		else facts.put(dst, form.name === "ld_imm64" ? CONSTANT : UNKNOWN, imm, high);
		return;
	}
	if (form.name === "mov64_imm") facts.put(dst, CONSTANT, imm, imm >> 31);
	else if (form.name === "mov32_imm") facts.put(dst, CONSTANT, imm, 0);
	else if (form.name === "mov64_reg") facts.put(dst, kinds[src]!, low[src]!, facts.high[src]!);
	else if (form.name === "add64_imm" && (kinds[dst] === STACK || kinds[dst] === VALUE || kinds[dst] === CHECKED)) {
		const sum = low[dst]! + imm;
		if (sum === (sum | 0)) low[dst] = sum;
		else facts.put(dst, UNKNOWN);
	} else if (form.name === "call_helper") {
		const value = origin(step, facts);
		// What this call gave before is another pointer than what it gives now.
		for (let r = 1; r < 10; r++) if (kinds[r] === MAYBE && facts.high[r] === slot) facts.put(r, UNKNOWN);
		if (value) facts.put(0, MAYBE, 0, slot);
		else facts.put(0, UNKNOWN);
	} else {
		// A function leaves in r1 … r5 what it had there.
		if (form.shape === "call_reg" || form.name === "call_function") for (let r = 1; r <= 5; r++) facts.put(r, UNKNOWN);
		const written = writeOf(step);
		if (written >= 0) facts.put(written, UNKNOWN);
	}
}

/** A branch on 0 tells of a pointer whether there is a value. `taken`: what is known where the branch leads. */
export function refine(facts: Facts, step: Step, taken: boolean, { sameValue }: Sources): void {
	const { form, dst, imm } = step;
	if ((form.name !== "jeq64_imm" && form.name !== "jne64_imm") || imm !== 0 || facts.kinds[dst] !== MAYBE) return;
	const isZero = (form.name === "jeq64_imm") === taken;
	const found = facts.high[dst]!;
	for (let r = 0; r < 10; r++)
		if (facts.kinds[r] === MAYBE && facts.high[r] === found) {
			if (isZero) facts.put(r, CONSTANT, 0, 0);
			else facts.put(r, VALUE, 0, sameValue(found));
		}
}

/** Facts at the beginning of each block that can be reached. */
export function factsOf(
	graph: Graph,
	flow: Flow,
	stepsOf: (block: number) => readonly Step[],
	sources: Sources,
): FactsTable {
	const { blocks } = graph;
	const table = {
		words: new Int32Array(blocks.length * 3 * REGISTERS),
		reached: new Uint8Array(blocks.length),
	};
	const now = new Facts();
	const edge = new Facts();
	const waiting = new Uint8Array(blocks.length);
	const arrive = (facts: Facts, block: number | undefined): void => {
		if (block !== undefined && block !== OUTSIDE && facts.meet(table, block)) waiting[block] = 1;
	};
	arrive(now, 0);
	while (waiting.includes(1))
		for (const index of flow.order) {
			if (waiting[index] === 0) continue;
			waiting[index] = 0;
			now.take(table, index);
			const steps = stepsOf(index);
			for (const step of steps) advance(now, step, sources);
			const { next, taken } = blocks[index]!;
			const last = steps.at(-1)!;
			if (next === undefined || taken === undefined || next === taken) {
				arrive(now, next ?? taken);
				continue;
			}
			edge.copy(now);
			refine(edge, last, true, sources);
			refine(now, last, false, sources);
			arrive(edge, taken);
			arrive(now, next);
		}
	return table;
}
