import { relative } from "node:path";
import { inspect } from "node:util";

/** What `test.ts` reads of a guest while it runs: a line of JSON for each test, as it ends. */
export interface Outcome {
	/** From the root of the checkout. */
	readonly file: string;
	/** With the names of the tests that it stands in: `a > b`. */
	readonly name: string;
	readonly result: "passed" | "failed" | "skipped";
	/** Why it was skipped, or how it failed. */
	readonly why?: string;
	readonly seconds: number;
}

/** What is read of node:test's events `test:start`, `test:pass` and `test:fail`. */
interface TestEvent {
	readonly type: string;
	readonly data: {
		readonly name: string;
		/** 0: outermost. */
		readonly nesting: number;
		readonly file?: string;
		/** The reason, or true where none was given. */
		readonly skip?: string | boolean;
		/** Absent in `test:start`. */
		readonly details?: {
			readonly duration_ms: number;
			readonly error?: { readonly failureType?: string; readonly cause?: unknown };
		};
	};
}

/** Tests that only hold others are left out: those are counted. */
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
	/** Names of the tests that are running, outermost first: test:start comes before what a test holds, test:pass after it. */
	const path: string[] = [];
	let deepest = 0;
	/** Of the outermost: what it holds may have been started by a helper of tests. */
	let file = "";
	for await (const { type, data } of source) {
		if (type === "test:start") {
			if (data.nesting === 0) file = data.file ?? "";
			path.length = data.nesting;
			path[data.nesting] = data.name;
			deepest = data.nesting;
		}
		if (type !== "test:pass" && type !== "test:fail") continue;
		const holds = data.nesting < deepest;
		deepest = data.nesting;
		const error = data.details?.error;
		const own = type === "test:fail" && error?.failureType !== "subtestsFailed";
		if (holds && !own) continue;
		const skipped = data.skip !== undefined;
		// A skip that gives no reason is none.
		const reason = typeof data.skip === "string" ? data.skip : "";
		const failed = own || (skipped && reason === "");
		const why = own ? inspect(error?.cause ?? error) : skipped ? reason || "skipped without a reason" : undefined;
		const outcome: Outcome = {
			file: relative(process.cwd(), file || data.file || ""),
			name: [...path.slice(0, data.nesting), data.name].join(" > "),
			result: failed ? "failed" : skipped ? "skipped" : "passed",
			...(why === undefined ? {} : { why }),
			seconds: Math.round((data.details?.duration_ms ?? 0) / 100) / 10,
		};
		yield `${JSON.stringify(outcome)}\n`;
	}
}
