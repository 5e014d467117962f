import { columnsOf, printable } from "#output";
import { type FlowBlock, type FlowFunction, flowFunctions } from "./flow-graph.ts";
import { type Layout, layOut, type Point } from "./layers.ts";
import type { XlatedInsn } from "./xlated.ts";

/** Pixels of the monospace font at 12 pixels. */
const CHARACTER = 7.25;
const ROW = 16;
const PAD = 10;
const MARGIN = 24;
const TITLE = 30;
/** Corners are rounded by so much. */
const ROUND = 9;
/** Source lines longer than that are cut: they would make all boxes wide. */
const MOST_COLUMNS = 72;

/** One line of a block. */
interface TextLine {
	readonly text: string;
	readonly kind: "source" | "insn";
}

/**
 * A program's basic blocks as a picture, functions one below the other: source lines above their instructions, full lines for
 * jumps, dashed ones for where it goes on instead, heavy ones back into loops. Colours follow the reader's light or dark theme.
 */
export function programDrawing(insns: readonly XlatedInsn[], title: string): string {
	const parts: string[] = [];
	let width = 320;
	let y = MARGIN;
	for (const each of flowFunctions(insns)) {
		const { text, layout } = functionDrawing(each);
		parts.push(`<g transform="translate(${MARGIN} ${y})">\n${text}</g>\n`);
		width = Math.max(width, layout.width, columnsOf(each.title) * CHARACTER);
		y += TITLE + layout.height + 2 * MARGIN;
	}
	const [w, h] = [Math.ceil(width + 2 * MARGIN), Math.ceil(y)];
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" font-family="ui-monospace, DejaVu Sans Mono, monospace" font-size="12">`,
		`<title>${escaped(title)}</title>`,
		STYLE,
		`<rect class="page" width="${w}" height="${h}"/>`,
		`${parts.join("")}</svg>\n`,
	].join("\n");
}

const STYLE = `<style>
:root { --page: #ffffff; --box: #f6f7f9; --edge: #c3c8d0; --text: #1d2430; --source: #6a5a1f; --jump: #2563b0; --on: #5b6472; --loop: #b3400f; }
@media (prefers-color-scheme: dark) {
:root { --page: #14171c; --box: #1e232b; --edge: #424b59; --text: #dde3ec; --source: #d3bf7a; --jump: #6cabf5; --on: #98a2b1; --loop: #f2935c; }
}
.page { fill: var(--page); }
.box { fill: var(--box); stroke: var(--edge); }
.box.loop { stroke: var(--loop); }
text { fill: var(--text); white-space: pre; }
.title { font-weight: bold; font-size: 14px; }
.source { fill: var(--source); font-style: italic; }
path { fill: none; stroke-width: 1.4; }
.jump { stroke: var(--jump); }
.on { stroke: var(--on); }
.on.else { stroke-dasharray: 5 3; }
.back { stroke: var(--loop); stroke-width: 2.2; }
polygon.jump { fill: var(--jump); } polygon.on { fill: var(--on); stroke-dasharray: none; } polygon.back { fill: var(--loop); }
</style>`;

function functionDrawing({ title, blocks }: FlowFunction): { text: string; layout: Layout } {
	const texts = blocks.map(linesOf);
	const boxes = texts.map((lines) => ({
		width: Math.max(...lines.map(({ text }) => columnsOf(text))) * CHARACTER + 2 * PAD,
		height: lines.length * ROW + 2 * PAD - 4,
	}));
	const ways = blocks.flatMap(({ ways }, from) => ways.map((way) => ({ ...way, from, other: ways.length > 1 })));
	const layout = layOut(boxes, ways);
	const out = [`<text class="title" y="12">${escaped(title)}</text>\n<g transform="translate(0 ${TITLE})">\n`];
	for (const [i, { x, y }] of layout.boxes.entries()) {
		const { width, height } = boxes[i]!;
		const kind = blocks[i]!.loop ? "box loop" : "box";
		out.push(
			`<rect class="${kind}" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${height}" rx="4"/>\n`,
		);
		for (const [n, line] of texts[i]!.entries()) {
			const at = `x="${round(x + PAD)}" y="${round(y + PAD + 9 + n * ROW)}"`;
			out.push(`<text ${at}${line.kind === "source" ? ' class="source"' : ""}>${escaped(line.text)}</text>\n`);
		}
	}
	for (const [i, points] of layout.lines.entries()) {
		const { kind, back, other } = ways[i]!;
		const of = back ? "back" : kind === "on" ? (other ? "on else" : "on") : "jump";
		out.push(`<path class="${of}" d="${back ? rounded(points) : curved(points)}"/>\n${arrow(points.at(-1)!, of)}\n`);
	}
	out.push("</g>\n");
	return { text: out.join(""), layout: { ...layout, height: layout.height + TITLE } };
}

function linesOf({ insns }: FlowBlock): TextLine[] {
	let last: string | undefined;
	return insns.flatMap(({ source, slot, text }) => {
		// Several instructions may begin one line of the source: it is told once a block.
		const told = source && source.text !== "" && source.text !== last ? source.text : undefined;
		last = source?.text ?? last;
		return [
			...(told === undefined ? [] : [{ text: shortened(`; ${printable(told)}`), kind: "source" } as const]),
			{ text: `${String(slot).padStart(4)}: ${shortened(printable(text))}`, kind: "insn" } as const,
		];
	});
}

const shortened = (text: string): string =>
	columnsOf(text) <= MOST_COLUMNS ? text : `${[...text].slice(0, MOST_COLUMNS - 1).join("")}…`;

const round = (value: number): number => Math.round(value * 10) / 10;

/** A line through points that goes straight down at each. */
function curved(points: readonly Point[]): string {
	const [first, ...rest] = points;
	let path = `M${round(first!.x)} ${round(first!.y)}`;
	for (const [i, { x, y }] of rest.entries()) {
		const before = points[i]!;
		const middle = round((before.y + y) / 2);
		path +=
			before.x === x
				? `L${round(x)} ${round(y)}`
				: `C${round(before.x)} ${middle} ${round(x)} ${middle} ${round(x)} ${round(y)}`;
	}
	return path;
}

/** A line through points, its corners rounded. */
function rounded(points: readonly Point[]): string {
	const [first, ...rest] = points;
	let path = `M${round(first!.x)} ${round(first!.y)}`;
	for (const [i, point] of rest.entries()) {
		const [before, next] = [points[i]!, rest[i + 1]];
		if (!next) {
			path += `L${round(point.x)} ${round(point.y)}`;
			continue;
		}
		const a = towards(point, before);
		const b = towards(point, next);
		path += `L${round(a.x)} ${round(a.y)}Q${round(point.x)} ${round(point.y)} ${round(b.x)} ${round(b.y)}`;
	}
	return path;
}

/** A point near a corner on the way to its neighbour. */
function towards(from: Point, to: Point): Point {
	const length = Math.hypot(to.x - from.x, to.y - from.y);
	if (length === 0) return from;
	const part = Math.min(ROUND, length / 2) / length;
	return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}

/** The head of a line that comes from above. */
function arrow({ x, y }: Point, of: string): string {
	const points = [
		[x, y],
		[x - 4, y - 7],
		[x + 4, y - 7],
	].map(([a, b]) => `${round(a!)},${round(b!)}`);
	return `<polygon class="${of}" points="${points.join(" ")}"/>`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (each) => ENTITIES[each]!);
