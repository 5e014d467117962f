import { test } from "node:test";
import { kernelOrSkip } from "../kernel.test-support.ts";
import { inOwnNetwork } from "./counting.test-support.ts";

// In guests for netkit, which this project's machines lack.
test("what hangs in a network, attached in a namespace of its own", async (t) => {
	if (!kernelOrSkip(t)) return;
	await inOwnNetwork(t, "network-child.test-support.ts");
});
