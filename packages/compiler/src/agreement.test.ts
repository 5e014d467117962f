// Whole programs, from TypeScript to the kernel: what random programs say of themselves is what the kernel computes, for
// both instruction sets, optimised and as lowered; and the verifier takes every file that the compiler took.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openLinux } from "@skep/linux";
import fc from "fast-check";
import { generate } from "./agreement.test-support.ts";
import { disagreement } from "./agreement-run.test-support.ts";

/** Choices one after another; when they are used up, the simplest. */
const from = (list: readonly number[]) => {
	let at = 0;
	return (n: number): number => (list[at++] ?? 0) % n;
};
const numbers = fc.array(fc.nat({ max: 0xffff }), { minLength: 200, maxLength: 900, size: "max" });

test("random programs do in the kernel what the language says", (t) => {
	if (process.platform !== "linux") return t.skip(`needs Linux, this is ${process.platform}`);
	const kernel = openLinux();
	const fd = kernel.bpf("MAP_CREATE", { map_type: 2, key_size: 4, value_size: 8, max_entries: 1 });
	if (fd < 0) return t.skip(`needs CAP_BPF: MAP_CREATE says ${fd}`);
	kernel.close(fd);
	fc.assert(
		fc.property(numbers, numbers, (choices, inputs) => {
			const file = generate(from(choices));
			const found = disagreement(kernel, file, from(inputs));
			assert.equal(found, undefined, `${found}\n${file.source}`);
		}),
		{ seed: 20261122, numRuns: 40 },
	);
});
