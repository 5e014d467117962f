import { relative } from "node:path";
import { inspect } from "node:util";

interface TestEvent {
	readonly type: string;
	// biome-ignore lint/suspicious/noExplicitAny: node:test's events have no published union
	readonly data: any;
}

/**
 * What `npm test` prints: a line per file, every failure whole, what was skipped and why, then the runner's own closing
 * lines (which CI reads). A skip without a reason counts as a failure of the run.
 */
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
	const skipped = new Map<string, string[]>();
	const failed: string[] = [];
	let closing = false;
	for await (const { type, data } of source) {
		const file = data?.file ? relative(process.cwd(), data.file) : "";
		if ((type === "test:pass" || type === "test:fail") && data.skip !== undefined) {
			const reason = typeof data.skip === "string" && data.skip !== "" ? data.skip : "NO REASON GIVEN";
			if (reason === "NO REASON GIVEN") process.exitCode = 1;
			const names = skipped.get(reason) ?? [];
			names.push(`${file}: ${data.name}`);
			skipped.set(reason, names);
		} else if (type === "test:fail") {
			const error = data.details?.error;
			if (error?.failureType === "subtestsFailed") continue;
			const text = `✖ ${file}:${data.line ?? 0} ${data.name}\n${inspect(error?.cause ?? error).replace(/^/gm, "    ")}\n`;
			failed.push(text);
			yield text;
		} else if (type === "test:stderr" && failed.length > 0) {
			yield data.message;
		} else if (type === "test:pass" && data.nesting === 0 && process.env["SKEP_TEST_VERBOSE"]) {
			yield `✔ ${file} ${data.name} (${Math.round(data.details.duration_ms)} ms)\n`;
		} else if (
			type === "test:diagnostic" &&
			data.nesting === 0 &&
			/^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/.test(data.message)
		) {
			if (!closing) {
				closing = true;
				for (const [reason, names] of skipped)
					yield `skipped ${names.length}: ${reason}\n${names.map((n) => `    ${n}\n`).join("")}`;
				if (failed.length > 0) yield `\n${failed.length} failed:\n${failed.join("")}`;
			}
			yield `ℹ ${data.message}\n`;
		}
	}
}
