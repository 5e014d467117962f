/** What cannot be the name of a class, an interface or a type, whatever the language's version. */
const RESERVED: ReadonlySet<string> = new Set(
	`any as async await bigint boolean break case catch class const continue debugger declare default delete do else enum
	eval export extends false finally for function if implements import in instanceof interface let never new null number
	object package private protected public return static string super switch symbol this throw true try type typeof
	undefined unknown using var void while with yield arguments`.split(/\s+/),
);

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** A name as a property's name: itself where it may stand so, else quoted. */
export const propertyName = (name: string): string =>
	IDENTIFIER.test(name) && name !== "__proto__" ? name : JSON.stringify(name);

/** A text as an identifier: what cannot stand in one becomes `_`. */
export function identifier(text: string): string {
	const cleaned = text.replace(/[^\p{ID_Continue}$]/gu, "_");
	return IDENTIFIER.test(cleaned) ? cleaned : `_${cleaned}`;
}

/** `my-tool.bpf` → `MyToolBpf`. */
export function className(text: string): string {
	const words = text.split(/[^\p{ID_Continue}$]+|_+/u).filter((w) => w !== "");
	return identifier(words.map((w) => w[0]!.toUpperCase() + w.slice(1)).join("") || "Skeleton");
}

/** Names that are given out once each. */
export class Names {
	readonly #taken: Set<string>;
	constructor(taken: Iterable<string>) {
		this.#taken = new Set(taken);
	}

	/** The identifier for a text; `_2` and so on where it is taken. */
	take(text: string): string {
		let name = identifier(text);
		if (RESERVED.has(name)) name = `${name}_`;
		let free = name;
		for (let n = 2; this.#taken.has(free); n++) free = `${name}_${n}`;
		this.#taken.add(free);
		return free;
	}
}

/** A text as it may stand in a comment: one line that does not end it. */
export const commentText = (text: string): string =>
	text.replace(/[\p{Cc}\u2028\u2029]/gu, " ").replaceAll("*/", "* /");
