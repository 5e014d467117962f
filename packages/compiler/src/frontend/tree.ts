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
