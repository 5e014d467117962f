import { Report } from "#diagnostics";
import { analyze } from "./analyze.ts";
import { blankBodies } from "./halves.ts";
import type { Node } from "./tree.ts";

/**
 * Ranges of bodies that only kernel code runs, found in this module alone: functions handed to program constructors,
 * and functions of the module that only these reach. Exported functions stay: another module may call them.
 */
export function kernelOnlyRanges(path: string, text: string): { start: number; end: number }[] {
	const analysis = analyze({ entry: path, read: (p) => (p === path ? text : undefined) }, new Report());
	return [...analysis.kernelOnly].map((fn) => fn["body"] as Node).map(({ start, end }) => ({ start, end }));
}

/**
 * The module as Node is to run it: bodies of kernel-only functions blanked, every line and column where it was. Text that
 * does not parse, or has no kernel half, comes back as it is.
 */
export function blankKernelHalf(path: string, text: string): string {
	const ranges = kernelOnlyRanges(path, text);
	return ranges.length === 0 ? text : blankBodies(text, ranges);
}
