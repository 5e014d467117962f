/**
 * A node of the syntax tree: ESTree with TypeScript nodes as acorn-typescript makes them, loosely typed on purpose (the
 * parser has no types for its TypeScript nodes). `start` and `end` are offsets in the module's text.
 */
export interface Node {
	readonly type: string;
	readonly start: number;
	readonly end: number;
	// biome-ignore lint/suspicious/noExplicitAny: the parser's trees have no types
	readonly [key: string]: any;
}

const isNode = (x: unknown): x is Node =>
	typeof x === "object" && x !== null && typeof (x as { type?: unknown }).type === "string" && "start" in x;

/** Adds the direct children, types and values alike, in the order of their keys. */
export function childrenInto(node: Node, into: Node[]): void {
	for (const key in node) {
		if (key === "loc") continue;
		const value: unknown = node[key];
		if (typeof value !== "object" || value === null) continue;
		if (Array.isArray(value)) {
			for (const v of value) if (isNode(v)) into.push(v);
		} else if (isNode(value)) into.push(value);
	}
}

/** Direct children, types and values alike, in the order of their keys. */
export function children(node: Node): Node[] {
	const found: Node[] = [];
	childrenInto(node, found);
	return found;
}

/** Visits `node` and all below it, parents first. `false` from the visitor leaves the children out. */
export function walk(node: Node, visit: (node: Node, parents: readonly Node[]) => unknown, parents: Node[] = []): void {
	if (visit(node, parents) === false) return;
	parents.push(node);
	for (const child of children(node)) walk(child, visit, parents);
	parents.pop();
}

export const isFunction = (node: Node | null | undefined): boolean =>
	node?.type === "FunctionDeclaration" ||
	node?.type === "FunctionExpression" ||
	node?.type === "ArrowFunctionExpression";

/** The expression behind `as`, `satisfies`, `!`, `<T>x` and parentheses. */
export function unwrap(node: Node): Node {
	let n = node;
	while (
		n.type === "TSAsExpression" ||
		n.type === "TSSatisfiesExpression" ||
		n.type === "TSNonNullExpression" ||
		n.type === "TSTypeAssertion" ||
		n.type === "ParenthesizedExpression"
	)
		n = n["expression"];
	return n;
}

/** Type arguments of a call, a type reference or a heritage clause. */
export const typeArguments = (node: Node): readonly Node[] =>
	(node["typeArguments"] ?? node["typeParameters"])?.params ?? [];

/** `a`, `"a"` and `5` as the key of a property or member; undefined for computed ones. */
export function propertyName(node: Node): string | undefined {
	if (node["computed"]) return undefined;
	const key: Node | undefined = node["key"];
	if (key?.type === "Identifier") return key["name"];
	if (key?.type === "Literal") return String(key["value"]);
	return undefined;
}

/** Lines of a text; columns count UTF-16 units, as V8 and editors do. */
export class LineIndex {
	readonly #starts: number[] = [0];
	constructor(text: string) {
		for (let i = 0; i < text.length; i++) {
			const c = text.charCodeAt(i);
			if (c === 10 || c === 0x2028 || c === 0x2029 || (c === 13 && text.charCodeAt(i + 1) !== 10))
				this.#starts.push(i + 1);
		}
	}
	/** Line and column from 1. */
	place(offset: number): { line: number; column: number } {
		const starts = this.#starts;
		let low = 0;
		let high = starts.length - 1;
		while (low < high) {
			const middle = (low + high + 1) >> 1;
			if (starts[middle]! <= offset) low = middle;
			else high = middle - 1;
		}
		return { line: low + 1, column: offset - starts[low]! + 1 };
	}
}
