import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { COMMANDS } from "#command";
import { manPages, subjects } from "./index.ts";

const pages = manPages(COMMANDS, "November 22, 2026");

test("there is a page for each command, and each subject stands in one", () => {
	const files = pages.map((page) => page.file);
	for (const { name } of COMMANDS) assert.ok(files.includes(`skep-${name}.1`), name);
	assert.equal(new Set(files).size, files.length);
	const seventh = pages
		.filter((page) => page.file.endsWith(".7"))
		.map((page) => page.text)
		.join("\n");
	assert.equal(seventh.match(/^\.Ss /gm)?.length, subjects().length);
});

test("man pages are clean", (t) => {
	const folder = mkdtempSync(join(tmpdir(), "skep-man-"));
	try {
		for (const { file, text } of pages) writeFileSync(join(folder, file), text);
		const files = readdirSync(folder).map((file) => join(folder, file));
		const lint = spawnSync("mandoc", ["-T", "lint", "-W", "warning", ...files], {
			encoding: "utf8",
			maxBuffer: 1 << 26,
		});
		if (lint.error) {
			const groff = spawnSync("groff", ["-mdoc", "-ww", "-z", "-K", "utf8", ...files], { encoding: "utf8" });
			if (groff.error) return t.skip("needs mandoc or groff: neither is installed");
			assert.equal(groff.stderr.replace(/^.*can't break line.*$\n/gm, ""), "");
		} else assert.equal(lint.stdout + lint.stderr, "");
	} finally {
		rmSync(folder, { recursive: true });
	}
	return undefined;
});
