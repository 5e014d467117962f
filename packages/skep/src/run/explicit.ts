import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { BpfError, NotSupportedError } from "@skep/bpf/base";
import type { Kernel } from "@skep/bpf/kernel";
import { activate, BindError, evaluatedText, type LoadedBinding, type LoadRequest, onLoad } from "#program";
import { type ParsedOptions, parseOptions } from "./arguments.ts";
import { display } from "./files.ts";
import { Session, type SessionOptions } from "./session.ts";
import { onSignals } from "./signals.ts";
import { programTypes, readSource, type Source } from "./source.ts";

/** A file that imports `load` is in charge: nothing is loaded before it calls it. */
export function loadsItself(source: Source): boolean {
	const text = source.texts.get(source.path);
	if (text === undefined) return false;
	return [...text.matchAll(/import\s*\{([^}]*)\}\s*from\s*["']skep["']/g)].some(([, names]) =>
		/(^|,)\s*load\s*(,|as\b|$)/.test(names!),
	);
}

/** What a door prepared for the file's own `load()` call: the file is compiled, the kernel chosen, options parsed. */
export interface Prepared {
	readonly source: Source;
	readonly kernel: Kernel;
	readonly parsed: ParsedOptions;
	readonly options: SessionOptions;
	/** Called when it is loaded; `reason`: it asked for another kernel than this one, and got it. */
	readonly loaded: (session: Session, reason?: string) => void;
}

/** Makes `load(import.meta, …)` of the vocabulary work; `prepared`: by a door, for the entry. */
export function answerLoad(prepared?: Prepared): void {
	onLoad(async (request) => {
		const path = resolve(fileURLToPath(request.url));
		const session =
			prepared?.source.path === path ? await openPrepared(prepared, request) : await openAlone(path, request);
		activate(session);
		return binding(session);
	});
}

async function openPrepared(prepared: Prepared, request: LoadRequest): Promise<Session> {
	const other = request.kernel !== undefined && request.kernel !== prepared.kernel.name ? request.kernel : undefined;
	if (other === "linux")
		throw new NotSupportedError(
			'load() with kernel: "linux"',
			"this run is on the virtual kernel, as the command asked",
		);
	const { chooseKernel } = await import("#backend");
	const chosen = other === undefined ? undefined : chooseKernel(other);
	const parsed = withValues(prepared.source, prepared.parsed, request.options);
	const kernel = chosen?.kernel ?? prepared.kernel;
	const session = Session.open(prepared.source, kernel, parsed, { ...prepared.options, ...settings(request) });
	prepared.loaded(session, chosen && `${chosen.reason} by the file's load()`);
	return session;
}

/** `node FILE.ts`, without a hook: the words after the file are its options. */
async function openAlone(path: string, request: LoadRequest): Promise<Session> {
	const { chooseKernel } = await import("#backend");
	const source = await readSource(path);
	checkUnchanged(source);
	const { kernel } = chooseKernel(request.kernel ?? "auto", "real", programTypes(source));
	const words = process.argv[1] !== undefined && sameFile(process.argv[1], path) ? process.argv.slice(2) : [];
	const parsed = withValues(source, parseOptions(source.options, words, kernel), request.options);
	const session = Session.open(source, kernel, parsed, settings(request));
	onSignals(() => session.stop());
	return session;
}

/** The file was evaluated first and compiled now: only if it is the same text do places mean the same calls. */
function checkUnchanged(source: Source): void {
	for (const [path, text] of source.texts) {
		const url = pathToFileURL(path).href;
		const was = evaluatedText(url);
		if (was === undefined || was === text) continue;
		const site = { url, line: 1, column: 1 };
		throw new BindError(site, `${display(path)} was changed after it was evaluated and before load(): run it again`);
	}
}

const sameFile = (a: string, b: string): boolean => resolve(a) === b || readFileSync(a).equals(readFileSync(b));

const settings = ({ attach, maxEntries, pinPath }: LoadRequest): SessionOptions => ({
	attach,
	maxEntries,
	...(pinPath === undefined ? {} : { pinPath }),
});

/** Values that the caller gives go before those of the command line. */
function withValues(
	source: Source,
	parsed: ParsedOptions,
	given: Readonly<Record<string, unknown>> = {},
): ParsedOptions {
	const values: Record<string, unknown> = { ...parsed.values };
	const variables = { ...parsed.variables };
	for (const [name, value] of Object.entries(given)) {
		const option = source.options.find((o) => o.name === name);
		if (option === undefined) throw new BpfError("ERR_OPTION", `load(): the file has no option "${name}"`);
		values[name] = value;
		if (option.present !== undefined) variables[option.present] = value === undefined ? 0 : 1;
		if (option.variable !== undefined && value !== undefined)
			variables[option.variable] = value as number | bigint | boolean | string;
	}
	return { ...parsed, values, variables };
}

function binding(session: Session): LoadedBinding {
	return {
		kernel: session.kernel.name,
		programs: Object.fromEntries(
			[...session.collection.programs.keys()].map((name) => [name, session.programByName(name)]),
		),
		close: () => {
			session.close();
			activate(undefined);
		},
	};
}
