import { existsSync, readFileSync } from "node:fs";
import {
	type LoadHookSync,
	type RegisterHooksOptions,
	type ResolveHookSync,
	registerHooks,
	stripTypeScriptTypes,
} from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Source } from "./source.ts";

/** The modules behind `skep`, `skep/net` …: those that the command itself uses, wherever the user's file stands. */
const DOORS: Readonly<Record<string, string>> = {
	skep: "skep",
	"skep/net": "program/net",
	"skep/uapi": "program/uapi",
	"skep/kernel": "program/kernel",
	"skep/test": "harness/test",
};

/** URL of a module of this package. This one stands in `run/` of the sources and of what is built from them, and among the bundle's chunks. */
export function doorUrl(name: string): string {
	for (const base of ["../", "./"]) {
		for (const ending of [".ts", ".js"]) {
			const url = new URL(`${base}${name}${ending}`, import.meta.url);
			if (existsSync(url)) return url.href;
		}
	}
	throw new Error(`skep is not whole: its module ${name} is missing`);
}

/** Type stripping is marked experimental by Node 22 and 24; that one warning is ours to answer for. */
function strip(text: string, url: string): string {
	const { emitWarning } = process;
	process.emitWarning = () => {};
	try {
		return stripTypeScriptTypes(text, { mode: "strip", sourceUrl: url });
	} finally {
		process.emitWarning = emitWarning;
	}
}

/**
 * From now on `import … from "skep"` gives this package, and TypeScript modules of the user are loaded with the bodies of
 * kernel-only functions blanked and types stripped; lines and columns stay. Without a source every module of the user is
 * blanked: nobody has said yet which ones will be compiled. Returns what takes the hook away again.
 */
export function installHook(source: Source | undefined, blank: (path: string, text: string) => string): () => void {
	const resolve: ResolveHookSync = (specifier, context, next) => {
		const door = DOORS[specifier];
		if (door === undefined) return next(specifier, context);
		return { url: doorUrl(door), shortCircuit: true };
	};
	const load: LoadHookSync = (url, context, next) => {
		if (!/^file:.*\.m?ts$/.test(url)) return next(url, context);
		const path = fileURLToPath(url);
		const compiled = source?.texts.get(path);
		if (compiled === undefined && !isUserModule(url)) return next(url, context);
		const known = compiled ?? readFileSync(path, "utf8");
		const text = source !== undefined && compiled === undefined ? known : blank(path, known);
		return { format: "module", source: strip(text, url), shortCircuit: true };
	};
	const hooks: RegisterHooksOptions = { resolve, load };
	const registered = registerHooks(hooks);
	return () => registered.deregister();
}

/** Of the user's: not of a package, and not of skep's own sources in a checkout. */
function isUserModule(url: string): boolean {
	return !url.includes("/node_modules/") && !url.startsWith(OWN);
}

/** packages/skep/src in a checkout; elsewhere a folder without TypeScript. */
const OWN = new URL("../", import.meta.url).href;

export const entryUrl = (source: Source): string => pathToFileURL(source.path).href;
