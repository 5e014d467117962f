import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { SAMPLE, sampleCapture } from "./sample-capture.ts";

test("the sample capture is what its script writes", () => {
	assert.deepEqual(Buffer.from(sampleCapture()), readFileSync(SAMPLE));
});
