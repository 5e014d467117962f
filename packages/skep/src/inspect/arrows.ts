import type { XlatedInsn } from "./xlated.ts";

/** What stands left of an instruction, and of lines that belong above it: all of one width. */
export interface Margin {
	readonly above: string;
	readonly at: string;
}

/** Jumps drawn beside each other at most; further ones are only told by their text. */
const MOST_LANES = 8;

interface Jump {
	/** Indexes of instructions. */
	readonly from: number;
	readonly to: number;
	readonly low: number;
	readonly high: number;
	lane: number;
}

/** Arrows from jumps to where they lead: the shorter the nearer. Empty texts where nothing jumps. */
export function jumpMargins(insns: readonly XlatedInsn[]): Margin[] {
	const indexAt = new Map(insns.map(({ slot }, i) => [slot, i]));
	const jumps: Jump[] = [];
	for (const [from, { jump }] of insns.entries()) {
		const to = jump === undefined ? undefined : indexAt.get(jump);
		// To the next instruction, or nowhere: nothing to be drawn.
		if (to === undefined || to === from + 1) continue;
		jumps.push({ from, to, low: Math.min(from, to), high: Math.max(from, to), lane: -1 });
	}
	jumps.sort((a, b) => a.high - a.low - (b.high - b.low) || a.low - b.low);
	const lanes: Jump[][] = [];
	for (const jump of jumps) {
		// Jumps to one place share a lane.
		const lane = Array.from({ length: MOST_LANES }, (_, i) => i).find((i) =>
			(lanes[i] ?? []).every((other) => other.to === jump.to || other.high < jump.low || other.low > jump.high),
		);
		if (lane === undefined) continue;
		jump.lane = lane;
		lanes[lane] ??= [];
		lanes[lane].push(jump);
	}
	const drawn = jumps.filter(({ lane }) => lane >= 0);
	if (drawn.length === 0) return insns.map(() => ({ above: "", at: "" }));
	const width = lanes.length * 2 + 2;
	return insns.map((_, i) => {
		const above = new Array<string>(width).fill(" ");
		const at = new Array<string>(width).fill(" ");
		for (const { lane, low, high } of drawn) {
			const column = (lanes.length - 1 - lane) * 2;
			if (low < i && i <= high) above[column] = "│";
			if (low < i && i < high) at[column] = "│";
		}
		const ends = drawn.filter(({ from, to }) => from === i || to === i).sort((a, b) => a.lane - b.lane);
		for (const { lane, to, low, high } of ends) {
			const column = (lanes.length - 1 - lane) * 2;
			const [top, bottom] = [i === low, i === high];
			const known = at[column];
			at[column] = corner(known === " " ? "" : known!, top, bottom);
			for (let x = column + 1; x < width - 2; x++) at[x] = CROSSED[at[x]!] ?? at[x]!;
			at[width - 2] = to === i ? ">" : at[width - 2] === ">" ? ">" : "─";
		}
		return { above: above.join(""), at: at.join("") };
	});
}

/** What becomes of a character when a line from further left passes. */
const CROSSED: Readonly<Record<string, string>> = { " ": "─", "│": "┼", "╭": "┬", "╰": "┴", "├": "┼" };

/** The corner of a lane at its end, joined with what is there already. */
function corner(known: string, top: boolean, bottom: boolean): string {
	const down = (top && !bottom) || known === "╭" || known === "├" || known === "│" || known === "┼";
	const up = (bottom && !top) || known === "╰" || known === "├" || known === "│" || known === "┼";
	return down && up ? "├" : down ? "╭" : "╰";
}
