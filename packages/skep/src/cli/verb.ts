import { UsageError } from "./fail.ts";
import { nearest } from "./nearest.ts";

/** A row of a noun's table of verbs. `load` keeps the start of the others free of this one's code. */
export interface Verb<T = unknown> {
	readonly name: string;
	/** What stands behind the verb. */
	readonly usage: string;
	readonly summary: string;
	/** Whole command lines. */
	readonly examples: readonly [string, ...string[]];
	/** It changes nothing: a beginning that fits several verbs takes the first such, in the order of the table. */
	readonly reads?: true;
	load(): Promise<T>;
}

/**
 * The verb that the first word names, and the words after it: whole, or by a beginning. A beginning that fits several means
 * the first, as bpftool has it, where that one only reads; else it is refused. @throws UsageError with the candidates
 */
export function findVerb<T>(
	noun: string,
	verbs: readonly Verb<T>[],
	words: readonly string[],
): { readonly verb: Verb<T>; readonly rest: readonly string[] } {
	const [word, ...rest] = words;
	const names = verbs.map((verb) => verb.name);
	// A noun alone lists what there is, as with bpftool.
	if (word === undefined && verbs[0]?.reads) return { verb: verbs[0], rest };
	if (word === undefined) throw new UsageError(`what of ${names.join(", ")}?`, noun);
	const exact = verbs.find((verb) => verb.name === word);
	if (exact) return { verb: exact, rest };
	const fits = word === "" ? [] : verbs.filter((verb) => verb.name.startsWith(word));
	const [first] = fits;
	if (first && (fits.length === 1 || first.reads)) return { verb: first, rest };
	if (first) throw new UsageError(`"${noun} ${word}" may be ${fits.map((verb) => verb.name).join(" or ")}`, noun);
	const near = nearest(word, names);
	throw new UsageError(`no "${noun} ${word}"${near === undefined ? "" : `, did you mean ${near}?`}`, noun);
}

/** One line a verb, for the noun's help. */
export function renderVerbs(verbs: readonly Verb[]): string[] {
	const width = Math.max(...verbs.map((verb) => verb.name.length)) + 2;
	return verbs.map((verb) => `  ${verb.name.padEnd(width)}${verb.summary}`);
}

/** `skep NOUN VERB --help`. */
export function renderVerbHelp(noun: string, verb: Verb): string {
	return [
		`skep ${noun} ${verb.name}: ${verb.summary}`,
		"",
		`usage: skep ${noun} ${verb.name} ${verb.usage}`.trimEnd(),
		"",
		verb.examples.length === 1 ? "example:" : "examples:",
		...verb.examples.map((each) => `  ${each}`),
		"",
	].join("\n");
}
