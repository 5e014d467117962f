import { readFileSync, writeFileSync } from "node:fs";
import { Program, TEST_RUNS } from "@skep/bpf/live";
import { STATUS } from "#cli";
import { openOne, takeSelector } from "#inspect";
import { readBytes } from "#run/files";
import { type Desk, type Task, writeJson } from "./desk.ts";
import { fileError } from "./files.ts";

/** `run PROG data_in FILE [data_out FILE …] [ctx_in FILE …] [repeat N]`. */
export const runProgram: Task = (words, desk) => {
	const selector = takeSelector("prog", words);
	const files = new Map<string, string>();
	const numbers = new Map<string, number>();
	while (!words.empty) {
		const word = words.oneOf(
			["data_in", "data_out", "data_size_out", "ctx_in", "ctx_out", "ctx_size_out", "repeat"],
			"part of a run",
		);
		if (files.has(word) || numbers.has(word)) throw words.wrong(`${word} stands twice`);
		if (word === "repeat" || word.endsWith("size_out")) numbers.set(word, words.number(word));
		else files.set(word, words.next(`the file of ${word}`));
	}
	if (files.get("data_in") === "-" && files.get("ctx_in") === "-")
		throw words.wrong("only one of data_in and ctx_in can be -");
	const data = input(files.get("data_in"));
	const ctx = input(files.get("ctx_in"));
	using program = Program.fromFd(desk.kernel, openOne(desk.kernel, "prog", selector).release());
	const repeat = numbers.get("repeat");
	const result = program.testRun({
		...(data === undefined ? {} : { data }),
		...(ctx === undefined ? {} : { ctx }),
		// Types that run once refuse any number.
		...(repeat === undefined || TEST_RUNS[program.type]?.repeat === false ? {} : { repeat }),
	});
	const out = part(desk, files.get("data_out"), result.data, numbers.get("data_size_out"));
	const ctxOut = part(desk, files.get("ctx_out"), result.ctx, numbers.get("ctx_size_out"));
	if (desk.json) {
		const told = { data_out: out, ctx_out: ctxOut, retval: result.retval, duration: result.duration };
		writeJson(desk, told);
		return STATUS.ok;
	}
	for (const [name, bytes] of [
		["data_out", out],
		["ctx_out", ctxOut],
	] as const)
		if (bytes) desk.write(`${name}: ${bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(" ")}\n`);
	const times = repeat === undefined || repeat <= 1 ? "duration" : "duration (average)";
	desk.write(`Return value: ${result.retval}, ${times}: ${result.duration}ns\n`);
	return STATUS.ok;
};

function input(file: string | undefined): Uint8Array | undefined {
	if (file === undefined) return undefined;
	return file === "-" ? new Uint8Array(readFileSync(0)) : readBytes(file);
}

/** Into a file, or, for `-`, for the answer. */
function part(desk: Desk, file: string | undefined, bytes: Uint8Array, most: number | undefined): number[] | undefined {
	if (file === undefined) return undefined;
	const shown = most === undefined ? bytes : bytes.subarray(0, most);
	if (file === "-") return Array.from(shown);
	try {
		writeFileSync(file, shown);
	} catch (error) {
		throw fileError(error, file);
	}
	if (!desk.json) desk.note(`${shown.length} bytes written to ${file}`);
	return undefined;
}
