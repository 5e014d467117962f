import { createHash } from "node:crypto";
import { dirname, relative } from "node:path";
import type { CollectionSpec } from "@skep/bpf/spec";
import type { Source } from "./source.ts";

/**
 * What tells a file from others, as recordings keep it: a hash of its text and one of its programs, in hex, with a blank
 * between. An object has no text.
 */
export function identityOf(source: Source): string {
	return `${textHash(source)} ${programHash(source.spec)}`;
}

/** Whether it is what was recorded: by its text, or, where only the user half was edited, by its programs. undefined: not known. */
export function isRecorded(source: Source, identity: string): boolean | undefined {
	const [text = "", programs = ""] = identity.split(" ");
	if (text !== "" && text === textHash(source)) return true;
	if (programs !== "") return programs === programHash(source.spec);
	return source.texts.size === 0 ? undefined : false;
}

/** Of the texts of a file's modules, whatever folder they are in. Empty: an object has none. */
function textHash(source: Source): string {
	if (source.texts.size === 0) return "";
	const hash = createHash("sha256");
	const folder = dirname(source.path);
	const named = Array.from(source.texts, ([path, text]) => [relative(folder, path), text] as const);
	for (const [path, text] of named.sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(`${path}\0${text}\0`);
	return hash.digest("hex").slice(0, 32);
}

/** Of what the kernel gets: instructions and what they refer to, maps and what is in them. Not of names and places in the source. */
function programHash({ programs, functions, maps }: CollectionSpec): string {
	const hash = createHash("sha256");
	const say = (...words: readonly unknown[]) => hash.update(`${JSON.stringify(words, bigintAsText)}\n`);
	for (const name of [...programs.keys()].sort()) say("program", name, programs.get(name)!.section);
	for (const [name, { insns, references, core }] of [...programs, ...functions].sort(([a], [b]) => (a < b ? -1 : 1))) {
		say(
			name,
			references,
			core.map(({ slot, access, kind }) => [slot, access, kind]),
		);
		hash.update(insns);
	}
	for (const [name, map] of [...maps].sort(([a], [b]) => (a < b ? -1 : 1))) {
		say("map", name, map.type, map.keySize, map.valueSize, map.maxEntries, map.flags, map.values);
		if (map.contents) hash.update(map.contents);
	}
	return hash.digest("hex").slice(0, 32);
}

const bigintAsText = (_: string, value: unknown): unknown => (typeof value === "bigint" ? String(value) : value);
