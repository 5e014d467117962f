import { ByteWriter, encodeUtf8 } from "#base";
import {
	COMM_BYTES,
	LONGEST_VALUE,
	MOST_PARTS,
	MOST_ZEROS,
	RECORDING_MAGIC,
	RECORDING_VERSION,
	type RecordedEvent,
	type RecordedMap,
	type RecordedObject,
	type RecordedOutcome,
	type RecordedPointer,
	type RecordedRead,
	type RecordedShape,
	type RecordedTask,
	type Recording,
	type RecordingMeta,
} from "./recording.ts";

/**
 * The file, little-endian. Magic and version; then everything as numbers of seven bits a byte, the lowest first, the last one
 * without bit 7. Four tables are named by index and stand in the order of first use, none twice: texts, shapes of fields,
 * scenes (the objects of an event), tasks. Values leave out the zeros at their end. There is one way to write a recording,
 * so that reading and writing gives the same bytes.
 * @throws RangeError for numbers and values that no recording has
 */
export function writeRecording(recording: Recording): Uint8Array<ArrayBuffer> {
	const budget = { zeros: 0 };
	const body = new Writer(budget);
	writeMeta(body, recording.meta);
	const shapes = new Table((shape: RecordedShape) =>
		encodeUtf8(JSON.stringify([shape.struct, shape.path, shape.signed])),
	);
	const scenes = new Table((objects: readonly RecordedObject[]) => sceneBytes(new Writer(budget), objects, shapes));
	const tasks = new Table((task: RecordedTask) => taskBytes(new Writer(budget), task));
	const events = recording.events.map((event) => ({
		event,
		scene: scenes.index(event.objects),
		task: tasks.index(event.task),
	}));
	body.list(shapes.values, (shape) => writeShape(body, shape));
	body.list(scenes.encoded, (bytes) => body.raw(bytes));
	body.list(tasks.encoded, (bytes) => body.raw(bytes));
	let clock = 0n;
	body.list(events, ({ event, scene, task }) => {
		checkEvent(event, recording.meta);
		if (event.clock < 0n || event.clock >= 1n << 63n) throw new RangeError(`${event.clock} is no time since boot`);
		writeEvent(body, event, scene, task, event.clock - clock);
		clock = event.clock;
	});
	body.wide(recording.lost);
	body.list(recording.maps, (map) => writeMap(body, map));

	const file = new Writer(budget);
	file.raw(RECORDING_MAGIC);
	file.raw(Uint8Array.from([RECORDING_VERSION, 0, 0, 0]));
	file.list(body.texts, (text) => file.counted(encodeUtf8(text)));
	file.raw(body.finish());
	return file.finish();
}

/** Values that are written once and named by index. */
class Table<T> {
	readonly values: T[] = [];
	readonly encoded: Uint8Array[] = [];
	readonly #known = new Map<string, number>();
	/** The same value again is found without encoding it. */
	readonly #seen = new Map<T, number>();
	readonly #encode: (value: T) => Uint8Array;

	constructor(encode: (value: T) => Uint8Array) {
		this.#encode = encode;
	}

	index(value: T): number {
		const seen = this.#seen.get(value);
		if (seen !== undefined) return seen;
		const bytes = this.#encode(value);
		const key = keyOf(bytes);
		let index = this.#known.get(key);
		if (index === undefined) {
			index = this.values.push(value) - 1;
			this.encoded.push(bytes);
			this.#known.set(key, index);
		}
		this.#seen.set(value, index);
		return index;
	}
}

/** Bytes as a key of a map. */
export function keyOf(bytes: Uint8Array): string {
	let key = "";
	for (let i = 0; i < bytes.length; i += 4096) key += String.fromCharCode(...bytes.subarray(i, i + 4096));
	return key;
}

function writeMeta(to: Writer, meta: RecordingMeta): void {
	to.text(meta.producer);
	to.text(meta.source);
	to.text(meta.hash);
	to.text(meta.release);
	to.number(meta.cpus);
	to.list(meta.options, (word) => to.text(word));
	to.list(meta.programs, (program) => {
		to.text(program.name);
		to.text(program.section);
		to.list(program.fields, (field) => {
			to.text(field.name);
			to.number(field.offset);
			to.number(field.size);
		});
	});
}

function writeShape(to: Writer, shape: RecordedShape): void {
	to.text(shape.struct);
	to.list(shape.path, (step) => to.text(step));
	to.flag(shape.signed);
}

function sceneBytes(to: Writer, objects: readonly RecordedObject[], shapes: Table<RecordedShape>): Uint8Array {
	to.list(objects, ({ fields, bytes }) => {
		to.number(fields.length * 2 + (bytes === undefined ? 0 : 1));
		for (const { shape, value } of fields) {
			const index = shapes.index(shape);
			if (typeof value === "number") {
				to.number(index * 2 + 1);
				to.number(value);
			} else {
				to.number(index * 2);
				to.trimmed(value);
			}
		}
		if (bytes !== undefined) to.trimmed(bytes);
	});
	return to.finish();
}

function taskBytes(to: Writer, task: RecordedTask): Uint8Array {
	to.number(task.pid);
	to.number(task.tgid);
	to.number(task.uid);
	to.number(task.gid);
	to.wide(task.cgroup);
	if (task.comm.length !== COMM_BYTES) throw new RangeError(`comm has ${COMM_BYTES} bytes, not ${task.comm.length}`);
	to.trimmed(task.comm);
	return to.finish();
}

function writeEvent(to: Writer, event: RecordedEvent, scene: number, task: number, later: bigint): void {
	to.number(event.program);
	to.number(event.cpu * 2 + (event.truncated ? 1 : 0));
	to.signed(later);
	to.number(task);
	to.number(scene);
	to.number(event.current === undefined ? 0 : event.current + 1);
	to.trimmed(event.context);
	writePointers(to, event.pointers);
	to.list(event.reads, (read) => writeRead(to, read));
	to.list(event.results, ({ helper, value }) => {
		to.number(helper);
		to.wide(value);
	});
	to.list(event.outcomes, (outcome) => writeOutcome(to, outcome));
}

/** @throws RangeError where it names what is not there */
function checkEvent(event: RecordedEvent, { programs, cpus }: RecordingMeta): void {
	const within = (what: string, index: number, count: number) => {
		if (!Number.isInteger(index) || index < 0 || index >= count) throw new RangeError(`${what} ${index} of ${count}`);
	};
	const { length } = event.objects;
	for (const parts of [event.objects, event.pointers, event.reads, event.results, event.outcomes])
		if (parts.length > MOST_PARTS) throw new RangeError(`an event of ${parts.length} parts: at most ${MOST_PARTS}`);
	within("program", event.program, programs.length);
	within("CPU", event.cpu, cpus);
	if (event.current !== undefined) within("object", event.current, length);
	for (const { fields } of event.objects)
		for (const { value } of fields) if (typeof value === "number") within("object", value, length);
	const values = [event, ...event.outcomes].map((each) => {
		return { bytes: "context" in each ? each.context : each.record, pointers: each.pointers };
	});
	for (const { bytes, pointers } of values)
		for (const { offset, object } of pointers) {
			within("word", offset, (bytes?.length ?? 0) - 7);
			within("object", object, length);
		}
}

function writePointers(to: Writer, pointers: readonly RecordedPointer[]): void {
	to.list(pointers, ({ offset, object }) => {
		to.number(offset);
		to.number(object);
	});
}

function writeRead(to: Writer, read: RecordedRead): void {
	to.wide(read.address);
	to.flag(read.text);
	to.signed(BigInt(read.result));
	to.trimmed(read.bytes);
}

function writeOutcome(to: Writer, { map, record, pointers }: RecordedOutcome): void {
	to.text(map);
	to.flag(record !== undefined);
	if (record === undefined) return;
	to.trimmed(record);
	writePointers(to, pointers);
}

function writeMap(to: Writer, map: RecordedMap): void {
	to.text(map.name);
	to.number(map.keySize);
	to.number(map.valueSize);
	to.flag(map.written);
	const each = map.entries[0]?.values.length ?? 0;
	to.number(each);
	to.list(map.entries, ({ key, values }) => {
		const sizes = [key.length === map.keySize, ...values.map((value) => value.length === map.valueSize)];
		if (sizes.includes(false) || values.length !== each)
			throw new RangeError(`map ${map.name}: an entry is not as long as the others`);
		to.rest(key);
		for (const value of values) to.rest(value);
	});
}

/** Numbers of seven bits a byte. */
class Writer {
	readonly #bytes = new ByteWriter(true, 1024);
	readonly texts: string[] = [];
	readonly #textIndex = new Map<string, number>();
	/** Shared by the parts of a file. */
	readonly #budget: { zeros: number };

	constructor(budget: { zeros: number }) {
		this.#budget = budget;
	}

	raw(bytes: Uint8Array): void {
		this.#bytes.write(bytes);
	}

	number(value: number): void {
		if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no number of a recording`);
		let rest = value;
		while (rest >= 0x80) {
			this.#bytes.u8((rest % 0x80) | 0x80);
			rest = Math.floor(rest / 0x80);
		}
		this.#bytes.u8(rest);
	}

	/** Unsigned, 64 bit. */
	wide(value: bigint): void {
		if (value < 0n || value >= 1n << 64n) throw new RangeError(`${value} has not 64 bits`);
		let rest = value;
		while (rest >= 0x80n) {
			this.#bytes.u8(Number(rest & 0x7fn) | 0x80);
			rest >>= 7n;
		}
		this.#bytes.u8(Number(rest));
	}

	/** Small ones of either sign are short. */
	signed(value: bigint): void {
		this.wide(BigInt.asUintN(64, value < 0n ? (-value << 1n) - 1n : value << 1n));
	}

	flag(value: boolean): void {
		this.number(value ? 1 : 0);
	}

	list<T>(items: readonly T[], each: (item: T) => void): void {
		this.number(items.length);
		for (const item of items) each(item);
	}

	text(value: string): void {
		let index = this.#textIndex.get(value);
		if (index === undefined) {
			index = this.texts.push(value) - 1;
			this.#textIndex.set(value, index);
		}
		this.number(index);
	}

	counted(bytes: Uint8Array): void {
		this.number(bytes.length);
		this.raw(bytes);
	}

	/** Its length, then `rest`. */
	trimmed(bytes: Uint8Array): void {
		this.number(bytes.length);
		this.rest(bytes);
	}

	/** How many bytes there are up to the last that is not zero, and they. */
	rest(bytes: Uint8Array): void {
		if (bytes.length > LONGEST_VALUE)
			throw new RangeError(`a value of ${bytes.length} bytes: at most ${LONGEST_VALUE}`);
		let end = bytes.length;
		while (end > 0 && bytes[end - 1] === 0) end--;
		this.#budget.zeros += bytes.length - end;
		if (this.#budget.zeros > MOST_ZEROS) throw new RangeError(`more than ${MOST_ZEROS} zeros at the ends of values`);
		this.counted(bytes.subarray(0, end));
	}

	finish(): Uint8Array<ArrayBuffer> {
		return this.#bytes.finish();
	}
}
