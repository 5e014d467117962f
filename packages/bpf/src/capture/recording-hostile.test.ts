import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FormatError } from "#base";
import { readRecording, writeRecording } from "./index.ts";
import { anyRecording } from "./recording.test-support.ts";

/** Values that counts, lengths and indices break at. */
const EDGES = [0, 1, 2, 3, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff];

const mutation = fc.oneof(
	fc.record({ kind: fc.constant("byte"), at: fc.nat(), value: fc.nat(255) }),
	fc.record({ kind: fc.constant("edge"), at: fc.nat(), value: fc.constantFrom(...EDGES) }),
	fc.record({ kind: fc.constant("long"), at: fc.nat(), value: fc.integer({ min: 1, max: 11 }) }),
	fc.record({ kind: fc.constant("cut"), at: fc.nat(), value: fc.nat() }),
	fc.record({ kind: fc.constant("remove"), at: fc.nat(), value: fc.integer({ min: 1, max: 20 }) }),
	fc.record({ kind: fc.constant("repeat"), at: fc.nat(), value: fc.integer({ min: 1, max: 40 }) }),
);

function mutate(file: readonly number[], { kind, at, value }: { kind: string; at: number; value: number }): number[] {
	const bytes = [...file];
	const place = at % Math.max(1, bytes.length);
	switch (kind) {
		case "long":
			// A number that goes on and on.
			bytes.splice(place, 1, ...Array.from({ length: value }, () => 0xff), 0x01);
			return bytes;
		case "cut":
			return bytes.slice(0, place);
		case "remove":
			bytes.splice(place, value);
			return bytes;
		case "repeat":
			bytes.splice(place, 0, ...bytes.slice(place, place + value));
			return bytes;
		default:
			bytes[place] = value;
			return bytes;
	}
}

/** Either a recording that is written with the same bytes again, or a FormatError with a place. */
function judge(bytes: Uint8Array): void {
	let read: ReturnType<typeof readRecording>;
	try {
		read = readRecording(bytes);
	} catch (error) {
		assert.ok(error instanceof FormatError, String(error));
		assert.ok(error.place.offset >= 0 && error.place.offset <= bytes.length);
		assert.notEqual(error.place.path, "");
		return;
	}
	assert.deepEqual(writeRecording(read), bytes);
}

test("mutations: read as they stand or refused with their place", () => {
	fc.assert(
		fc.property(anyRecording, fc.array(mutation, { minLength: 1, maxLength: 4 }), (value, mutations) => {
			judge(Uint8Array.from(mutations.reduce(mutate, [...writeRecording(value)])));
		}),
		{ numRuns: 3000, seed: 5 },
	);
});

test("every truncation is refused", () => {
	fc.assert(
		fc.property(anyRecording, (value) => {
			const file = writeRecording(value);
			for (let end = 0; end < file.length; end++)
				assert.throws(() => readRecording(file.subarray(0, end)), FormatError, `${end} of ${file.length} bytes`);
		}),
		{ numRuns: 40, seed: 9 },
	);
});

test("garbage behind the magic", () => {
	const head = [...writeRecording(fc.sample(anyRecording, { numRuns: 1, seed: 1 })[0]!).subarray(0, 12)];
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => judge(Uint8Array.from([...head, ...bytes]))),
		{ numRuns: 2000, seed: 3 },
	);
});

test("zeros that a file leaves out do not fill the memory", () => {
	// 200 maps' entries of 16 MiB each, in some bytes each.
	const size = [0x80, 0x80, 0x80, 0x08];
	const head = [...writeRecording(fc.sample(anyRecording, { numRuns: 1, seed: 1 })[0]!).subarray(0, 12)];
	const body = [1, 1, 0x61, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, ...size, ...size, 0, 1, 100];
	for (let i = 0; i < 200; i++) body.push(0, 0);
	assert.throws(() => readRecording(Uint8Array.from([...head, ...body])), FormatError);
});
