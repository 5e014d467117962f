// In a mount namespace of its own: what `fs mount` does to mount tables.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseKernel } from "#backend";
import { Front } from "./desk.test-support.ts";

const front = new Front(chooseKernel("linux").kernel);
const folder = mkdtempSync(join(tmpdir(), "skep-mount-"));
const line = () =>
	readFileSync("/proc/self/mounts", "utf8")
		.split("\n")
		.find((each) => each.includes(` ${folder} `)) ?? "";

await assert.rejects(front.run(`fs mount ${folder}/none`), /nothing is there/);
await assert.rejects(front.run(`fs mount ${folder} mode 9z9`), /does not take an option or its value: mode/);
await assert.rejects(front.run(`fs mount ${folder} size 5`), /option of a bpffs/);
await assert.rejects(front.run(`fs mount ${folder} mode 0700,uid=5`), /comma/);
assert.equal(line(), "");
const version = Number.parseFloat(front.kernel.release);
const delegates = version >= 6.9 || version >= 7;
const { notes } = await front.run(
	`fs mount ${folder} mode 0711${delegates ? " delegate_cmds any delegate_progs xdp:sched_cls" : ""}`,
);
assert.match(line(), / bpf /);
assert.equal(statSync(folder).mode & 0o777, 0o711);
if (delegates) {
	assert.match(line(), /delegate_cmds=any,.*delegate_progs=(xdp:sched_cls|sched_cls:xdp)/);
	assert.match(notes.join(), /user namespaces/);
}
await assert.rejects(front.run(`fs mount ${folder}`), /is a bpffs already/);
const roots = (await front.json("fs ls")) as unknown;
assert.ok(Array.isArray(roots));
assert.match((await front.run("fs tree")).text, new RegExp(folder));
