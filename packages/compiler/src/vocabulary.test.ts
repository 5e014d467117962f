// The vocabulary as far as it is compiled, judged by this machine's verifier: with the passes and as lowering builds it.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { canRun, compileAgainstShipped, loadAll } from "./kernel-run.test-support.ts";

const folders = ["../testdata/vocabulary", "../../../examples"].map((f) => fileURLToPath(new URL(f, import.meta.url)));
const files = [
	...readdirSync(folders[0]!).map((f) => join(folders[0]!, f)),
	...["exec", "open", "read-latency", "syscalls", "exec-tree", "xdp-filter"].map((n) =>
		join(folders[1]!, n, `${n}.ts`),
	),
];

for (const optimise of [true, false])
	test(`the verifier takes the vocabulary ${optimise ? "with" : "without"} the passes`, (t) => {
		if (!canRun(t)) return;
		const objects = files.map((file) => {
			const result = compileAgainstShipped(
				file,
				(path) => {
					try {
						return readFileSync(path, "utf8");
					} catch {
						return undefined;
					}
				},
				optimise,
			);
			assert.ok(result.object, result.diagnostics.map((d) => `${d.code} ${d.file}:${d.line}: ${d.message}`).join("\n"));
			return result.object;
		});
		loadAll(objects);
	});
