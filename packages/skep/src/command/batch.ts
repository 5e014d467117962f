import { readFileSync } from "node:fs";
import type { Verb } from "#cli";
import {
	type Command,
	failureJson,
	type Invocation,
	parseInvocation,
	renderFailure,
	STATUS,
	selectCommand,
	UsageError,
} from "#cli";
import { parseJson, toJson, toPrettyJson } from "#output";
import { readBytes } from "#run/files";
import { type Desk, openDesk, runVerb, type Task } from "./desk.ts";

/** A command of a batch: its words, and where it begins in the file. */
export interface BatchLine {
	readonly line: number;
	readonly words: readonly string[];
}

/** `skep batch file FILE|-`: one command a line, in one process and on one kernel; the first that fails ends it. */
export async function run(call: Invocation, commands: readonly Command[]): Promise<number> {
	const [word, file, ...more] = call.rest;
	if (word !== "file" || file === undefined || more.length > 0)
		throw new UsageError("batch wants a file of commands: batch file FILE (- is standard input)", "batch");
	const text = file === "-" ? readFileSync(0, "utf8") : new TextDecoder().decode(readBytes(file));
	return runBatch(batchLines(text), commands, openDesk(call));
}

/** Runs commands one after another at one desk. With JSON the answer is one array: each command, and its output or error. */
export async function runBatch(lines: readonly BatchLine[], commands: readonly Command[], desk: Desk): Promise<number> {
	const told: string[] = [];
	let status: number = STATUS.ok;
	for (const { line, words } of lines) {
		const output: string[] = [];
		const decoder = new TextDecoder();
		const write = (part: string | Uint8Array) => {
			if (desk.json) output.push(typeof part === "string" ? part : decoder.decode(part));
			else desk.write(part);
		};
		try {
			status = await runLine(words, commands, desk, write);
			if (desk.json) told.push(answerOf(words, output.join("")));
		} catch (error) {
			const failure = renderFailure(error);
			status = failure.status;
			if (desk.json) told.push(`{"command":${toJson(words)},"output":${toJson(failureJson(error))}}`);
			else desk.note(`line ${line}: ${words.join(" ")}\n${failure.text}`);
		}
		if (status !== STATUS.ok) break;
	}
	if (desk.json) {
		const text = `[${told.join(",")}]`;
		desk.write(`${desk.pretty ? toPrettyJson(parseJson(text)) : text}\n`);
	} else if (status === STATUS.ok) desk.note(`${lines.length} ${lines.length === 1 ? "command" : "commands"} done`);
	return status;
}

/** What a verb wrote: one JSON value, or lines of them, or text. */
function answerOf(words: readonly string[], output: string): string {
	const text = output.trim();
	return `{"command":${toJson(words)},"output":${isJson(text) ? text : text === "" ? "null" : toJson(text)}}`;
}

function isJson(text: string): boolean {
	try {
		JSON.parse(text);
		return true;
	} catch {
		return false;
	}
}

async function runLine(
	words: readonly string[],
	commands: readonly Command[],
	desk: Desk,
	write: Desk["write"],
): Promise<number> {
	const [noun = "", ...rest] = words;
	const nouns = commands.filter((each) => each.verbs);
	const command = selectCommand(nouns, noun);
	const call = parseInvocation(command, rest);
	const own: Desk = {
		// Asked for when a verb does: many need none.
		get kernel() {
			return desk.kernel;
		},
		get machine() {
			return desk.machine;
		},
		screen: desk.screen,
		json: desk.json || call.flags.has("json"),
		pretty: desk.json ? false : call.flags.has("pretty"),
		bpffs: desk.bpffs || call.flags.has("bpffs"),
		debug: desk.debug || call.flags.has("debug"),
		flags: call.flags,
		write,
		note: desk.note,
	};
	return runVerb(command.name, command.verbs as readonly Verb<Task>[], call, own);
}

/** Commands of a text: `#` begins a remark, a backslash at the end goes on in the next line, quotes keep blanks. @throws UsageError */
export function batchLines(text: string): BatchLine[] {
	const found: BatchLine[] = [];
	const lines = text.split("\n");
	for (let i = 0; i < lines.length; i++) {
		const first = i + 1;
		let whole = lines[i]!;
		while (/\\\s*$/.test(whole) && i + 1 < lines.length) whole = `${whole.replace(/\\\s*$/, " ")}${lines[++i]}`;
		const words = wordsOf(whole, first);
		if (words.length > 0) found.push({ line: first, words });
	}
	return found;
}

function wordsOf(text: string, line: number): string[] {
	const words: string[] = [];
	let word: string | undefined;
	let quote = "";
	for (const char of text) {
		if (quote !== "") {
			if (char === quote) quote = "";
			else word = (word ?? "") + char;
		} else if (char === '"' || char === "'") {
			quote = char;
			word ??= "";
		} else if (char === "#" && word === undefined) break;
		else if (/\s/.test(char)) {
			if (word !== undefined) words.push(word);
			word = undefined;
		} else word = (word ?? "") + char;
	}
	if (quote !== "") throw new UsageError(`line ${line}: a quote ${quote} is not closed`, "batch");
	if (word !== undefined) words.push(word);
	return words;
}
