import { successors } from "./builder.ts";
import type { Block, Func } from "./ir.ts";

/** Facts about a function's graph that hold until a block or an edge changes. */
export interface Graph {
	/** Reverse postorder from the entry: a block stands after its dominators. */
	readonly order: readonly Block[];
	/** Place in `order`. */
	readonly index: ReadonlyMap<Block, number>;
	/** The entry's is the entry itself. */
	readonly dominator: ReadonlyMap<Block, Block>;
	/** Number of natural loops around a block. */
	readonly depth: ReadonlyMap<Block, number>;
	/** Headers of natural loops with all blocks of the loop. */
	readonly loops: ReadonlyMap<Block, ReadonlySet<Block>>;
	dominates(a: Block, b: Block): boolean;
}

/** Reverse postorder. The way that a branch calls likely (else the `then` way) is visited last, so that it comes first. */
export function reversePostorder(func: Func): Block[] {
	const seen = new Set<Block>([func.entry]);
	const post: Block[] = [];
	const stack: { block: Block; next: Block[] }[] = [{ block: func.entry, next: waysOf(func.entry) }];
	while (stack.length > 0) {
		const top = stack[stack.length - 1]!;
		const next = top.next.pop();
		if (!next) {
			post.push(top.block);
			stack.pop();
		} else if (!seen.has(next)) {
			seen.add(next);
			stack.push({ block: next, next: waysOf(next) });
		}
	}
	return post.reverse();
}

function waysOf(block: Block): Block[] {
	const t = block.terminator;
	const ways = successors(t);
	// Popped from the end: the last of the list is walked first and so ends up later in the order.
	return t?.op === "branch" && t.likely === false ? ways.reverse() : ways;
}

/** Dominators by the iteration of Cooper, Harvey and Kennedy (2001), natural loops from back edges. */
export function analyseGraph(func: Func): Graph {
	const order = reversePostorder(func);
	const index = new Map(order.map((b, i) => [b, i]));
	const idom = new Array<number>(order.length).fill(-1);
	idom[0] = 0;
	for (let changed = true; changed; ) {
		changed = false;
		for (let i = 1; i < order.length; i++) {
			let best = -1;
			for (const p of order[i]!.predecessors) {
				let a = index.get(p);
				if (a === undefined || idom[a] === -1) continue;
				if (best === -1) {
					best = a;
					continue;
				}
				let b = best;
				while (a !== b) {
					while (a > b) a = idom[a]!;
					while (b > a) b = idom[b]!;
				}
				best = a;
			}
			if (idom[i] !== best) {
				idom[i] = best;
				changed = true;
			}
		}
	}
	const dominates = (a: Block, b: Block): boolean => {
		const ia = index.get(a);
		let ib = index.get(b);
		if (ia === undefined || ib === undefined) return false;
		while (ib > ia) ib = idom[ib]!;
		return ia === ib;
	};
	const loops = new Map<Block, Set<Block>>();
	for (const b of order)
		for (const header of successors(b.terminator)) {
			if (!dominates(header, b)) continue;
			let body = loops.get(header);
			if (!body) {
				body = new Set([header]);
				loops.set(header, body);
			}
			const work = [b];
			for (let x = work.pop(); x; x = work.pop()) {
				if (body.has(x)) continue;
				body.add(x);
				work.push(...x.predecessors);
			}
		}
	const depth = new Map<Block, number>();
	for (const b of order) {
		let n = 0;
		for (const body of loops.values()) if (body.has(b)) n++;
		depth.set(b, n);
	}
	return { order, index, dominator: new Map(order.map((b, i) => [b, order[idom[i]!]!])), depth, loops, dominates };
}
