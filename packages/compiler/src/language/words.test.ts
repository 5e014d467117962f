import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { MAP_TYPES } from "@skep/bpf/uapi";
import { HEADERS, KNOWN_CONSTANTS, knownObject, MAP_MEMBERS, MAP_WORDS, PROGRAM_WORDS, WORDS, wordOf } from "#language";

const read = (file: string): string =>
	readFileSync(new URL(`../../../skep/types/${file}.d.ts`, import.meta.url), "utf8");
const TYPES = { skep: read("skep"), "skep/net": read("net"), "skep/uapi": read("uapi") };

/** Exports of a module's types: name → it is a value, a type, or both. */
function exportsOf(text: string): Map<string, { value: boolean; type: boolean }> {
	const found = new Map<string, { value: boolean; type: boolean }>();
	for (const m of text.matchAll(/\bexport (function|const|type|interface) (\w+)/g)) {
		const entry = found.get(m[2]!) ?? { value: false, type: false };
		if (m[1] === "function" || m[1] === "const") entry.value = true;
		else entry.type = true;
		found.set(m[2]!, entry);
	}
	return found;
}

for (const [module, text] of Object.entries(TYPES))
	test(`the words of ${module} are those that its types export`, () => {
		const declared = exportsOf(text);
		const words = WORDS.filter((w) => w.module === module);
		assert.equal(new Set(words.map((w) => w.name)).size, words.length, "one row each");
		assert.deepEqual(words.map((w) => w.name).sort(), [...declared.keys()].sort());
		for (const w of words) assert.equal(w.kind !== "type", declared.get(w.name)!.value, w.name);
	});

test("every constructor that is compiled has the shape of its call", () => {
	const others = new Set(["options", "shared", "subprogram"]);
	for (const w of WORDS)
		if (w.kind === "constructor" && w.compiled && !others.has(w.name))
			assert.ok(w.name in MAP_WORDS || w.name in PROGRAM_WORDS, w.name);
	for (const name of [...Object.keys(MAP_WORDS), ...Object.keys(PROGRAM_WORDS)])
		assert.equal(wordOf("skep", name)?.kind, "constructor", name);
	for (const { type } of Object.values(MAP_WORDS)) assert.ok(type in MAP_TYPES);
});

/** Members of an interface in the types, those it inherits among them. */
function membersOf(name: string): Set<string> {
	const m = new RegExp(`interface ${name}(?:<[^{]*?>)?(?: extends ([^{]+))? \\{`).exec(TYPES.skep);
	assert.ok(m, `no interface ${name}`);
	let depth = 1;
	let end = m.index + m[0].length;
	for (; depth > 0; end++) depth += TYPES.skep[end] === "{" ? 1 : TYPES.skep[end] === "}" ? -1 : 0;
	const body = TYPES.skep.slice(m.index + m[0].length, end - 1).replace(/\/\*[\s\S]*?\*\//g, "");
	const found = new Set<string>();
	let level = 0;
	for (const line of body.split("\n")) {
		const member = level === 0 ? /^\s*(?:readonly )?(\w+)[?]?[(<:]/.exec(line)?.[1] : undefined;
		if (member) found.add(member);
		for (const c of line) level += "{([".includes(c) ? 1 : "})]".includes(c) ? -1 : 0;
	}
	for (const parent of (m[1] ?? "").matchAll(/(\w+)(?:<[^>]*>)?/g))
		if (/^[A-Z]/.test(parent[1]!) && parent[1]!.length > 1 && parent[1] !== "AsyncIterable")
			for (const x of membersOf(parent[1]!)) found.add(x);
	return found;
}

test("members of handles are those that their types have", () => {
	const interfaces = {
		hash: "HashMap",
		lruHash: "HashMap",
		array: "ArrayMap",
		perCpuHash: "PerCpuMap",
		perCpuArray: "PerCpuMap",
		ringbuf: "Ringbuf",
		histogram: "Histogram",
	};
	for (const [word, name] of Object.entries(interfaces))
		assert.deepEqual(Object.keys(MAP_MEMBERS[word]!).sort(), [...membersOf(name)].sort(), word);
	assert.deepEqual(Object.keys(MAP_MEMBERS).sort(), Object.keys(MAP_WORDS).sort());
});

test("values known when compiling are there for every constant and object of the types", () => {
	for (const w of WORDS) {
		if (w.kind === "constant" && w.module === "skep/uapi")
			assert.equal(typeof KNOWN_CONSTANTS[w.name], "number", w.name);
		if (w.kind === "object" && /^[A-Z]+$/.test(w.name)) assert.ok(knownObject(w.module, w.name), w.name);
		if (w.kind === "type" && w.module === "skep/net") assert.ok(HEADERS[w.name], w.name);
	}
	for (const m of TYPES["skep/uapi"].matchAll(/export const (\w+): (\d+)/g))
		assert.equal(KNOWN_CONSTANTS[m[1]!], Number(m[2]), m[1]!);
});
