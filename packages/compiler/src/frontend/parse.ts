import { tsPlugin } from "@sveltejs/acorn-typescript";
import { type Options, Parser } from "acorn";
import type { Node } from "./tree.ts";

/** A syntax error: where, what is there, what was expected. */
export interface SyntaxFailure {
	/** In the text. */
	readonly offset: number;
	/** In characters, at least 1. */
	readonly length: number;
	readonly message: string;
	readonly remedy: string;
}
export type Parsed = { readonly program: Node; readonly failure?: never } | { readonly failure: SyntaxFailure; readonly program?: never };

/** What of acorn's parser is used beyond its published types. */
interface Internals {
	readonly type: { readonly label: string; readonly keyword?: string };
	readonly start: number;
	readonly end: number;
	readonly input: string;
	eat(type: Internals["type"]): boolean;
	parse(): unknown;
}

/** A `SyntaxError`, because the TypeScript plugin tries alternatives and takes back what throws one. */
class Refusal extends SyntaxError {
	readonly offset: number;
	readonly length: number;
	readonly remedy: string;
	constructor(offset: number, length: number, message: string, remedy: string) {
		super(message);
		this.offset = offset;
		this.length = length;
		this.remedy = remedy;
	}
}

const Base = Parser.extend(tsPlugin()) as unknown as new (options: Options, input: string) => Internals;

class ModuleParser extends Base {
	#expected: string | undefined;

	expect(type: Internals["type"]): void {
		if (this.eat(type)) return;
		this.#expected = labelOf(type);
		this.unexpected();
	}

	unexpected(offset?: number | null): never {
		const at = offset ?? this.start;
		const expected = this.#expected;
		this.#expected = undefined;
		const here = at === this.start ? Math.max(1, this.end - this.start) : 1;
		const found = at >= this.input.length ? "the end of the file" : `\`${clip(this.input.slice(at, at + here))}\``;
		const message = expected ? `${found} where ${expected} was expected` : `${found} is not possible here`;
		throw new Refusal(at, here, message, expected ? `write ${expected} before it, or remove it` : "remove it, or complete what stands before it");
	}

	raise(offset: number, message: string | ((detail: object) => string)): never {
		const text = typeof message === "function" ? message({}) : message;
		if (text === "Unexpected token") this.unexpected(offset);
		const length = offset === this.start ? Math.max(1, this.end - this.start) : 1;
		throw new Refusal(offset, length, text.replace(/\s*\(\d+:\d+\)$/, "").replace(/\.$/, ""), "correct the syntax here");
	}

	/** Errors after which acorn goes on are errors here too. */
	raiseRecoverable(offset: number, message: string): never {
		this.raise(offset, message);
	}
}

const clip = (text: string): string => {
	const line = text.split(/[\r\n]/, 1)[0]!;
	return line.length > 24 ? `${line.slice(0, 24)}…` : line;
};

const labelOf = (type: Internals["type"]): string => {
	switch (type.label) {
		case "name":
			return "a name";
		case "string":
			return "a string";
		default:
			return `\`${type.label}\``;
	}
};

/** Module text to its tree. Any text: what is not TypeScript comes back as a failure, nothing is thrown. */
export function parseModule(text: string): Parsed {
	try {
		const options: Options = { ecmaVersion: "latest", sourceType: "module", locations: true, allowHashBang: true };
		return { program: new ModuleParser(options, text).parse() as Node };
	} catch (error) {
		if (error instanceof Refusal)
			return { failure: { offset: Math.min(error.offset, text.length), length: error.length, message: error.message, remedy: error.remedy } };
		// The parser's own failures (stack depth, internal type errors) say that it cannot read the text, too.
		const place = (error as { pos?: unknown }).pos;
		const offset = typeof place === "number" ? Math.min(place, text.length) : 0;
		const message = error instanceof RangeError ? "nested too deeply to be read" : "cannot be read as TypeScript";
		return { failure: { offset, length: 1, message, remedy: "simplify or correct the syntax" } };
	}
}
