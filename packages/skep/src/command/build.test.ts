// `build` and `types` through the launcher.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { readObject } from "@skep/bpf/object";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const launcher = join(root, "packages/skep/bin/skep");
const work = mkdtempSync(join(tmpdir(), "skep-build-"));
after(() => rmSync(work, { recursive: true, force: true }));
const skep = (cwd: string, ...words: string[]) =>
	spawnSync(process.execPath, [launcher, ...words], { cwd, encoding: "utf8", timeout: 60_000, maxBuffer: 1 << 26 });

test("build writes an object with maps, programs, licence and manifest", () => {
	const { status, stdout, stderr } = skep(work, "build", join(root, "examples/open/open.ts"));
	assert.equal(status, 0, stderr);
	assert.match(stdout, /^open\.o: \d+ bytes$/m);
	const spec = readObject(readFileSync(join(work, "open.o")), { name: "open.o" });
	assert.equal(spec.license, "GPL");
	assert.deepEqual([...spec.programs.values()].map((p) => p.section).sort(), [
		"tracepoint/syscalls/sys_enter_openat",
		"tracepoint/syscalls/sys_exit_openat",
	]);
	assert.deepEqual(
		spec.manifest?.options.map((o) => o.name),
		["comm", "failed"],
	);
	assert.equal(spec.manifest?.userHalf, true);
});

test("build --explain lists functions, maps, the needed kernel, and writes no file unasked", () => {
	const { status, stdout, stderr } = skep(work, "build", "--explain", join(root, "examples/exec/exec.ts"));
	assert.equal(status, 0, stderr);
	assert.match(stdout, /needs Linux 5\.8: ringbuf/);
	assert.match(stdout, /^sched_process_exec +tracepoint\/sched\/sched_process_exec +\d+ +\d+/m);
	assert.match(stdout, /^events +ringbuf +0 +0 +262144$/m);
	assert.equal(existsSync(join(work, "exec.o")), false);
});

test("build is the same bytes each time", () => {
	for (const name of ["a.o", "b.o"])
		assert.equal(skep(root, "build", "examples/exec-tree/exec-tree.ts", "-o", join(work, name)).status, 0);
	assert.deepEqual(readFileSync(join(work, "a.o")), readFileSync(join(work, "b.o")));
});

test("types writes this machine's kernel types", (t) => {
	if (!existsSync("/sys/kernel/btf/vmlinux")) return t.skip("this kernel has no BTF");
	const { status, stdout, stderr } = skep(work, "types", "bpf_map");
	assert.equal(status, 0, stderr);
	assert.match(stdout, /^kernel\.d\.ts: \d+ characters, from \/sys\/kernel\/btf\/vmlinux and /);
	const text = readFileSync(join(work, "kernel.d.ts"), "utf8");
	for (const name of ["task_struct", "bpf_map", "Tracepoints"])
		assert.match(text, new RegExp(`export interface ${name} \\{`));
	assert.match(text, /"sched:sched_process_exec"/);
});
