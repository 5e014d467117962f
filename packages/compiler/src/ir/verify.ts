import { successors } from "./builder.ts";
import { formatInst, formatTerminator } from "./format.ts";
import { analyseGraph } from "./graph.ts";
import type { Block, Func, Inst } from "./ir.ts";

const ARITY: Partial<Record<Inst["op"], readonly [number, number]>> = {
	param: [0, 0],
	const: [0, 0],
	binary: [2, 2],
	extend: [1, 1],
	truncate: [1, 1],
	swap: [1, 1],
	compare: [2, 2],
	load: [1, 1],
	store: [2, 2],
	atomic: [2, 3],
	slot: [0, 0],
	offset: [1, 2],
	map: [0, 0],
	global: [0, 0],
	core: [0, 0],
	zero: [1, 1],
	copy: [2, 2],
};

/**
 * What is structurally wrong with a function: edges and predecessors, phis, definitions that do not dominate their
 * uses, arity, widths. Empty: valid. An operand is taken modulo its operation's width, so a 64-bit operand of a
 * 32-bit operation is right; a phi's operands must have its width or fewer bits.
 */
export function verifyFunc(func: Func): string[] {
	const found: string[] = [];
	const graph = analyseGraph(func);
	const blocks = new Set(func.blocks);
	const home = new Map<Inst, { block: Block; at: number }>();
	const ids = new Set<number>();
	if (func.entry.predecessors.length > 0) found.push("the entry has predecessors");
	for (const b of func.blocks) {
		if (!graph.index.has(b)) found.push(`b${b.id} cannot be reached`);
		if (!b.terminator) found.push(`b${b.id} has no terminator`);
		for (const s of successors(b.terminator)) {
			if (!blocks.has(s)) found.push(`b${b.id} goes to b${s.id}, which is not in the function`);
			if (s.predecessors.filter((p) => p === b).length !== 1)
				found.push(`b${s.id} does not list b${b.id} as predecessor once`);
		}
		for (const p of b.predecessors)
			if (!successors(p.terminator).includes(b)) found.push(`b${b.id} lists b${p.id}, which does not go there`);
		[...b.phis, ...b.insts].forEach((i, at) => {
			if (home.has(i)) found.push(`%${i.id} stands twice`);
			if (ids.has(i.id)) found.push(`the id %${i.id} is used twice`);
			ids.add(i.id);
			home.set(i, { block: b, at: i.op === "phi" ? -1 : at });
			if (i.block !== b) found.push(`%${i.id} stands in b${b.id} and says b${i.block.id}`);
			if ((i.op === "phi") !== at < b.phis.length) found.push(`%${i.id}: phis and instructions are mixed`);
		});
	}
	const usable = (value: Inst, block: Block, at: number, by: string): void => {
		const h = home.get(value);
		if (!h) found.push(`${by}: %${value.id} is in no block`);
		else if (h.block === block ? h.at >= at && !(h.at === -1) : !graph.dominates(h.block, block))
			found.push(`${by}: %${value.id} does not dominate this`);
	};
	for (const b of func.blocks) {
		for (const phi of b.phis) {
			if (phi.args.length !== b.predecessors.length)
				found.push(`${formatInst(phi)}: ${phi.args.length} operands, ${b.predecessors.length} predecessors`);
			phi.args.forEach((a, k) => {
				const p = b.predecessors[k];
				if (p) usable(a, p, Number.POSITIVE_INFINITY, formatInst(phi));
			});
		}
		b.insts.forEach((i, at) => {
			for (const a of i.args) usable(a, b, at + b.phis.length, formatInst(i));
			const message = wrong(i);
			if (message) found.push(`${formatInst(i)}: ${message}`);
		});
		const t = b.terminator;
		if (t && "args" in t) for (const a of t.args) usable(a, b, Number.POSITIVE_INFINITY, formatTerminator(t));
	}
	return found;
}

function wrong(i: Inst): string | undefined {
	const arity = ARITY[i.op];
	if (arity && (i.args.length < arity[0] || i.args.length > arity[1])) return `${i.args.length} operands`;
	if (i.op === "const" && i.value !== BigInt.asUintN(i.width, i.value))
		return "the constant is not wrapped to its width";
	if (i.op === "load" && i.size === 8 && i.width !== 64) return "an 8-byte load has 64 bits";
	if (i.op === "extend" && i.from === 32 && i.width === 32) return "nothing is extended";
	if (i.op === "truncate" && i.width !== 32) return "a truncated value has 32 bits";
	if (i.op === "call" && i.args.length > 5) return "more than five arguments";
	return undefined;
}
