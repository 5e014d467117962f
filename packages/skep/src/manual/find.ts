import { nearest } from "#cli";
import { KINDS, type Kind, type Subject } from "./subject.ts";
import { subjects } from "./subjects.ts";

/** What a word may mean: exactly these, or perhaps these. */
export interface Found {
	/** Subjects of that very name, the likeliest first. */
	readonly exact: readonly Subject[];
	/** Where there is none: subjects whose name begins with it, else that have it as a part. */
	readonly near: readonly Subject[];
}

/** Words by which people name a kind: `skep help map hash`. */
const KIND_WORDS: Readonly<Record<string, Kind>> = {
	command: "command",
	program: "program type",
	prog: "program type",
	map: "map type",
	helper: "helper",
	kfunc: "kfunc",
	section: "section",
	attach: "attach type",
	link: "link type",
	btf: "BTF kind",
	instruction: "instruction",
	insn: "instruction",
	word: "word",
	member: "member",
	diagnostic: "diagnostic",
};

/** `map hash`, `program type xdp`, `hash`: the kind, if one is said, and the name. */
export function split(words: readonly string[]): { readonly kind?: Kind; readonly name: string } {
	const [first = "", ...rest] = words;
	const said =
		rest.length > 0 ? (KIND_WORDS[first] ?? KINDS.find((kind) => words.join(" ").startsWith(`${kind} `))) : undefined;
	if (said === undefined) return { name: words.join(" ") };
	const name = words.join(" ").startsWith(`${said} `) ? words.join(" ").slice(said.length + 1) : rest.join(" ");
	return { kind: said, name };
}

const names = (subject: Subject): string[] => [subject.name, ...subject.aliases];
const rank = (subject: Subject): number => KINDS.indexOf(subject.kind);
const inOrder = (list: readonly Subject[]): Subject[] => [...list].sort((a, b) => rank(a) - rank(b));

/** `SEC("xdp")`, `sec(xdp)`, `kprobe.multi/tcp_*`: the name of the section. */
function asSection(text: string): string {
	return /^SEC\("?([^")]+)"?\)$/i.exec(text)?.[1] ?? text;
}

/** Subjects that a text names. */
export function find(text: string, kind?: Kind): Found {
	const list = kind === undefined ? subjects() : subjects().filter((subject) => subject.kind === kind);
	const word = asSection(text.trim());
	const lower = word.toLowerCase();
	const same = inOrder(list.filter((subject) => names(subject).some((name) => name === word)));
	const alike = inOrder(list.filter((subject) => names(subject).some((name) => name.toLowerCase() === lower)));
	const exact = [...same, ...alike.filter((subject) => !same.includes(subject))];
	if (exact.length > 0) return { exact, near: [] };
	// A whole section with its target: `kprobe/do_unlinkat`.
	const slash = word.indexOf("/");
	const section =
		slash > 0 ? list.filter((each) => each.kind === "section" && each.name === word.slice(0, slash + 1)) : [];
	if (section.length > 0) return { exact: section, near: [] };
	const begins = list.filter((subject) => names(subject).some((name) => name.toLowerCase().startsWith(lower)));
	const has = list.filter(
		(subject) => !begins.includes(subject) && names(subject).some((name) => name.toLowerCase().includes(lower)),
	);
	return { exact: [], near: lower === "" ? [] : [...inOrder(begins), ...inOrder(has)] };
}

/** The names that differ least from a word that names nothing: at most three. */
export function nearNames(text: string): string[] {
	const pool = new Set(subjects().flatMap(names));
	const found: string[] = [];
	for (let i = 0; i < 3; i++) {
		const best = nearest(text, [...pool]);
		if (best === undefined) break;
		found.push(best);
		pool.delete(best);
	}
	return found;
}

/** The subject that a `see` means. */
export function seen(reference: string): Subject | undefined {
	const { kind, name } = split(reference.split(" "));
	return find(name, kind).exact[0];
}

/** Words that name a kind or a subject and begin as what is typed, with what they are: for completions. */
export function beginnings(
	before: readonly string[],
	begun: string,
): readonly (readonly [word: string, what: string])[] {
	const kind = before.length === 0 ? undefined : split([...before, begun]).kind;
	if (before.length > 0 && kind === undefined) return [];
	const found = new Map<string, string>();
	if (before.length === 0)
		for (const [word, meant] of Object.entries(KIND_WORDS))
			if (word.startsWith(begun)) found.set(word, `a ${meant} by name`);
	// All thousand names are no help where nothing is typed yet.
	if (begun === "" && kind === undefined) return [...found];
	for (const subject of subjects())
		if (kind === undefined || subject.kind === kind)
			for (const name of names(subject)) if (name.startsWith(begun) && !found.has(name)) found.set(name, subject.kind);
	return [...found];
}
