import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteWriter, FormatError } from "#base";
import type { ManifestRecording, RecordingSite } from "#spec";
import { WireReader } from "./index.ts";

const SITES = [
	{ kind: "context", size: 24 },
	{ kind: "dynamic", offset: 8 },
	{ kind: "helper", id: 5, name: "ktime_get_ns" },
	{ kind: "current" },
	{ kind: "field", struct: "task_struct", path: ["real_parent"], size: 8, pointsTo: "task_struct" },
	{ kind: "field", struct: "task_struct", path: ["tgid"], size: 4, signed: true },
	{ kind: "field", struct: "task_struct", path: ["lag"], size: 8, signed: true },
	{ kind: "memory", space: "user", text: true },
	{ kind: "memory", space: "kernel", text: true },
	{ kind: "emit", map: "events" },
	{ kind: "reserve-failed", map: "events" },
	{ kind: "field", struct: "task_struct", path: ["tgid"], size: 4, signed: true, pointsTo: "" },
	{ kind: "element", struct: "signal_struct", path: ["rlim"], stride: 16, member: ["rlim_max"], size: 8 },
	{ kind: "field", struct: "signal_struct", path: ["rlim", "[2]", "rlim_max"], size: 8 },
] as const satisfies readonly RecordingSite[];
const RECORDING: ManifestRecording = {
	map: "skep_recording",
	lost: { map: "skep_lost", key: 1 },
	programs: ["one", "two"],
	sites: SITES,
};
const SITE = Object.fromEntries(
	["context", "dynamic", "helper", "current", "parent", "tgid", "lag", "user", "kernel", "emit", "failed"]
		.concat("again", "limit", "limit2")
		.map((name, i) => [name, i]),
) as Readonly<Record<string, number>>;

const words = (...values: readonly bigint[]): Uint8Array => {
	const writer = new ByteWriter();
	for (const value of values) writer.u64(value);
	return writer.finish();
};
const join = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));
const text = (value: string) => new TextEncoder().encode(value);

interface Head {
	readonly program?: number;
	readonly flags?: number;
	readonly length?: number;
}

function record(entries: readonly (readonly [site: string, data: Uint8Array])[], head: Head = {}): Uint8Array {
	const body = new ByteWriter();
	for (const [site, data] of entries) body.u16(SITE[site]!).u16(data.length).u32(0).write(data).align(8);
	const writer = new ByteWriter();
	writer
		.u32(head.program ?? 1)
		.u32(3)
		.u64(77n);
	writer.u32(11).u32(10).u32(1000).u32(1001).u64(9n);
	writer.write(text("true")).zero(12);
	writer.u32(head.flags ?? 0).u32(head.length ?? body.length);
	return writer.write(body.finish()).finish();
}

const TASK = 0xffff_8881_0000_1000n;
const PARENT = 0xffff_8881_0000_2000n;
const NAME = 0xffff_8881_0000_3000n;

test("a run's log becomes an event; addresses of the kernel become numbers", () => {
	const addresses = new Set<bigint>();
	const event = new WireReader(RECORDING, { addresses }).read(
		record([
			["context", words(0n, TASK, 5n)],
			["dynamic", join(Uint8Array.of(28, 0, 0, 0, 0, 0, 0, 0), text("/bin/true\0"))],
			["current", words(TASK)],
			["parent", words(TASK, PARENT)],
			["tgid", join(words(PARENT), Uint8Array.of(7, 0, 0, 0))],
			["lag", words(PARENT, -100_000_000n)],
			["helper", words(99n)],
			["user", join(words(0x7fff_0000_0000n, 5n), text("/etc\0"))],
			["user", words(0x10n, -14n)],
			["kernel", join(words(NAME, 5n), text("name\0"))],
			["kernel", words(0n, -34n)],
			["failed", new Uint8Array(0)],
			["emit", words(1n, NAME, 2n)],
		]),
	);
	assert.deepEqual([...addresses], [TASK, PARENT, NAME]);
	const comm = new Uint8Array(16);
	comm.set(text("true"));
	assert.deepEqual(event.task, { pid: 11, tgid: 10, uid: 1000, gid: 1001, cgroup: 9n, comm });
	assert.deepEqual([event.program, event.cpu, event.clock, event.truncated], [1, 3, 77n, false]);
	assert.deepEqual(event.pointers, [{ offset: 8, object: 0 }]);
	assert.deepEqual(event.context, join(words(0n, 0n, 5n), new Uint8Array(4), text("/bin/true\0")));
	assert.equal(event.current, 0);
	const shape = (name: string, signed = false) => ({ struct: "task_struct", path: [name], signed });
	assert.deepEqual(event.objects, [
		{ fields: [{ shape: shape("real_parent"), value: 1 }], bytes: undefined },
		{
			fields: [
				{ shape: shape("tgid", true), value: Uint8Array.of(7, 0, 0, 0) },
				// As high as an address, but a number with a sign.
				{ shape: shape("lag", true), value: words(-100_000_000n) },
			],
			bytes: undefined,
		},
		{ fields: [], bytes: text("name\0") },
	]);
	assert.deepEqual(event.results, [{ helper: 5, value: 99n }]);
	assert.deepEqual(event.reads, [
		{ address: 0x7fff_0000_0000n, result: 5, bytes: text("/etc\0"), text: true },
		{ address: 0x10n, result: -14, bytes: new Uint8Array(0), text: true },
		{ address: 0n, result: -34, bytes: new Uint8Array(0), text: true },
	]);
	assert.deepEqual(event.outcomes, [
		{ map: "events", record: undefined, pointers: [] },
		{ map: "events", record: words(1n, 0n, 2n), pointers: [{ offset: 8, object: 2 }] },
	]);
});

test("only where addresses may stand is a word of the context taken for one", () => {
	const log = record([["context", words(0n, TASK, PARENT)]]);
	assert.deepEqual(new WireReader(RECORDING, { words: () => [16, 40] }).read(log).pointers, [
		{ offset: 16, object: 0 },
	]);
	assert.deepEqual(new WireReader(RECORDING, { words: () => [] }).read(log).context, words(0n, TASK, PARENT));
	// Errors are no addresses.
	assert.deepEqual(new WireReader(RECORDING).read(record([["context", words(-2n, 1n, -4095n)]])).pointers, []);
});

test("a field that was read twice is there once, as it was read last", () => {
	const tgid = (value: number) => join(words(TASK), Uint8Array.of(value, 0, 0, 0));
	const { objects } = new WireReader(RECORDING).read(
		record([
			["tgid", tgid(1)],
			["tgid", tgid(2)],
		]),
	);
	assert.deepEqual(
		objects[0]?.fields.map(({ value }) => value),
		[Uint8Array.of(2, 0, 0, 0)],
	);
});

test("an element by a computed index is a field of its own", () => {
	const { objects } = new WireReader(RECORDING).read(
		record([
			["limit", words(TASK, 48n, 7n)],
			["limit", words(TASK, 32n, 8n)],
			["limit2", words(TASK, 8n)],
		]),
	);
	const shape = (index: number) => ({
		struct: "signal_struct",
		path: ["rlim", `[${index}]`, "rlim_max"],
		signed: false,
	});
	assert.deepEqual(objects, [
		{
			fields: [
				{ shape: shape(3), value: words(7n) },
				{ shape: shape(2), value: words(8n) },
			],
			bytes: undefined,
		},
	]);
});

test("a log that did not fit is said; what is malformed is refused", () => {
	const reader = new WireReader(RECORDING);
	assert.equal(reader.read(record([], { flags: 1 })).truncated, true);
	const refused = (message: RegExp, bytes: Uint8Array) =>
		assert.throws(
			() => reader.read(bytes),
			(error) => error instanceof FormatError && message.test(error.message),
		);
	refused(/program 2 of 2/, record([], { program: 2 }));
	refused(/100 bytes of entries, 0 are left/, record([], { length: 100 }));
	refused(/16 bytes expected|expected/, record([]).subarray(0, 50));
	refused(/site 99 of 14/, join(record([], { length: 8 }), Uint8Array.of(99, 0, 0, 0, 0, 0, 0, 0)));
	refused(/a context of/, record([["dynamic", join(Uint8Array.of(0, 0, 1, 0, 0, 0, 0, 0), text("x"))]]));
});

test("garbage: an event or a refusal", () => {
	const reader = new WireReader(RECORDING);
	fc.assert(
		fc.property(fc.uint8Array({ minLength: 0, maxLength: 300 }), fc.boolean(), (bytes, likely) => {
			const log = likely
				? join(
						record([], { length: bytes.length }),
						bytes.map((b, i) => (i % 8 < 2 ? b % 15 : b)),
					)
				: bytes;
			try {
				reader.read(log);
			} catch (error) {
				assert.ok(error instanceof FormatError, String(error));
			}
		}),
		{ numRuns: 3000, seed: 2 },
	);
});
