import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { release } from "node:os";
import { test } from "node:test";
import { NotSupportedError, PermissionError } from "@skep/bpf/base";
import { chooseKernel } from "./index.ts";

test("the kernel is chosen and the reason is one line", (t) => {
	try {
		const { kernel, reason } = chooseKernel("auto");
		assert.equal(kernel.name, "linux");
		assert.match(reason, /^Linux \S+: bpf\(2\) is permitted \(\S+\)$/);
		assert.ok(reason.includes(release()));
	} catch (error) {
		if (!(error instanceof PermissionError)) throw error;
		t.skip(`needs CAP_BPF: ${error.message}`);
	}
});

test("the virtual kernel is said to be missing, not silently replaced", () => {
	assert.throws(() => chooseKernel("virtual"), NotSupportedError);
});

test("without privileges each missing one is named", (t) => {
	if (process.getuid?.() !== 0) return t.skip("needs root, to become nobody");
	const entry = new URL("index.ts", import.meta.url).href;
	const script = `const { chooseKernel } = await import(${JSON.stringify(entry)});
		try { chooseKernel("linux"); } catch (error) { console.log(JSON.stringify([error.name, error.missing, error.message])); }`;
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
	const [name, missing, message] = JSON.parse(run.stdout);
	assert.equal(name, "PermissionError");
	assert.ok(missing.includes("CAP_BPF"));
	assert.match(message, /^Linux \S+ does not permit eBPF to this process:\n {2}CAP_BPF is missing \(uid 65534\) → /);
	return undefined;
});
