import {
	type Command,
	failureJson,
	findVerb,
	parseInvocation,
	renderFailure,
	renderHelp,
	renderOverview,
	renderVerbHelp,
	STATUS,
	selectCommand,
	tameStreams,
	UsageError,
	writeError,
	writeOutput,
} from "#cli";
import { COMMANDS, VERSION } from "#command";

/** The `skep` command. Sets the process's exit status; never throws. */
export async function main(words: readonly string[]): Promise<void> {
	try {
		process.exitCode = await dispatch(words);
	} catch (error) {
		const { text, status } = renderFailure(error);
		// Who asked a noun for JSON gets JSON, where the answer would be, as from bpftool.
		if (answersJson(words)) writeOutput(`${JSON.stringify(failureJson(error))}\n`);
		else writeError(text);
		process.exitCode = status;
	}
}

/** Options that may stand before the noun, as bpftool has them: `skep -j prog show`. */
const BEFORE = /^(-[jpfmndl]+|--(json|pretty|bpffs|mapcompat|nomount|debug|legacy))$/;
/** Those of them that have a value. */
const BEFORE_VALUE = /^(-B|--base-btf)$/;

/** Where the noun stands. */
function nounAt(words: readonly string[]): number {
	let at = 0;
	while (at < words.length && (BEFORE.test(words[at]!) || BEFORE_VALUE.test(words[at]!)))
		at += BEFORE_VALUE.test(words[at]!) ? 2 : 1;
	return at;
}

function answersJson(words: readonly string[]): boolean {
	const noun = words[nounAt(words)];
	if (noun === undefined || !words.some((word) => /^(-[a-zA-Z]*[jp][a-zA-Z]*|--json|--pretty)$/.test(word)))
		return false;
	try {
		return selectCommand(COMMANDS, noun).verbs !== undefined;
	} catch {
		return true; // no command of this name: bpftool's options before it say what is wanted
	}
}

async function dispatch(words: readonly string[]): Promise<number> {
	const [word, ...rest] = words;
	if (word === undefined) {
		writeError(renderOverview(COMMANDS, VERSION));
		return STATUS.usage;
	}
	if (word === "-v") return dispatch(["version", ...rest]);
	if (word === "--help" || word === "-h") {
		writeOutput(renderOverview(COMMANDS, VERSION));
		return STATUS.ok;
	}
	const noun = nounAt(words);
	const before = words.slice(0, noun);
	if (words[noun] === "--version" || words[noun] === "-V")
		return dispatch(["version", ...before, ...words.slice(noun + 1)]);
	if (noun > 0 && noun < words.length) return dispatch([words[noun]!, ...before, ...words.slice(noun + 1)]);
	if (word.startsWith("-")) throw new UsageError(`no option ${word} before a command; there are --help and --version`);
	// A command never looks like a file.
	if (/\.([mc]?ts|o)$/.test(word) || word.includes("/"))
		throw new UsageError(`"${word}" is no command: skep run ${word}`, "run");
	const command = selectCommand(COMMANDS, word);
	const call = parseInvocation(command, rest);
	const help = helpOf(command, call.rest, call.flags.has("help"));
	if (help !== undefined) {
		writeOutput(help);
		return STATUS.ok;
	}
	// Verbs write by themselves: the streams, which take their time to be made, are for those who need them.
	if (!command.verbs) tameStreams(() => process.exit(process.exitCode ?? STATUS.ok));
	const { run } = await command.load();
	return run(call, COMMANDS);
}

/** The help that is asked for, by `--help` or, of a noun, by bpftool's word for it: `skep prog help`. */
function helpOf(command: Command, words: readonly string[], asked: boolean): string | undefined {
	const { name, verbs } = command;
	if (!asked && !(verbs && words[0] === "help")) return undefined;
	const named = verbs && words.length > 0 && words[0] !== "help";
	return named ? renderVerbHelp(name, findVerb(name, verbs, words).verb) : renderHelp(command);
}
