import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { parseModule } from "./parse.ts";

const LANGUAGE = fileURLToPath(new URL("../../../skep/testdata/language", import.meta.url));
const corpus = readdirSync(LANGUAGE, { recursive: true, encoding: "utf8" })
	.filter((f) => f.endsWith(".ts"))
	.map((f) => [f, readFileSync(join(LANGUAGE, f), "utf8")] as const);

test("all files of the language parse", () => {
	assert.ok(corpus.length >= 44);
	for (const [name, text] of corpus) assert.equal(parseModule(text).failure, undefined, name);
});

// Text, offset of the error, what is said.
const FAILURES: readonly (readonly [string, number, RegExp])[] = [
	["const a = ;", 10, /^`;` where an expression was expected$/],
	["let x: = 5", 7, /^`=` where a type was expected$/],
	["const a = 1 const b", 12, /^`const` where `;` or a new line was expected$/],
	["f(1, 2", 6, /^the end of the file where `,` or a closing bracket was expected$/],
	["if (x {", 6, /^`{` where `\)` was expected$/],
	["import {", 8, /^the end of the file where a name was expected$/],
	["int main() {}", 4, /^`main` where/],
	["#include <linux/bpf.h>", 0, /^`#include` is not possible here$/],
	["const s = 'abc", 10, /^Unterminated string/],
	["let a; let a;", 11, /already been declared/],
	["\u007fELF\u0002\u0001", 0, /^Unexpected character/],
	["", -1, /./],
];
for (const [text, offset, message] of FAILURES)
	test(`syntax: ${JSON.stringify(text)}`, () => {
		const { failure } = parseModule(text);
		if (offset < 0) return assert.equal(failure, undefined);
		assert.ok(failure);
		assert.match(failure.message, message);
		assert.ok(failure.length >= 1 && failure.remedy !== "");
		if (text !== "f(1, 2") assert.equal(failure.offset, offset);
	});

test("deep nesting is a failure, not a crash", () => {
	for (const open of ["(", "[", "{a:", "f(", "x=>{", "!", "-", "`${"]) {
		const { failure } = parseModule(`const a = ${open.repeat(20_000)}`);
		assert.ok(failure, open);
	}
	for (const long of [
		`x${".a".repeat(20_000)}`,
		`1${" + 1".repeat(20_000)}`,
		`${"if (x) {} else ".repeat(5_000)}{}`,
		`f${"()".repeat(5_000)}`,
	])
		assert.match(parseModule(long).failure?.message ?? "", /nested too deeply|stack/);
	assert.equal(parseModule(`const a = [${"1, ".repeat(50_000)}];`).failure, undefined);
});

test("no text makes the parser throw", () => {
	const pieces = corpus.flatMap(([, text]) => text.match(/\w+|\s+|[^\w\s]/g) ?? []);
	const soup = fc.array(fc.constantFrom(...new Set(pieces)), { maxLength: 40 }).map((p) => p.join(""));
	const texts = corpus.map(([, text]) => text);
	const cut = fc
		.record({
			text: fc.constantFrom(...texts),
			at: fc.nat(4000),
			remove: fc.nat(30),
			insert: fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom(...new Set(pieces))),
		})
		.map(
			({ text, at, remove, insert }) =>
				text.slice(0, at % text.length) + insert + text.slice((at % text.length) + remove),
		);
	fc.assert(
		fc.property(fc.oneof(soup, cut, fc.string({ unit: "binary", maxLength: 60 })), (text) => {
			const { failure, program } = parseModule(text);
			assert.ok(program ?? failure);
			if (failure) assert.ok(failure.offset >= 0 && failure.offset <= text.length && failure.message !== "");
		}),
		{ numRuns: 600, seed: 7 },
	);
});
