import { createInterface } from "node:readline";
import { BpfError } from "@skep/bpf/base";
import { type Invocation, STATUS, UsageError, writeError } from "#cli";
import { openTarget, renderScreen, Shell } from "#debug";
import { screenOf, toJson } from "#output";
import { OptionError, parseOptions, readSource, renderOptions } from "#run";
import { asksForHelp, reportFindings } from "./execute.ts";
import { countOf, textOf } from "./values.ts";
import { refusalAtLine } from "./verifier.ts";

/** `skep debug --pcap F|--replay F FILE [options of the file]`. */
export async function run(call: Invocation): Promise<number> {
	const [file, ...words] = call.rest;
	if (file === undefined) throw new UsageError("debug wants a file: FILE.ts or FILE.o", "debug");
	const pcap = textOf(call, "pcap");
	const replay = textOf(call, "replay");
	const btf = textOf(call, "btf");
	if (asksForHelp(words)) {
		const source = await readSource(file, { btf }).catch(reportFindings);
		process.stdout.write(renderOptions(file, source.options));
		return STATUS.ok;
	}
	if ((pcap === undefined) === (replay === undefined))
		throw new UsageError("debug wants what is to happen: --pcap FILE or --replay FILE", "debug");
	if (pcap === "-") throw new UsageError("--pcap: commands come from standard input, so packets cannot", "debug");
	const from = textOf(call, "event");
	if (from !== undefined && !/^\d{1,9}$/.test(from))
		throw new UsageError(`--event: "${from}" is not a number from 0`, "debug");
	const json = call.flags.has("json");
	using target = await openTarget({
		file,
		words,
		pcap,
		replay,
		program: textOf(call, "program"),
		btf,
		limit: countOf("debug", "limit", textOf(call, "limit")),
		parse: (source, given, kernel) => {
			try {
				return parseOptions(source.options, given, kernel);
			} catch (error) {
				throw error instanceof OptionError
					? new UsageError(error.message, `run ${file}`)
					: refusalAtLine(error, source.spec);
			}
		},
	}).catch(reportFindings);
	for (const note of target.notes) writeError(note);
	const shell = new Shell(target, Number(from ?? 0));
	return await converse(shell, json);
}

/** Commands from standard input to its end, or `q`. A command that fails is said; of a pipe the status tells it. */
async function converse(shell: Shell, json: boolean): Promise<number> {
	const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
	const lines = createInterface({
		input: process.stdin,
		...(isTerminal ? { output: process.stdout } : {}),
		terminal: isTerminal,
	});
	lines.on("SIGINT", () => lines.close());
	const first = shell.views.where(shell.debug.reason);
	const draws = isTerminal && !json;
	let before = shell.debug.registers();
	let status: number = STATUS.ok;
	const show = (command: string, text: string, data: object): void => {
		if (json) process.stdout.write(`${toJson({ command, ...data })}\n`);
		else if (draws) {
			const { rows = 24, columns = 80 } = process.stdout;
			process.stdout.write(
				renderScreen(shell, { rows, columns, colour: screenOf(process.stdout).colour, before, said: text }),
			);
		} else process.stdout.write(text);
	};
	show("", draws ? "h lists commands\n" : first.text, first.data);
	const prompt = () => {
		if (!isTerminal) return;
		lines.setPrompt("(skep) ");
		lines.prompt();
	};
	prompt();
	for await (const line of lines) {
		const registers = shell.debug.registers();
		try {
			const { text, data, moved, quit } = shell.command(line);
			if (quit) break;
			if (moved) before = registers;
			show(line.trim(), text, data);
		} catch (error) {
			if (!(error instanceof BpfError)) throw error;
			if (!isTerminal) status = STATUS.error;
			if (json) show(line.trim(), "", { error: error.message });
			else if (draws) show(line.trim(), `${error.message}\n`, {});
			else {
				process.stdout.write("");
				writeError(`skep: ${error.message}`);
			}
		}
		prompt();
	}
	lines.close();
	return status;
}
