import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Memory, NULL_PAGE } from "./index.ts";

test("regions: found whole, not across their end, not behind it", () => {
	const memory = new Memory();
	const a = memory.allocate(16, "map")!;
	const b = memory.allocate(16, "packet", false)!;
	assert.ok(a >= NULL_PAGE);
	assert.equal(memory.find(a, 16), true);
	assert.deepEqual([memory.foundStart, memory.foundEnd, memory.foundWritable], [a, a + 16, true]);
	assert.equal(memory.find(b + 8, 8), true);
	assert.equal(memory.foundWritable, false);
	for (const [address, size] of [
		[a + 9, 8],
		[a - 1, 1],
		[a + 16, 1],
		[0, 1],
		[-1, 1],
		[2 ** 32, 1],
		[Number.NaN, 1],
	] as const)
		assert.equal(memory.find(address, size), false, `${address}`);
	memory.protect(a, false);
	assert.ok(memory.find(a, 1) && !memory.foundWritable);
});

test("what is given back is gone, and given out again as zeros", () => {
	const memory = new Memory();
	const a = memory.allocate(100, "map")!;
	memory.allocate(8, "map");
	memory.u8.fill(255, a, a + 100);
	assert.equal(memory.free(a + 1), false);
	assert.equal(memory.free(a), true);
	assert.equal(memory.find(a, 1), false);
	assert.equal(memory.free(a), false);
	const again = memory.allocate(100, "map")!;
	assert.equal(again, a);
	assert.ok(memory.u8.subarray(a, a + 100).every((byte) => byte === 0));
});

test("the limit holds, and growing keeps what was there", () => {
	const memory = new Memory(1 << 20);
	const a = memory.allocate(4, "map")!;
	memory.view.setUint32(a, 0x12345678, true);
	assert.equal(memory.allocate(1 << 20, "map"), undefined);
	assert.equal(memory.allocate(2 ** 32, "map"), undefined);
	assert.equal(memory.allocate(Number.NaN, "map"), undefined);
	assert.equal(memory.allocate(-1, "map"), undefined);
	const b = memory.allocate((1 << 20) - 4, "map", true, 4096)!;
	assert.equal(b % 4096, 0);
	assert.equal(memory.view.getUint32(a, true), 0x12345678);
	assert.ok(memory.buffer.byteLength >= b + (1 << 20) - 4);
	assert.equal(memory.allocate(1, "map"), undefined);
	memory.free(b);
	assert.notEqual(memory.allocate(1, "map"), undefined);
});

test("any order of taking and giving back: regions are apart and sorted", () => {
	const steps = fc.array(
		fc.record({ free: fc.boolean(), which: fc.nat(20), size: fc.nat(5000), align: fc.constantFrom(16, 64, 4096) }),
		{ maxLength: 60 },
	);
	fc.assert(
		fc.property(steps, (list) => {
			const memory = new Memory(1 << 20);
			const live: { at: number; size: number }[] = [];
			for (const { free, which, size, align } of list) {
				if (free && live.length > 0) {
					const [gone] = live.splice(which % live.length, 1);
					assert.ok(memory.free(gone!.at));
				} else {
					const at = memory.allocate(size, "map", true, align);
					if (at === undefined) continue;
					assert.equal(at % align, 0);
					live.push({ at, size });
				}
			}
			const regions = memory.regions();
			assert.equal(regions.length, live.length);
			assert.equal(
				memory.used,
				live.reduce((sum, one) => sum + one.size, 0),
			);
			for (const [i, one] of regions.entries()) {
				const next = regions[i + 1];
				assert.ok(next === undefined || one.start + Math.max(one.size, 1) < next.start);
				if (one.size > 0) assert.ok(memory.find(one.start, one.size));
				assert.equal(memory.find(one.start, one.size + 1), false);
			}
		}),
		{ numRuns: 200, seed: 7 },
	);
});

test("windows: empty where accesses do not fit, and once any region is another", () => {
	const memory = new Memory();
	const few = memory.allocate(4, "map")!;
	const many = memory.allocate(64, "map")!;
	const window = 4096;
	const room = (): bigint => memory.longs[window / 8 + 1]!;
	assert.ok(memory.find(few, 4));
	memory.remember(window, 8);
	assert.equal(room(), 0n);
	assert.ok(memory.find(many, 8));
	memory.remember(window, 8);
	assert.equal(room(), 57n);
	memory.free(few);
	assert.equal(room(), 0n);
});

test("a worker that follows the owner knows no region that is gone", () => {
	const owner = new Memory(1 << 20, true);
	const start = owner.reserve(4096, 64)!;
	const gone = owner.allocate(16, "map")!;
	const worker = new Memory(undefined, { ...owner.share(), room: { start, end: start + 4096 } }, 1);
	const own = worker.allocate(16, "packet")!;
	assert.ok(worker.find(gone, 16));
	owner.free(gone);
	worker.follow(owner.share());
	assert.ok(!worker.find(gone, 16));
	assert.ok(worker.find(own, 16));
});
