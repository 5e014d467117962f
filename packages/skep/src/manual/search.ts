import { KINDS, type Subject } from "./subject.ts";
import { subjects } from "./subjects.ts";

interface Indexed {
	readonly subject: Subject;
	readonly name: string;
	readonly parts: readonly string[];
	readonly text: string;
	readonly rest: string;
}

const partsOf = (name: string): string[] =>
	name
		.toLowerCase()
		.split(/[^a-z0-9]+/)
		.filter((part) => part !== "");

let index: readonly Indexed[] | undefined;

function indexed(): readonly Indexed[] {
	index ??= subjects().map((subject) => ({
		subject,
		name: [subject.name, ...subject.aliases].join(" ").toLowerCase(),
		parts: partsOf([subject.name, ...subject.aliases].join(" ")),
		text: subject.text.toLowerCase(),
		rest: [...subject.parts.flat(), ...subject.facts.flat(), subject.shape ?? ""].join(" ").toLowerCase(),
	}));
	return index;
}

/** How well a word fits: the name counts most, then the text, then arguments and facts. 0: not at all. */
function score(entry: Indexed, word: string): number {
	if (entry.parts.includes(word)) return 12;
	if (entry.name.includes(word)) return 8;
	const at = entry.text.indexOf(word);
	if (at >= 0) return /\w/.test(entry.text[at - 1] ?? " ") ? 2 : 5;
	return entry.rest.includes(word) ? 1 : 0;
}

/** A plural or a verb's ending that the texts may not have: `addresses` finds `address`. */
const stem = (word: string): string => (word.length > 4 ? word.replace(/(ies|es|s|ing|ed)$/, "") : word);

/** Subjects whose name or text have all words, the best first; where none has, those that have most of them. */
export function search(text: string): readonly Subject[] {
	const words = text
		.toLowerCase()
		.split(/\s+/)
		.filter((word) => word !== "");
	const hits: { subject: Subject; found: number; score: number }[] = [];
	for (const entry of indexed()) {
		let found = 0;
		let sum = 0;
		for (const word of words) {
			const points = score(entry, word) || score(entry, stem(word)) * 0.8;
			if (points > 0) found++;
			sum += points;
		}
		if (found > 0) hits.push({ subject: entry.subject, found, score: sum });
	}
	const most = Math.max(0, ...hits.map((hit) => hit.found));
	return hits
		.filter((hit) => hit.found === most)
		.sort((a, b) => b.score - a.score || KINDS.indexOf(a.subject.kind) - KINDS.indexOf(b.subject.kind))
		.map((hit) => hit.subject);
}

/** Subjects that speak of a word, though none is called so: `XDP_DROP`, `BPF_ANY`. */
export function mentions(word: string): readonly Subject[] {
	const lower = word.toLowerCase();
	const isWhole = (text: string): boolean => {
		for (let at = text.indexOf(lower); at >= 0; at = text.indexOf(lower, at + 1))
			if (!/\w/.test(text[at - 1] ?? " ") && !/\w/.test(text[at + lower.length] ?? " ")) return true;
		return false;
	};
	return lower === ""
		? []
		: indexed()
				.filter((entry) => isWhole(entry.text) || isWhole(entry.rest))
				.map((entry) => entry.subject);
}
