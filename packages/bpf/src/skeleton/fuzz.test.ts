import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { BpfError } from "#base";
import { readElf } from "#elf";
import { readObject } from "#object";
import { generateSkeleton } from "./index.ts";

const objects = ["skeleton/odd.bpf.o", "kitchen.bpf.o", "collection/exec.bpf.o"].map(
	(name) => new Uint8Array(readFileSync(new URL(`../../testdata/${name}`, import.meta.url))),
);

test("damaged types give a module or an error of skep's, of bounded length", () => {
	let written = 0;
	fc.assert(
		fc.property(
			fc.nat(objects.length - 1),
			fc.array(fc.record({ at: fc.nat(0xffff), value: fc.oneof(fc.nat(0xff), fc.nat(), fc.constant(0xffffffff)) }), {
				minLength: 1,
				maxLength: 5,
			}),
			(n, changes) => {
				const bytes = objects[n]!.slice();
				const data = readElf(bytes).sections.find((s) => s.name === ".BTF")!.data;
				const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
				for (const { at, value } of changes) {
					if (value > 0xff) view.setUint32((at % (data.length - 4)) & ~3, value, true);
					else view.setUint8(at % data.length, value);
				}
				try {
					const text = generateSkeleton(readObject(bytes, { name: "x" }));
					written++;
					assert.ok(text.length < 8_000_000, `${text.length} characters`);
				} catch (error) {
					if (!(error instanceof BpfError)) throw error;
				}
			},
		),
		{ seed: 21, numRuns: 2000 },
	);
	assert.ok(written > 100, `${written} were written`);
});
