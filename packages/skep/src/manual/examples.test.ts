import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Btf } from "@skep/bpf/btf";
import { compile, type Diagnostic } from "@skep/compiler";
import { decodeTracepoints } from "@skep/compiler/declare";
import { MAP_MEMBERS, PROGRAM_MEMBERS, WORDS } from "@skep/compiler/language";
import { DIAGNOSTIC_EXAMPLES } from "./texts/diagnostics.ts";
import { EXAMPLES } from "./texts/examples.ts";
import { LATER } from "./texts/later.ts";
import { MEMBER_TEXTS } from "./texts/members.ts";
import { WORD_TEXTS } from "./texts/words.ts";

const data = (name: string): Uint8Array =>
	readFileSync(fileURLToPath(new URL(`../data/${name}`, import.meta.resolve("@skep/compiler"))));
const kernel = Btf.decode(data("kernel.btf"));
const tracepoints = decodeTracepoints(JSON.parse(new TextDecoder().decode(data("tracepoints.json"))));

function findings(text: string, files: Readonly<Record<string, string>> = {}): readonly Diagnostic[] {
	const read = (path: string): string | undefined => (path === "tool.ts" ? text : files[path.replace(/^\.\//, "")]);
	return compile({ entry: "tool.ts", read, kernel, tracepoints }).diagnostics;
}
const told = (list: readonly Diagnostic[]): string[] => list.map((d) => `${d.code} ${d.line}:${d.column} ${d.message}`);

test("examples of words compile", () => {
	for (const [name, text] of Object.entries(EXAMPLES)) assert.deepEqual(told(findings(text)), [], name);
});

test("examples of words that are not compiled yet say so, and nothing else", () => {
	for (const [name, text] of Object.entries(LATER)) {
		const codes = new Set<string>(findings(text).map((d) => d.code));
		assert.deepEqual([...codes], ["SK1010"], name);
	}
});

test("each word stands in its example, which compiles where the word does", () => {
	const words = new Map(WORDS.map((word) => [word.name, word]));
	for (const [name, , example] of WORD_TEXTS) {
		const word = words.get(name)!;
		const text =
			example in EXAMPLES ? EXAMPLES[example as keyof typeof EXAMPLES] : LATER[example as keyof typeof LATER];
		// Types of handles are shown by what gives the handle.
		if (word.kind !== "type" || word.compiled) assert.match(text, new RegExp(`\\b${name}\\b`), name);
		if (word.compiled) assert.ok(example in EXAMPLES, `${name} is compiled, and its example is not`);
	}
});

test("examples of diagnostics make them, and the mended ones nothing", () => {
	for (const [code, { wrong, right, files }] of Object.entries(DIAGNOSTIC_EXAMPLES)) {
		const codes = findings(wrong, files).map((d) => d.code as string);
		assert.ok(codes.includes(code), `${code}: ${codes}\n${wrong}`);
		assert.deepEqual(told(findings(right, files)), [], `${code}\n${right}`);
	}
});

test("each member of maps and programs has a text, and stands in its example", () => {
	const members = new Set([...Object.values(MAP_MEMBERS).flatMap(Object.keys), ...Object.keys(PROGRAM_MEMBERS)]);
	assert.deepEqual(MEMBER_TEXTS.map((row) => row[0]).sort(), [...members].sort());
	for (const [name, , example] of MEMBER_TEXTS) {
		assert.ok(example in EXAMPLES, name);
		assert.match(EXAMPLES[example as keyof typeof EXAMPLES], new RegExp(`\\.${name}\\b`), name);
	}
});

test("stock tsc accepts the examples, those of later words and the mended ones too", () => {
	const folder = mkdtempSync(join(tmpdir(), "skep-manual-"));
	const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
	try {
		const types = here("../../types");
		for (const file of readdirSync(types)) if (file.endsWith(".d.ts")) cpSync(join(types, file), join(folder, file));
		writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
		const compilerOptions = {
			target: "es2024",
			lib: ["es2024", "esnext.disposable"],
			module: "nodenext",
			moduleDetection: "force",
			types: ["node"],
			typeRoots: [here("../../../../node_modules/@types")],
			strict: true,
			noEmit: true,
			erasableSyntaxOnly: true,
			verbatimModuleSyntax: true,
			allowImportingTsExtensions: true,
			skipLibCheck: true,
		};
		writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions }));
		// The function that it names is not among the shipped types: `skep types` brings it.
		const { fmodRet: _, ...later } = LATER;
		for (const [name, text] of Object.entries({ ...EXAMPLES, ...later }))
			writeFileSync(join(folder, `of-${name}.ts`), text);
		for (const [code, { right, files = {} }] of Object.entries(DIAGNOSTIC_EXAMPLES)) {
			writeFileSync(join(folder, `${code}.ts`), right);
			for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
		}
		const tsc = here("../../../../node_modules/.bin/tsc");
		const { stdout } = spawnSync(tsc, ["-p", folder, "--pretty", "false"], { cwd: folder, encoding: "utf8" });
		assert.equal(stdout, "");
	} finally {
		rmSync(folder, { recursive: true });
	}
});
