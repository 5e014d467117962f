import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { Report } from "#diagnostics";
import type { Analysis } from "./analysis.ts";
import { analyze } from "./analyze.ts";

function run(files: Record<string, string>): { analysis: Analysis; found: string[] } {
	const report = new Report();
	const analysis = analyze({ entry: Object.keys(files)[0]!, read: (p) => files[p] }, report);
	return { analysis, found: report.list().map((d) => `${d.code} ${d.file}:${d.line}:${d.column}`) };
}
const USE = 'import { hash, options, ringbuf, shared, tracepoint, xdp, XDP, type u32, type u64 } from "skep";\n';

test("names are followed through cyclic imports, re-exports, stars and defaults", () => {
	const { analysis, found } = run({
		"a.ts":
			'import { B, c as renamed } from "./b.ts";\nimport D, * as all from "./d.ts";\nimport { B as through } from "./star.ts";\nexport const A = 1;\nexport const sum = A + B + through;\nexport { renamed, D, all };\n',
		"b.ts": 'import { A } from "./a.ts";\nexport const B = 2;\nexport { c } from "./d.ts";\nexport const usesA = A;\n',
		"d.ts":
			'export const c = 3;\nexport default function twice(n: number) { return n * 2; }\nexport * from "./d.ts";\n',
		"star.ts": 'export * from "./b.ts";\nexport * from "./star.ts";\n',
	});
	assert.deepEqual(found, []);
	const of = (name: string): unknown => analysis.lookup(analysis.modules[0]!, name);
	assert.deepEqual((of("sum") as { value: unknown }).value, { kind: "int", value: 5n, big: false });
	assert.equal((of("renamed") as { value: { value: bigint } }).value.value, 3n);
	assert.equal((of("D") as { kind: string }).kind, "function");
	assert.equal((of("all") as { kind: string }).kind, "user");
	assert.deepEqual(
		analysis.modules.map((m) => m.path),
		["a.ts", "b.ts", "d.ts", "star.ts"],
	);
});

test("maps: keys, values, sizes, flags", () => {
	const { analysis, found } = run({
		"a.ts": `${USE}import { array, histogram, perCpuHash } from "skep";
const KB = 1024;
const m = hash<u32, { a: u64 }>(4 * KB, { pin: "m", noPrealloc: true, readonly: "user" });
const n = perCpuHash<u32, u64>(10, { numaNode: 1 });
const a = array<u64>(3);
const r = ringbuf<{ x: u32 }>(64 * KB);
const h = histogram();
const k = histogram<u32>({ max: 512 });
const l = histogram({ scale: { from: 0, to: 100, step: 7 } });
`,
	});
	assert.deepEqual(found, []);
	assert.deepEqual(
		analysis.maps.map((x) => [x.name, x.type, x.maxEntries, x.flags, x.pin, x.numaNode, x.histogram?.keyed]),
		[
			["m", "hash", 4096, 9, "m", undefined, undefined],
			["n", "percpu_hash", 10, 4, undefined, 1, undefined],
			["a", "array", 3, 0, undefined, undefined, undefined],
			["r", "ringbuf", 65536, 0, undefined, undefined, undefined],
			["h", "percpu_array", 65, 0, undefined, undefined, false],
			["k", "percpu_hash", 512, 0, undefined, undefined, true],
			["l", "percpu_array", 17, 0, undefined, undefined, false],
		],
	);
});

test("names of programs are unique and names of C", () => {
	const { analysis } = run({
		"a.ts": `${USE}import "./b.ts";\ntracepoint("sched:sched_switch", () => {});\ntracepoint("sched:sched_switch", () => {});\nconst $x = xdp(() => XDP.PASS);\nexport const sched_switch_3 = tracepoint(["sched:sched_switch", "sched:sched_wakeup"], { attach: false, optional: true }, () => {});\n`,
		"b.ts": `${USE}const $x = xdp({ dev: "lo", mode: "generic", frags: true }, () => XDP.PASS);\n`,
	});
	assert.deepEqual(
		analysis.programs.map((p) => [p.name, p.targets.length, p.attach, p.optional, p.target, p.mode, p.frags]),
		[
			["sched_switch", 1, true, false, {}, undefined, false],
			["sched_switch_2", 1, true, false, {}, undefined, false],
			["_x", 0, true, false, {}, undefined, false],
			["sched_switch_3", 2, false, true, {}, undefined, false],
			["_x_2", 0, true, false, { dev: { value: "lo" } }, "generic", true],
		],
	);
});

// What stands in the file, whether it has a user half.
const HALVES: readonly (readonly [string, boolean])[] = [
	["", false],
	['"use strict";\n', false],
	["const a = process.pid; function f() { f(); } class C {} interface I {} type T = 1;", false],
	["export function main() {}", true],
	["export const main = async () => {};", true],
	["console.log(1);", true],
	["for (;;) break;", true],
	["await 1;", true],
	["const a = await import.meta;", true],
	["const f = async () => { await 1; };", false],
	["{ }", true],
	[";", false],
];
for (const [text, expected] of HALVES)
	test(`${expected ? "a user half" : "no user half"}: ${JSON.stringify(text)}`, () => {
		assert.equal(
			run({ "a.ts": `${USE}tracepoint("sched:sched_switch", () => {});\n${text}` }).analysis.userHalf,
			expected,
		);
	});

test("a local name hides the vocabulary", () => {
	const { found } = run({
		"a.ts": `${USE}function f(hash: (n: number) => number) { const shared = hash; return shared(hash(1)); }\nfor (const options of [1]) console.log(options);\nlabel: for (;;) break label;\nconsole.log(f, { ringbuf: 1 }.ringbuf);\n`,
	});
	assert.deepEqual(found, []);
});

test("licence: a constant of the entry", () => {
	assert.equal(run({ "a.ts": "" }).analysis.license, "GPL");
	assert.equal(
		run({ "a.ts": 'import { L } from "./l.ts"; export { L as license };', "l.ts": 'export const L = "Dual MIT/GPL";' })
			.analysis.license,
		"Dual MIT/GPL",
	);
	assert.deepEqual(run({ "a.ts": "export const license = String(1);" }).found, ["SK5001 a.ts:1:14"]);
});

test("options: every type, defaults and choices as JSON", () => {
	const { analysis, found } = run({
		"a.ts": `${USE}import { ip4 } from "skep/net";\nconst opt = options({ on: { type: "boolean", help: "" }, min: { type: "duration", default: 10n ** 7n, help: "" }, level: { type: "u8", default: 1, choices: [1, 2], help: "", short: "l" }, name: { type: "string", max: 64, default: "x", help: "" }, free: { type: "string", help: "" }, to: { type: "ip4", default: ip4("10.0.0.1"), help: "" }, pid: { type: "pid", required: true, help: "" } });\n`,
	});
	assert.deepEqual(found, []);
	assert.deepEqual(
		analysis.options[0]!.entries.map((e) => [
			e.option.name,
			e.type?.kind,
			e.optional,
			e.option.default,
			e.option.choices,
		]),
		[
			["on", "bool", false, undefined, undefined],
			["min", "int", false, "10000000", undefined],
			["level", "int", false, 1, [1, 2]],
			["name", "chars", false, "x", undefined],
			["free", undefined, true, undefined, undefined],
			["to", "be", false, "10.0.0.1", undefined],
			["pid", "int", false, undefined, undefined],
		],
	);
});

test("no text makes the front end throw", () => {
	const folder = fileURLToPath(new URL("../../../skep/testdata/language", import.meta.url));
	const texts = readdirSync(folder, { recursive: true, encoding: "utf8" })
		.filter((f) => f.endsWith(".ts"))
		.map((f) => readFileSync(join(folder, f), "utf8").match(/\s+|\w+|[^\w\s]/g) ?? []);
	const pieces = fc.constantFrom(...new Set(texts.flat()));
	const change = fc.record({ at: fc.nat(2000), remove: fc.nat(2), insert: fc.array(pieces, { maxLength: 2 }) });
	fc.assert(
		fc.property(fc.constantFrom(...texts), fc.array(change, { maxLength: 4 }), (tokens, changes) => {
			const t = [...tokens];
			for (const { at, remove, insert } of changes) t.splice(at % t.length, remove, ...insert);
			const { analysis } = run({ "a.ts": t.join("") });
			assert.equal(analysis.modules.length > 0, true);
		}),
		{ numRuns: 400, seed: 11 },
	);
});
