import type { Diagnostic } from "@skep/compiler/diagnostics";
import { display } from "./source.ts";

/** Findings for people: place, number, text; the line with a caret under what is meant; what to write instead. */
export function renderDiagnostics(list: readonly Diagnostic[], textOf: (file: string) => string | undefined): string {
	const errors = list.filter((d) => d.severity === "error").length;
	const parts = list.map((d) => {
		const lines = [`${display(d.file)}:${d.line}:${d.column} ${d.severity} ${d.code}: ${d.message}`];
		lines.push(...excerpt(d, textOf(d.file)));
		for (const r of d.related ?? []) lines.push(`      ${display(r.file)}:${r.line}:${r.column}: ${r.message}`);
		if (d.remedy !== undefined) lines.push(`      → ${d.remedy}`);
		return lines.join("\n");
	});
	if (errors > 1) parts.push(`${errors} errors`);
	return parts.join("\n");
}

function excerpt(d: Diagnostic, text: string | undefined): string[] {
	const line = text?.split("\n")[d.line - 1]?.replace(/\r$/, "");
	if (line === undefined) return [];
	const margin = `${d.line}`.padStart(5);
	// Tabs stay tabs, so that the caret stands under its character in every terminal.
	const lead = line.slice(0, d.column - 1).replace(/[^\t]/g, " ");
	const carets = "^".repeat(Math.max(1, Math.min(d.length, line.length - d.column + 1)));
	return [`${margin} | ${line}`, `${"".padStart(5)} | ${lead}${carets}`];
}
