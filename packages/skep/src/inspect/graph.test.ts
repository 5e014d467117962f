// How programs are drawn: blocks as @skep/bpf/cfg finds them, arrows beside text, the layered picture.
import assert from "node:assert/strict";
import { test } from "node:test";
import { encode, insn } from "@skep/bpf/isa";
import fc from "fast-check";
import { jumpMargins } from "./arrows.ts";
import { blocksText } from "./blocks-text.ts";
import { programDrawing } from "./drawing.ts";
import { flowFunctions } from "./flow-graph.ts";
import { programGraph } from "./graph.ts";
import { layOut } from "./layers.ts";
import type { XlatedInsn } from "./xlated.ts";

const imm = (value: number) => ({ imm: value });

/** A loop, a branch into it, a call, and what only the kernel writes: a jump to a tail call. */
function program(): XlatedInsn[] {
	const list = [
		insn.mov(64, 6, imm(3)), // 0
		insn.jump("eq", 64, 1, imm(0), 3), // 1 → 5
		insn.alu("sub", 64, 6, imm(1)), // 2
		{ opcode: 0x85, dst: 0, src: 1, offset: 3, imm: 7 }, // 3: machine code is called by a number, 7 → 3+1+3
		insn.jump("ne", 64, 6, imm(0), -3), // 4 → 2
		insn.mov(64, 0, imm(0)), // 5
		insn.exit(), // 6
		{ opcode: 0xf5, dst: 0, src: 0, offset: 0, imm: 0 }, // 7: internal
		insn.exit(), // 8
	];
	const jumps: Readonly<Record<number, number>> = { 1: 5, 4: 2 };
	return list.map(
		(each, slot): XlatedInsn => ({
			slot,
			bytes: slot === 7 ? new Uint8Array(8) : encode([{ ...each, offset: each.opcode === 0x85 ? 0 : each.offset }]),
			insn: each,
			text: `i${slot} <"&>`,
			...(slot === 0 ? { proto: "int main(void):" } : {}),
			...(slot === 2 || slot === 3
				? { source: { text: "for (;;) \u001b[2J", file: "a.c", line: 2, column: slot } }
				: {}),
			jump: jumps[slot],
			...(slot === 3 ? { calls: 7 } : {}),
		}),
	);
}

test("functions and blocks: calls by number, internal instructions, ways back", () => {
	const [main, other, ...more] = flowFunctions(program());
	assert.equal(more.length, 0);
	assert.deepEqual([main!.title, other!.title], ["int main(void)", "function at 7"]);
	assert.deepEqual(
		main!.blocks.map(({ insns, ways, loop }) => [insns.map(({ slot }) => slot).join(), ways, loop]),
		[
			[
				"0,1",
				[
					{ to: 1, kind: "on", back: false },
					{ to: 2, kind: "jump", back: false },
				],
				false,
			],
			[
				"2,3,4",
				[
					{ to: 2, kind: "on", back: false },
					{ to: 1, kind: "jump", back: true },
				],
				true,
			],
			["5,6", [], false],
		],
	);
	assert.deepEqual(flowFunctions([]), []);
});

test("the graph for dot", () => {
	const text = programGraph(program());
	assert.match(text, /block_0 -> block_1 \[style="dashed"\];\n\tblock_0 -> block_2 \[style="solid"\];/);
	assert.match(text, /block_1 -> block_1 \[style="bold"\];/);
	assert.match(text, /subgraph "cluster_1" \{[\s\S]*block_3 \[shape=box/);
	assert.match(text, /label="; for \(;;\) \\\\x1b\[2J\\l {3}2: i2 \\<\\"&\\>\\l/);
});

test("arrows: the shorter the nearer, joined where they meet", () => {
	const insns = program();
	const margins = jumpMargins(insns);
	assert.ok(margins.every(({ above, at }) => above.length === 6 && at.length === 6));
	assert.deepEqual(
		margins.map(({ at }) => at),
		["      ", "╭──── ", "│ ╭─> ", "│ │   ", "│ ╰── ", "╰───> ", "      ", "      ", "      "],
	);
	assert.deepEqual(
		jumpMargins(insns.map(({ jump, ...rest }) => rest)).map(({ at }) => at),
		Array(9).fill(""),
	);
});

test("blocks as text: a source line once a block, cut to the screen, coloured on one", () => {
	const plain = blocksText(program(), { width: undefined, colour: false }, { linum: false, opcodes: false });
	assert.equal(plain.match(/; for/g)!.length, 1);
	assert.ok(plain.startsWith("int main(void):\n         0: i0"), plain);
	assert.match(plain, /\n│\n│ {11}; for \(;;\) \\x1b\[2J\n│ ╭─> {4}2: i2/);
	const narrow = blocksText(program(), { width: 18, colour: false }, { linum: true, opcodes: true });
	for (const line of narrow.split("\n").slice(1)) assert.ok(line.length <= 18, line);
	const coloured = blocksText(program(), { width: 80, colour: true }, { linum: false, opcodes: false });
	assert.ok(coloured.includes("\u001b[36m      ; for"));
});

test("the picture: one box a block, one line a way, nothing unescaped", () => {
	const svg = programDrawing(program(), "1: xdp <x>");
	assert.equal(svg.match(/<rect class="box/g)!.length, 4);
	assert.equal(svg.match(/<rect class="box loop"/g)!.length, 1);
	assert.equal(svg.match(/<path class="back"/g)!.length, 1);
	assert.equal(svg.match(/<path /g)!.length, svg.match(/<polygon class="(jump|on|on else|back)"/g)!.length);
	assert.match(svg, /<title>1: xdp &lt;x&gt;<\/title>/);
	assert.match(svg, /2: i2 &lt;&quot;&amp;&gt;<\/text>/);
	assert.match(svg, /prefers-color-scheme: dark/);
	assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
	assert.ok(!svg.includes("\u001b"));
	// Each tag that opens closes.
	const open: string[] = [];
	for (const [, close, name, self] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
		if (close) assert.equal(open.pop(), name);
		else if (!self) open.push(name!);
	}
	assert.deepEqual(open, []);
});

test("layers: boxes do not overlap, lines go from box to box inside the picture", () => {
	const graphs = fc.integer({ min: 1, max: 25 }).chain((count) =>
		fc.record({
			boxes: fc.array(
				fc.record({ width: fc.integer({ min: 5, max: 300 }), height: fc.integer({ min: 5, max: 200 }) }),
				{
					minLength: count,
					maxLength: count,
				},
			),
			// Forward lines by number, so that there is no circle.
			lines: fc.array(fc.tuple(fc.nat(count - 1), fc.nat(count - 1), fc.boolean()), { maxLength: 40 }),
		}),
	);
	fc.assert(
		fc.property(graphs, ({ boxes, lines: pairs }) => {
			const lines = pairs.map(([a, b, back]) => {
				const [low, high] = [Math.min(a, b), Math.max(a, b)];
				return back || low === high ? { from: high, to: low, back: true } : { from: low, to: high, back: false };
			});
			const layout = layOut(boxes, lines);
			const slack = 0.001;
			for (const [i, a] of layout.boxes.entries()) {
				assert.ok(a.x >= -slack && a.x + boxes[i]!.width <= layout.width + slack);
				assert.ok(a.y >= 0 && a.y + boxes[i]!.height <= layout.height + slack);
				for (let j = 0; j < i; j++) {
					const b = layout.boxes[j]!;
					const apart =
						a.x >= b.x + boxes[j]!.width + 1 ||
						b.x >= a.x + boxes[i]!.width + 1 ||
						a.y >= b.y + boxes[j]!.height + 1 ||
						b.y >= a.y + boxes[i]!.height + 1;
					assert.ok(apart, `boxes ${i} and ${j}`);
				}
			}
			for (const [n, points] of layout.lines.entries()) {
				const { from, to, back } = lines[n]!;
				assert.equal(points[0]!.y, layout.boxes[from]!.y + boxes[from]!.height);
				assert.equal(points.at(-1)!.y, layout.boxes[to]!.y);
				if (!back) assert.ok(points.every((point, i) => i === 0 || point.y >= points[i - 1]!.y));
			}
		}),
		{ numRuns: 200, seed: 7 },
	);
});
