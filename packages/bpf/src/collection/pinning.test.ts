import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openLinux } from "@skep/linux";
import { ERRNO } from "#kernel";

test("a map pinned by name is created once, reused while it agrees, and refused by its differences", (t) => {
	if (process.platform !== "linux") return t.skip(`needs Linux, this is ${process.platform}`);
	const kernel = openLinux();
	const fd = kernel.bpf("MAP_CREATE", { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 });
	if (fd === -ERRNO.EPERM) return t.skip("needs CAP_BPF: bpf(MAP_CREATE) says EPERM");
	kernel.close(fd);
	const child = fileURLToPath(new URL("pinning-child.test-support.ts", import.meta.url));
	const object = fileURLToPath(new URL("../../testdata/collection/exec.bpf.o", import.meta.url));
	const folder = mkdtempSync(join(tmpdir(), "skep-pinning-"));
	try {
		const run = spawnSync("unshare", ["--mount", process.execPath, child, folder, object], { encoding: "utf8" });
		if (run.error || /unshare failed|Operation not permitted/.test(run.stderr)) {
			return t.skip(`needs a mount namespace: ${run.error?.message ?? run.stderr.trim()}`);
		}
		assert.equal(run.status, 0, run.stderr);
		const { failed, failedAgain, others, ...rest } = JSON.parse(run.stdout);
		assert.match(failed, /^VerifierError/);
		assert.match(failedAgain, /^VerifierError/);
		assert.match(
			others[0],
			/^LinkError map counts: the map pinned at \S+\/counts is another: max_entries \d+ \(the object wants \d+\); unpin it/,
		);
		assert.match(others[1], /type hash \(the object wants lru_hash\), map_flags 0 \(the object wants 2\)/);
		assert.match(others[2], /key_size \d+ \(the object wants \d+\)/);
		assert.deepEqual(rest, { undone: [], same: true, kept: 9, names: ["counts"], open: [] });
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
	return undefined;
});
