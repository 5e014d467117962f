import { readFileSync } from "node:fs";
import { errnoOf, tracefsRoot } from "#sys";
import { globPattern, isGlob } from "./glob.ts";

/** What ftrace could not place. */
const NO_FUNCTION = /^__ftrace_invalid_address___/;

/**
 * Names of kernel functions, sorted, each once. A glob asks ftrace, which lists what can be probed, each place under one name; where
 * it may not be asked, and for names, all symbols of the kernel's text. -errno
 */
export function kernelFunctions(wanted: string | readonly string[]): readonly string[] | number {
	const names = typeof wanted === "string" ? [wanted] : wanted;
	const fits = names.map(globPattern);
	try {
		const traced = names.every(isGlob) ? tracedFunctions() : undefined;
		return [...new Set((traced ?? symbols()).filter((name) => fits.some((each) => each(name))))].sort();
	} catch (error) {
		return -errnoOf(error);
	}
}

/** undefined: tracefs does not show them to us. */
function tracedFunctions(): string[] | undefined {
	const root = tracefsRoot();
	if (typeof root === "number") return undefined;
	try {
		const lines = readFileSync(`${root}/available_filter_functions`, "utf8").split("\n");
		const names = lines.map((line) => line.split(" ", 1)[0] ?? "").filter((name) => name && !NO_FUNCTION.test(name));
		return names.length > 0 ? names : undefined;
	} catch {
		return undefined;
	}
}

/** Symbols of functions: `ffffffff81000000 T _stext [module]`. */
function symbols(): string[] {
	const names: string[] = [];
	for (const line of readFileSync("/proc/kallsyms", "utf8").split("\n")) {
		const found = /^[0-9a-f]+ [tTwW] (\S+)/.exec(line);
		if (found) names.push(found[1]!);
	}
	return names;
}
