import { decode, format, slotsOf } from "@skep/bpf/isa";
import type { Debugger, SourcePlace } from "#backend";

/** Texts of source files by the names that line information has; undefined: not at hand. */
export type ReadSource = (file: string) => string | undefined;

export interface ListedLine {
	readonly line: number;
	readonly text: string;
	readonly current: boolean;
	readonly breakpoint: boolean;
}

/** Lines around one, at most `count`. Empty: the file is not at hand and nothing is known of it. */
export function listSource(
	place: Pick<SourcePlace, "file" | "line">,
	count: number,
	read: ReadSource,
	known: readonly SourcePlace[],
	stops: ReadonlySet<number>,
	current: number,
): ListedLine[] {
	const text = read(place.file)?.split("\n");
	const lineText = (line: number): string | undefined =>
		text ? text[line - 1] : known.find((each) => each.line === line && each.file === place.file)?.text;
	const last = text ? text.length : place.line + count;
	const first = Math.max(1, Math.min(place.line - Math.floor(count / 2), last - count + 1));
	const lines: ListedLine[] = [];
	for (let line = first; line < first + count && line <= last; line++) {
		const own = lineText(line);
		if (own === undefined) continue;
		lines.push({
			line,
			text: own.replaceAll("\t", "  ").trimEnd(),
			current: line === current,
			breakpoint: stops.has(line),
		});
	}
	return lines;
}

export interface ListedInstruction {
	readonly slot: number;
	readonly text: string;
}

const listings = new WeakMap<Uint8Array, readonly ListedInstruction[]>();

/** A program's instructions as text, by slot. */
export function instructionsOf(debug: Debugger, program: number): readonly ListedInstruction[] {
	const insns = debug.system.tables.programs.get(program)?.insns;
	if (!insns) return [];
	let listing = listings.get(insns);
	if (!listing) {
		let slot = 0;
		listing = decode(insns).map((insn) => {
			const at = slot;
			slot += slotsOf(insn);
			return { slot: at, text: format(insn) };
		});
		listings.set(insns, listing);
	}
	return listing;
}
