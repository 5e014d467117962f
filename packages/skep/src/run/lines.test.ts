import assert from "node:assert/strict";
import { test } from "node:test";
import { named } from "./lines.ts";

test("the name of the ring buffer stands first; fields called like it move", () => {
	assert.deepEqual(Object.entries(named("events", { pid: 1, comm: "a" })), [
		["map", "events"],
		["pid", 1],
		["comm", "a"],
	]);
	assert.deepEqual(named("events", { map: 4, pid: 1 }), { map: "events", map_: 4, pid: 1 });
	assert.deepEqual(named("events", { map_: 3, map: 4 }), { map: "events", map_: 3, map__: 4 });
});
