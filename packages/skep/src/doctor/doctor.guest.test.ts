// What is known of Debian's kernels, held against what the doctor finds out there: `npm run test:guest -- 5.10 … doctor`.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { openLinux } from "#backend/linux";
import { answersOf } from "./answers.ts";
import { examine } from "./examine.ts";

const guest = process.env["SKEP_GUEST"];

test("what is known of this kernel is what is found out", (t) => {
	if (guest === undefined) return t.skip("needs a guest: npm run test:guest -- VERSION doctor");
	const report = examine(openLinux());
	writeFileSync("/mnt/out/doctor.json", JSON.stringify(report));
	for (const a of answersOf(report)) console.log(`${a.id} ${a.value} ${(a.why ?? "").split("\n")[0]}`);
	assert.ok(report.permitted);
	return undefined;
});
