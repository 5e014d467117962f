import { type Graph, successors } from "./graph.ts";

/** A natural loop: the blocks that lead back to `header` without leaving through it. */
export interface Loop {
	readonly header: number;
	/** Sorted; the header is one of them. */
	readonly blocks: readonly number[];
}

/** How control flows through a graph. Everything is by block number. */
export interface Flow {
	/** Blocks in reverse post order: each before all that it leads to, but for ways back. */
	readonly order: readonly number[];
	/** A block's place in `order`. */
	readonly position: Int32Array;
	/** The block's immediate dominator: the last one through which every way to it leads. The entry's is itself. */
	readonly dominator: Int32Array;
	/** By header, in `order`; loops that share a header are one. Without those of irreducible parts. */
	readonly loops: readonly Loop[];
	/** Whether every way back leads to a block that dominates where it comes from: loops have one way in. */
	readonly reducible: boolean;
}

/** Works for graphs of any depth: nothing here recurses. */
export function flowOf(graph: Graph): Flow {
	const order = reversePostOrder(graph);
	const position = new Int32Array(graph.blocks.length);
	for (const [place, block] of order.entries()) position[block] = place;
	const dominator = dominators(graph, order, position);
	const back = new Map<number, number[]>();
	let reducible = true;
	for (const block of order)
		for (const to of successors(graph.blocks[block]!)) {
			if (position[to]! > position[block]!) continue;
			if (!dominates(dominator, position, to, block)) reducible = false;
			else if (back.has(to)) back.get(to)!.push(block);
			else back.set(to, [block]);
		}
	const loops = order.filter((block) => back.has(block)).map((header) => loopOf(graph, header, back.get(header)!));
	return { order, position, dominator, loops, reducible };
}

function reversePostOrder(graph: Graph): number[] {
	const { blocks } = graph;
	const seen = new Uint8Array(blocks.length);
	const order: number[] = [];
	// The way from the entry, and how many successors of each block on it were visited.
	const path = [0];
	const visited = [0];
	const ways = [successors(blocks[0]!)];
	seen[0] = 1;
	while (path.length > 0) {
		const top = path.length - 1;
		const to = ways[top]![visited[top]!++];
		if (to === undefined) {
			order.push(path.pop()!);
			visited.pop();
			ways.pop();
		} else if (seen[to] === 0) {
			seen[to] = 1;
			path.push(to);
			visited.push(0);
			ways.push(successors(blocks[to]!));
		}
	}
	return order.reverse();
}

/** The iterative algorithm of Cooper, Harvey and Kennedy (A Simple, Fast Dominance Algorithm, 2001). */
function dominators(graph: Graph, order: readonly number[], position: Int32Array): Int32Array {
	const dominator = new Int32Array(graph.blocks.length).fill(-1);
	dominator[0] = 0;
	for (let changed = true; changed; ) {
		changed = false;
		for (const block of order) {
			if (block === 0) continue;
			let found = -1;
			for (const from of graph.blocks[block]!.predecessors) {
				if (dominator[from] === -1) continue;
				found = found === -1 ? from : meet(dominator, position, from, found);
			}
			if (dominator[block] === found) continue;
			dominator[block] = found;
			changed = true;
		}
	}
	return dominator;
}

function meet(dominator: Int32Array, position: Int32Array, one: number, two: number): number {
	let a = one;
	let b = two;
	while (a !== b) {
		while (position[a]! > position[b]!) a = dominator[a]!;
		while (position[b]! > position[a]!) b = dominator[b]!;
	}
	return a;
}

function dominates(dominator: Int32Array, position: Int32Array, above: number, below: number): boolean {
	let block = below;
	while (position[block]! > position[above]!) block = dominator[block]!;
	return block === above;
}

function loopOf(graph: Graph, header: number, ends: readonly number[]): Loop {
	const inside = new Set([header]);
	const work = ends.filter((end) => end !== header);
	while (work.length > 0) {
		const block = work.pop()!;
		if (inside.has(block)) continue;
		inside.add(block);
		work.push(...graph.blocks[block]!.predecessors);
	}
	return { header, blocks: [...inside].sort((a, b) => a - b) };
}
