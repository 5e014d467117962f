import assert from "node:assert/strict";
import { test } from "node:test";
import { applyExpectations, type Diagnostic, formatDiagnostics, pages, Report } from "#diagnostics";

const at = (code: Diagnostic["code"], line: number, column: number, more: Partial<Diagnostic> = {}): Diagnostic => ({
	code,
	severity: "error",
	file: "a.ts",
	line,
	column,
	length: 1,
	message: `message of ${code}`,
	...more,
});

test("text with the source line, the spot underlined, remedy and related places", () => {
	const text = 'const a = 1;\n\tconst "ü😀" = b / c;\n';
	const d = at("SK2005", 2, 17, {
		length: 5,
		remedy: "write this",
		related: [{ file: "b.ts", line: 3, column: 1, message: "because" }],
	});
	assert.equal(
		formatDiagnostics([d], () => text),
		[
			"a.ts:2:17 error SK2005: message of SK2005",
			'  2 |     const "ü😀" = b / c;',
			"    |                    ^^^^^",
			"    = write this",
			"    - b.ts:3:1: because",
			"",
		].join("\n"),
	);
});

test("several are separated, warnings say so, files are shown as asked, colours only if asked", () => {
	const list = [at("SK1000", 1, 1), at("SK5004", 9, 1, { severity: "warning" })];
	const text = formatDiagnostics(list, () => undefined, { display: (f) => `./${f}` });
	assert.equal(text, "./a.ts:1:1 error SK1000: message of SK1000\n\n./a.ts:9:1 warning SK5004: message of SK5004\n");
	assert.equal(
		formatDiagnostics([], () => ""),
		"",
	);
	assert.ok(formatDiagnostics(list, () => "x", { colour: true }).includes("\u001b[31merror SK1000\u001b[0m"));
});

test("of a long line a window around the spot is shown", () => {
	const text = `${"a".repeat(5000)}b${"c".repeat(5000)}`;
	const [, source, caret] = formatDiagnostics([at("SK1000", 1, 5001)], () => text).split("\n");
	assert.ok(source!.length < 200, `${source!.length} characters`);
	assert.equal(source!.startsWith("  1 | …a") && source!.endsWith("c…"), true);
	assert.equal(source![caret!.indexOf("^")], "b");
});

test("a report has each finding once, in order", () => {
	const report = new Report();
	for (const d of [
		at("SK2005", 2, 1),
		at("SK1001", 1, 5),
		at("SK2005", 2, 1, { message: "again" }),
		at("SK5004", 1, 1, { severity: "warning" }),
	])
		report.add(d);
	assert.deepEqual(
		report.list().map((d) => `${d.code} ${d.line}`),
		["SK5004 1", "SK1001 1", "SK2005 2"],
	);
	assert.ok(report.hasErrors);
});

test("expected errors are taken back, unused expectations are errors", () => {
	const text =
		"// skep-expect-error SK1001\n// skep-expect-error SK2001\nf();\ng(); // skep-expect-error SK1003\n  // skep-expect-error SK3003\nh();\n// skep-expect-error\n";
	const found = applyExpectations(
		[at("SK1001", 3, 1), at("SK2001", 3, 4), at("SK3003", 6, 1), at("SK1003", 4, 1), at("SK1001", 6, 1)],
		[{ path: "a.ts", text }],
	);
	assert.deepEqual(
		found.map((d) => `${d.code} ${d.line}:${d.column}`),
		["SK1003 4:1", "SK1001 6:1", "SK1012 7:1"],
	);
	assert.equal(applyExpectations([at("SK1001", 3, 1)], [{ path: "b.ts", text }]).length, 5);
});

test("pages are in order, one a number, and complete", () => {
	const codes = pages().map((p) => p.code);
	assert.deepEqual(codes, [...new Set(codes)].sort());
	for (const p of pages())
		for (const part of [p.title, p.what, p.why, p.remedy, p.example]) assert.ok(part.length > 2, p.code);
});
