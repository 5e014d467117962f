import {
	parseInvocation,
	renderFailure,
	renderHelp,
	renderOverview,
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
	if (word.startsWith("-")) throw new UsageError(`no option ${word} before a command; there are --help and --version`);
	// A command never looks like a file.
	if (/\.([mc]?ts|o)$/.test(word) || word.includes("/"))
		throw new UsageError(`"${word}" is no command: skep run ${word}`, "run");
	const command = selectCommand(COMMANDS, word);
	const call = parseInvocation(command, rest);
	if (call.flags.has("help")) {
		process.stdout.write(renderHelp(command));
		return STATUS.ok;
	}
	const { run } = await command.load();
	return run(call, COMMANDS);
}
