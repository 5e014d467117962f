import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { pages } from "@skep/compiler/diagnostics";

const launcher = fileURLToPath(new URL("../../bin/skep", import.meta.url));
const help = (about: string) => spawnSync(process.execPath, [launcher, "help", about], { encoding: "utf8" });

test("help of a diagnostic's number is its page", () => {
	const { stdout, status } = help("sk3003");
	const page = pages().find((p) => p.code === "SK3003")!;
	assert.equal(status, 0);
	for (const part of [page.code, page.title, page.what, page.why, page.remedy, page.example]) {
		assert.ok(stdout.includes(part), part);
	}
});

test("help SK lists every number", () => {
	assert.deepEqual(
		help("SK")
			.stdout.trim()
			.split("\n")
			.map((line) => line.slice(0, 6)),
		pages().map((p) => p.code),
	);
});

test("a number without a page is refused", () => {
	const { stdout, stderr, status } = help("SK9999");
	assert.deepEqual([stdout, status], ["", 2]);
	assert.match(stderr, /no diagnostic SK9999: skep help SK lists them/);
});

test("a full disk ends a command with a sentence", (t) => {
	if (!existsSync("/dev/full")) return t.skip("needs /dev/full");
	const full = openSync("/dev/full", "w");
	try {
		const { stderr, status } = spawnSync(process.execPath, [launcher, "help"], {
			encoding: "utf8",
			stdio: ["ignore", full, "pipe"],
		});
		assert.equal(status, 1);
		assert.match(stderr, /^skep: cannot write stdout: ENOSPC/);
		assert.doesNotMatch(stderr, /\n\s+at /);
	} finally {
		closeSync(full);
	}
});
