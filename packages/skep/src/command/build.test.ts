// `build` and `types` through the launcher.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
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

test("build --explain tells the needed kernel, sizes, what was put in and how kernel fields are read", () => {
	const { status, stdout, stderr } = skep(work, "build", "--explain", join(root, "examples/exec/exec.ts"));
	assert.equal(status, 0, stderr);
	assert.match(stdout, /^needs Linux 5\.11: helper bpf_get_current_task_btf \(9:14\)$/m);
	assert.match(stdout, /^ +5\.8 +ringbuf +4:16$/m);
	assert.match(stdout, /^sched_process_exec, section tracepoint\/sched\/sched_process_exec$/m);
	assert.match(
		stdout,
		/^ {2}\d+ instructions, \d+ bytes of stack, no spills, 2 CO-RE relocations, maps: events, skep_lost$/m,
	);
	assert.match(
		stdout,
		/^ {2}7:3 a record in `events` reserved and checked for null; where it is, the loss is counted$/m,
	);
	assert.match(stdout, /^ {2}9:14 task_struct\.real_parent: loaded directly/m);
	assert.match(stdout, /^ {2}12:18 bpf_probe_read_kernel_str: a read that may fault/m);
	assert.match(stdout, /^ {2}4:16 a counter of records lost in `events`, one a CPU: skep_lost\[0\]$/m);
	assert.match(stdout, /^events +ringbuf +0 +0 +262144$/m);
	assert.equal(existsSync(join(work, "exec.o")), false);
	const xdp = skep(root, "build", "--explain", "examples/xdp-filter/xdp-filter.ts").stdout;
	assert.match(xdp, /^needs Linux 5\.9: attaching xdp by a link/m);
	assert.match(xdp, /^ +5\.3 +a bounded loop +examples\/xdp-filter\/lib\/parse\.ts:\d+:\d+$/m);
});

test("build --ir shows the functions before the passes", () => {
	const { status, stdout } = skep(work, "build", "--ir", join(root, "examples/exec/exec.ts"));
	assert.equal(status, 0);
	assert.match(stdout, /^func sched_process_exec "tracepoint\/sched\/sched_process_exec" 1$/m);
});

test("build is the same bytes each time", () => {
	for (const name of ["a.o", "b.o"])
		assert.equal(skep(root, "build", "examples/exec-tree/exec-tree.ts", "-o", join(work, name)).status, 0);
	assert.deepEqual(readFileSync(join(work, "a.o")), readFileSync(join(work, "b.o")));
});

test("types adds this machine's kernel types to the shipped ones, and stock tsc takes both", (t) => {
	if (!existsSync("/sys/kernel/btf/vmlinux")) return t.skip("this kernel has no BTF");
	const project = join(work, "project");
	mkdirSync(join(project, "node_modules"), { recursive: true });
	symlinkSync(join(root, "packages/skep"), join(project, "node_modules/skep"));
	for (const name of ["exec", "exec-tree", "xdp-filter"])
		cpSync(join(root, "examples", name), join(project, name), { recursive: true });
	// The shipped file has this struct only by name.
	writeFileSync(
		join(project, "more.ts"),
		'import type { netns_ipv4, task_struct } from "skep/kernel";\nexport const ecn = (n: netns_ipv4) => n.sysctl_tcp_ecn;\nexport const pid = (t: task_struct) => t.pid;\n',
	);
	writeFileSync(join(project, "package.json"), '{ "type": "module" }');
	const compilerOptions = {
		strict: true,
		target: "es2024",
		lib: ["es2024", "esnext.disposable"],
		module: "nodenext",
		allowImportingTsExtensions: true,
		types: ["node"],
		typeRoots: [join(root, "node_modules/@types")],
		noEmit: true,
		skipLibCheck: false,
	};
	writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions }));
	const { status, stdout, stderr } = skep(project, "types", "more.ts");
	assert.equal(status, 0, stderr);
	assert.match(stdout, /^kernel\.d\.ts: \d+ characters, from \/sys\/kernel\/btf\/vmlinux and /);
	const text = readFileSync(join(project, "kernel.d.ts"), "utf8");
	assert.match(text, /export interface netns_ipv4 \{ .*sysctl_tcp_ecn: /);
	assert.doesNotMatch(text, /const E: unique symbol|type enumerator</);
	const checked = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", project], { encoding: "utf8" });
	assert.equal(checked.stdout, "");
	assert.equal(checked.status, 0);
});
