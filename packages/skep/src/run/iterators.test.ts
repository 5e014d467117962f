// Iterators as `skep run` shows them and as a file's user half and its tests read them: on the virtual kernel, which has one task.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { launcher, root } from "./whole-run.test-support.ts";

const HEAD = `import { type be16, type chars, htons, iter, ntohs, type u32 } from "skep";
interface Row { pid: u32; port: be16; comm: chars<16> }
export const tasks = iter("task", ({ task, seq }) => {
	if (task) seq.write<Row>({ pid: task.pid, port: htons(53), comm: task.comm });
});
`;
const USER = `export const lines = iter("task", { attach: false }, ({ task, seq }) => {
	if (task) seq.print(\`\${String(task.pid).padStart(4)} \${task.comm}\\n\`);
});
const [row] = tasks.records<Row>();
console.log(row?.pid, row && ntohs(row.port), row?.comm, tasks.links.length, lines.links.length);
console.log(JSON.stringify(lines.text()), lines.lines().length);
for (const wrong of [() => tasks.text(), () => lines.records()])
	try { wrong(); } catch (error) { console.log((error as Error).message); }
`;

/** Files beside the package, where `skep` resolves. */
function inFolder<T>(body: (folder: string) => T): T {
	const folder = `${root}packages/skep/testdata/iterators-${process.pid}`;
	mkdirSync(folder);
	try {
		return body(folder);
	} finally {
		rmSync(folder, { recursive: true });
	}
}

function skep(...words: string[]): { readonly out: string; readonly err: string } {
	const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, ...words], { cwd: root, encoding: "utf8" });
	assert.equal(status, 0, stderr);
	return { out: stdout, err: stderr };
}

test("a file without user half shows the records of its iterator, network order turned", () =>
	inFolder((folder) => {
		writeFileSync(`${folder}/t.ts`, HEAD);
		const run = skep("run", "--kernel", "virtual", `${folder}/t.ts`);
		assert.equal(run.out, "pid  port  comm\n  1    53  init\n");
		assert.match(run.err, /attached: iterator task/);
		const lines = skep("run", "--kernel", "virtual", "--json", `${folder}/t.ts`).out.trim().split("\n");
		assert.deepEqual(JSON.parse(lines[1]!), { pid: 1, port: 53, comm: "init" });
	}));

test("the user half reads records and lines", () =>
	inFolder((folder) => {
		writeFileSync(`${folder}/t.ts`, HEAD + USER);
		assert.deepEqual(skep("run", "--kernel", "virtual", `${folder}/t.ts`).out.split("\n"), [
			"1 53 init 1 0",
			'"   1 init\\n" 1',
			"tasks writes records, not text: use tasks.records()",
			"lines prints text, and writes no records: use lines.text()",
			"",
		]);
	}));

test("tests read iterators of their machine", () =>
	inFolder((folder) => {
		writeFileSync(`${folder}/t.ts`, HEAD);
		writeFileSync(
			`${folder}/t.test.ts`,
			`import { test } from "node:test";
import { machine } from "skep/test";
import * as program from "./t.ts";
test("tasks", (t) => {
	using m = machine(program);
	m.task({ pid: 7, comm: "bee" });
	t.assert.deepEqual(program.tasks.records().map(({ pid, comm }: { pid: number; comm: string }) => [pid, comm]), [[1, "init"], [7, "bee"]]);
});
`,
		);
		skep("test", `${folder}/t.test.ts`);
	}));
