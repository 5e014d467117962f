import { type Flow, type Graph, OUTSIDE } from "@skep/bpf/cfg";
import { CHECKED, CONSTANT, Facts, type FactsTable, MAYBE, SIZE, UNKNOWN, VALUE, type ValueFact } from "./facts.ts";
import { type Step, writeOf } from "./forms.ts";
import { compare, compute, loaded } from "./ranges.ts";

/** What an instruction leaves in the register that it writes, beyond arithmetic: results of calls, addresses of values. */
export type Origin = (step: Step, facts: Facts) => ValueFact | undefined;

/** What facts come from besides arithmetic. */
export interface Sources {
	readonly origin: Origin;
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
	const { form, dst, imm, high, slot } = step;
	// It stays what it is: see `Emitter.set`.
	if (writeOf(step) === 10) return;
	switch (form.shape) {
		case "wide": {
			const value = origin(step, facts);
			if (value) facts.put(dst, VALUE, value.offset ?? 0, value.alike);
			else facts.put(dst, form.name === "ld_imm64" ? CONSTANT : UNKNOWN, imm, high);
			return;
		}
		case "alu_imm":
		case "alu_reg":
			compute(facts, step);
			return;
		case "load":
			loaded(facts, step);
			return;
		case "call":
		case "call_reg": {
			// A function leaves in r1 … r5 what it had there.
			if (form.name !== "call_helper" && form.name !== "call_kfunc") for (let r = 1; r <= 5; r++) facts.put(r, UNKNOWN);
			const value = form.name === "call_helper" ? origin(step, facts) : undefined;
			if (!value) {
				facts.put(0, UNKNOWN);
				return;
			}
			// What it gave before is not what it gives now.
			for (let r = 0; r < 10; r++) if (facts.kinds[r] === MAYBE && facts.high[r] === slot) facts.high[r] = -1;
			facts.put(0, MAYBE, value.alike, slot);
			return;
		}
		default: {
			const written = writeOf(step);
			if (written >= 0) facts.put(written, UNKNOWN);
		}
	}
}

/** What a branch tells. `taken`: what is known where it leads. */
export function refine(facts: Facts, step: Step, taken: boolean): void {
	const { form, dst, imm } = step;
	if (form.shape !== "jump_imm" && form.shape !== "jump_reg") return;
	if (facts.kinds[dst] !== MAYBE) {
		compare(facts, step, taken);
		return;
	}
	if ((form.name !== "jeq64_imm" && form.name !== "jne64_imm") || imm !== 0) return;
	// Of a pointer, whether there is a value.
	const isZero = (form.name === "jeq64_imm") === taken;
	const found = facts.high[dst]!;
	for (let r = 0; r < 10; r++) {
		if (facts.kinds[r] !== MAYBE || (r !== dst && (found === -1 || facts.high[r] !== found))) continue;
		if (isZero) facts.put(r, CONSTANT, 0, 0);
		else facts.put(r, VALUE, 0, facts.low[r]!);
	}
}

/** What numbers in loops may end at. */
function boundsOf(graph: Graph, stepsOf: (block: number) => readonly Step[]): number[] {
	const found = new Set<number>([0]);
	for (let block = 0; block < graph.blocks.length; block++) {
		const last = stepsOf(block).at(-1);
		if (last?.form.shape !== "jump_imm" || Math.abs(last.imm) > 0x7fff_fffe) continue;
		for (const bound of [last.imm - 1, last.imm, last.imm + 1]) found.add(bound);
	}
	return [...found].sort((a, b) => a - b);
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
		words: new Int32Array(blocks.length * SIZE),
		reached: new Uint8Array(blocks.length),
		headers: new Uint8Array(blocks.length),
		bounds: flow.loops.length > 0 || !flow.reducible ? boundsOf(graph, stepsOf) : [],
	};
	if (flow.reducible) for (const { header } of flow.loops) table.headers[header] = 1;
	else table.headers.fill(1);
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
			refine(edge, last, true);
			refine(now, last, false);
			arrive(edge, taken);
			arrive(now, next);
		}
	return table;
}
