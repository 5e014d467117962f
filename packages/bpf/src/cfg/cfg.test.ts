import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Instruction, insn, parse } from "#isa";
import { flowOf, functionEntries, type Graph, graphOf, listing, OUTSIDE, successors } from "./index.ts";

const graph = (text: string, entry = 0) => graphOf(listing(text.split("; ").map(parse)), entry);
const shape = ({ blocks }: Graph) => blocks.map((b) => [b.slot, b.taken, b.next]);

test("blocks begin where jumps lead and where they end", () => {
	const g = graph("r1 = 3; r1 += -1; if r1 != 0 goto -2; r2 = 0x1 ll; if r2 == 0 goto +1; r1 = 1; exit");
	assert.deepEqual(shape(g), [
		[0, undefined, 1],
		[1, 1, 2],
		[3, 4, 3],
		[6, undefined, 4],
		[7, undefined, undefined],
	]);
	assert.deepEqual(g.blocks[1]!.predecessors, [0, 1]);
	assert.deepEqual(g.blocks.map(successors), [[1], [2, 1], [3, 4], [4], []]);
});

test("what cannot be reached has no block; what leads nowhere says so", () => {
	assert.deepEqual(shape(graph("goto +1; r0 = 1; r0 = 2; exit")), [
		[0, 1, undefined],
		[2, undefined, undefined],
	]);
	assert.deepEqual(shape(graph("if r1 == 0 goto +9; r0 = 1")), [
		[0, OUTSIDE, 1],
		[1, undefined, OUTSIDE],
	]);
	assert.deepEqual(shape(graph("goto +1; r1 = 0x1 ll; exit")), [[0, OUTSIDE, undefined]]);
	assert.throws(() => graph("r1 = 0x1 ll; exit", 1), RangeError);
});

test("functions are split at calls and at addresses taken, and may lie in any order", () => {
	const list = listing("call pc+2; r1 = code_addr(3) ll; exit; r0 = 1; exit; r0 = 2; exit".split("; ").map(parse));
	assert.deepEqual(functionEntries(list), [0, 3, 5]);
	assert.deepEqual(shape(graphOf(list, 5)), [[5, undefined, undefined]]);
	// A loop back to before the entry: the entry is block 0 all the same.
	assert.deepEqual(shape(graph("r0 = 1; if r1 == 0 goto -2; exit", 1)), [
		[1, 1, 2],
		[0, undefined, 0],
		[2, undefined, undefined],
	]);
});

test("order, dominators and loops", () => {
	const g = graph(
		"if r1 == 0 goto +2; r2 = 1; goto +1; r2 = 2; r3 = 4; r3 += -1; if r3 == 2 goto -2; if r3 != 0 goto -4; exit",
	);
	const flow = flowOf(g);
	assert.equal(flow.order[0], 0);
	assert.equal(flow.reducible, true);
	const bySlot = (slot: number) => g.blocks.findIndex((b) => b.slot === slot);
	const dominatorOf = (slot: number) => g.blocks[flow.dominator[bySlot(slot)]!]!.slot;
	assert.deepEqual([1, 3, 4, 5, 7, 8].map(dominatorOf), [0, 0, 0, 4, 5, 7]);
	assert.deepEqual(
		flow.loops.map(({ header, blocks }) => [g.blocks[header]!.slot, blocks.map((b) => g.blocks[b]!.slot)]),
		[
			[4, [4, 5, 7]],
			[5, [5]],
		],
	);
	assert.equal(flowOf(graph("if r1 == 0 goto +1; r1 += 1; r1 += 2; if r1 != 9 goto -3; exit")).reducible, false);
});

test("a chain of a hundred thousand branches is no deeper than the machine", () => {
	const insns: Instruction[] = [];
	for (let i = 0; i < 100_000; i++) insns.push(insn.jump("eq", 64, 1, { imm: i }, 0));
	insns.push(insn.exit());
	const flow = flowOf(graphOf(listing(insns), 0));
	assert.equal(flow.order.length, 100_001);
	assert.equal(flow.dominator[100_000], 99_999);
});

/** Whether every way from the entry to `to` leads through `over`: nothing reaches it when that one is closed. */
function leadsThrough({ blocks }: Graph, over: number, to: number): boolean {
	const seen = new Set(over === 0 ? [] : [0]);
	const work = [...seen];
	while (work.length > 0)
		for (const next of successors(blocks[work.pop()!]!))
			if (next !== over && !seen.has(next)) {
				seen.add(next);
				work.push(next);
			}
	return !seen.has(to);
}

test("dominators are what they say, of any graph; every block comes after its dominator", () => {
	const step = fc.tuple(fc.constantFrom("jump", "goto", "move"), fc.integer({ min: -12, max: 12 }));
	fc.assert(
		fc.property(fc.array(step, { maxLength: 24 }), (steps) => {
			const insns = steps.map(([kind, distance]) =>
				kind === "move"
					? insn.mov(64, 1, { imm: 1 })
					: kind === "goto"
						? parse(`goto ${distance < 0 ? distance : `+${distance}`}`)
						: insn.jump("eq", 64, 1, { imm: 0 }, distance),
			);
			const g = graphOf(listing([...insns, insn.exit()]), 0);
			const flow = flowOf(g);
			for (const block of flow.order) {
				if (block === 0) continue;
				const above = flow.dominator[block]!;
				assert.ok(flow.position[above]! < flow.position[block]!);
				for (const other of flow.order) {
					let up = block;
					while (up !== 0 && up !== other) up = flow.dominator[up]!;
					assert.equal(up === other, other === block || leadsThrough(g, other, block), `${other} over ${block}`);
				}
			}
		}),
	);
});
