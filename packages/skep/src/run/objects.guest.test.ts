// `skep run FILE.o` of an object of clang whose programs patch the kernel's code: kprobe, fentry, LSM.
import assert from "node:assert/strict";
import { mkdtempSync, rmdirSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { endedWell, start } from "./whole-run.test-support.ts";

test("a foreign object with kprobe, fentry and LSM sections counts what happens", async (t) => {
	const run = await start(t, "packages/skep/testdata/objects/unlink.bpf.o");
	if (!run) return;
	const folder = mkdtempSync(join(tmpdir(), "skep-unlink-"));
	for (let i = 0; i < 3; i++) {
		writeFileSync(join(folder, "file"), "");
		unlinkSync(join(folder, "file"));
	}
	rmdirSync(folder);
	const ended = await run.interrupt();
	endedWell(ended);
	assert.match(ended.stdout, /^ways \(3 entries\)$/m);
	for (const way of ["kprobe", "fentry", "lsm"]) {
		const count = new RegExp(`^ *"?${way}"? +(\\d+)$`, "m").exec(ended.stdout)?.[1];
		assert.ok(Number(count) >= 3, `${way}: ${count}\n${ended.stdout}`);
	}
});
