import { ids } from "@skep/bpf/live";
import { MAP_TYPES, SECTION_NAMES } from "@skep/bpf/uapi";
import type { Command, Flag, Verb } from "#cli";
import {
	bpffsMounts,
	CGROUP_HOOKS,
	everyObject,
	infoOf,
	linkType,
	mapType,
	programType,
	type ShownKind,
} from "#inspect";
import { printable } from "#output";
import type { Desk } from "./desk.ts";
import { SOCKET_HOOKS } from "./prog-attach.ts";

/** A word that may stand next, and what it is. */
export interface Choice {
	readonly word: string;
	readonly text: string;
}

export interface Candidates {
	readonly choices: readonly Choice[];
	/** Names of files may stand there too. */
	readonly files: boolean;
}

/** Names of the manual that begin so, and what they are (`beginnings` of #manual). */
export type ManualWords = (
	before: readonly string[],
	begun: string,
) => readonly (readonly [word: string, what: string])[];

const NOTHING: Candidates = { choices: [], files: false };

/**
 * What may stand in the place of the last word, which is begun: by the rows of the command table; ids, names and devices as the
 * kernel has them now. `open` is called only where they are wanted; `manual` gives names of the manual.
 */
export function candidates(
	words: readonly string[],
	commands: readonly Command[],
	open: () => Desk,
	manual: ManualWords = () => [],
): Candidates {
	const begun = words.at(-1) ?? "";
	const before = words.slice(0, -1);
	const fits = (found: Candidates): Candidates => ({
		...found,
		choices: found.choices.filter(({ word }) => word.startsWith(begun)),
	});
	const plain = before.filter((word) => !word.startsWith("-"));
	const command = commands.find(({ name }) => name === plain[0]);
	if (plain.length === 0) {
		const names = commands.map(({ name, summary }) => ({ word: name, text: summary }));
		return fits({
			choices: begun.startsWith("-") ? flagWords(beforeNouns(commands)) : names,
			files: false,
		});
	}
	if (!command) return NOTHING;
	const option = command.flags.find((flag) => isFlag(flag, before.at(-1)));
	if (option?.value !== undefined) return { choices: [], files: true };
	if (begun.startsWith("-")) return fits({ choices: flagWords(command.flags), files: false });
	if (command.name === "help")
		return fits({ choices: helpWords(plain.slice(1), begun, commands, manual), files: false });
	if (!command.verbs)
		return fits({ choices: usageWords(command.usage), files: /FILE|FOLDER|OBJ|\.o/.test(command.usage) });
	if (plain.length === 1) {
		const verbs = command.verbs.map(({ name, summary }) => ({ word: name, text: summary }));
		return fits({ choices: [...verbs, { word: "help", text: "what it takes" }], files: false });
	}
	const verb = command.verbs.find(({ name }) => name === plain[1]);
	return verb ? fits(afterVerb(command.name, verb, plain, open)) : NOTHING;
}

/** `help COMMAND VERB`, `help KIND WORD`, `help WORD`. */
function helpWords(
	before: readonly string[],
	begun: string,
	commands: readonly Command[],
	manual: ManualWords,
): readonly Choice[] {
	const [first] = before;
	const own: readonly { readonly name: string; readonly summary: string }[] =
		first === undefined ? commands : (commands.find(({ name }) => name === first)?.verbs ?? []);
	const found = new Map(own.map(({ name, summary }) => [name, summary]));
	for (const [word, what] of manual(before, begun)) if (!found.has(word)) found.set(word, what);
	return [...found].map(([word, text]) => ({ word, text }));
}

const isFlag = (flag: Flag, word: string | undefined): boolean =>
	word === `--${flag.name}` || (flag.short !== undefined && word === `-${flag.short}`);

/** Options that every noun has may stand before it. */
function beforeNouns(commands: readonly Command[]): readonly Flag[] {
	const nouns = commands.filter(({ verbs }) => verbs);
	return (nouns[0]?.flags ?? []).filter(({ name }) =>
		nouns.every(({ flags }) => flags.some((flag) => flag.name === name)),
	);
}

function flagWords(flags: readonly Flag[]): Choice[] {
	const found = new Map<string, string>([["--help", "what it takes, with an example"]]);
	for (const { name, short, help } of flags) {
		found.set(`--${name}`, help);
		if (short !== undefined) found.set(`-${short}`, help);
	}
	return [...found].map(([word, text]) => ({ word, text }));
}

/** What stands in small letters in a usage is a word of the command line; what names a program or a map has its own. */
function usageWords(usage: string): Choice[] {
	const words: string[] = usage.match(/(?<![\w.-])[a-z][a-z0-9_]*(?![\w.])/g) ?? [];
	if (/\bPROG\b/.test(usage)) words.push("id", "pinned", "tag", "name");
	if (/\bMAP\b/.test(usage)) words.push("id", "pinned", "name");
	return [...new Set(words)].map((word) => ({ word, text: "" }));
}

/** Words of a verb that what follows is looked up for. */
const ASKING: ReadonlySet<string> = new Set(["id", "name", "tag", "dev"]);

function afterVerb(noun: string, verb: Verb, plain: readonly string[], open: () => Desk): Candidates {
	const last = plain.at(-1)!;
	const rest = plain.slice(2);
	if (rest.length > 0 && last === "pinned") return { choices: pins(), files: true };
	if (rest.length > 0 && last === "type") return { choices: typeWords(noun), files: false };
	if (rest.length > 0 && ASKING.has(last) && usageWords(verb.usage).some(({ word }) => word === last)) {
		const kind = kindOf(noun, rest);
		return { choices: last === "dev" ? deviceWords(open) : objectWords(kind, last, open), files: false };
	}
	const types = /\bATTACH_TYPE\b/.test(verb.usage) ? attachWords(noun) : [];
	const files = /\b(FILE|PATH|OBJ|CGROUP|OUT|IN|BTF|DIR|LINK_DIR)\b/.test(verb.usage.replaceAll("pinned PATH", ""));
	return { choices: [...usageWords(verb.usage), ...types], files };
}

/** Whose ids and names are meant: the noun's own, or those of the word before (`btf dump map id`, `map update … value id`). */
function kindOf(noun: string, rest: readonly string[]): ShownKind | "btf" {
	const named = rest.findLast((word) => word === "prog" || word === "map" || word === "link");
	if (named === "prog" || named === "map" || named === "link") return named;
	if (noun === "struct_ops" || noun === "iter") return "map";
	if (noun === "map" || noun === "link" || noun === "btf") return noun;
	return "prog";
}

function attachWords(noun: string): Choice[] {
	if (noun === "cgroup") return CGROUP_HOOKS.map((word) => ({ word, text: "hook of cgroups" }));
	return [...new Set(Object.values(SOCKET_HOOKS))].map((word) => ({ word, text: "hook of sockets" }));
}

function typeWords(noun: string): Choice[] {
	if (noun === "map") return Object.keys(MAP_TYPES).map((word) => ({ word, text: "map type" }));
	return SECTION_NAMES.map((word) => ({ word, text: "program type, as sections name it" }));
}

const TYPE_NAMES = { prog: programType, map: mapType, link: linkType } as const;

/** Nothing where the kernel does not let us look. */
function objectWords(kind: ShownKind | "btf", by: string, open: () => Desk): Choice[] {
	const found: Choice[] = [];
	try {
		const { kernel } = open();
		if (kind === "btf") return [...ids(kernel, kind)].map((id) => ({ word: String(id), text: "BTF" }));
		for (const fd of everyObject(kernel, kind)) {
			const info = infoOf(kernel, kind, fd);
			const name = "name" in info ? printable(info.name) : "";
			const type = String(TYPE_NAMES[kind](info.type));
			if (by === "id") found.push({ word: String(info.id), text: `${type}${name === "" ? "" : ` ${name}`}` });
			else if (by === "tag") found.push({ word: "tag" in info ? info.tag : "", text: `${type} ${name}` });
			else found.push({ word: name, text: `${type} ${info.id}` });
		}
	} catch {
		return [];
	}
	return found.filter(({ word }, i) => word !== "" && found.findIndex((each) => each.word === word) === i);
}

function deviceWords(open: () => Desk): Choice[] {
	try {
		const listing = open().kernel.places?.networkPrograms();
		if (typeof listing !== "object") return [];
		return listing.devices.map(({ name, ifindex }) => ({ word: name, text: `device ${ifindex}` }));
	} catch {
		return [];
	}
}

const pins = (): Choice[] => bpffsMounts().map((word) => ({ word: `${word}/`, text: "bpffs" }));
