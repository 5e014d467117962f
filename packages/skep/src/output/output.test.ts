import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
	bucketCount,
	bucketRange,
	compareValues,
	formatCell,
	LiveTable,
	present,
	renderBars,
	renderSummary,
	renderTable,
	type Shape,
	toJson,
	trimBuckets,
} from "./index.ts";

const plain = { width: undefined, colour: false };

test("JSON has 64-bit integers as exact numbers", () => {
	assert.equal(
		toJson({ a: 18446744073709551615n, b: -1, c: 'ü"\n\u0001', d: [1n, true, null], e: undefined, f: { g: 0.5 } }),
		'{"a":18446744073709551615,"b":-1,"c":"ü\\"\\n\\u0001","d":[1,true,null],"f":{"g":0.5}}',
	);
	assert.equal(toJson([Number.NaN, undefined]), "[null,null]");
});

test("JSON of what JSON can say is what JSON.stringify writes", () => {
	fc.assert(
		fc.property(fc.jsonValue(), (value) =>
			assert.deepEqual(JSON.parse(toJson(value)), JSON.parse(JSON.stringify(value))),
		),
	);
});

test("network order is shown in host order, also inside structs and arrays", () => {
	const shape: Shape = {
		kind: "struct",
		name: "s",
		members: [
			{ name: "port", shape: { kind: "be", bits: 16 } },
			{ name: "hosts", shape: { kind: "array", of: { kind: "be", bits: 32 }, length: 2 } },
			{ name: "cookie", shape: { kind: "be", bits: 64 } },
			{ name: "pid", shape: { kind: "int", bits: 32, signed: false } },
		],
	};
	assert.deepEqual(present(shape, { port: 0x3500, hosts: [0x0100007f, 0], cookie: 0x0100000000000000n, pid: 7 }), {
		port: 53,
		hosts: [0x7f000001, 0],
		cookie: 1n,
		pid: 7,
	});
});

test("keys are ordered as typed values", () => {
	assert.deepEqual([10, 9, 100].sort(compareValues), [9, 10, 100]);
	assert.deepEqual([2n ** 60n, 1n].sort(compareValues), [1n, 2n ** 60n]);
	// An array that another begins with stands before it.
	assert.deepEqual([[1, 2, 0], [1, 2], [1, 3], []].sort(compareValues), [[], [1, 2], [1, 2, 0], [1, 3]]);
	assert.ok(compareValues([1], [1, 0]) < 0 && compareValues([1, 0], [1]) > 0 && compareValues([1], [1]) === 0);
	const keys = [
		{ nr: 1, comm: "b" },
		{ nr: 0, comm: "z" },
		{ nr: 1, comm: "a" },
	];
	assert.deepEqual(keys.sort(compareValues), [
		{ nr: 0, comm: "z" },
		{ nr: 1, comm: "a" },
		{ nr: 1, comm: "b" },
	]);
});

test("cells spell out what a terminal would obey", () => {
	assert.equal(formatCell("a\u001b[31m\n"), "a\\x1b[31m\\x0a");
	assert.equal(formatCell({ pid: 1, comm: "sh" }), "pid=1 comm=sh");
	assert.equal(formatCell([{ pid: 1, comm: "sh" }]), "[{pid=1 comm=sh}]");
});

test("a table has columns as wide as their cells, numbers to the right", () => {
	assert.equal(
		renderTable(
			[
				{ n: 5, comm: "sh" },
				{ n: 1234, comm: "bash" },
			],
			plain,
		),
		"   n  comm\n   5  sh\n1234  bash\n",
	);
	assert.equal(renderTable([{ comm: "a-long-command" }], { width: 8, colour: false }), "comm\na-long-…\n");
});

test("a table fits the terminal: spare columns go and are named, texts are cut, numbers never", () => {
	const rows = [
		{
			id: 123456,
			name: "a_rather_long_name",
			path: "/sys/fs/bpf/a/very/long/path",
			uid: 1000,
			held: "bash(12), sh(7)",
		},
		{ id: 7, name: "b", path: "/sys/fs/bpf/🍯", uid: 0, held: "" },
	];
	assert.doesNotMatch(renderTable(rows, plain, ["uid"]), /…|no room/);
	for (let width = 12; width < 100; width++) {
		const lines = renderTable(rows, { width, colour: false }, ["uid", "path"]).split("\n");
		for (const line of lines) assert.ok([...line].length <= width, `${width}: ${line}`);
		assert.ok(lines[1]!.startsWith("123456"), `${width}: ${lines[1]}`);
	}
	const narrow = renderTable(rows, { width: 40, colour: false }, ["uid", "path"]);
	assert.equal(
		narrow,
		"    id  name             held\n123456  a_rather_long_…  bash(12), sh(7)\n     7  b\nno room for uid, path\n",
	);
	// Where even ten columns a text are too many, texts go from the right.
	const words = { one: "a long first word", two: "a long second word", three: "a long third word" };
	assert.equal(
		renderTable([words], { width: 24, colour: false }),
		"one          two\na long fir…  a long sec…\nno room for three\n",
	);
	// Two columns for what is shown as two.
	const [, honey, plain2] = renderTable(
		[
			{ a: "🍯", b: "x" },
			{ a: "no", b: "x" },
		],
		plain,
	).split("\n");
	assert.deepEqual([honey, plain2], ["🍯  x", "no  x"]);
	assert.equal(renderTable([{ a: "x" }], { width: 80, colour: true }), "\u001b[1ma\u001b[0m\nx\n");
});

test("a live table's columns come from the record's shape", () => {
	const table = new LiveTable(
		{
			kind: "struct",
			name: "r",
			members: [
				{ name: "pid", shape: { kind: "int", bits: 32, signed: false } },
				{ name: "comm", shape: { kind: "chars", length: 16 } },
				{ name: "file", shape: { kind: "chars", length: 256 } },
			],
		},
		plain,
	);
	assert.equal(table.header(), "    pid  comm              file\n");
	assert.equal(table.row([42, "sh", "/bin/sh"]), "     42  sh                /bin/sh\n");
});

test("log2 buckets hold what their number says", () => {
	fc.assert(
		fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (value) => {
			const index = value === 0n ? 0 : value.toString(2).length;
			const { low, high } = bucketRange("log2", index);
			assert.ok(low <= value && value < high);
			assert.ok(index < bucketCount("log2"));
		}),
	);
});

test("linear buckets meet without gaps, one below and one above", () => {
	const scale = { from: 10, to: 35, step: 10 };
	const ranges = Array.from({ length: bucketCount(scale) }, (_, i) => bucketRange(scale, i));
	assert.deepEqual(
		ranges.map((r) => [r.low, r.high]),
		[
			[0n, 10n],
			[10n, 20n],
			[20n, 30n],
			[30n, 35n],
			[35n, 2n ** 64n],
		],
	);
});

test("bars run from the first bucket that counted to the last", () => {
	const buckets = trimBuckets("log2", [0n, 0n, 4n, 0n, 8n]);
	assert.deepEqual(
		buckets.map((b) => b.count),
		[4n, 0n, 8n],
	);
	const lines = renderBars(buckets, "us").split("\n");
	assert.equal(lines[0], "us");
	assert.match(lines[1]!, /^\[2, 4\) {3}4 \|@{26} {26}\|$/);
	assert.match(lines[3]!, /^\[8, 16\) {2}8 \|@{52}\|$/);
	assert.equal(renderBars([], "us"), "us\n(empty)\n");
});

test("the summary says when losses are not known", () => {
	assert.equal(
		renderSummary({ events: 1n, lost: 0n, duration: 1, cpu: 0.5, startup: 0.25 }),
		"1 event, 0 lost, 1.0 s, CPU 0.50 s (0.25 s to start)",
	);
	assert.match(
		renderSummary({ events: 2n, lost: undefined, duration: 1, cpu: 0.5, startup: 0.25 }),
		/^2 events, lost: not known/,
	);
});
