import type { Global, MapDecl } from "#ir";

/** What passes may know beyond the function. */
export interface PassContext {
	readonly maps: ReadonlyMap<string, MapDecl>;
	readonly globals: ReadonlyMap<string, Global>;
}

export const NO_CONTEXT: PassContext = { maps: new Map(), globals: new Map() };
