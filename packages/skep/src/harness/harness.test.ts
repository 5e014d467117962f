// `skep test` as people run it: the examples' tests as they stand, fixtures that fail, coverage.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const launcher = `${root}packages/skep/bin/skep`;
const fixtures = `${root}packages/skep/testdata/harness`;
const work = mkdtempSync(join(tmpdir(), "skep-harness-"));
after(() => rmSync(work, { recursive: true, force: true }));

function skepTest(...words: string[]) {
	const { NODE_TEST_CONTEXT: _, ...env } = process.env;
	return spawnSync(process.execPath, [launcher, "test", ...words], { cwd: root, encoding: "utf8", env });
}

const results = (stdout: string) =>
	stdout
		.trimEnd()
		.split("\n")
		.map((line) => JSON.parse(line) as { file: string; name: string; status: string; error?: string });

test("the examples' tests pass, with coverage by line", () => {
	const lcov = join(work, "lcov.info");
	const { status, stdout, stderr } = skepTest("--json", "--coverage", "--lcov", lcov, "examples");
	assert.equal(status, 0, stdout + stderr);
	const all = results(stdout);
	assert.deepEqual([...new Set(all.map(({ status }) => status))], ["pass"]);
	const files = new Set(all.map(({ file }) => file));
	for (const name of ["exec", "exec-tree", "open", "read-latency", "syscalls", "xdp-filter"])
		assert.ok(files.has(`examples/${name}/${name}.test.ts`), name);
	assert.match(stderr, /^examples\/open\/open\.ts +12 +12 +100 %$/m);
	assert.match(stderr, /^examples\/xdp-filter\/xdp-filter\.ts +13 +10 +76 % {2}18-21$/m);
	const text = readFileSync(lcov, "utf8");
	const filter = text.split("end_of_record").find((record) => record.includes("xdp-filter/xdp-filter.ts"))!;
	assert.match(filter, /^DA:10,2$/m);
	assert.match(filter, /^DA:19,0$/m);
	assert.match(filter, /^LF:13\nLH:10$/m);
});

test("the language's own test of a latency", () => {
	const { status, stdout, stderr } = skepTest("packages/skep/testdata/language/examples/latency-unit.test.ts");
	assert.equal(status, 0, stdout + stderr);
	assert.match(stdout, /a read of 3 ms lands in its bucket/);
});

test("what machines promise", () => {
	const { status, stdout, stderr } = skepTest("--json", `${fixtures}/machine.test.ts`);
	const all = results(stdout);
	for (const { name, status, error } of all) assert.equal(status, "pass", `${name}: ${error}`);
	assert.equal(status, 0, stderr);
	assert.ok(all.length >= 10, `${all.length} tests`);
});

test("failures: what was there, what was expected, where; the exit status is 1", () => {
	const { status, stdout } = skepTest(`${fixtures}/failing.test.ts`);
	assert.equal(status, 1);
	assert.match(stdout, /✖ one is not two/);
	assert.match(stdout, /failing\.test\.ts:6:/);
	assert.match(stdout, /pass 1\n/);
	const [failed, passed] = results(skepTest("--json", `${fixtures}/failing.test.ts`).stdout);
	assert.equal(failed?.status, "fail");
	assert.match(failed?.error ?? "", /1n[\s\S]+2n/);
	assert.equal(passed?.status, "pass");
});

test("a module whose user half waits is told how to be tested", () => {
	const { status, stdout } = skepTest(`${fixtures}/imported-loop.test.ts`);
	assert.equal(status, 1);
	assert.match(stdout, /no machine has its module now.*machine\(new URL/);
});

test("names that are no test files", () => {
	assert.match(skepTest("nothing.test.ts").stderr, /nothing\.test\.ts: no such file/);
	assert.match(skepTest("docs").stderr, /docs: no test file in it/);
	assert.match(skepTest("--reporter", "none", "examples/exec").stderr, /no reporter none; there are spec, tap/);
	assert.equal(skepTest("--kernel", "plan9", "examples/exec").status, 2);
});

test("without root, and without a kernel that permits anything", (t) => {
	if (process.getuid?.() !== 0) return t.skip("needs root, to become nobody");
	const { NODE_TEST_CONTEXT: _, ...env } = process.env;
	const words = ["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"];
	const { status, stdout, stderr, error } = spawnSync(
		"setpriv",
		[...words, process.execPath, launcher, "test", "examples/xdp-filter"],
		{ cwd: root, encoding: "utf8", env },
	);
	if (error || /EACCES|Permission denied/.test(stderr))
		return t.skip(`needs setpriv and a checkout that nobody can read: ${error?.message ?? stderr.split("\n")[0]}`);
	assert.equal(status, 0, stdout + stderr);
	return undefined;
});

test("--kernel linux: packets by the kernel's own test runs", (t) => {
	const { status, stdout, stderr } = skepTest("--kernel", "linux", "examples/xdp-filter");
	if (status === 3) return t.skip(`needs the privilege to load programs: ${stderr}`);
	assert.equal(status, 0, stdout + stderr);
	assert.match(stdout, /drops DNS behind a VLAN tag/);
	const events = skepTest("--kernel", "linux", "examples/exec");
	assert.equal(events.status, 1);
	assert.match(events.stdout, /only a virtual kernel makes things happen/);
	return undefined;
});

test("a folder elsewhere, reached by a symbolic link, in which skep is not installed", () => {
	const folder = join(work, "real");
	spawnSync("cp", ["-r", `${root}examples/xdp-filter`, folder]);
	symlinkSync(folder, join(work, "link"));
	writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
	const { status, stdout, stderr } = skepTest(join(work, "link"));
	assert.equal(status, 0, stdout + stderr);
});
