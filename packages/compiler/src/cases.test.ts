import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Btf } from "@skep/bpf/btf";
import { decodeTracepoints } from "#declare";
import { pageOf } from "#diagnostics";
import { compile, type Diagnostic } from "./compile.ts";

/**
 * Case files: `-- ts NAME` (the first is the entry), `-- error` with one line a diagnostic
 * (`[warning] SKnnnn [file:]line:column part of the message`; nothing: it compiles), and `-- tsc` for what stock tsc
 * refuses as well (`TS2345`, or `syntax`).
 */
interface Case {
	readonly name: string;
	readonly files: ReadonlyMap<string, string>;
	readonly expected: readonly Expected[];
	readonly tsc: string | undefined;
}
interface Expected {
	readonly severity: "error" | "warning";
	readonly code: string;
	readonly place: string;
	readonly fragment: string;
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const CASES = here("../testdata/cases");

function readCase(name: string): Case {
	const files = new Map<string, string>();
	const sections: { head: string; lines: string[] }[] = [];
	for (const line of readFileSync(join(CASES, name), "utf8").split("\n")) {
		if (line.startsWith("-- ")) sections.push({ head: line.slice(3).trim(), lines: [] });
		else sections.at(-1)?.lines.push(line);
	}
	const expected: Expected[] = [];
	let tsc: string | undefined;
	for (const { head, lines } of sections) {
		const [kind, argument] = head.split(/\s+/);
		const text = lines.join("\n");
		if (kind === "ts") files.set(argument ?? "case.ts", text);
		else if (kind === "tsc") tsc = text.trim();
		else if (kind === "error")
			for (const line of lines.filter((l) => l.trim() !== "")) {
				const m = /^(warning )?(SK\d{4}) (?:(\S+):)?(\d+:\d+) (.*)$/.exec(line);
				assert.ok(m, `${name}: cannot read \`${line}\``);
				expected.push({
					severity: m[1] ? "warning" : "error",
					code: m[2]!,
					place: `${m[3] ?? [...files.keys()][0]}:${m[4]}`,
					fragment: m[5]!.trim(),
				});
			}
		else assert.fail(`${name}: no such section \`-- ${head}\``);
	}
	assert.ok(files.size > 0, `${name} has no section \`-- ts\``);
	return { name, files, expected, tsc };
}

const cases = readdirSync(CASES)
	.filter((f) => f.endsWith(".case"))
	.sort()
	.map(readCase);
const kernel = Btf.decode(readFileSync(here("../data/kernel.btf")));
const tracepoints = decodeTracepoints(JSON.parse(readFileSync(here("../data/tracepoints.json"), "utf8")));

const say = (d: Diagnostic): string =>
	`${d.severity === "warning" ? "warning " : ""}${d.code} ${d.file}:${d.line}:${d.column} ${d.message}${d.remedy ? ` = ${d.remedy}` : ""}`;

for (const c of cases)
	test(`case ${c.name}`, () => {
		const result = compile({ entry: [...c.files.keys()][0]!, read: (path) => c.files.get(path), kernel, tracepoints });
		const found = result.diagnostics.map(say).join("\n");
		assert.equal(
			result.diagnostics.length,
			c.expected.length,
			`expected ${c.expected.length} diagnostics, found:\n${found}`,
		);
		for (const [i, e] of c.expected.entries()) {
			const d = result.diagnostics[i]!;
			assert.equal(
				`${d.code} ${d.severity} ${d.file}:${d.line}:${d.column}`,
				`${e.code} ${e.severity} ${e.place}`,
				found,
			);
			assert.ok(`${d.message} = ${d.remedy ?? ""}`.includes(e.fragment), `\`${e.fragment}\` is not in: ${say(d)}`);
			assert.ok(pageOf(d.code), `${d.code} has no page`);
		}
		assert.equal(
			result.object !== undefined,
			!c.expected.some((e) => e.severity === "error"),
			"an object comes without errors only",
		);
	});

test("stock tsc accepts every case that does not say otherwise", () => {
	const folder = mkdtempSync(join(tmpdir(), "skep-cases-"));
	try {
		const types = here("../../skep/types");
		for (const f of readdirSync(types)) if (f.endsWith(".d.ts")) cpSync(join(types, f), join(folder, f));
		writeFileSync(join(folder, "env.d.ts"), readFileSync(here("../../skep/testdata/language/env.d.ts"), "utf8"));
		writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
		const options = {
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
			skipLibCheck: true,
		};
		writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options }));
		for (const c of cases) {
			if (c.tsc === "syntax") continue;
			for (const [file, text] of c.files) {
				const path = join(folder, c.name.replace(/\.case$/, ""), file);
				mkdirSync(dirname(path), { recursive: true });
				writeFileSync(path, text);
			}
		}
		const errors = new Map<string, string[]>();
		try {
			execFileSync(here("../../../node_modules/.bin/tsc"), ["-p", folder, "--pretty", "false"], {
				cwd: folder,
				encoding: "utf8",
				stdio: "pipe",
			});
		} catch (error) {
			for (const line of String((error as { stdout?: unknown }).stdout).split("\n")) {
				const m = /^([^/(]+)\/\S+\(\d+,\d+\): error (TS\d+)/.exec(line);
				if (m) errors.set(m[1]!, [...(errors.get(m[1]!) ?? []), line]);
				else if (/^\S.*error TS/.test(line)) assert.fail(line);
			}
		}
		for (const c of cases) {
			if (c.tsc === "syntax") continue;
			const found = (errors.get(c.name.replace(/\.case$/, "")) ?? []).join("\n");
			if (c.tsc === undefined) assert.equal(found, "", `${c.name}: tsc refuses it`);
			else
				for (const code of c.tsc.split(/\s+/))
					assert.ok(
						found.includes(`error ${code}:`),
						`${c.name}: ${code} is expected of tsc, found: ${found || "nothing"}`,
					);
		}
	} finally {
		rmSync(folder, { recursive: true });
	}
});

test("every number that the compiler says has a page", () => {
	for (const room of ["frontend", "lower", "codegen", "diagnostics", "."])
		for (const f of readdirSync(here(room)))
			if (f.endsWith(".ts"))
				for (const m of readFileSync(here(`${room}/${f}`), "utf8").matchAll(/SK\d{4}/g))
					assert.ok(pageOf(m[0]), `${m[0]} in ${room}/${f}`);
});
