import type { Diagnostic } from "./diagnostic.ts";

/** A `// skep-expect-error SK3003` comment. */
interface Expectation {
	readonly code: string;
	readonly line: number;
	readonly column: number;
	readonly length: number;
	used: boolean;
}

const COMMENT = /\/\/[^\S\r\n]*skep-expect-error\b[^\S\r\n]*([^\s]*)/;

/**
 * Takes back what `// skep-expect-error SKnnnn` comments expect on the next line that is no such comment. A comment
 * whose error does not come, or without a number, is SK1012. `textOf` gives the text of a file.
 */
export function applyExpectations(
	diagnostics: readonly Diagnostic[],
	files: Iterable<{ readonly path: string; readonly text: string }>,
): Diagnostic[] {
	let rest = [...diagnostics];
	for (const { path, text } of files) {
		if (!text.includes("skep-expect-error")) continue;
		const lines = text.split(/\r\n|[\n\r\u2028\u2029]/);
		const byTarget = new Map<number, Expectation[]>();
		let waiting: Expectation[] = [];
		for (const [i, source] of lines.entries()) {
			const m = COMMENT.exec(source);
			const alone = m !== null && source.slice(0, m.index).trim() === "";
			if (alone) waiting.push({ code: m[1] ?? "", line: i + 1, column: m.index + 1, length: m[0].length, used: false });
			else if (waiting.length > 0) {
				byTarget.set(i + 1, waiting);
				waiting = [];
			}
		}
		if (waiting.length > 0) byTarget.set(lines.length + 1, waiting);
		rest = rest.filter((d) => {
			const found = d.file === path ? byTarget.get(d.line)?.find((e) => e.code === d.code) : undefined;
			if (found) found.used = true;
			return !found;
		});
		for (const e of [...byTarget.values()].flat()) {
			if (e.used) continue;
			const wellFormed = /^SK\d{4}$/.test(e.code);
			rest.push({
				code: "SK1012",
				severity: "error",
				file: path,
				line: e.line,
				column: e.column,
				length: e.length,
				message: wellFormed
					? `${e.code} is expected on the next line and does not come`
					: "`skep-expect-error` is missing its number",
				remedy: wellFormed ? "remove the comment" : "write `// skep-expect-error SK3003`",
			});
		}
	}
	return rest.sort((a, b) => (a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1));
}
