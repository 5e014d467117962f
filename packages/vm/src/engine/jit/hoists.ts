import type { Flow } from "@skep/bpf/cfg";
import { advance } from "./analysis.ts";
import { CHECKED, Facts, type FactsTable, ORIGIN } from "./facts.ts";
import type { Step } from "./forms.ts";
import { FARTHEST } from "./groups.ts";
import type { Values } from "./translation.ts";

/** A comparison that is made before a loop, for all that its accesses may reach from one address. */
export interface Hoist {
	/** Holds that address where the loop begins. */
	readonly register: number;
	/** Bytes from there on, the last one not among them. */
	low: number;
	high: number;
	readonly writes: boolean;
}

export interface Hoists {
	/** By the block that heads the loop. */
	readonly before: ReadonlyMap<number, readonly Hoist[]>;
	/** By the slot of an access: what has been compared where the comparison held. Where not, it is compared as ever. */
	readonly of: ReadonlyMap<number, Hoist>;
}

const CALLS: ReadonlySet<string> = new Set(["call", "call_reg", "packet"]);

/**
 * Accesses in loops at an address that stays and a number that has bounds: all that they may reach is compared once, before
 * the loop. Only where nothing in it may change the regions.
 */
export function hoistsOf(flow: Flow, steps: readonly (readonly Step[])[], facts: FactsTable, values: Values): Hoists {
	const before = new Map<number, Hoist[]>();
	const of = new Map<number, Hoist>();
	const { groups } = values;
	const loops = flow.loops.filter(({ blocks }) => !blocks.some((b) => steps[b]!.some((s) => CALLS.has(s.form.shape))));
	if (!groups || !flow.reducible || loops.length === 0) return { before, of };
	loops.sort((a, b) => b.blocks.length - a.blocks.length);
	const blockOf = new Map<number, number>();
	for (const [block, own] of steps.entries()) for (const { slot } of own) blockOf.set(slot, block);
	const found = new Map<string, Hoist>();
	const now = new Facts();
	const head = new Facts();
	const consider = (step: Step, block: number): void => {
		const writes = step.form.shape === "store_imm" || step.form.shape === "store_reg";
		if (!writes && step.form.shape !== "load") return;
		const base = writes ? step.dst : step.src;
		const kind = now.kinds[base]!;
		if ((kind !== ORIGIN && kind !== CHECKED) || now.step[base] === 0) return;
		const id = now.high[base]!;
		for (const { header, blocks } of loops) {
			if (!blocks.includes(block) || blocks.includes(blockOf.get(id) ?? -1)) continue;
			head.take(facts, header);
			const register = head.kinds.findIndex((each, r) => each === kind && head.high[r] === id && head.step[r] === 0);
			if (register < 0) continue;
			const extent = groups.extentOf(step);
			const low = now.low[base]! + extent.low - head.low[register]!;
			const high = now.top[base]! + extent.high - head.low[register]!;
			if (low < -FARTHEST || high > FARTHEST) return;
			const key = `${header} ${register} ${writes}`;
			let one = found.get(key);
			if (!one) {
				one = { register, low, high, writes };
				found.set(key, one);
				before.set(header, [...(before.get(header) ?? []), one]);
			}
			one.low = Math.min(one.low, low);
			one.high = Math.max(one.high, high);
			of.set(step.slot, one);
			return;
		}
	};
	for (const block of flow.order) {
		if (!loops.some(({ blocks }) => blocks.includes(block))) continue;
		now.take(facts, block);
		for (const step of steps[block]!) {
			consider(step, block);
			advance(now, step, values);
		}
	}
	return { before, of };
}
