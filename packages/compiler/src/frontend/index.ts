/**
 * The front end: texts to syntax trees (`parse`), imports to a graph of modules (`resolve`), names to what they stand for
 * (`names`), type syntax to types with C layout (`types`), compile-time values (`constants`), constructor calls to
 * declarations (`declarations`: `maps`, `programs`, `options`), functions to halves (`halves`, `subset`), call sites to handles (`handles`). Function
 * bodies are looked at only for the names in them; what they mean is `lower`'s. `Analysis` is the seam.
 */
export type {
	Analysis,
	Binding,
	Constant,
	MapDeclaration,
	OptionEntry,
	OptionsDeclaration,
	ProgramDeclaration,
	SharedDeclaration,
	SourceModule,
	TypeRef,
} from "./analysis.ts";
export { analyze } from "./analyze.ts";
export { blankKernelHalf, kernelOnlyRanges } from "./blank.ts";
export { fits } from "./constants.ts";
export { callHash, callSite, manifestOf } from "./handles.ts";
export { checkHooks, type HookSource } from "./hooks.ts";
export { type Parsed, parseModule, type SyntaxFailure } from "./parse.ts";
export type { Sources } from "./resolve.ts";
export { boundNames, freeReferences } from "./scope.ts";
export { children, isFunction, type Node, propertyName, typeArguments, unwrap, walk } from "./tree.ts";
export { isSized, layout } from "./types.ts";
