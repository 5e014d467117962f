import type { Func, Inst } from "#ir";
import { isPure } from "./uses.ts";

/** Drops pure instructions and phis that nothing with an effect depends on. Returns their number. */
export function removeDeadCode(func: Func): number {
	const live = new Set<Inst>();
	const work: Inst[] = [];
	const need = (i: Inst): void => {
		if (live.has(i)) return;
		live.add(i);
		work.push(i);
	};
	for (const b of func.blocks) {
		for (const i of b.insts) if (!isPure(i) || i.op === "param") need(i);
		const t = b.terminator;
		if (t && "args" in t) t.args.forEach(need);
	}
	for (let i = work.pop(); i; i = work.pop()) i.args.forEach(need);
	let removed = 0;
	const keep = (i: Inst): boolean => {
		if (live.has(i)) return true;
		removed++;
		return false;
	};
	for (const b of func.blocks) {
		b.phis = b.phis.filter(keep);
		b.insts = b.insts.filter(keep);
	}
	return removed;
}
