import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteReader, ByteWriter, cstring, decodeUtf8, encodeUtf8, FormatError, fnv1a, toHex } from "#base";

test("what a writer writes a reader reads, in both byte orders", () => {
	const field = fc.oneof(
		fc.tuple(fc.constant("u8" as const), fc.integer({ min: 0, max: 255 })),
		fc.tuple(fc.constant("u16" as const), fc.integer({ min: 0, max: 65535 })),
		fc.tuple(fc.constant("u32" as const), fc.integer({ min: 0, max: 0xffffffff })),
		fc.tuple(fc.constant("u64" as const), fc.bigInt({ min: 0n, max: 0xffffffffffffffffn })),
	);
	fc.assert(
		fc.property(fc.array(field), fc.boolean(), (fields, little) => {
			const w = new ByteWriter(little, 1);
			for (const [kind, v] of fields) {
				if (kind === "u64") w.u64(v);
				else w[kind](v);
			}
			const r = new ByteReader(w.finish(), little);
			for (const [kind, v] of fields) assert.equal(r[kind](kind), v);
			assert.equal(r.remaining, 0);
		}),
		{ numRuns: 200, seed: 1 },
	);
});

test("reading past the end is a FormatError with place and path", () => {
	const r = new ByteReader(Uint8Array.of(1, 2, 3), true, { file: "a.o", section: ".x", origin: 100 });
	r.u16("A/b");
	assert.throws(
		() => r.u32("A/c"),
		(e) => {
			assert.ok(e instanceof FormatError);
			assert.deepEqual(e.place, { file: "a.o", section: ".x", offset: 102, path: "A/c" });
			assert.equal(e.message, "4 bytes expected, 1 are left (a.o, .x, offset 102, A/c)");
			return true;
		},
	);
	assert.throws(() => new ByteReader(new Uint8Array(8).fill(255)).size64("n"), /0xffffffffffffffff is no size/);
	assert.throws(() => r.slice(-1, "n"), FormatError);
	assert.throws(() => r.slice(Number.NaN, "n"), FormatError);
});

test("alignment and patching", () => {
	const w = new ByteWriter().u8(1).align(4).u32(7).patchU32(4, 9);
	assert.deepEqual([...w.finish()], [1, 0, 0, 0, 9, 0, 0, 0]);
	assert.throws(() => w.patchU32(6, 1), RangeError);
});

test("text", () => {
	assert.equal(cstring(Uint8Array.of(97, 98, 0, 99)), "ab");
	assert.equal(cstring(Uint8Array.of(97, 98, 0, 99), 3), "c");
	assert.equal(cstring(Uint8Array.of(97, 98, 99), 0, 2), "ab");
	assert.equal(cstring(new Uint8Array(0), 5), "");
	assert.equal(toHex(Uint8Array.of(0, 255, 16), ":"), "00:ff:10");
	fc.assert(
		fc.property(fc.string({ unit: "grapheme" }), (s) => assert.equal(decodeUtf8(encodeUtf8(s)), s)),
		{ numRuns: 200, seed: 2 },
	);
});

test("FNV-1a gives the published values", () => {
	assert.equal(fnv1a(""), "811c9dc5");
	assert.equal(fnv1a("a"), "e40c292c");
	assert.equal(fnv1a("foobar"), "bf9cf968");
});
