import { Btf } from "@skep/bpf/btf";
import type { Kernel } from "@skep/bpf/kernel";
import { kfuncNames } from "@skep/bpf/live";
import {
	type Command,
	findVerb,
	type Invocation,
	ReportedError,
	renderHelp,
	renderOverview,
	renderVerbHelp,
	STATUS,
	selectCommand,
	UsageError,
	writeError,
} from "#cli";
import {
	type Answer,
	ask,
	find,
	mentions,
	nearNames,
	prototypeOf,
	renderList,
	renderSubject,
	type Subject,
	search,
	split,
	subjects,
	title,
	unknownKfunc,
} from "#manual";
import { toJson, toPrettyJson } from "#output";
import { VERSION } from "./version.ts";

/** How many lines of candidates and hits are shown. */
const MOST = 40;

/** A kernel that was asked, and what it said. */
interface Heard extends Answer {
	readonly kernel: string;
}

/** Where the answer goes. */
export interface Outlet {
	write(text: string): void;
	/** A remark that is no answer. */
	note(text: string): void;
	/** Columns of the screen. */
	readonly width: number;
}

/** `skep help [COMMAND [VERB]|[KIND] WORD|--search TEXT…]`. `outlet`: absent, this process's. */
export async function run(
	call: Invocation,
	commands: readonly Command[],
	outlet: Outlet = {
		write: (text) => void process.stdout.write(text),
		note: writeError,
		width: process.stdout.columns ?? 100,
	},
): Promise<number> {
	const { rest, flags } = call;
	const page = new Page(outlet, flags.has("json"), flags.has("pretty"));
	if (flags.has("search")) return searched(rest.join(" "), commands, page);
	if (rest.length === 0) return page.overview(commands);
	const command = commandOf(commands, rest, true);
	if (command !== undefined) return page.command(command, rest);
	if (/^sk$/i.test(rest.join(" ")))
		return page.list(
			subjects().filter((each) => each.kind === "diagnostic"),
			Infinity,
		);
	const { kind, name } = split(rest);
	const { exact, near } = find(name, kind);
	const [first, ...others] = exact;
	if (first) return page.subject(first, await heard(first, call), others);
	const short = kind === undefined ? commandOf(commands, rest, false) : undefined;
	if (short !== undefined) return page.command(short, rest);
	const [only, ...more] = near;
	if (only && more.length === 0) return page.subject(only, await heard(only, call), []);
	if (only) return page.candidates(`"${name}" may be one of these:`, near);
	const own = flags.has("no-probe") ? undefined : await ofThisKernel(name);
	if (own) return page.subject(own, await heard(own, call), []);
	const speaking = kind === undefined ? mentions(name) : [];
	if (speaking.length > 0) return page.candidates(`nothing is called "${name}"; these speak of it:`, speaking);
	throw unknown(name, commands);
}

/** The command that the first word names, and a second one that names no verb of it says that it is none. */
function commandOf(
	commands: readonly Command[],
	[word, second]: readonly string[],
	whole: boolean,
): Command | undefined {
	if (word === undefined) return undefined;
	const found = commands.filter((each) => (whole ? each.name === word : each.name.startsWith(word)));
	const [command] = found;
	if (!command || found.length > 1) return undefined;
	if (second === undefined) return command;
	return command.verbs?.some((verb) => verb.name === second) ? command : undefined;
}

function searched(text: string, commands: readonly Command[], page: Page): number {
	if (text.trim() === "") throw new UsageError("--search wants words to look for", "help");
	const hits = [...commandsWith(text, commands), ...search(text)];
	if (hits.length === 0) throw new ReportedError(`skep: nothing in the manual has "${text}"`);
	return page.list(hits, MOST);
}

/** A line of a list. */
type Listed = Pick<Subject, "name" | "text"> & { readonly kind: string };

/** Commands and verbs whose names or summaries have all words of a text. */
function commandsWith(text: string, commands: readonly Command[]): Listed[] {
	const words = text.toLowerCase().split(/\s+/);
	const all = commands.flatMap(({ name, summary, verbs = [] }) => [
		{ name: `skep ${name}`, text: summary },
		...verbs.map((verb) => ({ name: `skep ${name} ${verb.name}`, text: verb.summary })),
	]);
	return all
		.filter((each) => words.every((word) => `${each.name} ${each.text}`.toLowerCase().includes(word)))
		.map((each) => ({ ...each, kind: "command of skep" }));
}

function unknown(name: string, commands: readonly Command[]): ReportedError {
	const near = [...new Set([...nearCommands(name, commands), ...nearNames(name)])];
	const hint = near.length === 0 ? "" : `: did you mean ${near.join(" or ")}?`;
	return new ReportedError(
		`skep: the manual has no "${name}"${hint}\n      skep help --search ${name} looks in the texts`,
	);
}

function nearCommands(name: string, commands: readonly Command[]): string[] {
	try {
		selectCommand(commands, name);
	} catch (error) {
		const said = /did you mean (\S+)\?/.exec((error as Error).message)?.[1];
		if (said !== undefined) return [said];
	}
	return [];
}

/** What the kernels here say to a subject's question: Linux, and the virtual one. */
async function heard(subject: Subject, call: Invocation): Promise<readonly Heard[]> {
	const { question } = subject;
	if (question === undefined || call.flags.has("no-probe")) return [];
	const answers: Heard[] = [];
	for (const open of [openLinux, openVirtual]) {
		const kernel = await open();
		if (kernel) answers.push({ kernel: nameOf(kernel), ...ask(kernel, question) });
	}
	return answers;
}

const VIRTUAL = "the virtual kernel";
const nameOf = (kernel: Kernel): string => (kernel.name === "linux" ? `Linux ${kernel.release}` : VIRTUAL);

let linux: Kernel | undefined;

async function openLinux(): Promise<Kernel | undefined> {
	if (process.platform !== "linux") return undefined;
	linux ??= (await import("#backend/linux")).openLinux();
	return linux;
}

async function openVirtual(): Promise<Kernel> {
	return (await import("#backend")).openVirtual();
}

/** A kfunc of the kernel that runs, which no table has. */
async function ofThisKernel(name: string): Promise<Subject | undefined> {
	const kernel = await openLinux();
	if (!kernel || !kfuncNames(kernel).includes(name)) return undefined;
	const bytes = kernel.btf();
	const prototype =
		typeof bytes === "number" ? undefined : prototypeOf(Btf.decode(bytes, { section: "vmlinux" }), name);
	return prototype === undefined ? undefined : unknownKfunc(name, prototype);
}

/** Where the answer goes, as text or as JSON. */
class Page {
	readonly #json: boolean;
	readonly #pretty: boolean;
	readonly #outlet: Outlet;
	readonly #width: number;

	constructor(outlet: Outlet, json: boolean, pretty: boolean) {
		this.#outlet = outlet;
		this.#width = outlet.width;
		this.#json = json;
		this.#pretty = pretty;
	}

	#write(text: string, value: unknown): number {
		this.#outlet.write(this.#json ? `${this.#pretty ? toPrettyJson(value) : toJson(value)}\n` : text);
		return STATUS.ok;
	}

	overview(commands: readonly Command[]): number {
		return this.#write(renderOverview(commands, VERSION), {
			version: VERSION,
			commands: commands.map(({ name, summary }) => ({ name, summary })),
			subjects: subjects().length,
		});
	}

	command(command: Command, [, second]: readonly string[]): number {
		const verb =
			second === undefined || !command.verbs ? undefined : findVerb(command.name, command.verbs, [second]).verb;
		const { exact } = verb ? { exact: [] } : find(command.name);
		const also = exact.map((subject) => `  skep help ${subject.kind} ${command.name}   ${title(subject)}\n`).join("");
		const text = verb ? renderVerbHelp(command.name, verb) : renderHelp(command);
		const { name, usage, summary, examples } = verb ?? command;
		return this.#write(also === "" ? text : `${text}\nin the manual:\n${also}`, {
			kind: "command of skep",
			name: verb ? `${command.name} ${name}` : name,
			usage,
			summary,
			examples,
		});
	}

	subject(subject: Subject, answers: readonly Heard[], others: readonly Subject[]): number {
		// Of the virtual kernel, what it cannot be asked says nothing.
		const told = answers.filter(
			({ kernel, answer, note }) => answer !== "unknown" || note !== undefined || kernel !== VIRTUAL,
		);
		const lines = told.map(({ kernel, answer, note }) => {
			const word = answer === "refused" ? "cannot be asked" : answer === "unknown" ? "not known" : answer;
			return `${kernel}: ${word}${note === undefined ? "" : ` (${note})`}`;
		});
		const also =
			others.length === 0
				? ""
				: `\nalso called so:\n${others.map((each) => `  skep help ${each.kind} ${each.aliases[0] ?? each.name}\n`).join("")}`;
		const { kind, name, aliases, text, shape, parts, facts, examples, see } = subject;
		return this.#write(`${renderSubject(subject, lines, this.#width)}${also}`, {
			kind,
			name,
			aliases,
			text,
			...(shape === undefined ? {} : { shape }),
			parts: parts.map(([part, meaning]) => ({ name: part, meaning })),
			facts: Object.fromEntries(facts),
			examples,
			see,
			here: answers,
			also: others.map((each) => ({ kind: each.kind, name: each.name })),
		});
	}

	candidates(remark: string, list: readonly Subject[]): number {
		if (!this.#json) this.#outlet.note(`skep: ${remark}`);
		return this.list(list, MOST);
	}

	list(list: readonly Listed[], most: number): number {
		return this.#write(
			renderList(list, this.#width, most),
			list.map(({ name, kind, text }) => ({ name, kind, text })),
		);
	}
}
