import { readFileSync } from "node:fs";
import type { Kernel } from "@skep/bpf/kernel";
import { openLinux } from "#backend/linux";
import { type Invocation, nearest, STATUS, UsageError, writeError } from "#cli";
import {
	answersOf,
	compare,
	comparisonCells,
	examine,
	type Report,
	readReport,
	reportText,
	requirements,
	wholeText,
} from "#doctor";
import { renderTable, screenOf, toJson, toPrettyJson } from "#output";
import { fileError } from "./files.ts";
import { textOf } from "./values.ts";

/** `skep doctor`: what this kernel can do, what stands in the way, and what is done instead. */
export async function run(call: Invocation): Promise<number> {
	const screen = screenOf(process.stdout);
	const json = (value: unknown) => `${call.flags.has("pretty") ? toPrettyJson(value) : toJson(value)}\n`;
	if (call.flags.has("compare")) {
		if (call.rest.length < 2)
			throw new UsageError("doctor --compare wants two files or more, of `skep doctor --json`", "doctor");
		const comparison = compare(call.rest.map(reportOf), call.flags.has("all"));
		if (call.flags.has("json")) process.stdout.write(json(comparison));
		else if (comparison.rows.length === 0) process.stdout.write("They say the same.\n");
		else process.stdout.write(renderTable(comparisonCells(comparison), { ...screen, width: undefined }));
		return STATUS.ok;
	}
	if (call.rest.length > 0)
		throw new UsageError(`doctor: "${call.rest[0]}" is one word too many; files stand behind --compare`, "doctor");
	const report = examine(await open(textOf(call, "kernel")), { full: call.flags.has("full") });
	if (call.flags.has("json")) process.stdout.write(json(report));
	else
		process.stdout.write(
			call.flags.has("all") || call.flags.has("full") ? wholeText(report, screen) : reportText(report, screen),
		);
	const wanted = textOf(call, "require");
	return wanted === undefined ? STATUS.ok : checked(report, wanted.split(",").filter(Boolean));
}

/** Whoever may not load anything is told so by the report. */
async function open(kernel: string | undefined): Promise<Kernel> {
	if (kernel === undefined || kernel === "linux" || kernel === "auto") return openLinux();
	if (kernel !== "virtual") throw new UsageError(`--kernel: "${kernel}" is not one of linux, virtual`, "doctor");
	const { openVirtual } = await import("#backend");
	return openVirtual();
}

function reportOf(file: string): Report {
	let text: string;
	try {
		text = readFileSync(file, "utf8");
	} catch (error) {
		throw fileError(error, file);
	}
	return readReport(file, text);
}

function checked(report: Report, names: readonly string[]): number {
	const asked = requirements(report, names);
	const unknown = asked.find(({ answer }) => answer === undefined);
	if (unknown) {
		const known = answersOf(report).flatMap(({ id }) => [id, id.slice(id.indexOf(":") + 1)]);
		const near = nearest(unknown.name, known);
		// A name of the kernel's own may well be missing because the kernel is older.
		const hint = near === undefined ? "" : `, did you mean ${near}?`;
		throw new UsageError(`doctor: nothing here is called "${unknown.name}"${hint}`, "doctor");
	}
	const missing = asked.filter(({ met }) => !met);
	for (const { name, answer } of missing) {
		const why = answer?.why === undefined ? "" : `: ${answer.why.split("\n")[0]}`;
		writeError(`skep: ${name} is required, and here it says ${answer?.value}${why}`);
	}
	return missing.length === 0 ? STATUS.ok : STATUS.error;
}
