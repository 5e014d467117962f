import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";
import { COMMANDS, ERRNO, errnoName } from "./index.ts";

test("errnos are those of this Linux", (t) => {
	if (process.platform !== "linux") return t.skip(`needs Linux, this is ${process.platform}`);
	const known: Readonly<Record<string, number>> = ERRNO;
	for (const [name, value] of Object.entries(constants.errno)) assert.equal(known[name] ?? value, value, name);
	assert.equal(known["ENOTSUPP"], 524);
	return undefined;
});

test("errnos have one name each, whatever the sign", () => {
	assert.equal(errnoName(1), "EPERM");
	assert.equal(errnoName(-11), "EAGAIN");
	assert.equal(errnoName(-4000), "E4000");
});

test("commands are numbered as in enum bpf_cmd, without gaps", () => {
	assert.deepEqual(
		Object.values(COMMANDS).map((row) => row.value),
		Array.from({ length: 38 }, (_, i) => i),
	);
});
