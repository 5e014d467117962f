import { tsPlugin } from "@sveltejs/acorn-typescript";
import { type Options, Parser } from "acorn";
import { childrenInto, type Node } from "./tree.ts";

/** A syntax error: where, what is there, what was expected. */
export interface SyntaxFailure {
	/** In the text. */
	readonly offset: number;
	/** In characters, at least 1. */
	readonly length: number;
	readonly message: string;
	readonly remedy: string;
}
export type Parsed =
	| { readonly program: Node; readonly failure?: never }
	| { readonly failure: SyntaxFailure; readonly program?: never };

/** What of acorn's parser is used beyond its published types. */
interface Internals {
	readonly type: { readonly label: string; readonly keyword?: string };
	readonly start: number;
	readonly end: number;
	readonly input: string;
	eat(type: Internals["type"]): boolean;
	parse(): unknown;
	semicolon(): void;
	parseExprAtom(...rest: unknown[]): unknown;
	parseIdent(...rest: unknown[]): unknown;
	parseBindingAtom(...rest: unknown[]): unknown;
	tsParseNonArrayType(...rest: unknown[]): unknown;
}

/** A `SyntaxError`, because the TypeScript plugin tries alternatives and takes back what throws one. */
class Refusal extends SyntaxError {
	readonly offset: number;
	readonly length: number;
	readonly remedy: string;
	/** The token, where nothing is known but that it is wrong. */
	readonly found: string | undefined;
	readonly vague: boolean;
	constructor(offset: number, length: number, found: string | undefined, message?: string, remedy?: string) {
		super(message ?? `${found} is not possible here`);
		this.offset = offset;
		this.length = length;
		this.found = found;
		this.vague = message === undefined;
		this.remedy = remedy ?? "remove it, or complete what stands before it";
	}
	/** The same with what was expected. */
	expecting(what: string): Refusal {
		const end = this.found === "the end of the file";
		return new Refusal(
			this.offset,
			this.length,
			this.found,
			`${this.found} where ${what} was expected`,
			end ? `write ${what}` : `write ${what} before it, or remove it`,
		);
	}
}

const Base = Parser.extend(tsPlugin()) as unknown as new (options: Options, input: string) => Internals;

class ModuleParser extends Base {
	#expected: string | undefined;

	/** Says what was expected where the text of acorn says only that the token is wrong. */
	#wanting<T>(expected: string, parse: () => T): T {
		const at = this.start;
		try {
			return parse();
		} catch (error) {
			if (error instanceof Refusal && error.vague && error.offset === at) throw error.expecting(expected);
			throw error;
		}
	}
	override semicolon(): void {
		this.#wanting("`;` or a new line", () => super.semicolon());
	}
	override parseExprAtom(...rest: unknown[]): unknown {
		return this.#wanting("an expression", () => super.parseExprAtom(...rest));
	}
	override parseIdent(...rest: unknown[]): unknown {
		return this.#wanting("a name", () => super.parseIdent(...rest));
	}
	override parseBindingAtom(...rest: unknown[]): unknown {
		return this.#wanting("a name", () => super.parseBindingAtom(...rest));
	}
	override tsParseNonArrayType(...rest: unknown[]): unknown {
		return this.#wanting("a type", () => super.tsParseNonArrayType(...rest));
	}

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
		const refusal = new Refusal(at, here, found);
		throw expected ? refusal.expecting(expected) : refusal;
	}

	raise(offset: number, message: string | ((detail: object) => string)): never {
		const text = typeof message === "function" ? message({}) : message;
		if (text === "Unexpected token") this.unexpected(offset);
		const length = offset === this.start ? Math.max(1, this.end - this.start) : 1;
		// What acorn makes of an overflow of the stack.
		if (text.startsWith("Not enough stack space"))
			throw new Refusal(
				offset,
				length,
				undefined,
				"nested too deeply to be read",
				"split the expression or the blocks",
			);
		throw new Refusal(
			offset,
			length,
			undefined,
			text.replace(/\s*\(\d+:\d+\)$/, "").replace(/\.$/, ""),
			"correct the syntax here; more may be found then",
		);
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
		case ",":
			return "`,` or a closing bracket";
		case ";":
			return "`;` or `,`";
		default:
			return `\`${type.label}\``;
	}
};

/** Nodes within nodes: more than people write, less than what the walks over the tree have stack for. */
const MAX_DEPTH = 800;

/** A node that lies too deep; undefined: none does. Without recursion. */
function tooDeep(program: Node): Node | undefined {
	let level: Node[] = [program];
	for (let depth = 0; level.length > 0; depth++) {
		if (depth > MAX_DEPTH) return level[0];
		const next: Node[] = [];
		for (const node of level) childrenInto(node, next);
		level = next;
	}
	return undefined;
}

/** Module text to its tree. Any text: what is not TypeScript comes back as a failure, nothing is thrown. */
export function parseModule(text: string): Parsed {
	try {
		const options: Options = { ecmaVersion: "latest", sourceType: "module", locations: true, allowHashBang: true };
		const program = new ModuleParser(options, text).parse() as Node;
		const deep = tooDeep(program);
		if (!deep) return { program };
		return {
			failure: {
				offset: deep.start,
				length: 1,
				message: "nested too deeply to be compiled",
				remedy: "split the expression or the blocks",
			},
		};
	} catch (error) {
		if (error instanceof Refusal)
			return {
				failure: {
					offset: Math.min(error.offset, text.length),
					length: error.length,
					message: error.message,
					remedy: error.remedy,
				},
			};
		// The parser's own failures (stack depth, internal type errors) say that it cannot read the text, too.
		const place = (error as { pos?: unknown }).pos;
		const offset = typeof place === "number" ? Math.min(place, text.length) : 0;
		const message = error instanceof RangeError ? "nested too deeply to be read" : "cannot be read as TypeScript";
		return { failure: { offset, length: 1, message, remedy: "simplify or correct the syntax" } };
	}
}
