import { UsageError } from "./fail.ts";
import { nearest } from "./nearest.ts";

/** The words of a command line, taken one after another. Keywords may be shortened, as bpftool lets one. */
export class Words {
	/** Noun and verb, for texts: `map update`. */
	readonly of: string;
	readonly #words: readonly string[];
	#at = 0;

	constructor(of: string, words: readonly string[]) {
		this.of = of;
		this.#words = words;
	}

	get empty(): boolean {
		return this.#at >= this.#words.length;
	}

	/** The next word, which stays. */
	get peek(): string | undefined {
		return this.#words[this.#at];
	}

	/** Takes all that is left. */
	rest(): string[] {
		const left = this.#words.slice(this.#at);
		this.#at = this.#words.length;
		return left;
	}

	/** Takes the next word. `what` it is to be: `the name of a file`. @throws UsageError */
	next(what: string): string {
		const word = this.#words[this.#at++];
		if (word !== undefined) return word;
		const before = this.#words.at(-1);
		throw this.wrong(`${what} is missing${before === undefined ? "" : ` after "${before}"`}`);
	}

	/** Takes the next word where it is the keyword, or a beginning of it. */
	skip(keyword: string): boolean {
		const word = this.peek;
		if (word === undefined || word === "" || !keyword.startsWith(word)) return false;
		this.#at++;
		return true;
	}

	/** Takes one of several keywords; of several that it may be, the first. @throws UsageError */
	oneOf<K extends string>(keywords: readonly K[], what = "a word"): K {
		const word = this.next(`${what} (${keywords.join(", ")})`);
		const found =
			keywords.find((each) => each === word) ?? keywords.find((each) => word !== "" && each.startsWith(word));
		if (found !== undefined) return found;
		const near = nearest(word, keywords);
		const hint = near === undefined ? `: it is one of ${keywords.join(", ")}` : `, did you mean ${near}?`;
		throw this.wrong(`"${word}" is no ${what}${hint}`);
	}

	/** As `oneOf`, for what something is done with: a beginning that fits several is refused. @throws UsageError */
	choice<K extends string>(keywords: readonly K[], what: string): K {
		const word = this.peek;
		const fits = word === undefined || word === "" ? [] : keywords.filter((each) => each.startsWith(word));
		if (fits.length > 1 && !keywords.some((each) => each === word))
			throw this.wrong(`"${word}" may be ${fits.join(" or ")}`);
		return this.oneOf(keywords, what);
	}

	/** Takes a whole number, decimal or `0x…`. @throws UsageError */
	number(what: string, most = 0xffff_ffff): number {
		const word = this.next(what);
		const value = /^(0x[0-9a-f]+|\d+)$/i.test(word) ? Number(word) : Number.NaN;
		if (value <= most) return value;
		throw this.wrong(`${what}: "${word}" is no number from 0 to ${most}`);
	}

	/** Nothing may be left. @throws UsageError */
	end(): void {
		if (this.peek !== undefined) throw this.wrong(`"${this.peek}" is one word too many`);
	}

	/** A refusal that names the verb. */
	wrong(text: string): UsageError {
		return new UsageError(`${this.of}: ${text}`, this.of);
	}
}
