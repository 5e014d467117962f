import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Ring } from "./ring.ts";

const SIZE = 4096;
const BUSY = 0x8000_0000;
const DISCARDED = 0x4000_0000;

/** A ring in memory of our own, and what a kernel does to it. The second half mirrors the first. */
function ringOf(start = 0) {
	const consumer = BigUint64Array.of(BigInt(start));
	const producer = BigUint64Array.of(BigInt(start));
	const bytes = new Uint8Array(2 * SIZE);
	const data = new DataView(bytes.buffer);
	const ring = new Ring({ consumer, producer, data, words: new Int32Array(bytes.buffer, 0, SIZE / 4), size: SIZE });
	const put = (at: number, value: number) => {
		data.setUint32(at % SIZE, value, true);
		data.setUint32((at % SIZE) + SIZE, value, true);
	};
	/** False: no room. */
	const produce = (length: number, bits: number, mark: number): boolean => {
		const end = Number(producer[0]);
		const next = end + ((length + 8 + 7) & ~7);
		if (next - Number(consumer[0]) > SIZE) return false;
		put(end, (length | bits) >>> 0);
		put(end + 8, mark);
		producer[0] = BigInt(next);
		return true;
	};
	return { ring, consumer, producer, produce, put };
}

test("records come once, in order, whatever their sizes, wherever the ring began", () => {
	const record = fc.record({ length: fc.integer({ min: 4, max: 700 }), discarded: fc.boolean() });
	const start = fc.constantFrom(0, 4088, 2 ** 31 - 8, 2 ** 32 - 4096, 2 ** 45);
	fc.assert(
		fc.property(fc.array(record, { maxLength: 200 }), start, fc.integer({ min: 1, max: 20 }), (records, from, most) => {
			const { ring, produce, consumer, producer } = ringOf(from);
			const expected: string[] = [];
			const seen: string[] = [];
			const take = () =>
				ring.take((view, offset, length) => seen.push(`${view.getUint32(offset, true)}:${length}`), most);
			for (const [mark, { length, discarded }] of records.entries()) {
				while (!produce(length, discarded ? DISCARDED : 0, mark)) assert.ok(take() > 0);
				if (!discarded) expected.push(`${mark}:${length}`);
			}
			while (take() > 0);
			assert.deepEqual(seen, expected);
			assert.equal(ring.seen, expected.length);
			assert.equal(ring.pending, 0);
			assert.equal(consumer[0], producer[0]);
		}),
	);
});

test("a record that is still being written holds up those behind it", () => {
	const { ring, produce, put } = ringOf();
	produce(8, 0, 1);
	produce(8, BUSY, 2);
	produce(8, 0, 3);
	const seen: number[] = [];
	const sink = (view: DataView, offset: number) => seen.push(view.getUint32(offset, true));
	assert.equal(ring.take(sink, 100), 1);
	assert.equal(ring.take(sink, 100), 0);
	put(16, 8);
	assert.equal(ring.take(sink, 100), 2);
	assert.deepEqual(seen, [1, 2, 3]);
});

test("what a sink throws passes through, its record consumed and published; after a stop nothing is taken", () => {
	const { ring, produce, consumer } = ringOf();
	for (const mark of [1, 2, 3]) produce(8, 0, mark);
	const fail = () => {
		throw new RangeError("mine");
	};
	assert.throws(() => ring.take(fail, 100), /mine/);
	assert.equal(consumer[0], 16n);
	assert.equal(
		ring.take(() => {
			ring.stopped = true;
		}, 100),
		1,
	);
	assert.equal(ring.take(fail, 100), 0);
	assert.equal(ring.pending, 16);
});
