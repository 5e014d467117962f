import assert from "node:assert/strict";
import { test } from "node:test";
import { NotSupportedError } from "#base";
import { versionCode } from "#kernel";
import { attachPerfEvent } from "../index.ts";
import { onKernel } from "../kernel.test-support.ts";
import { Counter, counting, keepCookie } from "./counting.test-support.ts";

/** Uses the CPU until something has happened. */
function spin(until: () => boolean): void {
	for (let i = 0, sum = 0; i < 4000 && !until(); i++) for (let j = 0; j < 100_000; j++) sum = (sum + j) | 0;
}

test(
	"samples of every CPU and of one process, by frequency and by period",
	onKernel((kernel) => {
		using counter = new Counter(kernel);
		// Links of perf events, and their cookies.
		const linked = versionCode(kernel.release) >= versionCode("5.15");
		using program = counting(kernel, counter, { type: "perf_event", body: linked ? keepCookie() : [] });
		{
			using link = attachPerfEvent(program, { event: "cpu-clock", frequency: 999, ...(linked ? { cookie: 3n } : {}) });
			spin(() => counter.count > 3);
			assert.ok(counter.count > 3);
			if (linked) assert.deepEqual([counter.value(1), link.type], [3n, "perf_event"]);
			const info = link.info()?.perf_event;
			assert.ok(info === undefined || info.kind === "event", "told since 6.6");
		}
		counter.reset();
		const link = attachPerfEvent(program, { event: "page-faults", period: 1, pid: process.pid });
		const touch = () => new Uint8Array(1 << 22).fill(1);
		spin(() => touch().length > 0 && counter.count > 0);
		assert.ok(counter.count > 0);
		link.close();
		counter.reset();
		touch();
		assert.equal(counter.count, 0);
	}),
);

test(
	"a hardware event samples, or is told to be missing",
	onKernel((kernel, t) => {
		using counter = new Counter(kernel);
		using program = counting(kernel, counter, { type: "perf_event" });
		try {
			using _ = attachPerfEvent(program, { event: "cycles", frequency: 999 });
			spin(() => counter.count > 3);
			assert.ok(counter.count > 3);
		} catch (error) {
			assert.ok(error instanceof NotSupportedError && /no such event/.test(error.message), String(error));
			t.diagnostic("no hardware counters here");
		}
		assert.throws(() => attachPerfEvent(program, { event: "moonshine" as "cycles" }), /no perf event moonshine/);
	}),
);
