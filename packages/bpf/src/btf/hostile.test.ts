import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { FormatError } from "#base";
import { allKinds } from "./all-kinds.test-support.ts";
import { Btf, diffTypes, formatC, formatLayout, formatRaw, formatRawJson, Layouts, search } from "./index.ts";

const seeds = [
	allKinds().bytes,
	new Uint8Array(readFileSync(new URL("../../testdata/btf/types.btf", import.meta.url))),
	new Uint8Array(readFileSync(new URL("../../testdata/btf/types-be.btf", import.meta.url))),
];

const readers: readonly ((btf: Btf) => unknown)[] = [
	(btf) => formatRaw(btf),
	(btf) => formatRawJson(btf),
	(btf) => formatC(btf),
	(btf) => {
		const layouts = new Layouts(btf);
		for (let id = 1; id <= btf.count; id++) {
			const layout = layouts.of(id);
			if (layout) formatLayout(layout);
		}
	},
	(btf) => search(btf, (name) => name.length > 3),
	(btf) => diffTypes(btf, btf),
];

test("every reader of mutated BTF gives text or a FormatError", () => {
	const words = fc.constantFrom(0, 1, 2, 0x7f, 0xffff, 0x7fffffff, 0xffffffff);
	const change = fc.record({ at: fc.nat(), value: fc.oneof(words, fc.nat(64)), whole: fc.boolean() });
	fc.assert(
		fc.property(fc.nat(seeds.length - 1), fc.array(change, { minLength: 1, maxLength: 6 }), (seed, changes) => {
			const bytes = seeds[seed]!.slice();
			const view = new DataView(bytes.buffer);
			for (const { at, value, whole } of changes) {
				const place = at % (bytes.length - 4);
				if (whole) view.setUint32(place & ~3, value, view.getUint8(0) === 0x9f);
				else bytes[place] = value & 0xff;
			}
			const refused = (error: unknown) => assert.ok(error instanceof FormatError, String((error as Error).stack));
			let btf: Btf;
			try {
				btf = Btf.decode(bytes);
			} catch (error) {
				return refused(error);
			}
			for (const read of readers) {
				try {
					read(btf);
				} catch (error) {
					refused(error);
				}
			}
		}),
		{ numRuns: 400, seed: 20261122 },
	);
});
