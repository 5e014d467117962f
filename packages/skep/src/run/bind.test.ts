import assert from "node:assert/strict";
import { test } from "node:test";
import type { CollectionSpec, Manifest } from "@skep/bpf/spec";
import { BindError } from "#program";
import { findHandle } from "./bind.ts";
import type { Source } from "./source.ts";

const manifest: Manifest = {
	version: 1,
	producer: "skep 0.1.0",
	source: "f.ts",
	modules: ["f.ts", "lib/g.ts"],
	userHalf: true,
	options: [],
	maps: [],
	programs: [],
	handles: [
		{ kind: "map", word: "ringbuf", name: "events", module: 0, line: 3, column: 16, hash: "00000000" },
		{ kind: "map", word: "hash", name: "counts", module: 1, line: 3, column: 16, hash: "00000000" },
	],
};
const spec: CollectionSpec = {
	name: "f",
	byteOrder: "little",
	license: "GPL",
	kernelVersion: 0,
	maps: new Map(),
	programs: new Map(),
	functions: new Map(),
	variables: new Map(),
	btf: undefined,
	manifest,
};
const source: Source = {
	name: "f.ts",
	path: "/w/f.ts",
	spec,
	manifest,
	userHalf: true,
	options: [],
	texts: new Map(),
	warnings: "",
};
const at = (file: string, line: number, column: number) => ({ url: `file:///w/${file}`, line, column });
const refusal = (file: string, line: number, column: number, word: string, expected: RegExp) =>
	assert.throws(
		() => findHandle(source, at(file, line, column), "map", word),
		(error) => error instanceof BindError && expected.test(error.message),
	);

test("a handle is found by module, line and column", () => {
	assert.equal(findHandle(source, at("f.ts", 3, 16), "map", "ringbuf").name, "events");
	assert.equal(findHandle(source, at("lib/g.ts", 3, 16), "map", "hash").name, "counts");
});

test("moved code is told where the compiler saw the call", () => {
	refusal(
		"f.ts",
		4,
		16,
		"ringbuf",
		/ringbuf\(\) at .*f\.ts:4:16 has no compiled twin; the compiler saw ringbuf\(\) "events" at 3:16/,
	);
});

test("another word at the same place names both", () => {
	refusal("f.ts", 3, 16, "hash", /hash\(\) at .*f\.ts:3:16 was compiled as ringbuf\(\) "events"/);
});

test("a module that was not compiled", () => {
	refusal("h.ts", 3, 16, "hash", /not one of those compiled with f\.ts \(f\.ts, lib\/g\.ts\)/);
});

test("an object without a manifest", () => {
	assert.throws(
		() => findHandle({ ...source, manifest: undefined }, at("f.ts", 3, 16), "map", "hash"),
		/carries no manifest/,
	);
});
