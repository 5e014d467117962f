import assert from "node:assert/strict";
import { test } from "node:test";
import { Pace } from "./pace.ts";
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

test("a pump that is behind goes on at once by the host's soon, or after the shortest pause without it", () => {
	const fills = [0.3, 0.6, 0.1, 0.1, 0.1, 0.1];
	const asked: string[] = [];
	const pending: (() => void)[] = [];
	const timers = {
		set: (callback: () => void, milliseconds: number) => {
			asked.push(`${milliseconds} ms`);
			return pending.push(callback);
		},
		clear: () => {},
	};
	const soon = (callback: () => void) => {
		asked.push("soon");
		pending.push(callback);
	};
	new Pump(() => 0, { ...timers, soon }, { fill: () => fills.shift() ?? 0 });
	for (let i = 0; i < 3; i++) pending.shift()?.();
	assert.deepEqual(asked, ["1 ms", "soon", "1 ms", "1 ms"]);
	asked.length = 0;
	pending.length = 0;
	new Pump(() => 0, timers, { fill: () => 0.9, shortest: 2 });
	for (let i = 0; i < 2; i++) pending.shift()?.();
	assert.deepEqual(asked, ["2 ms", "2 ms", "2 ms"]);
});

test("pauses grow in silence, less far after a ring filled up, and far again after it stayed calm", () => {
	const pace = new Pace({ longest: 16 });
	const silence = (rounds: number) =>
		Array.from({ length: rounds }, () => {
			pace.drained(0, 0, 0);
			return pace.pause;
		});
	assert.deepEqual(silence(6), [2, 4, 8, 16, 16, 16]);
	pace.drained(10_000, 0.9, 0);
	assert.equal(pace.pause, 1, "much came");
	assert.deepEqual(silence(4), [2, 4, 8, 8]);
	for (let i = 0; i < 8; i++) pace.drained(10, 0.5, 0);
	assert.equal(pace.pause, 1, "never below the shortest");
	assert.equal(Math.max(...silence(200)), 2);
	assert.equal(Math.max(...silence(1000)), 16);
});

test("a loop of drains without pauses lets other timers have their turn", async () => {
	let drains = 0;
	const timers = {
		set: (callback: () => void, milliseconds: number) => setTimeout(callback, milliseconds),
		clear: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
		soon: (callback: () => void) => void setImmediate(callback),
	};
	using pump = new Pump(() => ++drains, timers, { fill: () => 1 });
	await new Promise((resolve) => setTimeout(resolve, 5));
	assert.ok(pump.running && drains > 0, `${drains} drains, and the timer fired`);
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
