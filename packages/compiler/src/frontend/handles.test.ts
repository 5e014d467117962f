import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Report } from "#diagnostics";
import { analyze } from "./analyze.ts";
import { callSite, manifestOf, relativePath } from "./handles.ts";
import { parseModule } from "./parse.ts";
import { joinPath } from "./resolve.ts";
import { LineIndex, type Node, walk } from "./tree.ts";

const SOURCE = `import { hash, ns, ringbuf, tracepoint } from "./skep.mjs";
interface Exec { pid: number }
const a = ringbuf<Exec>("one"); const b = hash<number, bigint>("two on a line");
tracepoint("bare", () => { console.log("never"); });
export const c = ringbuf<
	Exec
>(
	"over lines"
);
const d =
	ringbuf<Exec>("on the next line");
const e = ns.ringbuf<Exec>("member");
	tracepoint("after a tab", (ctx: Exec) => {});
/* ü 😀 */ tracepoint("after wide characters", () => {});
const f = (ringbuf)<Exec>("parenthesised");
const g = ringbuf /* , ( */ <Exec> ("with spaces");
const h = ringbuf<Exec>("as") as unknown;
const i = { a: [ringbuf<Exec>("in an object")] };
const j = ns["ringbuf"]<Exec>("computed");
const k = ringbuf!<Exec>("asserted");
export default ringbuf<Exec>("default");
ringbuf<Exec>("chained").attach();
`;
const SKEP = `
const site = (what) => {
	const { prepareStackTrace } = Error;
	Error.prepareStackTrace = (_, frames) => frames;
	const holder = {};
	Error.captureStackTrace(holder, site);
	const frame = holder.stack[1];
	Error.prepareStackTrace = prepareStackTrace;
	console.log(JSON.stringify([what, frame.getLineNumber(), frame.getColumnNumber()]));
	return { attach() {} };
};
export const ringbuf = (x) => site(x), hash = (x) => site(x), tracepoint = (x) => site(x), ns = { ringbuf: (x) => site(x) };
`;

test("call sites are where V8 says they are, after type stripping", () => {
	const folder = mkdtempSync(join(tmpdir(), "skep-sites-"));
	try {
		writeFileSync(join(folder, "skep.mjs"), SKEP);
		writeFileSync(join(folder, "a.ts"), SOURCE);
		const printed = execFileSync(process.execPath, [join(folder, "a.ts")], { encoding: "utf8" });
		const measured = new Map<string, string>();
		for (const line of printed.trim().split("\n")) {
			const [what, row, column] = JSON.parse(line) as [string, number, number];
			measured.set(what, `${row}:${column}`);
		}
		const { program } = parseModule(SOURCE);
		assert.ok(program);
		const lines = new LineIndex(SOURCE);
		let seen = 0;
		walk(program, (n) => {
			const what: unknown = n.type === "CallExpression" ? (n["arguments"] as Node[])[0]?.["value"] : undefined;
			if (typeof what !== "string" || what === "never") return;
			const { line, column } = lines.place(callSite({ index: 0, path: "a.ts", text: SOURCE, program }, n));
			assert.equal(`${line}:${column}`, measured.get(what), what);
			seen++;
		});
		assert.equal(seen, measured.size);
		assert.ok(seen >= 16);
	} finally {
		rmSync(folder, { recursive: true });
	}
});

test("the manifest has every handle of every module that Node loads", () => {
	const files = new Map([
		[
			"/p/tools/a.ts",
			'import { options, xdp, XDP } from "skep";\nimport { seen } from "../lib/maps.ts";\nimport type { Only } from "./types.ts";\nconst opt = options({ dev: { type: "interface", help: "where", positional: true } });\nexport const filter = xdp({ dev: opt.dev, mode: "generic" }, () => XDP.PASS);\nexport type T = Only;\nexport { seen };\n',
		],
		[
			"/p/lib/maps.ts",
			'import { hash, type u32, type u64 } from "skep";\nexport const seen = hash<u32, u64>(16, { pin: "seen" });\n',
		],
		[
			"/p/tools/types.ts",
			'import { hash, type u32 } from "skep";\nexport interface Only { a: u32 }\nexport const never = hash<u32, u32>(1);\n',
		],
	]);
	const report = new Report();
	const analysis = analyze({ entry: "/p/tools/a.ts", read: (p) => files.get(p) }, report);
	assert.deepEqual(report.list(), []);
	const m = manifestOf(analysis, "skep test");
	assert.deepEqual(m.modules, ["a.ts", "../lib/maps.ts"]);
	assert.equal(m.userHalf, false);
	assert.deepEqual(m.options, [{ name: "dev", type: "interface", help: "where", positional: true }]);
	assert.deepEqual(m.programs, [
		{ name: "filter", word: "xdp", attach: true, target: { dev: { option: "dev" } }, wants: "dev", mode: "generic" },
	]);
	assert.deepEqual(
		m.handles.map((h) => `${h.kind} ${h.name} ${h.module} ${h.line}:${h.column}`),
		["options opt 0 4:13", "map seen 1 2:21", "program filter 0 5:23"],
	);
	assert.match(m.handles[0]!.hash, /^[0-9a-f]{8}$/);
});

test("paths are relative to the entry's folder", () => {
	assert.equal(relativePath("a.ts", "lib/b.ts"), "lib/b.ts");
	assert.equal(relativePath("/x/y/a.ts", "/x/z/b.ts"), "../z/b.ts");
	assert.equal(relativePath("x/a.ts", "b.ts"), "../b.ts");
	assert.equal(relativePath("./a.ts", "lib/b.ts"), "lib/b.ts");
	for (const entry of ["./x/a.ts", "../x/a.ts", "/x/a.ts", "y/../x/a.ts"])
		for (const import_ of ["./b.ts", "../b.ts", "./lib/../b.ts", "../../b.ts"]) {
			const wanted = new URL(import_, `file:///r/s/t/${entry}`).href;
			const path = joinPath(entry, import_);
			if (!entry.startsWith("/")) assert.equal(new URL(path, "file:///r/s/t/").href, wanted, `${entry} ${import_}`);
			assert.equal(
				new URL(relativePath(entry, path), `file:///r/s/t/${entry}`).href.replace("file:///r/s/t//", "file:///"),
				entry.startsWith("/") ? new URL(path, "file:///").href : wanted,
				`${entry} ${path}`,
			);
		}
});
