import { printable } from "#output";
import { flowFunctions } from "./flow-graph.ts";
import type { XlatedInsn } from "./xlated.ts";

/**
 * A program's basic blocks as a graph for `dot`: a cluster a function, with the source where it is known; a bold edge leads
 * back into a loop, a dashed one goes on where the jump is not taken.
 */
export function programGraph(insns: readonly XlatedInsn[]): string {
	const lines = ['digraph "DOT graph for eBPF program" {'];
	let first = 0;
	for (const [cluster, { title, blocks }] of flowFunctions(insns).entries()) {
		const name = (block: number) => `block_${first + block}`;
		lines.push(
			`\tsubgraph "cluster_${cluster}" {`,
			`\t\tstyle="dashed"; color="black"; label=${quoted(title)};`,
			...blocks.map((block, i) => {
				const text = block.insns.flatMap((each) => [
					...(each.source ? [`; ${each.source.text}`] : []),
					`${String(each.slot).padStart(4)}: ${each.text}`,
				]);
				return `\t\t${name(i)} [shape=box, fontname="monospace", label="${text.map((line) => `${escaped(line)}\\l`).join("")}"];`;
			}),
			"\t}",
		);
		for (const [i, { ways }] of blocks.entries())
			for (const { to, kind, back } of ways) {
				const style = back ? "bold" : kind === "on" && ways.length > 1 ? "dashed" : "solid";
				lines.push(`\t${name(i)} -> ${name(to)} [style="${style}"];`);
			}
		first += blocks.length;
	}
	return `${lines.join("\n")}\n}\n`;
}

const escaped = (text: string): string => printable(text).replace(/["<>{}|\\]/g, "\\$&");
const quoted = (text: string): string => `"${printable(text).replace(/["\\]/g, "\\$&")}"`;
