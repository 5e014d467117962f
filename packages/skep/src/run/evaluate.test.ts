// The user half: that it is the text that was compiled, and how its errors read.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { launcher, root } from "./whole-run.test-support.ts";

const work = mkdtempSync(join(tmpdir(), "skep-user-half-"));
mkdirSync(join(work, "node_modules"));
symlinkSync(join(root, "packages/skep"), join(work, "node_modules/skep"));
after(() => rmSync(work, { recursive: true, force: true }));

const HEAD = `import { hash, load, ringbuf, tracepoint, type u32, type u64 } from "skep";
const counts = hash<u32, u64>(16); // the number is as long as another
tracepoint("sched:sched_process_exec", () => { counts.add(1, 1n); });
`;

function run(t: TestContext, name: string, text: string, doors: (file: string) => string[]) {
	writeFileSync(join(work, name), text);
	const { SKEP_DEBUG: _, ...env } = process.env;
	const result = spawnSync(process.execPath, doors(name), { cwd: work, env, encoding: "utf8", timeout: 60_000 });
	if (result.status === 3) t.skip(`needs the privilege to load programs: ${result.stderr}`);
	return result;
}
const byCommand = (file: string) => [launcher, "run", "--duration", "1", file];

test("a file that changes between its evaluation and load() is refused", (t) => {
	const text = `${HEAD}import { readFileSync, writeFileSync } from "node:fs";
const file = new URL(import.meta.url);
writeFileSync(file, readFileSync(file, "utf8").replace("(16)", "(32)"));
using loaded = await load(import.meta);
console.log("loaded", loaded.kernel, counts.length);
`;
	const { status, stdout, stderr } = run(t, "changes.ts", text, (file) => [file]);
	if (status === 3) return;
	assert.equal(stdout, "");
	assert.match(stderr, /BindError: changes\.ts was changed after it was evaluated and before load\(\): run it again/);
	assert.equal(status, 1);
});

test("behind the command, what is evaluated is what was compiled, whatever the file says by then", (t) => {
	const text = `${HEAD}import { readFileSync, writeFileSync } from "node:fs";
const file = new URL(import.meta.url);
writeFileSync(file, readFileSync(file, "utf8").replace("(16)", "(32)"));
using loaded = await load(import.meta);
console.log("loaded", loaded.kernel, counts.size);
`;
	for (const doors of [byCommand, (file: string) => ["--import", "skep/register", file]]) {
		const { status, stdout, stderr } = run(t, "stays.ts", text, doors);
		if (status === 3) return;
		assert.match(stdout, /^loaded linux \d+\n$/, stderr);
		assert.equal(status, 0, stderr);
	}
});

test("an error of the user half has its place in the user's file, and none of ours", (t) => {
	const cases: readonly (readonly [code: string, expected: RegExp])[] = [
		["counts.set(1, 1n << 70n);", /^skep: fails\.ts:4:8: RangeError: .*18446744073709551615/m],
		["null!.x;", /^skep: fails\.ts:4:7: TypeError: Cannot read properties of null/m],
		['Reflect.get(counts, "ref").call(counts, 1);', /^skep: fails\.ts:4:28: hash\.ref\(\) is of the kernel half/m],
		['throw "text";', /^skep: fails\.ts: the user half threw text$/m],
	];
	for (const [code, expected] of cases) {
		const { status, stderr } = run(t, "fails.ts", `${HEAD.replace("load, ", "")}${code}\n`, byCommand);
		if (status === 3) return;
		assert.match(stderr, expected);
		assert.doesNotMatch(stderr, /packages\/skep|^\s+at /m);
		assert.equal(status, 1);
	}
});

test("a file behind a symbolic link is the file that it points to", (t) => {
	mkdirSync(join(work, "real/lib"), { recursive: true });
	writeFileSync(
		join(work, "real/lib/map.ts"),
		'import { hash, type u32, type u64 } from "skep";\nexport const m = hash<u32, u64>(16);\n',
	);
	const text = `import { tracepoint } from "skep";
import { m } from "./lib/map.ts";
tracepoint("sched:sched_process_exec", () => { m.add(1, 1n); });
console.log("size", m.size);
`;
	writeFileSync(join(work, "real/linked.ts"), text);
	symlinkSync(join(work, "real/linked.ts"), join(work, "link.ts"));
	const { status, stdout, stderr } = spawnSync(process.execPath, byCommand("link.ts"), { cwd: work, encoding: "utf8" });
	if (status === 3) return t.skip(`needs the privilege to load programs: ${stderr}`);
	assert.match(stdout, /^size \d+$/m, stderr);
	assert.equal(status, 0, stderr);
});
