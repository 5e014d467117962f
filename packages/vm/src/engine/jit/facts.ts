import { type Flow, type Graph, OUTSIDE } from "@skep/bpf/cfg";
import { type Step, writeOf } from "./forms.ts";

/** What is known of a register before an instruction, on every way there. */
export const UNKNOWN = 0;
/** It holds `low` and `high`. */
export const CONSTANT = 1;
/** It points `low` bytes above r10. */
export const STACK = 2;
/** It points `low` bytes into the value that the instruction at slot `high` found. */
export const VALUE = 3;
/** It is 0 or points to the beginning of that value. */
export const MAYBE = 4;

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
	readonly kinds = new Uint8Array(REGISTERS);
	readonly low = new Int32Array(REGISTERS);
	readonly high = new Int32Array(REGISTERS);

	constructor() {
		this.put(10, STACK, 0);
	}
	put(register: number, kind: number, low = 0, high = 0): void {
		this.kinds[register] = kind;
		this.low[register] = low;
		this.high[register] = high;
	}
	copy(from: Facts): void {
		this.kinds.set(from.kinds);
		this.low.set(from.low);
		this.high.set(from.high);
	}
	/** Keeps what both know; whether anything was lost. */
	meet(other: Facts): boolean {
		let changed = false;
		for (let r = 0; r < 10; r++) {
			if (this.kinds[r] === UNKNOWN) continue;
			if (this.kinds[r] === other.kinds[r] && this.low[r] === other.low[r] && this.high[r] === other.high[r]) continue;
			this.put(r, UNKNOWN);
			changed = true;
		}
		return changed;
	}
}

/** What an instruction leaves in the register that it writes, beyond arithmetic: results of calls, addresses of values. */
export type Origin = (step: Step, facts: Facts) => ValueFact | undefined;

/** Changes `facts` as an instruction does. */
export function advance(facts: Facts, step: Step, origin: Origin): void {
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
	else if (form.name === "add64_imm" && (kinds[dst] === STACK || kinds[dst] === VALUE)) {
		const sum = low[dst]! + imm;
		if (sum === (sum | 0)) low[dst] = sum;
		else facts.put(dst, UNKNOWN);
	} else if (form.name === "call_helper") {
		const value = origin(step, facts);
		if (value) facts.put(0, MAYBE, 0, slot);
		else facts.put(0, UNKNOWN);
	} else {
		const written = writeOf(step);
		if (written >= 0) facts.put(written, UNKNOWN);
	}
}

/** A branch on 0 tells of a pointer whether there is a value. `taken`: what is known where the branch leads. */
export function refine(facts: Facts, step: Step, taken: boolean): void {
	const { form, dst, imm } = step;
	if ((form.name !== "jeq64_imm" && form.name !== "jne64_imm") || imm !== 0 || facts.kinds[dst] !== MAYBE) return;
	const isZero = (form.name === "jeq64_imm") === taken;
	const found = facts.high[dst]!;
	for (let r = 0; r < 10; r++)
		if (facts.kinds[r] === MAYBE && facts.high[r] === found) {
			if (isZero) facts.put(r, CONSTANT, 0, 0);
			else facts.put(r, VALUE, 0, found);
		}
}

/** Facts at the beginning of each block that can be reached, by block. */
export function factsOf(
	graph: Graph,
	flow: Flow,
	stepsOf: (block: number) => readonly Step[],
	origin: Origin,
): Facts[] {
	const { blocks } = graph;
	const at: (Facts | undefined)[] = new Array(blocks.length).fill(undefined);
	at[0] = new Facts();
	const now = new Facts();
	const edge = new Facts();
	for (let changed = true; changed; ) {
		changed = false;
		for (const index of flow.order) {
			const before = at[index];
			if (!before) continue;
			now.copy(before);
			const steps = stepsOf(index);
			for (const step of steps) advance(now, step, origin);
			const block = blocks[index]!;
			for (const [to, taken] of [
				[block.next, false],
				[block.taken, true],
			] as const) {
				if (to === undefined || to === OUTSIDE) continue;
				edge.copy(now);
				if (block.taken !== block.next) refine(edge, steps.at(-1)!, taken);
				const known = at[to];
				if (!known) {
					const first = new Facts();
					first.copy(edge);
					// The entry's own facts are all that is known where a loop leads back to it.
					at[to] = first;
					changed = true;
				} else if (known.meet(edge)) changed = true;
			}
		}
	}
	return at as Facts[];
}
