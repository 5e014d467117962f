import { LinkError, VerifierError } from "@skep/bpf/base";
import type { CollectionSpec, LineInfo } from "@skep/bpf/spec";
import { ReportedError } from "#cli";

/** A refusal to load as a finding at the source line, where it has one; other errors as they are. */
export function refusalAtLine(error: unknown, spec: CollectionSpec): unknown {
	if (error instanceof VerifierError) return new ReportedError(renderVerifierError(error, spec));
	if (!(error instanceof LinkError) || error.symbol === undefined) return error;
	const line = lineOf(error.symbol, error.insn, spec);
	if (line === undefined) return error;
	const lacks = /\b(enumerator|field|struct|union|enum|typedef) [^:]* does not exist on this kernel$/.exec(
		error.message,
	);
	const thing = lacks?.[1] === "enumerator" ? "enum_value" : lacks?.[1] === "field" ? "field" : "type";
	const guard = spec.manifest ? "exists(…)" : `bpf_core_${thing}_exists(…)`;
	const remedy = lacks ? `guard it: if (${guard}) …` : undefined;
	return new ReportedError(`skep: ${error.message}\n${excerpt(line, remedy).join("\n")}`);
}

/**
 * The verifier's log, whole, then its no as a finding at the source line: logs run to a million lines, and the end is what
 * a terminal keeps. The object's own line information has path and
 * column, the kernel's log only the file's name.
 */
function renderVerifierError(error: VerifierError, spec: CollectionSpec): string {
	const line = lineOf(error.program, error.insn, spec);
	const log = `the verifier's log:\n${error.log.trimEnd()}\n\n`;
	if (line === undefined) {
		const place = error.source === undefined ? "" : `${error.source} `;
		return `${log}${place}error SK6001: ${error.message}`;
	}
	const column = line.column > 0 ? `:${line.column}` : "";
	// The place is said already.
	const message = error.message.replace(` (${error.source})`, "");
	const head = `${line.file}:${line.line}${column} error SK6001: ${message}`;
	return `${log}${[head, ...excerpt(line, remedyOf(error.message))].join("\n")}`;
}

/** What the verifier's words mean for a program in TypeScript: those that people meet, by what they contain. */
// biome-ignore format: table
const REMEDIES: readonly (readonly [words: RegExp, remedy: string])[] = [
	[/too complex|too large\. Processed|infinite loop/, "it gives up after a million steps: fewer rounds in loops, fewer branches in their bodies"],
	[/mem access '\w*_or_null'/, "the value may be undefined here: test it before"],
	[/invalid access to packet/, "the packet may end before: test what next() or load() gives"],
	[/invalid access to map value|unbounded (min|memory)|min value is negative/, "the index may be outside: mask it, or compare it with the length before"],
	[/Unreleased reference/, "what was taken must be given back on every way out"],
	[/cannot use helper|unknown func|helper .* not allowed|program of this type/, "programs of this kind may not call it on this kernel"],
	[/combined stack size|stack depth/, "too much is kept on the stack, callers included: use a map"],
];

const remedyOf = (message: string): string | undefined => REMEDIES.find(([words]) => words.test(message))?.[1];

/** The source line with a caret, as the compiler's findings have it. */
function excerpt(line: LineInfo, remedy: string | undefined): string[] {
	const margin = "".padEnd(String(line.line).length);
	const parts = [`  ${line.line} | ${line.text}`];
	if (line.column > 0) parts.push(`  ${margin} | ${line.text.slice(0, line.column - 1).replace(/[^\t]/g, " ")}^`);
	if (remedy !== undefined) parts.push(`  ${margin} = ${remedy}`);
	return parts;
}

/** Of the refused instruction. Subprograms stand behind the program: their lines are not those of its own slots. */
function lineOf(program: string, insn: number | undefined, spec: CollectionSpec): LineInfo | undefined {
	const found = spec.programs.get(program);
	if (found === undefined || insn === undefined || insn >= found.insns.length / 8) return undefined;
	return found.lines.findLast((line) => line.slot <= insn);
}
