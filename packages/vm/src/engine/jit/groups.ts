import { CHECKED, type Facts, ORIGIN, RANGE, STACK, UNKNOWN, VALUE } from "./facts.ts";
import type { Step } from "./forms.ts";

/** Bytes around what a register points to that one comparison covers: from `low` to `high`, the last one not among them. */
interface Extent {
	low: number;
	high: number;
}

interface Group extends Extent {
	readonly block: number;
	/** Compared with what may be written. */
	readonly writes: boolean;
}

/** Far more than a packet's headers; sums of distances stay small. */
export const FARTHEST = 1 << 14;

/**
 * Comparisons of accesses that stand for others: the first access by a register in a block compares for all that come
 * after it in the block, as nothing but a fault is between; and later blocks profit where no call is between. Where the
 * whole is in no region, the interpreter finds out which access is the one that fails.
 */
export class Groups {
	/** By the slot of the access that compares. */
	readonly #groups = new Map<number, Group>();
	readonly #blockOf: Int32Array;
	#isFrozen = false;

	constructor(steps: readonly (readonly Step[])[], slots: number) {
		this.#blockOf = new Int32Array(slots);
		for (const [block, own] of steps.entries()) for (const { slot } of own) this.#blockOf[slot] = block;
	}

	/** From now on comparisons cover what they cover. */
	freeze(): void {
		this.#isFrozen = true;
	}

	/** What the access at a slot compares for. */
	extentOf({ slot, second, form }: Step): Extent {
		return this.#groups.get(slot) ?? { low: second, high: second + form.size };
	}

	/** Whether `size` bytes at [register + offset] were compared before. */
	covers(facts: Facts, register: number, offset: number, size: number, writes: boolean): boolean {
		if (facts.kinds[register] !== CHECKED) return false;
		const group = this.#groups.get(facts.high[register]!);
		const at = facts.low[register]! + offset;
		const end = facts.top[register]! + offset + size;
		return group !== undefined && at >= group.low && end <= group.high && (group.writes || !writes);
	}

	/** After a load or store: what is known of the register that it went by. */
	note(step: Step, facts: Facts): void {
		const { form, second, slot } = step;
		const writes = form.shape === "store_imm" || form.shape === "store_reg";
		if (!writes && form.shape !== "load") return;
		const register = writes ? step.dst : step.src;
		const kind = facts.kinds[register];
		if (register === 10 || kind === STACK || kind === VALUE) return;
		if (kind === CHECKED && this.#extend(facts, register, second, form.size, writes, this.#blockOf[slot]!)) return;
		if (kind !== CHECKED && kind !== UNKNOWN && kind !== RANGE && kind !== ORIGIN) return;
		if (!this.#groups.has(slot))
			this.#groups.set(slot, { low: second, high: second + form.size, block: this.#blockOf[slot]!, writes });
		// Where something else pointed when this access ran before.
		for (let r = 0; r < 10; r++) if (facts.kinds[r] === CHECKED && facts.high[r] === slot) facts.put(r, UNKNOWN);
		facts.put(register, CHECKED, 0, slot);
	}

	#extend(facts: Facts, register: number, offset: number, size: number, writes: boolean, block: number): boolean {
		if (this.covers(facts, register, offset, size, writes)) return true;
		const group = this.#groups.get(facts.high[register]!);
		const at = facts.low[register]! + offset;
		// Of numbers that it may add, those that it does add are not known.
		if (facts.step[register] !== 0) return false;
		if (this.#isFrozen || !group || group.block !== block || (writes && !group.writes)) return false;
		if (Math.abs(at) > FARTHEST) return false;
		group.low = Math.min(group.low, at);
		group.high = Math.max(group.high, at + size);
		return true;
	}
}
