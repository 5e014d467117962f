import assert from "node:assert/strict";
import { test } from "node:test";
import { Clock, newCpu, registerOf, setRegister, Tasks } from "./index.ts";

test("registers hold 64 bits as two words", () => {
	const cpu = newCpu(0, 0x10000);
	for (const value of [0n, 1n, 0xffffffffn, 1n << 32n, (1n << 64n) - 1n, 0x8000000000000000n]) {
		setRegister(cpu, 3, value);
		assert.equal(registerOf(cpu, 3), value);
	}
	setRegister(cpu, 3, -1n);
	assert.equal(registerOf(cpu, 3), (1n << 64n) - 1n);
	assert.deepEqual([cpu.registers[6], cpu.registers[7]], [-1, -1]);
});

test("the clock goes when told to, or a step at each reading", () => {
	const clock = new Clock({ monotonic: 100n, realOffset: 1000n, bootOffset: 10n });
	assert.deepEqual([clock.monotonic(), clock.monotonic(), clock.real(), clock.boot()], [100n, 100n, 1100n, 110n]);
	clock.advance(5n);
	assert.equal(clock.monotonic(), 105n);
	clock.state = { ...clock.state, step: 2n };
	assert.deepEqual([clock.monotonic(), clock.monotonic(), clock.state.monotonic], [105n, 107n, 109n]);
});

test("tasks are rows by pid", () => {
	const row = { pid: 7, tgid: 7, comm: "x", uid: 1, gid: 2, parent: 1, cgroupId: 9n };
	const tasks = new Tasks([row]);
	assert.deepEqual(
		tasks.rows().map((task) => task.pid),
		[0, 1, 7],
	);
	assert.equal(tasks.get(7), row);
	assert.ok(tasks.delete(7) && tasks.get(7) === undefined);
});
