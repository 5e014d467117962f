import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { FormatError, LinkError, NotSupportedError } from "#base";
import { Btf, dedup } from "#btf";
import { readElf } from "#elf";
import { link } from "./index.ts";

const golden = (name: string) => new Uint8Array(readFileSync(new URL(`../../testdata/${name}`, import.meta.url)));
const CORPUS = [
	"linker/main.bpf.o",
	"linker/part.bpf.o",
	"linker/part-eb.bpf.o",
	"kitchen.bpf.o",
	"kconfig.bpf.o",
	"externs.bpf.o",
	"relocate/core.o",
].map(golden);
/** Numbers that break things. */
const ODD = [0, 1, 7, 0x7f, 0x80, 0xff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff];

const change = fc.record({
	at: fc.nat(0xffff),
	how: fc.constantFrom("byte", "word", "long", "cut", "copy"),
	value: fc.oneof(fc.constantFrom(...ODD), fc.nat(0xffff)),
});

function mutate(bytes: Uint8Array, changes: readonly { at: number; how: string; value: number }[]): Uint8Array {
	let out = bytes.slice();
	for (const { at: place, how, value } of changes) {
		if (out.length < 80) return out;
		const at = place % (out.length - 8);
		const view = new DataView(out.buffer);
		if (how === "byte") out[at] = value;
		else if (how === "word") view.setUint32(at & ~3, value, true);
		else if (how === "long") view.setBigUint64(at & ~7, BigInt(value) << BigInt(place & 32), true);
		else if (how === "copy") out.copyWithin(at, value % out.length, (value % out.length) + 64);
		else if (place % 8 === 0) out = out.slice(0, at);
	}
	return out;
}

const allowed = (error: unknown): boolean =>
	error instanceof FormatError || error instanceof LinkError || error instanceof NotSupportedError;

test("damaged objects are linked or refused by FormatError or LinkError, and what comes out is an object", () => {
	let linked = 0;
	fc.assert(
		fc.property(
			fc.nat(CORPUS.length - 1),
			fc.nat(CORPUS.length - 1),
			fc.array(change, { minLength: 1, maxLength: 6 }),
			(a, b, changes) => {
				const inputs = [
					{ name: "a.o", bytes: mutate(CORPUS[a]!, changes) },
					{ name: "b.o", bytes: CORPUS[b]! },
				];
				let out: Uint8Array;
				try {
					out = link(a === b ? inputs.slice(0, 1) : inputs);
				} catch (error) {
					if (!allowed(error)) throw error;
					return;
				}
				linked++;
				assert.ok(
					out.length < 40 * (inputs[0]!.bytes.length + inputs[1]!.bytes.length) + 200_000,
					`${out.length} bytes`,
				);
				readElf(out);
			},
		),
		{ seed: 11, numRuns: 4000 },
	);
	assert.ok(linked > 100, `${linked} were linked in spite of it`);
});

test("damaged types in whole objects", () => {
	const objects = CORPUS.map((bytes) => {
		const data = readElf(bytes).sections.find((s) => s.name === ".BTF")!.data;
		return { bytes, from: data.byteOffset - bytes.byteOffset, size: data.length };
	});
	fc.assert(
		fc.property(fc.nat(CORPUS.length - 1), fc.array(change, { minLength: 1, maxLength: 4 }), (n, changes) => {
			const { bytes, from, size } = objects[n]!;
			const out = bytes.slice();
			out.set(
				mutate(
					bytes.slice(from, from + size),
					changes.filter((c) => c.how !== "cut"),
				),
				from,
			);
			try {
				link([{ name: "a.o", bytes: out }]);
			} catch (error) {
				if (!allowed(error)) throw error;
			}
			try {
				dedup(Btf.decode(out.subarray(from, from + size)));
			} catch (error) {
				if (!allowed(error)) throw error;
			}
		}),
		{ seed: 12, numRuns: 3000 },
	);
});
