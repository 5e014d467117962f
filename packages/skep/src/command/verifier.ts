import { existsSync, readFileSync } from "node:fs";
import type { VerifierError } from "@skep/bpf/base";

/** The verifier's no as a finding at the TypeScript line, then its log, whole. */
export function renderVerifierError(error: VerifierError): string {
	const [, file, line, column] = /^(.*?):(\d+)(?::(\d+))?$/.exec(error.source ?? "") ?? [];
	const place = error.source === undefined ? "" : `${error.source} `;
	const parts = [`${place}error SK6001: ${error.message}`];
	if (file !== undefined && existsSync(file)) {
		const text = readFileSync(file, "utf8").split("\n")[Number(line) - 1];
		if (text !== undefined) {
			parts.push(`  ${line} | ${text}`);
			if (column !== undefined)
				parts.push(`  ${"".padEnd(line!.length)} | ${text.slice(0, Number(column) - 1).replace(/[^\t]/g, " ")}^`);
		}
	}
	parts.push("", "the verifier's log:", error.log.trimEnd());
	return parts.join("\n");
}
