import type { Block, Func, Graph, Inst } from "#ir";

/**
 * Where constants that need an instruction of their own (and two slots) are made: in the block that dominates all
 * uses and stands in the fewest loops.
 */
export class Placement {
	readonly #home = new Map<Inst, Block>();
	readonly #atEnd = new Map<Block, Inst[]>();

	/** `needs(value, user)`: whether this user wants the value in a register; user undefined: a terminator. */
	constructor(func: Func, graph: Graph, needs: (value: Inst, user: Inst | undefined) => boolean) {
		const uses = new Map<Inst, Set<Block>>();
		const add = (value: Inst, block: Block, user: Inst | undefined): void => {
			if ((value.op !== "const" && value.op !== "global" && value.op !== "slot") || !needs(value, user)) return;
			let s = uses.get(value);
			if (!s) {
				s = new Set();
				uses.set(value, s);
			}
			s.add(block);
		};
		for (const b of func.blocks) {
			for (const phi of b.phis) for (const [k, a] of phi.args.entries()) add(a, b.predecessors[k]!, phi);
			for (const i of b.insts) for (const a of i.args) add(a, b, i);
			const t = b.terminator;
			if (t && "args" in t) for (const a of t.args) add(a, b, undefined);
		}
		for (const [value, blocks] of uses) {
			let home: Block | undefined;
			for (const b of blocks) home = home ? common(graph, home, b) : b;
			for (let b = home!; ; b = graph.dominator.get(b)!) {
				if (graph.depth.get(b)! < graph.depth.get(home!)!) home = b;
				if (b === func.entry) break;
			}
			this.#home.set(value, home!);
			// A block that wants the value makes it at its first use, others at their end.
			if (!blocks.has(home!)) {
				const list = this.#atEnd.get(home!) ?? [];
				list.push(value);
				this.#atEnd.set(home!, list);
			}
		}
	}

	homeOf(value: Inst): Block | undefined {
		return this.#home.get(value);
	}

	atEnd(block: Block): readonly Inst[] {
		return this.#atEnd.get(block) ?? [];
	}
}

function common(graph: Graph, a: Block, b: Block): Block {
	let x = a;
	let y = b;
	while (x !== y) {
		if (graph.index.get(x)! > graph.index.get(y)!) x = graph.dominator.get(x)!;
		else y = graph.dominator.get(y)!;
	}
	return x;
}
