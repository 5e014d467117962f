import type { Diagnostic } from "./diagnostic.ts";

export interface FormatOptions {
	/** Default false. True: ANSI colours. */
	readonly colour?: boolean;
	/** How a path is shown. Default: as it is. */
	readonly display?: (file: string) => string;
}

const RED = "31";
const YELLOW = "33";
const BLUE = "34";
const BOLD = "1";
const TAB = "    ";
/** Characters of a source line that are shown at most. */
const LONGEST = 160;

/** Columns that a piece of source takes when shown: tabs as four, control characters as one. */
const shown = (text: string): string => text.replace(/\t/g, TAB).replace(/\p{Cc}/gu, " ");

/**
 * Diagnostics as text for people: place and number, the source line with the spot underlined, what to write instead,
 * related places. `textOf` gives the text of a file; without it the line is left out. Ends with a newline; no
 * diagnostics: the empty string.
 */
export function formatDiagnostics(
	diagnostics: readonly Diagnostic[],
	textOf: (file: string) => string | undefined,
	options: FormatOptions = {},
): string {
	const paint = (code: string, text: string): string => (options.colour ? `\u001b[${code}m${text}\u001b[0m` : text);
	const display = options.display ?? ((file: string) => file);
	const lines = new Map<string, readonly string[] | undefined>();
	const lineOf = (file: string, line: number): string | undefined => {
		if (!lines.has(file)) lines.set(file, textOf(file)?.split(/\r\n|[\n\r\u2028\u2029]/));
		return lines.get(file)?.[line - 1];
	};

	const blocks = diagnostics.map((d) => {
		const out = [
			`${paint(BOLD, `${display(d.file)}:${d.line}:${d.column}`)} ${paint(d.severity === "error" ? RED : YELLOW, `${d.severity} ${d.code}`)}: ${d.message}`,
		];
		const source = lineOf(d.file, d.line);
		const gutter = " ".repeat(String(d.line).length);
		if (source !== undefined) {
			const [head, piece] = around(source, d.column - 1);
			const before = shown(head);
			const spot = shown(source.slice(d.column - 1, d.column - 1 + Math.min(d.length, LONGEST)));
			out.push(`  ${paint(BLUE, `${d.line} |`)} ${shown(piece)}`);
			out.push(
				`  ${paint(BLUE, `${gutter} |`)} ${" ".repeat(width(before))}${paint(d.severity === "error" ? RED : YELLOW, "^".repeat(Math.max(1, width(spot))))}`,
			);
		}
		if (d.remedy !== undefined) out.push(`  ${paint(BLUE, `${gutter} =`)} ${d.remedy}`);
		for (const r of d.related ?? [])
			out.push(`  ${paint(BLUE, `${gutter} -`)} ${display(r.file)}:${r.line}:${r.column}: ${r.message}`);
		return `${out.join("\n")}\n`;
	});
	return blocks.join("\n");
}

/** What is shown of a line, and the part of it before the column: all of it, or for long (minified) lines a window around the column. */
function around(line: string, column: number): readonly [head: string, piece: string] {
	if (line.length <= LONGEST) return [line.slice(0, column), line];
	const from = Math.max(0, column - LONGEST / 2);
	const to = Math.min(line.length, from + LONGEST);
	const mark = from > 0 ? "…" : "";
	return [mark + line.slice(from, column), `${mark}${line.slice(from, to)}${to < line.length ? "…" : ""}`];
}

/** Terminal columns: wide characters take two, combining ones none. Rough on purpose: a caret, not a typesetter. */
function width(text: string): number {
	let n = 0;
	for (const c of text) {
		const p = c.codePointAt(0)!;
		if ((p >= 0x300 && p <= 0x36f) || p === 0x200d || (p >= 0xfe00 && p <= 0xfe0f)) continue;
		n +=
			(p >= 0x1100 && p <= 0x115f) ||
			(p >= 0x2e80 && p <= 0xa4cf) ||
			(p >= 0xac00 && p <= 0xd7a3) ||
			(p >= 0xf900 && p <= 0xfaff) ||
			(p >= 0xff00 && p <= 0xff60) ||
			(p >= 0x1f300 && p <= 0x1faff)
				? 2
				: 1;
	}
	return n;
}
