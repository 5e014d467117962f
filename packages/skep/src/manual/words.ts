import { pages } from "@skep/compiler/diagnostics";
import { MAP_MEMBERS, PROGRAM_MEMBERS, PROGRAM_WORDS, WORDS, type Word } from "@skep/compiler/language";
import type { Example, Subject } from "./subject.ts";
import { DIAGNOSTIC_EXAMPLES, ELSEWHERE } from "./texts/diagnostics.ts";
import { EXAMPLES, type ExampleName } from "./texts/examples.ts";
import { LATER } from "./texts/later.ts";
import { MEMBER_TEXTS } from "./texts/members.ts";
import { WORD_TEXTS } from "./texts/words.ts";

const sources: Readonly<Record<ExampleName, string>> = { ...EXAMPLES, ...LATER };
const rows = new Map(WORD_TEXTS.map((row) => [row[0], row]));

/** The file that shows a word, as an example of what lowers to it. Absent where the word is not compiled yet. */
export function exampleOfWord(word: string): Example | undefined {
	const name = rows.get(word)?.[2];
	if (name === undefined || !(name in EXAMPLES)) return undefined;
	return { language: "TypeScript", text: sources[name].trim(), title: `example (TypeScript, ${word})` };
}

const HALVES = { K: "kernel half", U: "user half", KU: "both halves" } as const;

export function wordSubjects(): Subject[] {
	return WORDS.map((word) => {
		const [, text, example] = rows.get(word.name)!;
		return {
			kind: "word",
			name: word.name,
			aliases: [],
			text,
			shape: `import { ${word.kind === "type" ? "type " : ""}${word.name} } from "${word.module}";`,
			parts: [],
			facts: factsOf(word),
			examples: [{ language: "TypeScript", text: sources[example].trim() }],
			see: [],
		};
	});
}

function factsOf(word: Word): [string, string][] {
	const facts: [string, string][] = [["in", HALVES[word.half]]];
	// Types of handles and what only the user half has are not compiled because there is nothing to compile.
	const compiled = word.compiled || word.half === "U" || word.kind === "type";
	if (!compiled) facts.push(["compiled", "not yet: SK1010"]);
	if (word.lowers !== "–") facts.push(["lowers to", word.lowers]);
	if (word.since !== "=") facts.push(["since", `Linux ${word.since}`]);
	return facts;
}

/** Members of handles: `emit`, `ref`, `attach`. */
export function memberSubjects(): Subject[] {
	return MEMBER_TEXTS.map(([name, text, example]) => {
		const maps = Object.entries(MAP_MEMBERS).filter(([, members]) => name in members);
		const isOfPrograms = name in PROGRAM_MEMBERS;
		const halves = new Set([
			...maps.map(([, members]) => members[name]!),
			...(isOfPrograms ? [PROGRAM_MEMBERS[name]!] : []),
		]);
		const owners = [...maps.map(([word]) => word), ...(isOfPrograms ? Object.keys(PROGRAM_WORDS) : [])];
		return {
			kind: "member",
			name,
			aliases: [],
			text,
			shape: `.${name}`,
			parts: [],
			facts: [
				["of", owners.join(", ")],
				["in", [...halves].map((half) => HALVES[half]).join("; of others: ")],
			],
			examples: [{ language: "TypeScript", text: sources[example].trim() }],
			see: owners.slice(0, 3).map((owner) => `word ${owner}`),
		};
	});
}

export function diagnosticSubjects(): Subject[] {
	return pages().map((page) => {
		const pair = DIAGNOSTIC_EXAMPLES[page.code];
		const examples: Example[] = pair
			? [
					{ language: "TypeScript", text: pair.wrong, title: "makes it" },
					{ language: "TypeScript", text: pair.right, title: "mended" },
				]
			: [{ language: "TypeScript", text: page.example }];
		return {
			kind: "diagnostic",
			name: page.code,
			aliases: [],
			text: `${page.title[0]!.toUpperCase()}${page.title.slice(1)}. ${page.what}`,
			parts: [],
			facts: [
				["why", page.why],
				["instead", page.remedy],
				...(pair ? [["so", page.example] as [string, string]] : []),
				...(ELSEWHERE[page.code] === undefined ? [] : [["given", ELSEWHERE[page.code]!] as [string, string]]),
			],
			examples,
			see: [],
		};
	});
}
