import type { VerifierError } from "@skep/bpf/base";
import type { CollectionSpec, LineInfo } from "@skep/bpf/spec";

/**
 * The verifier's no as a finding at the source line, then its log, whole. The object's own line information has path and
 * column, the kernel's log only the file's name.
 */
export function renderVerifierError(error: VerifierError, spec: CollectionSpec): string {
	const line = lineOf(error, spec);
	if (line === undefined) {
		const place = error.source === undefined ? "" : `${error.source} `;
		return `${place}error SK6001: ${error.message}\n\nthe verifier's log:\n${error.log.trimEnd()}`;
	}
	const column = line.column > 0 ? `:${line.column}` : "";
	const parts = [`${line.file}:${line.line}${column} error SK6001: ${error.message}`, `  ${line.line} | ${line.text}`];
	if (line.column > 0) {
		const lead = line.text.slice(0, line.column - 1).replace(/[^\t]/g, " ");
		parts.push(`  ${"".padEnd(String(line.line).length)} | ${lead}^`);
	}
	return `${parts.join("\n")}\n\nthe verifier's log:\n${error.log.trimEnd()}`;
}

/** Of the refused instruction. Subprograms stand behind the program: their lines are not those of its own slots. */
function lineOf({ program, insn }: VerifierError, spec: CollectionSpec): LineInfo | undefined {
	const found = spec.programs.get(program);
	if (found === undefined || insn === undefined || insn >= found.insns.length / 8) return undefined;
	return found.lines.findLast((line) => line.slot <= insn);
}
