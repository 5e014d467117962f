import type { Command } from "#cli";
import type { Example, Kind, Subject } from "./subject.ts";
import { subjects } from "./subjects.ts";
import { wrap } from "./text.ts";

/** A file of `man/`: `skep-prog.1`. */
export interface ManPage {
	readonly file: string;
	readonly text: string;
}

/** Section 7: what pages there are, and which kinds of subjects stand in each. */
const PAGES: readonly { readonly name: string; readonly about: string; readonly kinds: readonly Kind[] }[] = [
	{ name: "skep-language", about: "words of the language of skep", kinds: ["word", "member"] },
	{ name: "skep-diagnostics", about: "findings of the compiler of skep", kinds: ["diagnostic"] },
	{ name: "skep-helpers", about: "helpers of eBPF programs", kinds: ["helper"] },
	{ name: "skep-kfuncs", about: "functions of the kernel that eBPF programs may call", kinds: ["kfunc"] },
	{ name: "skep-map-types", about: "types of eBPF maps", kinds: ["map type"] },
	{ name: "skep-program-types", about: "types of eBPF programs", kinds: ["program type"] },
	{ name: "skep-sections", about: "names of sections of eBPF objects", kinds: ["section"] },
	{
		name: "skep-syscall",
		about: "commands of bpf(2), attach types, link types",
		kinds: ["command", "attach type", "link type"],
	},
	{ name: "skep-instructions", about: "instructions of eBPF, and kinds of BTF", kinds: ["instruction", "BTF kind"] },
];

/** Text for roff: backslashes and hyphens as they are meant, lines that begin with a control character made plain. */
export function roff(text: string): string {
	return text
		.replaceAll("\\", "\\e")
		.replaceAll("-", "\\-")
		.replaceAll("→", "\\(->")
		.replaceAll("≥", "\\(>=")
		.replaceAll("≤", "\\(<=")
		.replaceAll("×", "\\(mu")
		.replaceAll("–", "\\(en")
		.replaceAll("…", "...")
		.replace(/^([.'])/gm, "\\&$1");
}

/** Names are copied and searched for: no hyphen may break them. */
const whole = (text: string): string => text.replace(/(?<!\S)(?=\S*[\w)][_/(.][\w(])/g, "\\%");

/** Sentences, each on a line of its own as mdoc wants it. */
const prose = (text: string): string => whole(roff(text.replace(/([.!?]\)?) +(?=\S)/g, "$1\n")));

/** A summary as a sentence. */
const sentence = (text: string): string =>
	prose(`${text[0]!.toUpperCase()}${text.slice(1)}${/[.…]$/.test(text) ? "" : "."}`);

/** An argument of a macro: in quotes, with quotes inside doubled. */
const quoted = (text: string): string => `"${roff(text).replaceAll('"', '""')}"`;

const block = (lines: readonly string[]): string[] => [
	".Bd -literal -offset indent",
	...lines.map((line) => roff(line.replaceAll("\t", "  ")) || "\\&"),
	".Ed",
];

const head = (name: string, section: number, about: string, date: string): string[] => [
	`.Dd ${date}`,
	`.Dt ${name.toUpperCase()} ${section}`,
	".Os skep",
	".Sh NAME",
	`.Nm ${name}`,
	`.Nd ${roff(about)}`,
];

/** A list of tagged paragraphs, as wide as the names want. */
function tagged(rows: readonly (readonly [string, string])[]): string[] {
	if (rows.length === 0) return [];
	const width = Math.min(14, Math.max(...rows.map(([name]) => name.length))) + 2;
	return [
		`.Bl -tag -compact -width ${width}n`,
		...rows.flatMap(([name, text]) => [`.It ${quoted(name)}`, prose(text) || "\\&"]),
		".El",
	];
}

/** What shows the subject itself: files of the language stand in the page of its words. */
function examplesOf({ kind, examples }: Subject): readonly Example[] {
	const own = examples.filter(
		(example) => kind === "word" || kind === "member" || kind === "diagnostic" || example.language !== "TypeScript",
	);
	return own.length > 0 ? own : examples;
}

const headOf = ({ title, language }: Example): string => {
	const text = title ?? `example (${language})`;
	return `${text[0]!.toUpperCase()}${text.slice(1)}`;
};

function subjectLines(subject: Subject): string[] {
	const lines = [`.Ss ${quoted(subject.name)}`, prose(subject.text)];
	if (subject.shape !== undefined) lines.push(...block([subject.shape]));
	for (const rows of [subject.parts, subject.facts]) if (rows.length > 0) lines.push(".Pp", ...tagged(rows));
	for (const example of examplesOf(subject))
		lines.push(".Pp", roff(`${headOf(example)}:`), ...block(example.text.split("\n")));
	if (subject.see.length > 0) lines.push(".Pp", whole(roff(`See also: ${subject.see.join(", ")}`)));
	return lines;
}

/** Lines that were broken for a screen, broken for a page; those that stand in columns stay as they are. */
function rewrapped(lines: readonly string[]): string[] {
	const found: string[] = [];
	let text = "";
	for (const line of [...lines, ""]) {
		const isColumns = /^\s|^$| {2}/.test(line);
		if (!isColumns) {
			text += text === "" ? line : ` ${line}`;
			continue;
		}
		if (text !== "") found.push(...wrap(text, 72));
		text = "";
		found.push(line);
	}
	return found.slice(0, -1);
}

/** What options a command takes. */
function flagRows(command: Command): [string, string][] {
	return command.flags.map((flag) => [
		`${flag.short === undefined ? "" : `-${flag.short}, `}--${flag.name}${flag.value === undefined ? "" : ` ${flag.value}`}`,
		flag.help,
	]);
}

function commandPage(command: Command, date: string): string[] {
	const lines = [
		...head(`skep-${command.name}`, 1, command.summary, date),
		".Sh SYNOPSIS",
		...block([`skep ${command.name} ${command.usage}`.trimEnd()]),
		".Sh DESCRIPTION",
		sentence(command.summary),
	];
	if (command.details) lines.push(...block(rewrapped(command.details)));
	if (command.verbs) {
		lines.push(".Sh VERBS");
		for (const verb of command.verbs)
			lines.push(
				`.Ss ${quoted(verb.name)}`,
				sentence(verb.summary),
				...block([`skep ${command.name} ${verb.name} ${verb.usage}`.trimEnd()]),
				".Pp",
				verb.examples.length === 1 ? "Example:" : "Examples:",
				...block(verb.examples),
			);
	}
	if (command.flags.length > 0) lines.push(".Sh OPTIONS", ...tagged(flagRows(command)));
	lines.push(".Sh EXAMPLES", ...block(command.examples), ".Sh SEE ALSO", ".Xr skep 1");
	return lines;
}

function overview(commands: readonly Command[], date: string): string[] {
	return [
		...head("skep", 1, "eBPF in TypeScript", date),
		".Sh SYNOPSIS",
		...block(["skep COMMAND ..."]),
		".Sh DESCRIPTION",
		"Writes, compiles, loads, attaches and watches eBPF programs.",
		"The commands, of which a beginning is enough where it is clear:",
		".Pp",
		...tagged(commands.map((command) => [command.name, command.summary] as const)),
		".Pp",
		roff("`skep help WORD` looks a word up in the manual, whose subjects are also the pages of section 7."),
		".Sh ENVIRONMENT",
		...tagged([["SKEP_DEBUG", "If set, errors show stack traces."]]),
		".Sh EXIT STATUS",
		...tagged([
			["0", "The work was done."],
			["1", "It could not be done."],
			["2", "The command line was not understood."],
			["3", "A capability, sysctl, lockdown or container stands in the way."],
			["130", "A second Ctrl-C did not wait for the summary."],
		]),
		".Sh SEE ALSO",
		...references([
			...commands.map((each) => [`skep-${each.name}`, 1] as const),
			...PAGES.map((each) => [each.name, 7] as const),
		]),
	];
}

/** Cross references in the order that mdoc wants: by section, then by name. */
function references(pages: readonly (readonly [string, number])[]): string[] {
	const sorted = [...pages].sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1));
	return sorted.map(([name, section], i) => `.Xr ${name} ${section}${i < sorted.length - 1 ? " ," : ""}`);
}

/** Every man page: of the command and its nouns (1), of subjects (7). `date`: as `.Dd` has it, `November 22, 2026`. */
export function manPages(commands: readonly Command[], date: string): readonly ManPage[] {
	const page = (file: string, lines: readonly string[]): ManPage => ({ file, text: `${lines.join("\n")}\n` });
	return [
		page("skep.1", overview(commands, date)),
		...commands.map((command) => page(`skep-${command.name}.1`, commandPage(command, date))),
		...PAGES.map(({ name, about, kinds }) =>
			page(`${name}.7`, [
				...head(name, 7, about, date),
				...kinds.flatMap((kind) => [
					kinds.length === 1 ? ".Sh DESCRIPTION" : `.Sh ${quoted(`${kind}s`.toUpperCase())}`,
					...subjects()
						.filter((subject) => subject.kind === kind)
						.flatMap(subjectLines),
				]),
				".Sh SEE ALSO",
				".Xr skep 1",
			]),
		),
	];
}
