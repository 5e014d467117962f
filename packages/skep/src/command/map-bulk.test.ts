// A map of a million entries is dumped in parts: what is held does not grow with it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BpfMap } from "@skep/bpf/live";
import { Words } from "#cli";
import { type Front, onBoth } from "./desk.test-support.ts";
import type { Desk } from "./desk.ts";
import { dump } from "./map-dump.ts";

const ENTRIES = 1_000_000;
/** More than the parts that are held, much less than what is written. */
const MOST_GROWTH = 32 << 20;

/** Dumps a map to nowhere: how many bytes in how many parts, the largest part, and the most that was resident. */
async function measured(front: Front, map: BpfMap, json: boolean) {
	const result = { bytes: 0, parts: 0, largest: 0, resident: 0, lines: 0 };
	const desk: Desk = {
		kernel: front.kernel,
		machine: front.machine,
		screen: { width: undefined, colour: false },
		json,
		pretty: false,
		bpffs: false,
		debug: false,
		flags: new Map(),
		write: (part) => {
			const bytes = typeof part === "string" ? Buffer.from(part) : part;
			result.bytes += bytes.length;
			result.parts++;
			result.largest = Math.max(result.largest, bytes.length);
			result.resident = Math.max(result.resident, process.memoryUsage.rss());
			for (let at = bytes.indexOf(json ? 0x7b : 0x0a); at >= 0; at = bytes.indexOf(json ? 0x7b : 0x0a, at + 1))
				result.lines++;
		},
		note: () => {},
	};
	assert.equal(await dump(new Words("map dump", ["id", String(map.info().id)]), desk), 0);
	return result;
}

test(
	"a million entries are dumped in bounded parts",
	onBoth(async (front) => {
		const sizes = { keySize: 4, valueSize: 8, maxEntries: ENTRIES };
		using map = BpfMap.create(front.kernel, { name: "million", type: "array", ...sizes });
		using few = BpfMap.create(front.kernel, { name: "few", type: "array", ...sizes, maxEntries: 20_000 });
		for (const json of [false, true]) {
			// What is held by then is held by the program, not by the dump.
			await measured(front, few, json);
			const before = process.memoryUsage.rss();
			const { bytes, largest, lines, resident } = await measured(front, map, json);
			assert.equal(lines, json ? ENTRIES : ENTRIES + 1);
			assert.ok(bytes >= 49 * ENTRIES, String(bytes));
			assert.ok(largest <= 1 << 19, `a part of ${largest} bytes`);
			const growth = resident - before;
			assert.ok(growth < MOST_GROWTH, `${growth} bytes more are resident while ${bytes} are written`);
		}
	}),
);
