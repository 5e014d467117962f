import fc from "fast-check";
import type {
	RecordedEvent,
	RecordedMap,
	RecordedObject,
	RecordedPointer,
	Recording,
	RecordingMeta,
} from "./recording.ts";

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const u32 = fc.nat({ max: 0xffff_ffff });
const bytes = fc.oneof(
	fc.uint8Array({ maxLength: 40 }),
	fc.tuple(fc.uint8Array({ maxLength: 20 }), fc.nat({ max: 300 })).map(([head, zeros]) => {
		const whole = new Uint8Array(head.length + zeros);
		whole.set(head);
		return whole;
	}),
);
const exactly = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });

const meta: fc.Arbitrary<RecordingMeta> = fc.record({
	producer: text,
	source: text,
	hash: text,
	release: text,
	cpus: fc.integer({ min: 1, max: 128 }),
	options: fc.array(text, { maxLength: 3 }),
	programs: fc.array(
		fc.record({
			name: text,
			section: text,
			fields: fc.array(fc.record({ name: text, offset: u32, size: u32 }), { maxLength: 3 }),
		}),
		{ minLength: 1, maxLength: 3 },
	),
});

const shape = fc.record({ struct: text, path: fc.array(text, { maxLength: 3 }), signed: fc.boolean() });

const scene = fc.integer({ min: 1, max: 4 }).chain(
	(count): fc.Arbitrary<readonly RecordedObject[]> =>
		fc.array(
			fc.record({
				fields: fc.array(fc.record({ shape, value: fc.oneof(bytes, fc.nat({ max: count - 1 })) }), { maxLength: 3 }),
				bytes: fc.option(bytes, { nil: undefined }),
			}),
			{ minLength: count, maxLength: count },
		),
);

const pointersIn = (value: Uint8Array, objects: number): fc.Arbitrary<readonly RecordedPointer[]> =>
	value.length < 8 || objects === 0
		? fc.constant([])
		: fc.array(fc.record({ offset: fc.nat({ max: value.length - 8 }), object: fc.nat({ max: objects - 1 }) }), {
				maxLength: 2,
			});

const task = fc.record({
	pid: u32,
	tgid: u32,
	uid: u32,
	gid: u32,
	cgroup: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
	comm: exactly(16),
});

const eventOf = (
	{ programs, cpus }: RecordingMeta,
	scenes: readonly (readonly RecordedObject[])[],
): fc.Arbitrary<RecordedEvent> =>
	fc
		.tuple(bytes, bytes, fc.constantFrom<readonly RecordedObject[]>([], ...scenes))
		.chain(([context, record, objects]) =>
			fc.record({
				program: fc.nat({ max: programs.length - 1 }),
				cpu: fc.nat({ max: cpus - 1 }),
				clock: fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }),
				task,
				current:
					objects.length === 0
						? fc.constant(undefined)
						: fc.option(fc.nat({ max: objects.length - 1 }), { nil: undefined }),
				context: fc.constant(context),
				pointers: pointersIn(context, objects.length),
				objects: fc.constant(objects),
				reads: fc.array(
					fc.record({
						address: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
						result: fc.integer(),
						bytes,
						text: fc.boolean(),
					}),
					{ maxLength: 2 },
				),
				results: fc.array(fc.record({ helper: u32, value: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }) }), {
					maxLength: 3,
				}),
				outcomes: fc.array(
					fc.oneof(
						fc.record({ map: text, record: fc.constant(undefined), pointers: fc.constant([]) }),
						fc.record({ map: text, record: fc.constant(record), pointers: pointersIn(record, objects.length) }),
					),
					{ maxLength: 2 },
				),
				truncated: fc.boolean(),
			}),
		);

const map: fc.Arbitrary<RecordedMap> = fc
	.record({ name: text, keySize: fc.nat({ max: 20 }), valueSize: fc.nat({ max: 20 }), written: fc.boolean() })
	.chain(({ keySize, valueSize, ...rest }) =>
		fc.nat({ max: 3 }).chain((each) =>
			fc.record({
				name: fc.constant(rest.name),
				keySize: fc.constant(keySize),
				valueSize: fc.constant(valueSize),
				written: fc.constant(rest.written),
				entries: fc.array(
					fc.record({
						key: exactly(keySize),
						values: fc.array(exactly(valueSize), { minLength: each, maxLength: each }),
					}),
					{ maxLength: 3 },
				),
			}),
		),
	);

/** Any recording that can be written. */
export const anyRecording: fc.Arbitrary<Recording> = fc
	.tuple(meta, fc.array(scene, { maxLength: 3 }))
	.chain(([said, scenes]) =>
		fc.record({
			meta: fc.constant(said),
			events: fc.array(eventOf(said, scenes), { maxLength: 5 }),
			lost: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
			maps: fc.array(map, { maxLength: 2 }),
		}),
	);
