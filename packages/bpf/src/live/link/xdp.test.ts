import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { kernelOrSkip } from "../kernel.test-support.ts";

test("XDP in a network namespace: native on a veth, generic on lo, replaced, busy, detached", (t) => {
	if (!kernelOrSkip(t)) return;
	const child = fileURLToPath(new URL("xdp-child.test-support.ts", import.meta.url));
	const run = spawnSync("unshare", ["--net", process.execPath, child], { encoding: "utf8" });
	if (run.error || /unshare failed|Operation not permitted/.test(run.stderr)) {
		t.skip(`needs a network namespace: ${run.error?.message ?? run.stderr.trim()}`);
		return;
	}
	assert.equal(run.status, 0, run.stderr);
	const { busy, ...rest } = JSON.parse(run.stdout);
	assert.match(busy, /attach count to xdp lo \(generic\).*EBUSY.*detach it first/);
	assert.deepEqual(rest, {
		passed: true,
		counted: true,
		dropped: true,
		ifindex: true,
		again: true,
		native: true,
		detached: true,
		open: 0,
	});
});
