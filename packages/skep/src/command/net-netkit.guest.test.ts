import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { inNamespaces } from "./namespace.test-support.ts";

// In guests for netkit, which this project's machines lack.
test("net attach, show, overview, detach on a netkit pair; elsewhere the refusal says what is missing", (t) => {
	const entry = fileURLToPath(new URL("net-netkit-child.test-support.ts", import.meta.url));
	const run = inNamespaces(t, "-n", [process.execPath, entry]);
	if (run) assert.equal(run.status, 0, run.stderr);
});
