import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { versionCode } from "#kernel";
import { kernelOrSkip } from "./kernel.test-support.ts";

test("maps, programs and links are pinned, found again and unpinned, in a bpffs that nobody else sees", (t) => {
	if (!kernelOrSkip(t)) return;
	const child = fileURLToPath(new URL("pins-child.test-support.ts", import.meta.url));
	const folder = mkdtempSync(join(tmpdir(), "skep-pins-"));
	try {
		const run = spawnSync("unshare", ["--mount", process.execPath, child, folder], { encoding: "utf8" });
		if (run.error || /unshare failed|Operation not permitted/.test(run.stderr)) {
			t.skip(`needs a mount namespace: ${run.error?.message ?? run.stderr.trim()}`);
			return;
		}
		assert.equal(run.status, 0, run.stderr);
		const {
			again,
			dots,
			noFolder,
			ordinary,
			ordinaryGone,
			asProgram,
			file,
			precious,
			asLink,
			asMap,
			btf,
			frozen,
			...rest
		} = JSON.parse(run.stdout);
		assert.match(again, /^EEXIST cannot pin map m at .*: something is pinned there already: unpin it first/);
		assert.match(dots, /^EPERM cannot pin map m at .*: names in a bpffs have no dots; take another than map\.x/);
		assert.match(noFolder, /cannot pin map m at .*(mkdir|mount -t bpf bpf)/);
		assert.match(
			ordinary,
			/^ERR_NO_BPFFS .*is not in a BPF file system \(bpffs\); mount one as root: mount -t bpf bpf/,
		);
		assert.match(ordinaryGone, /^ERR_NO_BPFFS|^ENOENT/);
		assert.match(asProgram, /^ERR_PIN_KIND cannot open the program pinned at .*: it is a map$/);
		assert.match(file, /^ERR_NO_BPFFS cannot open the map pinned at/);
		assert.match(precious, /^ERR_NO_BPFFS cannot unpin/);
		assert.match(asLink, /^ERR_PIN_KIND cannot open the link pinned at .*: it is a program$/);
		assert.match(asMap, /^ERR_PIN_KIND cannot open the map pinned at .*: it is a link$/);
		assert.match(btf, /^EINVAL cannot pin BTF.*cannot pin \(BTF: never/);
		assert.match(frozen, /^EPERM cannot update map m.*frozen or read-only/);
		assert.match(rest.read.pop(), /^EPERM cannot update map m/);
		assert.match(rest.write.pop(), /^EPERM cannot look up in map m/);
		// Links of perf events came with 5.15.
		const perf = versionCode(release()) >= versionCode("5.15");
		assert.deepEqual(rest, {
			read: [7],
			write: [true],
			iterator: [["x"], ["x"], true],
			value: 7,
			entries: 3,
			nothing: "undefined",
			program: "pinned",
			link: "sched_process_exec",
			stillAttached: true,
			...(perf ? { perf: 7 } : {}),
			names: ["link", "map", ...(perf ? ["perf"] : []), "program"],
			unpinned: [true, true, true, perf, false],
			left: [],
			open: [],
		});
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
});
