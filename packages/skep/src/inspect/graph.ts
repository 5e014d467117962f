import { printable } from "#output";
import { endsRun, type XlatedInsn } from "./xlated.ts";

/**
 * A program's basic blocks as a graph for `dot`: a cluster a function, an edge a jump (to the right) or the way on. Edges
 * that lead back, loops, are bold.
 */
export function programGraph(insns: readonly XlatedInsn[]): string {
	const starts = blockStarts(insns);
	const blocks: XlatedInsn[][] = [];
	for (const each of insns) {
		if (blocks.length === 0 || starts.has(each.slot)) blocks.push([]);
		blocks.at(-1)!.push(each);
	}
	const indexOf = new Map(blocks.map((block, i) => [block[0]!.slot, i]));
	const lines = ['digraph "DOT graph for eBPF program" {'];
	let cluster = -1;
	for (const [i, block] of blocks.entries()) {
		const first = block[0]!;
		if (i === 0 || first.proto !== undefined) {
			if (cluster >= 0) lines.push("\t}");
			cluster++;
			lines.push(
				`\tsubgraph "cluster_${cluster}" {`,
				`\t\tstyle="dashed"; color="black"; label=${quoted(first.proto ?? "program")};`,
			);
		}
		const text = block.map((each) => `${String(each.slot).padStart(4)}: ${each.text}\\l`).map(escaped);
		lines.push(`\t\tblock_${i} [shape=box, fontname="monospace", label="${text.join("")}"];`);
	}
	if (cluster >= 0) lines.push("\t}");
	for (const [i, block] of blocks.entries()) {
		const last = block.at(-1)!;
		const after = blocks[i + 1];
		const jump = last.jump === undefined ? undefined : indexOf.get(last.jump);
		if (jump !== undefined) lines.push(`\tblock_${i} -> block_${jump} [style="${jump <= i ? "bold" : "solid"}"];`);
		if (after && after[0]!.proto === undefined && !endsRun(last.insn))
			lines.push(`\tblock_${i} -> block_${i + 1} [style="solid"];`);
	}
	return `${lines.join("\n")}\n}\n`;
}

function blockStarts(insns: readonly XlatedInsn[]): ReadonlySet<number> {
	const starts = new Set<number>();
	for (const [i, each] of insns.entries()) {
		if (each.proto !== undefined) starts.add(each.slot);
		if (each.jump !== undefined) starts.add(each.jump);
		const next = insns[i + 1];
		if (next && (each.jump !== undefined || endsRun(each.insn))) starts.add(next.slot);
	}
	return starts;
}

/** `\l` ends a line of a label and stays. */
const escaped = (text: string): string => printable(text).replace(/["<>{}|]/g, "\\$&");
const quoted = (text: string): string => `"${printable(text).replace(/["\\]/g, "\\$&")}"`;
