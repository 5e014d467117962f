import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FormatError } from "#base";
import { PcapngWriter, readCapture, writePcap, writePcapng } from "./index.ts";

/** Reads everything that can be read. Bounded: a reader that goes round in circles fails here instead of for ever. */
function readAll(file: Uint8Array): { packets: number; error?: FormatError } {
	let packets = 0;
	let bytes = 0;
	try {
		for (const packet of readCapture(file).packets) {
			packets++;
			bytes += packet.data.length;
			for (const { value } of packet.options) bytes += value.length;
			assert.ok(packets <= file.length / 12, "a packet takes at least 12 bytes of its file");
			assert.equal(packet.capturedLength, packet.data.length);
		}
	} catch (error) {
		assert.ok(error instanceof FormatError, String(error));
		assert.ok(error.place.offset >= 0);
		assert.notEqual(error.place.path, "");
		return { packets, error };
	}
	assert.ok(bytes <= file.length, "packets and options do not overlap");
	return { packets };
}

const packets = Array.from({ length: 6 }, (_, i) => ({
	data: Uint8Array.from({ length: i * 7 }, (_, at) => at),
	timestamp: BigInt(i) * 1_000_000_007n,
}));
const SEEDS: readonly Uint8Array[] = [
	writePcap(packets, { resolution: "us" }),
	writePcap(packets, { byteOrder: "big" }),
	writePcapng(packets, { name: "eth0", application: "test" }),
	(() => {
		const writer = new PcapngWriter({ byteOrder: "big", os: "none" });
		writer.interface({ snapLength: 20, timestampOffset: -5n, resolution: { binary: 10 } });
		writer.simplePacket({ data: new Uint8Array(20), originalLength: 60 });
		writer.block(2, Uint8Array.from([0, 0, 0, 1, ...new Array(8).fill(0), 0, 0, 0, 4, 0, 0, 0, 9, 1, 2, 3, 4]));
		writer.section({ byteOrder: "little" });
		writer.block(0x4d, new Uint8Array(9));
		writer.interface({ name: "lo", options: [{ code: 4, value: new Uint8Array(8) }] });
		for (const packet of packets) writer.packet({ ...packet, options: [{ code: 1, value: new Uint8Array(5) }] });
		return writer.take();
	})(),
];
/** Values that lengths, counts and types break at. */
const EDGES = [0, 1, 2, 3, 4, 6, 8, 11, 12, 28, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffffc, 0xffffffff];

const mutation = fc.oneof(
	fc.record({ kind: fc.constant("byte"), at: fc.nat(), value: fc.nat(255) }),
	fc.record({ kind: fc.constant("word"), at: fc.nat(), value: fc.constantFrom(...EDGES) }),
	fc.record({ kind: fc.constant("cut"), at: fc.nat(), value: fc.nat() }),
	fc.record({ kind: fc.constant("remove"), at: fc.nat(), value: fc.integer({ min: 1, max: 40 }) }),
	fc.record({ kind: fc.constant("repeat"), at: fc.nat(), value: fc.integer({ min: 1, max: 80 }) }),
);

function mutate(file: Uint8Array, { kind, at, value }: { kind: string; at: number; value: number }): Uint8Array {
	if (file.length < 4) return file;
	const place = at % file.length;
	switch (kind) {
		case "cut":
			return file.slice(0, place);
		case "remove":
			return Uint8Array.from([...file.subarray(0, place), ...file.subarray(place + value)]);
		case "repeat":
			return Uint8Array.from([...file.subarray(0, place + value), ...file.subarray(place)]);
		case "word": {
			const copy = file.slice();
			const word = Math.min(place & ~3, file.length - 4) & ~3;
			new DataView(copy.buffer).setUint32(word, value, at % 2 === 0);
			return copy;
		}
		default: {
			const copy = file.slice();
			copy[place] = value;
			return copy;
		}
	}
}

test("whole files are read whole", () => {
	assert.deepEqual(
		SEEDS.map((file) => readAll(file)),
		[{ packets: 6 }, { packets: 6 }, { packets: 6 }, { packets: 8 }],
	);
});

test("mutated captures end: with packets, with FormatError, never otherwise", () => {
	let refused = 0;
	fc.assert(
		fc.property(fc.constantFrom(...SEEDS), fc.array(mutation, { minLength: 1, maxLength: 4 }), (file, mutations) => {
			if (readAll(mutations.reduce(mutate, file)).error !== undefined) refused++;
		}),
		{ seed: 5, numRuns: 20_000 },
	);
	assert.ok(refused > 5_000, `${refused} of 20,000 were refused`);
});

test("garbage behind a magic number", () => {
	const magics = SEEDS.map((file) => file.subarray(0, 12));
	fc.assert(
		fc.property(fc.constantFrom(...magics), fc.uint8Array({ maxLength: 200 }), (magic, rest) => {
			readAll(Uint8Array.from([...magic, ...rest]));
		}),
		{ seed: 6, numRuns: 3_000 },
	);
});
