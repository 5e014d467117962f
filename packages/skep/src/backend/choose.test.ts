import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { release } from "node:os";
import { test } from "node:test";
import { PermissionError } from "@skep/bpf/base";
import { chooseKernel } from "./index.ts";

test("the kernel is chosen and the reason is one line", (t) => {
	try {
		const { kernel, reason } = chooseKernel("linux");
		assert.equal(kernel.name, "linux");
		assert.match(reason, /^Linux \S+: bpf\(2\) is permitted \(\S+\)$/);
		assert.ok(reason.includes(release()));
	} catch (error) {
		if (!(error instanceof PermissionError)) throw error;
		t.skip(`needs CAP_BPF: ${error.message}`);
	}
});

test("the virtual kernel has the types and tracepoints that the compiler knows", () => {
	const { kernel, reason } = chooseKernel("virtual");
	assert.equal(kernel.name, "virtual");
	assert.equal(reason, "virtual kernel: asked for");
	assert.ok(kernel.tracepointId("sched", "sched_process_exec") > 0);
	assert.ok(kernel.tracepointId("syscalls", "sys_enter_openat") > 0);
	assert.equal(kernel.tracepointId("sched", "no_such_thing"), -2);
	assert.ok(kernel.btf() instanceof Uint8Array);
});

test("without privileges each missing one is named", (t) => {
	if (process.getuid?.() !== 0) return t.skip("needs root, to become nobody");
	const entry = new URL("index.ts", import.meta.url).href;
	const script = `const { chooseKernel } = await import(${JSON.stringify(entry)});
		const { kernel, reason } = chooseKernel("auto", "given");
		try { chooseKernel("linux"); } catch (error) { console.log(JSON.stringify([error.name, error.missing, error.message, kernel.name, reason])); }`;
	const words = ["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"];
	const run = spawnSync("setpriv", [...words, process.execPath, "--input-type=module", "-e", script], {
		encoding: "utf8",
		cwd: new URL(".", import.meta.url),
	});
	if (run.error || /EACCES|Permission denied/.test(run.stderr)) {
		return t.skip(
			`needs setpriv and a checkout that nobody can read: ${run.error?.message ?? run.stderr.split("\n")[0]}`,
		);
	}
	const [name, missing, message, other, reason] = JSON.parse(run.stdout);
	assert.equal(other, "virtual");
	assert.match(reason, /^virtual kernel: no permission for Linux: .*CAP_BPF/);
	assert.equal(name, "PermissionError");
	assert.ok(missing.includes("CAP_BPF"));
	assert.match(
		message,
		/^Linux \S+ does not permit eBPF to this process:\n {2}CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN are missing \(uid 65534\) → /,
	);
	return undefined;
});
