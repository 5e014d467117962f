import type { Subject } from "./subject.ts";

/** Breaks a text into lines of at most `width` characters; a word that is longer stands alone. */
export function wrap(text: string, width: number): string[] {
	const lines: string[] = [];
	let line = "";
	for (const word of text.split(" ")) {
		if (line !== "" && line.length + 1 + word.length > width) {
			lines.push(line);
			line = word;
		} else line = line === "" ? word : `${line} ${word}`;
	}
	return [...lines, line];
}

/** Names and texts in two columns, the second one wrapped. */
function columns(rows: readonly (readonly [string, string])[], width: number, indent: string): string[] {
	const first = Math.min(24, Math.max(0, ...rows.map(([name]) => name.length))) + 2;
	return rows.flatMap(([name, text]) => {
		const lines = wrap(text, Math.max(20, width - indent.length - first));
		const head = name.length + 2 > first ? [`${indent}${name}`] : [];
		const rest = head.length > 0 ? lines : lines.slice(1);
		const begin = head.length > 0 ? [] : [`${indent}${name.padEnd(first)}${lines[0]}`.trimEnd()];
		return [...head, ...begin, ...rest.map((line) => `${indent}${" ".repeat(first)}${line}`)];
	});
}

/** `bpf_map_lookup_elem (helper)`: how a subject is called in lists. */
export const title = (subject: Subject): string => `${subject.name} (${subject.kind})`;

/** The first sentence of a text. */
export const firstSentence = (text: string): string => /^.*?\.(?= |$)/.exec(text)?.[0] ?? text;

/** A subject as a page of text. `answers`: what kernels said, a line each. */
export function renderSubject(subject: Subject, answers: readonly string[], width: number): string {
	const wide = Math.max(40, Math.min(width, 110));
	const lines = [title(subject), "", ...wrap(subject.text, wide - 2).map((line) => `  ${line}`), ""];
	if (subject.shape !== undefined) lines.push(`  ${subject.shape}`, ...(subject.parts.length > 0 ? [] : [""]));
	if (subject.parts.length > 0)
		lines.push(...columns(subject.parts, wide, subject.shape === undefined ? "  " : "    "), "");
	const facts = [...subject.facts, ...answers.map((answer, i) => [i === 0 ? "here" : "", answer] as const)];
	if (facts.length > 0) lines.push(...columns(facts, wide, "  "), "");
	for (const example of subject.examples) {
		const what = example.title === undefined ? `example (${example.language})` : example.title;
		lines.push(
			`  ${what}:`,
			"",
			...example.text.split("\n").map((line) => `    ${line.replaceAll("\t", "  ")}`.trimEnd()),
			"",
		);
	}
	if (subject.see.length > 0) lines.push(...columns([["see also", subject.see.join(", ")]], wide, "  "), "");
	return lines.join("\n");
}

/** Names in a line each, with kind and first sentence; `most` of them. */
export function renderList(
	list: readonly { readonly name: string; readonly kind: string; readonly text: string }[],
	width: number,
	most: number,
): string {
	const shown = list.slice(0, most);
	const names = Math.min(34, Math.max(...shown.map((each) => each.name.length)));
	const kinds = Math.max(...shown.map((each) => each.kind.length));
	const lines = shown.map((each) => {
		const head = `  ${each.name.padEnd(names)}  ${each.kind.padEnd(kinds)}  `;
		const room = width - head.length;
		const text = firstSentence(each.text);
		return room < 10 ? head.trimEnd() : `${head}${text.length > room ? `${text.slice(0, room - 1)}…` : text}`.trimEnd();
	});
	if (list.length > shown.length) lines.push(`  … and ${list.length - shown.length} more`);
	return `${lines.join("\n")}\n`;
}
