import type { Command, Flag, Invocation } from "./command.ts";
import { UsageError } from "./fail.ts";
import { nearest } from "./nearest.ts";

/** The command that a word names: whole, or by an unambiguous beginning (`skep bu` is `skep build`). @throws UsageError */
export function selectCommand(commands: readonly Command[], word: string): Command {
	const exact = commands.find((c) => c.name === word);
	if (exact) return exact;
	const matches = commands.filter((c) => c.name.startsWith(word));
	// Of several nouns the first is meant, as with bpftool; its verbs are looked at with more care.
	const [first, ...more] = matches;
	if (first && (more.length === 0 || matches.every((c) => c.verbs))) return first;
	if (first) throw new UsageError(`"${word}" may be ${matches.map((c) => c.name).join(" or ")}`);
	const near = nearest(
		word,
		commands.map((c) => c.name),
	);
	throw new UsageError(`no command "${word}"${near === undefined ? "" : `, did you mean ${near}?`}`);
}

/** Flags and the rest. `--name value`, `--name=value`, `-n value`, `-nvalue`, `--` ends the flags. */
export function parseInvocation(command: Command, words: readonly string[]): Invocation {
	const flags = new Map<string, string | true>();
	const rest: string[] = [];
	for (let i = 0; i < words.length; i++) {
		const word = words[i]!;
		if (word === "--") {
			rest.push(...words.slice(i + 1));
			break;
		}
		if (!word.startsWith("-") || word === "-") {
			if (command.stopsAtFile) {
				rest.push(...words.slice(i));
				break;
			}
			rest.push(word);
			continue;
		}
		const { flag, attached } = findFlag(command, word);
		// Several switches in one word: `-jp`.
		if (flag.value === undefined && attached !== undefined && !word.startsWith("--")) {
			words = [...words.slice(0, i), word.slice(0, 2), `-${attached}`, ...words.slice(i + 1)];
			i--;
			continue;
		}
		if (flag.value === undefined) {
			if (attached !== undefined)
				throw new UsageError(`--${flag.name} takes no value, "${attached}" was given`, command.name);
			flags.set(flag.name, true);
			if (flag.implies !== undefined) flags.set(flag.implies, true);
			continue;
		}
		const value = attached ?? words[++i];
		if (value === undefined) throw new UsageError(`${word} wants ${flag.value} after it`, command.name);
		flags.set(flag.name, value);
	}
	return { flags, rest };
}

const HELP: Flag = { name: "help", short: "h", help: "this text" };

function findFlag(command: Command, word: string): { flag: Flag; attached: string | undefined } {
	const flags = [...command.flags, HELP];
	if (word.startsWith("--")) {
		const equals = word.indexOf("=");
		const name = word.slice(2, equals < 0 ? undefined : equals);
		const attached = equals < 0 ? undefined : word.slice(equals + 1);
		const exact = flags.find((f) => f.name === name);
		if (exact) return { flag: exact, attached };
		const near = nearest(
			name,
			flags.map((f) => f.name),
		);
		const after = command.stopsAtFile ? " (options of the file stand after its name)" : "";
		throw new UsageError(
			`no option --${name}${near === undefined ? "" : `, did you mean --${near}?`}${after}`,
			command.name,
		);
	}
	const flag = flags.find((f) => f.short === word[1]);
	if (flag === undefined) throw new UsageError(`no option -${word[1]}`, command.name);
	return { flag, attached: word.length > 2 ? word.slice(2) : undefined };
}
