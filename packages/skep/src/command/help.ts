import { pageOf, pages } from "@skep/compiler/diagnostics";
import { type Command, type Invocation, renderHelp, renderOverview, STATUS, selectCommand, UsageError } from "#cli";
import { VERSION } from "./version.ts";

/** `skep help [COMMAND|SKnnnn|SK]`. */
export async function run(call: Invocation, commands: readonly Command[]): Promise<number> {
	const [about] = call.rest;
	process.stdout.write(`${textAbout(about, commands)}`);
	return STATUS.ok;
}

function textAbout(about: string | undefined, commands: readonly Command[]): string {
	if (about === undefined) return renderOverview(commands, VERSION);
	if (/^sk$/i.test(about))
		return pages()
			.map((p) => `${p.code}  ${p.title}\n`)
			.join("");
	if (/^sk\d+$/i.test(about)) return renderPage(about.toUpperCase());
	return renderHelp(selectCommand(commands, about));
}

/** The page of a diagnostic's number. */
function renderPage(code: string): string {
	const page = pageOf(code);
	if (!page) throw new UsageError(`no diagnostic ${code}: skep help SK lists them`, "help");
	const example = page.example.split("\n").map((line) => `  ${line}`);
	return [`${page.code}: ${page.title}`, "", page.what, page.why, page.remedy, "", ...example, ""].join("\n");
}
