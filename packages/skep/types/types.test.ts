import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const LANGUAGE = here("../testdata/language");
const VOCABULARY = ["skep.d.ts", "net.d.ts", "uapi.d.ts", "test.d.ts"];
const typescript = (folder: string): string[] =>
	readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((f) => f.endsWith(".ts") && !f.endsWith(".d.ts"));

/** What stock tsc says of the folders, checked against the vocabulary's types and a small set of kernel types. */
function check(folders: readonly string[], extra: object = {}): string {
	const root = mkdtempSync(join(tmpdir(), "skep-types-"));
	try {
		for (const f of VOCABULARY) cpSync(here(f), join(root, f));
		for (const f of ["kernel.d.ts", "env.d.ts", ...folders])
			cpSync(join(LANGUAGE, f), join(root, f), { recursive: true });
		writeFileSync(join(root, "package.json"), '{ "type": "module" }');
		const compilerOptions = {
			target: "es2024",
			lib: ["es2024"],
			module: "nodenext",
			moduleDetection: "force",
			types: [],
			strict: true,
			noEmit: true,
			erasableSyntaxOnly: true,
			verbatimModuleSyntax: true,
			allowImportingTsExtensions: true,
			...extra,
		};
		writeFileSync(join(root, "tsconfig.json"), JSON.stringify({ compilerOptions }));
		execFileSync(here("../../../node_modules/.bin/tsc"), ["-p", root, "--pretty", "false"], {
			encoding: "utf8",
			stdio: "pipe",
		});
		return "";
	} catch (error) {
		return String((error as { stdout?: unknown }).stdout ?? error);
	} finally {
		rmSync(root, { recursive: true });
	}
}

test("stock tsc accepts all examples of the language", () => {
	const examples = typescript(join(LANGUAGE, "examples"));
	assert.equal(examples.filter((f) => !f.startsWith("lib")).length, 38);
	assert.equal(check(["examples"]), "");
	assert.equal(check(["examples"], { noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true }), "");
});

test("stock tsc refuses each mistake that the types are there to catch", () => {
	const mistakes = typescript(join(LANGUAGE, "negative")).flatMap(
		(f) => readFileSync(join(LANGUAGE, "negative", f), "utf8").match(/@ts-expect-error/g) ?? [],
	);
	assert.equal(mistakes.length, 111);
	// A mistake that is accepted is an unused @ts-expect-error, TS2578.
	assert.equal(check(["negative"]), "");
});
