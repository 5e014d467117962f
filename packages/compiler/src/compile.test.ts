import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Btf } from "@skep/bpf/btf";
import { readObject } from "@skep/bpf/object";
import { decodeTracepoints } from "#declare";
import { CompileError, compile, compileOrThrow } from "./compile.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const kernel = Btf.decode(readFileSync(here("../data/kernel.btf")));
const tracepoints = decodeTracepoints(JSON.parse(readFileSync(here("../data/tracepoints.json"), "utf8")));
const EXAMPLES = here("../../skep/testdata/language/examples");
const read = (path: string): string | undefined => {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return undefined;
	}
};
const one = (text: string) => ({
	entry: "a.ts",
	read: (p: string) => (p === "a.ts" ? text : undefined),
	kernel,
	tracepoints,
});

test("every example of the language becomes an object, or says which words are not compiled", () => {
	const compiled: string[] = [];
	for (const f of readdirSync(EXAMPLES)) {
		if (!f.endsWith(".ts")) continue;
		const result = compile({ entry: join(EXAMPLES, f), read, kernel, tracepoints });
		const errors = result.diagnostics.filter((d) => d.severity === "error");
		if (result.object) {
			assert.deepEqual(errors, [], f);
			compiled.push(f.replace(/\.ts$/, ""));
		} else
			assert.ok(
				errors.some((d) => d.code === "SK1010"),
				`${f}: ${errors.map((d) => `${d.code} ${d.message}`).join("; ")}`,
			);
	}
	for (const f of ["exec", "open", "read-latency", "syscalls", "exec-tree", "xdp-filter"])
		assert.ok(compiled.includes(f), f);
});

test("the same text gives the same bytes, and the object says what the manifest says", () => {
	const input = { entry: join(EXAMPLES, "open.ts"), read, kernel, tracepoints, explain: true };
	const a = compileOrThrow(input);
	const b = compileOrThrow(input);
	assert.deepEqual(a.object, b.object);
	const spec = readObject(a.object);
	assert.deepEqual(spec.manifest, JSON.parse(JSON.stringify(a.manifest)));
	assert.deepEqual([...spec.programs.keys()].sort(), a.manifest.programs.map((p) => p.name).sort());
	assert.equal(spec.license, "GPL");
	for (const m of a.manifest.maps) assert.ok(spec.maps.has(m.name), m.name);
	assert.deepEqual(
		a.report?.functions.map((f) => f.function),
		a.manifest.programs.map((p) => p.name),
	);
	assert.deepEqual(
		[...(a.report?.ir?.keys() ?? [])],
		a.manifest.programs.map((p) => p.name),
	);
	assert.deepEqual(a.report?.needs[0], { since: "5.8", word: "ringbuf", position: { file: 0, line: 11, column: 16 } });
	assert.ok(a.report?.inserted.some((i) => i.what.includes("lost in `events`")));
});

test("all findings in one run, of every stage", () => {
	const result = compile(
		one(`import { hash, ringbuf, tracepoint, type u32, type u64 } from "skep";
interface Bad { name: string }
const bad = ringbuf<Bad>(4096);
const counts = hash<u32, u64>(0);
const good = hash<u32, u64>(16);
tracepoint("sched:sched_process_exe", () => {});
tracepoint("sched:sched_process_exec", (ctx) => {
	if (ctx.pid == 1) return;
	bad.emit(() => {});
	good.set(1, 1n);
});
good.add(1, 1n);
console.log(counts);
`),
	);
	assert.deepEqual(
		result.diagnostics.map((d) => `${d.code} ${d.line}`),
		["SK2101 2", "SK5006 4", "SK4001 6", "SK1003 8", "SK5002 12"],
	);
	assert.equal(result.object, undefined);
});

test("compileOrThrow throws all of them, with the text", () => {
	assert.throws(
		() => compileOrThrow(one("const a = ;")),
		(e) =>
			e instanceof CompileError &&
			e.diagnostics.length === 1 &&
			e.message.includes("a.ts:1:11 error SK1000") &&
			e.message.includes("^"),
	);
	assert.throws(() => compileOrThrow({ ...one(""), entry: "none.ts" }), /SK1002.*there is no file `none.ts`/);
});

test("a file without programs is an object without programs", () => {
	const { object, manifest, diagnostics } = compile(one("export const a = 1;\n"));
	assert.deepEqual(diagnostics, []);
	assert.ok(object);
	assert.equal(readObject(object).programs.size, 0);
	assert.equal(manifest?.userHalf, false);
});
