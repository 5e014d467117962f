import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FormatError } from "#base";
import { isRecording, type RecordedEvent, type Recording, readRecording, writeRecording } from "./index.ts";
import { anyRecording } from "./recording.test-support.ts";

const comm = (name: string): Uint8Array => {
	const bytes = new Uint8Array(16);
	bytes.set(new TextEncoder().encode(name));
	return bytes;
};
const shape = (struct: string, ...path: string[]) => ({ struct, path, signed: false });
const PARENT = {
	fields: [
		{ shape: shape("task_struct", "tgid"), value: Uint8Array.of(100, 0, 0, 0) },
		{ shape: shape("task_struct", "real_parent"), value: 1 },
	],
	bytes: undefined,
};
const OWN = { fields: [{ shape: shape("task_struct", "real_parent"), value: 1 }], bytes: undefined };
const event = (more: Partial<RecordedEvent> = {}): RecordedEvent => ({
	program: 0,
	cpu: 1,
	clock: 5_000_000_000n,
	task: { pid: 7, tgid: 7, uid: 1000, gid: 1000, cgroup: 7n, comm: comm("true") },
	current: 0,
	context: new Uint8Array(64),
	pointers: [],
	objects: [OWN, PARENT],
	reads: [{ address: 0x7fff_0000_1234n, result: 5, bytes: new TextEncoder().encode("/etc\0"), text: true }],
	results: [{ helper: 5, value: 5_000_000_100n }],
	outcomes: [{ map: "events", record: new Uint8Array(300), pointers: [] }],
	truncated: false,
	...more,
});
const recording = (events: readonly RecordedEvent[] = [event()]): Recording => ({
	meta: {
		producer: "skep 0.1.0",
		source: "exec.ts",
		hash: "0123",
		release: "6.18.0",
		cpus: 2,
		options: ["--failed"],
		programs: [{ name: "exec", section: "tracepoint/sched/sched_process_exec", fields: [] }],
	},
	events,
	lost: 3n,
	maps: [
		{
			name: "counts",
			keySize: 4,
			valueSize: 8,
			written: false,
			entries: [{ key: Uint8Array.of(1, 0, 0, 0), values: [new Uint8Array(8), Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)] }],
		},
	],
});

test("what was written is read again, and the same bytes are written", () => {
	fc.assert(
		fc.property(anyRecording, (value) => {
			const file = writeRecording(value);
			const read = readRecording(file);
			assert.deepEqual(read, structuredClone(value));
			assert.deepEqual(writeRecording(read), file);
		}),
		{ numRuns: 300, seed: 11 },
	);
});

test("objects, tasks and texts stand in the file once", () => {
	const one = writeRecording(recording()).length;
	const events = Array.from({ length: 100 }, (_, i) => event({ clock: 5_000_000_000n + BigInt(i) * 1000n }));
	const many = writeRecording(recording(events)).length;
	assert.ok((many - one) / 99 < 48, `${(many - one) / 99} bytes an event`);
	const read = readRecording(writeRecording(recording(events)));
	assert.equal(read.events[0]!.objects, read.events[99]!.objects);
	assert.ok(isRecording(writeRecording(read)));
	assert.ok(!isRecording(new Uint8Array(4)));
});

test("what cannot be read again is not written", () => {
	const refused = (events: readonly RecordedEvent[]) =>
		assert.throws(() => writeRecording(recording(events)), RangeError);
	refused([event({ program: -1 })]);
	refused([event({ cpu: 0.5 })]);
	refused([event({ clock: -1n })]);
	refused([event({ clock: 1n << 63n })]);
	refused([event({ results: [{ helper: 5, value: -1n }] })]);
	refused([event({ context: new Uint8Array(17 * 1024 * 1024) })]);
	refused(Array.from({ length: 5 }, () => event({ context: new Uint8Array(16 * 1024 * 1024) })));
	refused([event({ task: { ...event().task, comm: new Uint8Array(15) } })]);
});

/** The beginning of a file, up to its meta data. */
function broken(file: Uint8Array, edit: (bytes: number[]) => void): FormatError {
	const bytes = [...file];
	edit(bytes);
	try {
		readRecording(Uint8Array.from(bytes), { file: "x.rec" });
	} catch (error) {
		assert.ok(error instanceof FormatError, String(error));
		assert.equal(error.place.file, "x.rec");
		return error;
	}
	throw new Error("it was read");
}

test("what is wrong is told with its place", () => {
	const file = writeRecording(recording());
	assert.match(broken(file, (b) => b.splice(0, 1)).message, /no recording of skep \(x.rec, offset 0, magic\)/);
	assert.match(broken(file, (b) => b.splice(3)).message, /no recording of skep/);
	assert.match(broken(file, (b) => (b[8] = 2)).message, /version 2, 1 expected \(x.rec, offset 8, version\)/);
	assert.match(broken(file, (b) => b.push(0)).message, /1 bytes follow/);
	assert.match(broken(file, (b) => b.splice(b.length - 1)).message, /bytes expected|are left/);
	assert.match(broken(file, (b) => (b[12] = 0x7f)).message, /127 of at least 1 bytes each|expected/);
	// A text that is not UTF-8, one that is there twice, one that nothing names.
	assert.match(broken(file, (b) => (b[14] = 0xff)).message, /not UTF-8 \(x.rec, offset 13, texts\[0\]\)/);
});

test("huge counts are refused before anything is made for them", () => {
	const head = [...writeRecording(recording()).subarray(0, 12)];
	for (const count of [
		[0xff, 0xff, 0xff, 0xff, 0x0f],
		[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
		[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
		[0x80, 0x00],
	])
		assert.throws(() => readRecording(Uint8Array.from([...head, ...count])), FormatError);
});
