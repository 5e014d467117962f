// docs/kernels.md from what `npm run test:guest -- --json` said: node scripts/guest/table.ts REPORT.json … > docs/kernels.md
// What a later report says of a test on a kernel counts.
import { readFileSync } from "node:fs";
import type { Outcome } from "./reporter.ts";

interface Report {
	readonly date: string;
	readonly guests: readonly {
		readonly version: string;
		readonly release?: string;
		readonly tests: readonly Outcome[];
	}[];
}

const SIGNS = { passed: "✓", skipped: "–", failed: "✖" } as const;
const dates = new Set<string>();
const releases = new Map<string, string>();
/** By kernel, by file, by name of the test. */
const seen = new Map<string, Map<string, Map<string, Outcome>>>();
for (const file of process.argv.slice(2)) {
	const { date, guests } = JSON.parse(readFileSync(file, "utf8")) as Report;
	dates.add(date);
	for (const { version, release, tests } of guests) {
		releases.set(version, release ?? version);
		const files = seen.get(version) ?? new Map<string, Map<string, Outcome>>();
		seen.set(version, files);
		for (const test of tests) {
			const name = test.file.replace(/^packages\/(\w+)\/src\//, "$1: ");
			files.set(name, (files.get(name) ?? new Map<string, Outcome>()).set(test.name, test));
		}
	}
}
const versions = [...seen.keys()].sort(
	(a, b) => Number(a.split(".")[0]) - Number(b.split(".")[0]) || Number(a.split(".")[1]) - Number(b.split(".")[1]),
);
const of = (file: string, version: string): Outcome[] => [...(seen.get(version)?.get(file)?.values() ?? [])];
const files = [...new Set(versions.flatMap((version) => [...seen.get(version)!.keys()]))].sort();
/** Without the tests that it stands in. */
const last = (name: string) => name.split(" > ").at(-1)!;
const escaped = (text: string) => text.replaceAll("|", "\\|").replaceAll("*", "\\*").replaceAll("\n", " ");
const row = (head: string, cells: readonly string[]) => `| ${[head, ...cells].join(" | ")} |`;
const head = row(
	"",
	versions.map((version) => releases.get(version)!),
);
const lines = [
	"# Kernels",
	"",
	`What ran in guests (Debian's kernels under QEMU, \`npm run test:guest\`), last on ${[...dates].sort().at(-1)}.`,
	"✓ passed, – the kernel lacks it (below: what, in skep's words), ✖ failed; an empty cell: not run there, or not since the test was changed.",
	`Written by scripts/guest/table.ts from the runs' reports.`,
	"",
	head,
	row(
		"---",
		versions.map(() => "---"),
	),
];
const reasons = new Map<string, Set<string>>();
for (const file of files) {
	const cells = versions.map((version) => {
		const counts = new Map<string, number>();
		for (const { result } of of(file, version)) counts.set(SIGNS[result], (counts.get(SIGNS[result]) ?? 0) + 1);
		return Object.values(SIGNS)
			.flatMap((sign) => (counts.has(sign) ? [`${counts.get(sign)} ${sign}`] : []))
			.join(", ");
	});
	lines.push(row(`**${file}**`, cells));
	if (!file.endsWith(".guest.test.ts")) continue;
	for (const version of versions) {
		for (const { name, result, why = "" } of of(file, version)) {
			if (result === "passed") continue;
			// The first sentence, without the release, so that kernels say the same.
			const text = `${SIGNS[result]} ${last(name)}: ${why.split("\n")[0]!.replaceAll(releases.get(version)!, "").replaceAll(" ()", "").replaceAll(/ {2,}/g, " ")}`;
			reasons.set(text, (reasons.get(text) ?? new Set()).add(version));
		}
	}
	const names = [...new Set(versions.flatMap((version) => of(file, version).map((test) => test.name)))];
	for (const name of names) {
		const found = versions.map((version) => seen.get(version)?.get(file)?.get(name));
		lines.push(
			row(
				escaped(name),
				found.map((test) => (test ? SIGNS[test.result] : "")),
			),
		);
	}
}
lines.push("", "What kernels lack:", "");
for (const [text, on] of reasons) lines.push(`- ${[...on].join(", ")}: ${escaped(text)}`);
console.log(lines.join("\n"));
