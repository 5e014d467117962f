/**
 * `node --import skep/register FILE.ts [options of FILE]`: the file that Node was asked to run is compiled, loaded and
 * attached before it is evaluated, as `skep run` does, without live tables and without flags of skep's own.
 */
import { writeSync } from "node:fs";
import { BpfError, PermissionError } from "@skep/bpf/base";
import { chooseKernel } from "#backend";
import { renderSummary } from "#output";
import { activate } from "#program";
import { OptionError, parseOptions, renderOptions } from "./arguments.ts";
import { answerLoad, loadsItself } from "./explicit.ts";
import { display } from "./files.ts";
import { entryUrl, installHook } from "./hook.ts";
import { firstLine, noteLines, nothingAttached } from "./say.ts";
import { Session } from "./session.ts";
import { onSignals } from "./signals.ts";
import { programTypes, readSource } from "./source.ts";

const [, file, ...words] = process.argv;
try {
	if (file === undefined) throw new BpfError("ERR_FILE", "a file is expected: node --import skep/register FILE.ts");
	await begin(file, words);
} catch (error) {
	fail(error);
}

async function begin(file: string, words: readonly string[]): Promise<void> {
	const source = await readSource(display(file));
	if (source.warnings !== "") say(source.warnings);
	const { options } = source;
	if (words.includes("--help")) {
		writeSync(1, renderOptions(source.name, options));
		process.exit(0);
	}
	const { kernel, reason } = chooseKernel("auto", "real", programTypes(source));
	const { blankKernelHalf } = await import("@skep/compiler");
	if (loadsItself(source)) {
		// The file is in charge: its own load() does the rest, with the hook in place, on what is compiled already.
		installHook(source, blankKernelHalf);
		answerLoad({
			source,
			kernel,
			parsed: parseOptions(options, words, kernel),
			options: {},
			loaded: (session, other) => {
				onSignals(() => session.stop());
				say(`${firstLine(session, other ?? reason)}\n${noteLines(session)}`.trimEnd());
			},
		});
		return;
	}
	const session = Session.open(source, kernel, parseOptions(options, words, kernel));
	// Who reads that it is attached may send Ctrl-C at once.
	onSignals(() => session.stop());
	say(`${firstLine(session, reason)}\n${noteLines(session)}`.trimEnd());
	const nothing = nothingAttached(session, true);
	if (nothing !== undefined) throw new BpfError("ERR_NOT_ATTACHED", nothing);
	installHook(source, blankKernelHalf);
	activate(session);
	process.on("exit", () => {
		session.stop();
		say(renderSummary(session.summary()));
		session.close();
	});
	setImmediate(() => callMain(entryUrl(source)));
}

/** The module is Node's to evaluate, and errors in that are Node's to report; `main` of the entry is ours to call. */
async function callMain(url: string): Promise<void> {
	let module: { readonly main?: unknown };
	try {
		module = (await import(url)) as { readonly main?: unknown };
	} catch {
		return;
	}
	if (typeof module.main === "function") await module.main();
}

function say(text: string): void {
	try {
		writeSync(2, `${text}\n`);
	} catch {
		// nobody is there to read it
	}
}

function fail(error: unknown): never {
	const message = error instanceof Error ? error.message : String(error);
	const known = error instanceof BpfError;
	say(error instanceof BpfError && error.code === "ERR_COMPILE" ? message : `skep: ${message}`);
	if (process.env["SKEP_DEBUG"] && error instanceof Error) say(error.stack ?? "");
	else if (!known) say("      SKEP_DEBUG=1 shows where");
	process.exit(error instanceof PermissionError ? 3 : error instanceof OptionError ? 2 : 1);
}
