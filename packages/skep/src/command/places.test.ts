// Programs on devices and cgroups: the same lines on both kernels give the same answers, refusals too.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { inNamespaces } from "./namespace.test-support.ts";

test("programs on devices and cgroups: both kernels answer the same", (t) => {
	const entry = fileURLToPath(new URL("places.test-support.ts", import.meta.url));
	const run = inNamespaces(t, "-n", [process.execPath, entry]);
	if (!run) return undefined;
	assert.equal(run.status, 0, run.stderr);
	const { virtual, linux } = JSON.parse(run.stdout) as Record<"virtual" | "linux", Record<string, string[]>>;
	for (const [part, lines] of Object.entries(linux)) assert.deepEqual(virtual[part], lines, part);
	const net = linux["net"]!.join("\n");
	assert.match(net, /"mode":"generic","id":ONE/);
	assert.match(
		net,
		/! cannot attach program TWO to lo \(xdpgeneric\): program ONE \(generic\) is there; say overwrite/,
	);
	assert.match(net, /! 2 programs hang on lo \(tcx_ingress\): say one by id \(RED, BLUE\)/);
	assert.match(net, /link LINK1 holds it there: skep link detach id LINK1/);
	const cgroup = (linux["cgroup"] ?? []).join("\n");
	if (cgroup === "") return t.diagnostic("needs cgroup version 2 mounted: cgroups are not compared");
	assert.match(cgroup, /hangs at ROOT\/skep-places-\d+ as multi: say multi too, or detach them first/);
	return undefined;
});
