import {
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
} from "#cli";
import { COMMANDS, VERSION } from "#command";

/** The `skep` command. Sets the process's exit status; never throws. */
export async function main(words: readonly string[]): Promise<void> {
	tameStreams(() => process.exit(process.exitCode ?? STATUS.ok));
	try {
		process.exitCode = await dispatch(words);
	} catch (error) {
		const { text, status } = renderFailure(error);
		writeError(text);
		process.exitCode = status;
	}
}

/** Options that may stand before the noun. */
const BEFORE = /^(-[jpfmn]+|--(json|pretty|bpffs|mapcompat|nomount))$/;

async function dispatch(words: readonly string[]): Promise<number> {
	const [word, ...rest] = words;
	if (word === undefined) {
		writeError(renderOverview(COMMANDS, VERSION));
		return STATUS.usage;
	}
	if (word === "--version" || word === "-V" || word === "-v") {
		process.stdout.write(`skep ${VERSION}\n`);
		return STATUS.ok;
	}
	if (word === "--help" || word === "-h") {
		process.stdout.write(renderOverview(COMMANDS, VERSION));
		return STATUS.ok;
	}
	// bpftool has its options before the noun: `skep -j prog show`.
	const noun = words.findIndex((each) => !BEFORE.test(each));
	if (noun > 0) return dispatch([words[noun]!, ...words.slice(0, noun), ...words.slice(noun + 1)]);
	if (word.startsWith("-")) throw new UsageError(`no option ${word} before a command; there are --help and --version`);
	// A command never looks like a file.
	if (/\.([mc]?ts|o)$/.test(word) || word.includes("/"))
		throw new UsageError(`"${word}" is no command: skep run ${word}`, "run");
	const command = selectCommand(COMMANDS, word);
	const call = parseInvocation(command, rest);
	if (call.flags.has("help")) {
		const verb =
			command.verbs && call.rest.length > 0 ? findVerb(command.name, command.verbs, call.rest).verb : undefined;
		process.stdout.write(verb ? renderVerbHelp(command.name, verb) : renderHelp(command));
		return STATUS.ok;
	}
	const { run } = await command.load();
	return run(call, COMMANDS);
}
