import type { Command, Flag } from "./command.ts";
import { renderVerbs } from "./verb.ts";

/** `skep help`: every command in a line, and what the exit statuses mean. */
export function renderOverview(commands: readonly Command[], version: string): string {
	const width = Math.max(...commands.map((c) => c.name.length)) + 2;
	return [
		`skep ${version}: eBPF in TypeScript`,
		"",
		"usage: skep COMMAND …        a beginning is enough where it is clear: skep bu",
		"",
		...commands.map((c) => `  ${c.name.padEnd(width)}${c.summary}`),
		"",
		"  skep demo                  a first look; then skep run FILE.ts",
		"  skep COMMAND --help        what it takes, with an example",
		"  skep help WORD             the manual: bpf_map_lookup_elem, hash, xdp, kprobe/, SK3003 …",
		"  skep help --search TEXT    what the manual says of something",
		"",
		"exit status: 0 ok, 1 error, 2 command line not understood, 3 a permission is missing, 130 second Ctrl-C",
		"SKEP_DEBUG=1 adds stack traces to errors",
		"",
	].join("\n");
}

/** `skep COMMAND --help`. */
export function renderHelp(command: Command): string {
	const lines = [
		`skep ${command.name}: ${command.summary}`,
		"",
		`usage: skep ${command.name} ${command.usage}`.trimEnd(),
		"",
	];
	if (command.verbs) lines.push(...renderVerbs(command.verbs), "");
	if (command.details) lines.push(...command.details, "");
	if (command.flags.length > 0) lines.push(...renderFlags(command.flags), "");
	lines.push(command.examples.length === 1 ? "example:" : "examples:", ...command.examples.map((e) => `  ${e}`), "");
	return lines.join("\n");
}

/** One line a flag, values and texts in columns. */
export function renderFlags(flags: readonly Flag[]): string[] {
	const heads = flags.map((f) => {
		const short = f.short === undefined ? "    " : `-${f.short}, `;
		return `  ${short}--${f.name}${f.value === undefined ? "" : ` ${f.value}`}`;
	});
	const width = Math.max(...heads.map((h) => h.length)) + 2;
	return flags.map((f, i) => `${heads[i]!.padEnd(width)}${f.help}`);
}
