import assert from "node:assert/strict";
import { test } from "node:test";
import { countCpus, countsLockedMemory, memoryLimit } from "./index.ts";

test("CPUs of a kernel list are counted, holes and all", () => {
	for (const [list, count] of [
		["0", 1],
		["0-1\n", 2],
		["0-3,8", 5],
		["0,2,4-7,63", 7],
		["128-255", 128],
	] as const) {
		assert.equal(countCpus(list), count, list);
	}
});

test("locked memory is counted before 5.11 only", () => {
	for (const [release, counts] of [
		["5.10.0-46-amd64", true],
		["4.18.0", true],
		["5.11.0-rc1", false],
		["5.4.0-1-generic", true],
		["6.1.0-50-amd64", false],
		["10.2", false],
	] as const) {
		assert.equal(countsLockedMemory(release), counts, release);
	}
});

test("the limit of locked memory is a pair of sizes", () => {
	const { soft, hard } = memoryLimit();
	assert.ok(soft >= 0 && soft <= hard, `${soft} of ${hard}`);
});
