import assert from "node:assert/strict";
import { test } from "node:test";
import { Pump, type PumpOptions } from "./timer.ts";

/** Time that stands still until it is told: the pauses that the pump asks for, one after another. */
function clock(drains: (() => number)[], options: PumpOptions = {}) {
	const pauses: number[] = [];
	let pending: (() => void) | undefined;
	const pump = new Pump(
		() => drains.shift()?.() ?? 0,
		{
			set: (callback, milliseconds) => {
				pauses.push(milliseconds);
				pending = callback;
				return pauses.length;
			},
			clear: () => {
				pending = undefined;
			},
		},
		options,
	);
	const tick = () => {
		const callback = pending;
		pending = undefined;
		callback?.();
	};
	return { pump, pauses, tick, waiting: () => pending !== undefined };
}

test("silence doubles the pause up to the longest, much at once makes it short again", () => {
	const { pauses, tick, pump } = clock([() => 0, () => 0, () => 0, () => 3, () => 0, () => 600, () => 0]);
	for (let i = 0; i < 7; i++) tick();
	assert.deepEqual(pauses, [1, 2, 4, 8, 10, 10, 1, 2]);
	assert.equal(pump.running, true);
});

test("a stopped pump waits for nothing, and can still be flushed", () => {
	const { pump, waiting, tick } = clock([() => 5]);
	pump.stop();
	pump.stop();
	assert.equal(waiting(), false);
	tick();
	assert.equal(pump.flush(), 5);
});

test("stopping from inside a drain ends it", () => {
	const drains: (() => number)[] = [];
	const { pump, waiting, tick } = clock(drains);
	drains.push(() => {
		pump.stop();
		return 1;
	});
	tick();
	assert.equal(waiting(), false);
});

test("an error goes to the handler and the pump goes on; without one it stops", () => {
	const errors: unknown[] = [];
	const fail = () => {
		throw new RangeError("mine");
	};
	const kept = clock([fail], { onError: (error) => errors.push(error) });
	kept.tick();
	assert.equal(errors.length, 1);
	assert.equal(kept.waiting(), true);
	const stopped = clock([fail]);
	assert.throws(() => stopped.tick(), /mine/);
	assert.equal(stopped.pump.running, false);
});
