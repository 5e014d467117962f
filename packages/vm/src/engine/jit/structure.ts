import { type Flow, type Graph, OUTSIDE } from "@skep/bpf/cfg";
import { OP } from "./opcodes.ts";
import type { Label, Writer } from "./writer.ts";

/**
 * Structured control flow of a graph by its dominator tree (N. Ramsey, Beyond Relooper, 2022): a block follows what
 * dominates it, loops open where they are headed, and what several ways lead to stands behind a block that they leave.
 * Kept on a list of what is still to be done, so that the graph may be of any depth.
 */
export interface BodyWriter {
	/** Before a loop is entered. */
	loop(header: number): void;
	/** Everything of a block but the jump at its end. */
	body(block: number): void;
	/** Pushes whether the block's jump is taken. */
	condition(block: number): void;
	/** Whether nothing has to be done on the way from a block to another. */
	isFree(from: number, to: number): boolean;
	/** On the way from a block to another, whichever it is. */
	goes(from: number, to: number): void;
	/** On the way to the following block, where the jump was not taken. */
	notTaken(block: number): void;
	/** Where a block leads to no instruction; `taken`: by its jump. */
	outside(block: number, taken: boolean): void;
}

type Work = { readonly kind: "tree" | "behind" | "fall"; readonly block: number } | { readonly kind: "end" };

export function writeStructured(graph: Graph, flow: Flow, w: Writer, writer: BodyWriter): void {
	const { blocks } = graph;
	const { order, position, dominator } = flow;
	const isHeader = new Uint8Array(blocks.length);
	for (const { header } of flow.loops) isHeader[header] = 1;
	const isMerged = new Uint8Array(blocks.length);
	for (const block of order) {
		const ways = blocks[block]!.predecessors.filter((from) => position[from]! < position[block]!).length;
		isMerged[block] = ways > 1 ? 1 : 0;
	}
	// Of each block, those behind it that it dominates and that several ways lead to: the last one first.
	const merged: number[][] = blocks.map(() => []);
	for (let i = order.length - 1; i > 0; i--) {
		const block = order[i]!;
		if (isMerged[block]) merged[dominator[block]!]!.push(block);
	}
	const behind: Label[] = [];
	const loops: Label[] = [];
	const work: Work[] = [{ kind: "tree", block: 0 }];

	/** Label that a way from `from` to `to` branches to; undefined: `to` stands right here. */
	const labelOf = (from: number, to: number): Label | undefined =>
		position[to]! <= position[from]! ? loops[to]! : isMerged[to] ? behind[to]! : undefined;
	const go = (from: number, to: number, taken: boolean): void => {
		if (to === OUTSIDE) {
			writer.outside(from, taken);
			return;
		}
		writer.goes(from, to);
		const label = labelOf(from, to);
		if (label === undefined) work.push({ kind: "tree", block: to });
		else w.branch(OP.br, label);
	};
	const leave = (index: number): void => {
		const { taken, next } = blocks[index]!;
		if (taken === undefined) {
			if (next !== undefined) go(index, next, false);
		} else if (next === undefined) go(index, taken, true);
		else {
			writer.condition(index);
			const label = taken === OUTSIDE ? undefined : labelOf(index, taken);
			if (label !== undefined) {
				if (writer.isFree(index, taken)) {
					writer.goes(index, taken);
					w.branch(OP.br_if, label);
				} else {
					w.open(OP.if);
					go(index, taken, true);
					w.end();
				}
				writer.notTaken(index);
				go(index, next, false);
				return;
			}
			w.open(OP.if);
			work.push({ kind: "fall", block: index }, { kind: "end" });
			go(index, taken, true);
		}
	};

	for (;;) {
		const one = work.pop();
		if (!one) return;
		switch (one.kind) {
			case "end":
				w.end();
				break;
			case "behind":
				w.end();
				work.push({ kind: "tree", block: one.block });
				break;
			case "fall":
				writer.notTaken(one.block);
				go(one.block, blocks[one.block]!.next!, false);
				break;
			case "tree":
				if (isHeader[one.block]) {
					writer.loop(one.block);
					loops[one.block] = w.open(OP.loop);
					work.push({ kind: "end" });
				}
				for (const block of merged[one.block]!) {
					behind[block] = w.open(OP.block);
					work.push({ kind: "behind", block });
				}
				writer.body(one.block);
				leave(one.block);
				break;
		}
	}
}

/** Any graph, irreducible ones too: a loop around a table of all blocks, with the number of the next one in a local. */
export function writeDispatched(graph: Graph, w: Writer, next: number, writer: BodyWriter): void {
	const { blocks } = graph;
	const loop = w.open(OP.loop);
	const labels = blocks.map(() => w.open(OP.block)).reverse();
	w.get(next);
	w.table(labels);
	const go = (from: number, to: number, taken: boolean): void => {
		if (to === OUTSIDE) writer.outside(from, taken);
		else {
			w.i32(to);
			w.set(next);
			w.branch(OP.br, loop);
		}
	};
	for (const [index, block] of blocks.entries()) {
		w.end();
		writer.body(index);
		if (block.taken === undefined) {
			if (block.next !== undefined) go(index, block.next, false);
		} else if (block.next === undefined) go(index, block.taken, true);
		else {
			writer.condition(index);
			w.open(OP.if);
			go(index, block.taken, true);
			w.end();
			writer.notTaken(index);
			go(index, block.next, false);
		}
	}
	w.end();
}
