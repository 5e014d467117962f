// Recordings that nobody recorded: whatever a file says, a replay ends with its counts or with an error.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { BpfError } from "@skep/bpf/base";
import { type RecordedEvent, readRecording, writeRecording } from "@skep/bpf/capture";
import fc from "fast-check";
import { recordingOf, replayed } from "./replay.test-support.ts";
import { readSource } from "./source.ts";
import { root } from "./whole-run.test-support.ts";

const bytes = fc.uint8Array({ maxLength: 80 });
const words = fc.constantFrom("task_struct", "pid", "real_parent", "comm", "cred", "[0]", "[99999]", "no", "file", "");
const nat = fc.nat({ max: 3 });

const edits: fc.Arbitrary<Partial<RecordedEvent>> = fc
	.array(
		fc.record({
			fields: fc.array(
				fc.record({
					shape: fc.record({ struct: words, path: fc.array(words, { maxLength: 3 }), signed: fc.boolean() }),
					value: fc.oneof(bytes, fc.constant(0)),
				}),
				{ maxLength: 5 },
			),
			bytes: fc.option(bytes, { nil: undefined }),
		}),
		{ minLength: 1, maxLength: 4 },
	)
	.chain((objects) =>
		fc.record(
			{
				objects: fc.constant(objects),
				current: fc.constant(0),
				context: fc.oneof(bytes, fc.constant(new Uint8Array(1 << 20))),
				pointers: fc.constant([]),
				clock: fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }),
				cpu: nat.map((n) => n % 2),
				reads: fc.array(
					fc.record({ address: fc.bigInt({ min: 0n, max: 99n }), result: fc.integer(), bytes, text: fc.boolean() }),
				),
				results: fc.array(
					fc.record({ helper: fc.nat({ max: 220 }), value: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }) }),
				),
				outcomes: fc.array(
					fc.record({
						map: fc.constantFrom("events", "starts", "none"),
						record: fc.option(bytes, { nil: undefined }),
						pointers: fc.constant([]),
					}),
				),
				truncated: fc.boolean(),
			},
			{ requiredKeys: ["objects", "current", "pointers"] },
		),
	);

for (const name of ["exec", "exec-tree", "open"]) {
	test(`${name}: events that never happened`, async () => {
		const source = await readSource(join(root, `examples/${name}/${name}.ts`));
		const whole = recordingOf(name);
		const sample = { ...whole, events: whole.events.slice(0, 6) };
		await fc.assert(
			fc.asyncProperty(fc.array(fc.option(edits), { minLength: 6, maxLength: 6 }), async (changes) => {
				const made = {
					...sample,
					events: sample.events.map((event, i): RecordedEvent => {
						const change = changes[i];
						return change ? { ...event, ...change, context: change.context ?? event.context } : event;
					}),
				};
				try {
					// As a file would have it.
					const counts = await replayed(source, readRecording(writeRecording(made)));
					assert.equal(counts.replayed, made.events.length);
				} catch (error) {
					assert.ok(error instanceof BpfError, String(error));
				}
			}),
			{ numRuns: 60, seed: 21 },
		);
	});
}

test("records that nobody reads are counted, and nobody is waited for for ever", async () => {
	const source = await readSource(join(root, "examples/exec/exec.ts"));
	const recording = recordingOf("exec");
	const events = Array.from({ length: 2000 }, (_, i) => recording.events[i % recording.events.length]!);
	const counts = await replayed(source, { ...recording, events }, false);
	assert.equal(counts.replayed, 2000);
	assert.ok(counts.refused > 0);
	assert.equal(counts.agreed + counts.refused, 2000);
});
