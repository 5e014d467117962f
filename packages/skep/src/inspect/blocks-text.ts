import { cutTo, printable, type Screen } from "#output";
import { jumpMargins } from "./arrows.ts";
import { hexOf, sourcePlace, type XlatedInsn } from "./xlated.ts";

const EXIT = 0x95;
const BOLD = "\u001b[1m";
const DIM = "\u001b[2m";
const SOURCE = "\u001b[36m";
const PLAIN = "\u001b[0m";

export interface BlocksOptions {
	/** Files and lines behind source lines. */
	readonly linum: boolean;
	/** Bytes below instructions. */
	readonly opcodes: boolean;
}

/** Instructions with blocks apart, jumps as arrows at the left, and source lines above the instructions that they became. */
export function blocksText(insns: readonly XlatedInsn[], screen: Screen, { linum, opcodes }: BlocksOptions): string {
	const margins = jumpMargins(insns);
	const targets = new Set(insns.flatMap(({ jump }) => (jump === undefined ? [] : [jump])));
	const paint = (colour: string, text: string) => (screen.colour && text !== "" ? `${colour}${text}${PLAIN}` : text);
	/** A margin and what is right of it, as wide as the screen. */
	const line = (margin: string, text: string, colour = "") => {
		const room = screen.width === undefined ? text : cutTo(text, screen.width - margin.length);
		return `${paint(DIM, margin)}${colour === "" ? room : paint(colour, room)}\n`;
	};
	let out = "";
	let ended = false;
	let last: string | undefined;
	for (const [i, each] of insns.entries()) {
		const { above, at } = margins[i]!;
		const begins = i > 0 && (ended || targets.has(each.slot) || each.proto !== undefined);
		if (begins) out += line(above.trimEnd(), "");
		if (each.proto !== undefined) out += `${paint(BOLD, printable(each.proto))}\n`;
		const source = each.source && `${printable(each.source.text)}${linum ? sourcePlace(each.source) : ""}`;
		// Several instructions may begin one line of the source: it is told once a block.
		if (source && (begins || source !== last)) out += line(above, `      ; ${source}`, SOURCE);
		last = source ?? last;
		out += line(at, `${String(each.slot).padStart(4)}: ${each.text}`);
		if (opcodes) out += line(margins[i + 1]?.above ?? "".padEnd(at.length), `       ${hexOf(each.bytes)}`);
		// Behind a jump, and behind what never goes on.
		ended = each.jump !== undefined || each.insn.opcode === EXIT;
	}
	return out;
}
