import { closeSync, openSync, readSync } from "node:fs";

/** What a call gives; undefined where it throws: files of /proc come and go. */
export function attempt<T>(call: () => T): T | undefined {
	try {
		return call();
	} catch {
		return undefined;
	}
}

const SMALL = Buffer.alloc(4096);

/** Text of a small file of /proc, at most 4096 bytes: cheaper than readFileSync, which asks for its size first. */
export function readSmall(path: string, encoding: "latin1" | "utf8" = "latin1"): string | undefined {
	let fd: number;
	try {
		fd = openSync(path, "r");
	} catch {
		return undefined;
	}
	try {
		return SMALL.toString(encoding, 0, readSync(fd, SMALL, 0, SMALL.length, 0));
	} catch {
		return undefined;
	} finally {
		closeSync(fd);
	}
}

/** The value of a line `name:\tvalue`. */
export function field(text: string, name: string): string | undefined {
	const at = text.indexOf(`${name}:`);
	// The first line, or behind a line's end.
	if (at < 0 || (at > 0 && text[at - 1] !== "\n")) return undefined;
	return text.slice(at + name.length + 1, text.indexOf("\n", at)).trim();
}
