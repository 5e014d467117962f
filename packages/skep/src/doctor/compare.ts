import { FormatError } from "@skep/bpf/base";
import { answersOf } from "./answers.ts";
import type { Report } from "./report.ts";

/** Several kernels beside each other. */
export interface Comparison {
	/** Releases, as the columns are named. */
	readonly kernels: readonly string[];
	readonly rows: readonly { readonly feature: string; readonly values: readonly string[] }[];
}

/** Rows are what any of the reports tells, columns the kernels. `all`: also where they agree. */
export function compare(reports: readonly Report[], all: boolean): Comparison {
	const answers = reports.map((report) => new Map(answersOf(report).map(({ id, value }) => [id, value])));
	const ids = [...new Set(answers.flatMap((each) => [...each.keys()]))];
	const rows = ids.map((feature) => ({ feature, values: answers.map((each) => each.get(feature) ?? ABSENT) }));
	return {
		kernels: reports.map(({ kernel }) => (kernel.name === "virtual" ? "virtual" : kernel.release)),
		rows: rows.filter(({ values }) => all || new Set(values).size > 1),
	};
}

/** The report says nothing of it. */
const ABSENT = "–";

/** Rows for a table. Of two kernels of the same release the second is told apart. */
export function comparisonCells({ kernels, rows }: Comparison): readonly object[] {
	const names = kernels.map((name, i) => (kernels.indexOf(name) === i ? name : `${name} (${i + 1})`));
	return rows.map(({ feature, values }) =>
		Object.fromEntries([["feature", feature], ...names.map((name, i) => [name, short(values[i]!)] as const)]),
	);
}

/** Lists of security modules are long. */
const short = (value: string): string => (value.length > 24 ? `${value.slice(0, 23)}…` : value);

/** Reads what `skep doctor --json` wrote. @throws FormatError */
export function readReport(file: string, text: string): Report {
	const wrong = (message: string) => new FormatError({ file, offset: 0, path: "report" }, message);
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch (error) {
		throw wrong(`this is no JSON: ${(error as Error).message}`);
	}
	const { format } = (value ?? {}) as { readonly format?: unknown };
	if (format !== "skep-doctor-1")
		throw wrong(
			`a report of \`skep doctor --json\` has "format": "skep-doctor-1"; here it is ${JSON.stringify(format)}`,
		);
	return value as Report;
}
