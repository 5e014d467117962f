import type { Func, Inst } from "#ir";

/** How often each value is an operand, of instructions, phis and terminators. */
export function countUses(func: Func): Map<Inst, number> {
	const uses = new Map<Inst, number>();
	const add = (a: Inst): void => void uses.set(a, (uses.get(a) ?? 0) + 1);
	for (const b of func.blocks) {
		for (const i of b.phis) for (const a of i.args) add(a);
		for (const i of b.insts) for (const a of i.args) add(a);
		const t = b.terminator;
		if (t && "args" in t) for (const a of t.args) add(a);
	}
	return uses;
}

/** Whether an instruction only computes its result: it may be dropped where nobody reads it. */
export const isPure = (i: Inst): boolean =>
	i.op !== "store" &&
	i.op !== "atomic" &&
	i.op !== "call" &&
	i.op !== "zero" &&
	i.op !== "copy" &&
	!(i.op === "load" && i.shared);
