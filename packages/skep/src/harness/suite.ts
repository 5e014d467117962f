import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { run } from "node:test";
import { dot, junit, spec, tap } from "node:test/reporters";
import { BpfError } from "@skep/bpf/base";
import { display, doorUrl } from "#run";
import { type LineCounts, readCounts } from "./coverage.ts";

/** One test as it ended. */
export interface TestResult {
	readonly file: string | undefined;
	readonly name: string;
	readonly status: "pass" | "fail" | "skip" | "todo";
	/** Milliseconds. */
	readonly duration: number;
	/** Of a failure. */
	readonly error?: string;
}

export interface TestRunOptions {
	readonly kernel: "linux" | "virtual";
	/** `spec`, `tap`, `dot`, `junit`; ignored where `result` is there. */
	readonly reporter: string;
	/** Only tests whose names match. */
	readonly name?: string | undefined;
	readonly coverage: boolean;
	/** Called for each test, instead of a report on stdout. */
	readonly result?: ((result: TestResult) => void) | undefined;
}

const TEST_FILE = /\.test\.m?ts$/;
const REPORTERS = { spec: () => new spec(), tap: () => tap, dot: () => dot, junit: () => junit } as const;

/** Test files by names: files, folders (all in them), nothing (all in this folder). @throws BpfError ERR_FILE */
export function findTests(names: readonly string[]): string[] {
	const files = new Set<string>();
	for (const name of names.length === 0 ? ["."] : names) {
		const path = resolve(name);
		const stat = statSync(path, { throwIfNoEntry: false });
		if (stat === undefined) throw new BpfError("ERR_FILE", `${name}: no such file`);
		if (stat.isFile()) {
			files.add(path);
			continue;
		}
		const inside = [...testsIn(path)];
		if (inside.length === 0) throw new BpfError("ERR_FILE", `${name}: no test file in it, *.test.ts is looked for`);
		for (const file of inside.sort()) files.add(file);
	}
	return [...files];
}

function* testsIn(folder: string): Generator<string> {
	for (const entry of readdirSync(folder, { withFileTypes: true })) {
		const path = join(folder, entry.name);
		if (entry.isDirectory()) {
			if (entry.name !== "node_modules" && !entry.name.startsWith(".")) yield* testsIn(path);
		} else if (TEST_FILE.test(entry.name)) yield path;
	}
}

/** Runs test files, each in a process of its own, and reports. `ok`: none failed. */
export async function runTests(
	files: readonly string[],
	options: TestRunOptions,
): Promise<{ readonly ok: boolean; readonly counts: LineCounts | undefined }> {
	const make = REPORTERS[options.reporter as keyof typeof REPORTERS];
	if (make === undefined)
		throw new BpfError(
			"ERR_ARGUMENT",
			`no reporter ${options.reporter}; there are ${Object.keys(REPORTERS).join(", ")}`,
		);
	// Inside a test of node:test its runner would not run.
	delete process.env["NODE_TEST_CONTEXT"];
	process.env["SKEP_TEST_KERNEL"] = options.kernel;
	const folder = options.coverage ? mkdtempSync(join(tmpdir(), "skep-coverage-")) : undefined;
	if (folder !== undefined) process.env["SKEP_TEST_COVERAGE"] = folder;
	try {
		const ok = await report(files, options, make);
		return { ok, counts: folder === undefined ? undefined : readCounts(folder) };
	} finally {
		if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
	}
}

async function report(
	files: readonly string[],
	options: TestRunOptions,
	make: (typeof REPORTERS)[keyof typeof REPORTERS],
): Promise<boolean> {
	let ok = true;
	const stream = run({
		files: [...files],
		concurrency: Math.max(1, availableParallelism() - 1),
		execArgv: ["--import", doorUrl("harness/register")],
		...(options.name === undefined ? {} : { testNamePatterns: [options.name] }),
	});
	const told = (status: "pass" | "fail", data: TestEnd) => {
		const { skip, todo, details } = data;
		if (status === "fail" && todo === undefined) ok = false;
		if (options.result === undefined || details.type === "suite") return;
		const plain = skip !== undefined ? "skip" : todo !== undefined ? "todo" : status;
		const error = details.error?.cause;
		options.result({
			file: data.file === undefined ? undefined : display(data.file),
			name: data.name,
			status: plain,
			duration: details.duration_ms,
			...(plain === "fail" ? { error: error instanceof Error ? error.message : String(error) } : {}),
		});
	};
	stream.on("test:pass", (data) => told("pass", data as TestEnd));
	stream.on("test:fail", (data) => told("fail", data as TestEnd));
	if (options.result === undefined) {
		const reported = stream.compose(make() as never);
		for await (const text of reported) process.stdout.write(text as string);
	} else for await (const _ of stream);
	return ok;
}

/** Of node:test's events, what is looked at. */
interface TestEnd {
	readonly name: string;
	readonly file?: string;
	readonly skip?: string | boolean;
	readonly todo?: string | boolean;
	readonly details: {
		readonly duration_ms: number;
		readonly type?: string;
		readonly error?: { readonly cause?: unknown };
	};
}
