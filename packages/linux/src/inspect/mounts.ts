import { textOf } from "./settings.ts";

/** Where file systems of a type are mounted in this process's view, the oldest first. */
export function mountPoints(type: string): readonly string[] {
	const lines = (textOf("/proc/self/mounts") ?? "").split("\n").map((line) => line.split(" "));
	return lines.flatMap(([, path, is]) => (is === type && path ? [unescaped(path)] : []));
}

/** The kernel writes blanks, and what else would end a word, as `\040`. */
const unescaped = (path: string): string =>
	path.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
