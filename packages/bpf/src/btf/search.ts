import type { Btf } from "./btf.ts";
import type { BtfKind } from "./types.ts";
import { KIND_NUMBER } from "./wire.ts";

/** A name as a pattern: `/text/flags` is a regular expression, `*` and `?` are a shell's, anything else is the name itself. @throws SyntaxError */
export function namePattern(text: string): (name: string) => boolean {
	const regex = /^\/(.*)\/([a-z]*)$/s.exec(text);
	if (regex) {
		const r = new RegExp(regex[1]!, regex[2]!.replace("g", ""));
		return (name) => r.test(name);
	}
	if (!/[*?]/.test(text)) return (name) => name === text;
	const source = text
		.replace(/[.+^${}()|[\]\\]/g, "\\$&")
		.replace(/\*/g, ".*")
		.replace(/\?/g, ".");
	const r = new RegExp(`^${source}$`, "s");
	return (name) => r.test(name);
}

/** Ids of all types whose name fits, of these kinds where some are given; ascending. Makes no types. */
export function search(btf: Btf, fits: (name: string) => boolean, kinds?: readonly BtfKind[]): number[] {
	const wanted = kinds === undefined ? undefined : new Set(kinds.map((k) => KIND_NUMBER[k]));
	const out: number[] = [];
	btf.eachRecord((id, words, at) => {
		const offset = words[at]!;
		if (offset === 0 || (wanted && !wanted.has((words[at + 1]! >>> 24) & 0x1f))) return;
		if (fits(btf.string(offset))) out.push(id);
	});
	return out;
}
