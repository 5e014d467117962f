import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Where a handle's constructor was called: the key by which it finds its compiled twin. */
export interface Site {
	/** Of the module. */
	readonly url: string;
	/** From 1. */
	readonly line: number;
	/** From 1, where the callee begins. */
	readonly column: number;
}

/** What hides its own frames: the constructor that was called. */
type Callee = (...args: never[]) => unknown;

/** The place of the call of `callee`, from the stack. Type stripping keeps lines and columns. */
export function siteOf(callee: Callee): Site {
	const holder: { stack?: unknown } = {};
	const { prepareStackTrace, stackTraceLimit } = Error;
	Error.stackTraceLimit = 1;
	Error.prepareStackTrace = (_error, frames) => frames;
	try {
		Error.captureStackTrace(holder, callee);
		const [frame] = holder.stack as readonly NodeJS.CallSite[];
		const url = frame?.getScriptNameOrSourceURL() ?? frame?.getFileName() ?? "";
		remember(url);
		return {
			url,
			line: frame?.getLineNumber() ?? 0,
			column: frame?.getColumnNumber() ?? 0,
		};
	} finally {
		if (prepareStackTrace === undefined) Reflect.deleteProperty(Error, "prepareStackTrace");
		else Error.prepareStackTrace = prepareStackTrace;
		Error.stackTraceLimit = stackTraceLimit;
	}
}

/** `file:///a/b.ts:3:16` */
export const formatSite = (site: Site): string => `${site.url}:${site.line}:${site.column}`;

const evaluated = new Map<string, string>();

/** Node keeps no source text of modules; the file as it is while the module is being evaluated is as good. */
function remember(url: string): void {
	if (evaluated.has(url) || !url.startsWith("file:")) return;
	try {
		evaluated.set(url, readFileSync(fileURLToPath(url), "utf8"));
	} catch {
		// gone already: nothing to compare with
	}
}

/** Text of a module's file when the first of its handles was made; undefined: none was. */
export const evaluatedText = (url: string): string | undefined => evaluated.get(url);

const sites = new WeakMap<object, Site>();

/** Keeps where a handle was made. */
export function keepSite(handle: object, site: Site): void {
	sites.set(handle, site);
}

/** Where a handle was made; undefined: it is no handle. */
export const siteOfHandle = (value: unknown): Site | undefined =>
	typeof value === "object" && value !== null ? sites.get(value) : undefined;
