import { ByteReader, decodeUtf8, encodeUtf8, type FormatError } from "#base";
import {
	COMM_BYTES,
	LONGEST_VALUE,
	MOST_PARTS,
	MOST_ZEROS,
	RECORDING_MAGIC,
	RECORDING_VERSION,
	type RecordedEntry,
	type RecordedEvent,
	type RecordedField,
	type RecordedMap,
	type RecordedMember,
	type RecordedObject,
	type RecordedOutcome,
	type RecordedPointer,
	type RecordedProgram,
	type RecordedRead,
	type RecordedResult,
	type RecordedShape,
	type RecordedTask,
	type Recording,
	type RecordingMeta,
} from "./recording.ts";
import { keyOf } from "./recording-write.ts";

/** Whether these are the first bytes of a recording. */
export const isRecording = (bytes: Uint8Array): boolean => RECORDING_MAGIC.every((byte, i) => bytes[i] === byte);

/**
 * Reads the file that `writeRecording` writes, whole; what it gives shares nothing with `bytes`. Memory is bounded by the
 * file's length and MOST_ZEROS. @throws FormatError with offset and path
 */
export function readRecording(bytes: Uint8Array, options: { readonly file?: string } = {}): Recording {
	const from = new Reader(bytes, options.file);
	from.header();
	const meta = readMeta(from);
	const shapes = new Entries(from, "shapes", (path) => readShape(from, path));
	const scenes = new Entries(from, "scenes", (path) => readScene(from, path, shapes));
	shapes.close();
	const tasks = new Entries(from, "tasks", (path) => readTask(from, path));
	let clock = 0n;
	const events = from.list("events", 11, (path) => {
		const event = readEvent(from, path, meta, scenes, tasks, clock);
		clock = event.clock;
		return event;
	});
	scenes.close();
	tasks.close();
	const lost = from.wide("lost");
	const maps = from.list("maps", 6, (path) => readMap(from, path));
	from.end();
	return { meta, events, lost, maps };
}

function readMeta(from: Reader): RecordingMeta {
	const producer = from.text("meta/producer");
	const source = from.text("meta/source");
	const hash = from.text("meta/hash");
	const release = from.text("meta/release");
	const cpus = from.number("meta/cpus");
	if (cpus < 1 || cpus > MOST_CPUS) throw from.error("meta/cpus", `${cpus} CPUs, 1 to ${MOST_CPUS} expected`);
	const words = from.list("meta/options", 1, (path) => from.text(path));
	const programs = from.list("meta/programs", 3, (path): RecordedProgram => {
		const name = from.text(path);
		const section = from.text(path);
		const fields = from.list(`${path}/fields`, 3, (at): RecordedField => {
			return { name: from.text(at), offset: from.number(at), size: from.number(at) };
		});
		return { name, section, fields };
	});
	return { producer, source, hash, release, cpus, options: words, programs };
}

function readShape(from: Reader, path: string): RecordedShape {
	const struct = from.text(path);
	const steps = from.list(`${path}/path`, 1, (at) => from.text(at));
	return { struct, path: steps, signed: from.flag(path) };
}

function readScene(from: Reader, path: string, shapes: Entries<RecordedShape>): readonly RecordedObject[] {
	const references: { readonly object: number; readonly offset: number; readonly path: string }[] = [];
	const objects = from.parts(path, 1, (at): RecordedObject => {
		const head = from.number(at);
		const count = Math.floor(head / 2);
		from.checkCount(count, 2, at);
		const fields: RecordedMember[] = [];
		for (let i = 0; i < count; i++) {
			const word = from.number(at);
			const shape = shapes.get(Math.floor(word / 2), at);
			if (word % 2 === 0) fields.push({ shape, value: from.trimmed(at) });
			else {
				const { offset } = from;
				const object = from.number(at);
				references.push({ object, offset, path: at });
				fields.push({ shape, value: object });
			}
		}
		return { fields, bytes: head % 2 === 1 ? from.trimmed(at) : undefined };
	});
	for (const { object, offset, path: at } of references) from.checkIndex(object, objects.length, at, offset);
	return objects;
}

function readTask(from: Reader, path: string): RecordedTask {
	const pid = from.u32(path);
	const tgid = from.u32(path);
	const uid = from.u32(path);
	const gid = from.u32(path);
	const cgroup = from.wide(path);
	const comm = from.trimmed(path);
	if (comm.length !== COMM_BYTES) throw from.error(path, `a name of ${comm.length} bytes, ${COMM_BYTES} expected`);
	return { pid, tgid, uid, gid, cgroup, comm };
}

function readEvent(
	from: Reader,
	path: string,
	{ programs, cpus }: RecordingMeta,
	scenes: Entries<readonly RecordedObject[]>,
	tasks: Entries<RecordedTask>,
	clock: bigint,
): RecordedEvent {
	const program = from.index(programs.length, path);
	const head = from.number(path);
	const cpu = Math.floor(head / 2);
	from.checkIndex(cpu, cpus, path);
	const time = clock + from.signed(path);
	if (time < 0n || time >= 1n << 63n) throw from.error(path, `${time} is no time since boot`);
	const task = tasks.read(path);
	const objects = scenes.read(path);
	const current = from.index(objects.length + 1, path);
	const context = from.trimmed(`${path}/context`);
	const pointers = readPointers(from, `${path}/context`, context.length, objects.length);
	const reads = from.parts(`${path}/reads`, 4, (at): RecordedRead => {
		const address = from.wide(at);
		const text = from.flag(at);
		const result = from.signed(at);
		if (result > 0x7fff_ffffn || result < -0x8000_0000n) throw from.error(at, `${result} is no helper's result`);
		return { address, text, result: Number(result), bytes: from.trimmed(at) };
	});
	const results = from.parts(`${path}/results`, 2, (at): RecordedResult => {
		return { helper: from.u32(at), value: from.wide(at) };
	});
	const outcomes = from.parts(`${path}/outcomes`, 2, (at): RecordedOutcome => {
		const map = from.text(at);
		if (!from.flag(at)) return { map, record: undefined, pointers: [] };
		const record = from.trimmed(at);
		return { map, record, pointers: readPointers(from, at, record.length, objects.length) };
	});
	return {
		program,
		cpu,
		clock: time,
		task,
		current: current === 0 ? undefined : current - 1,
		context,
		pointers,
		objects,
		reads,
		results,
		outcomes,
		truncated: head % 2 === 1,
	};
}

function readPointers(from: Reader, path: string, size: number, objects: number): RecordedPointer[] {
	return from.parts(path, 2, (at): RecordedPointer => {
		const offset = from.number(at);
		if (offset + 8 > size) throw from.error(at, `eight bytes at ${offset} of ${size}`);
		return { offset, object: from.index(objects, at) };
	});
}

function readMap(from: Reader, path: string): RecordedMap {
	const name = from.text(path);
	const keySize = from.size(path);
	const valueSize = from.size(path);
	const written = from.flag(path);
	const each = from.number(path);
	if (each > MOST_CPUS) throw from.error(path, `${each} values an entry, at most ${MOST_CPUS} expected`);
	const entries = from.list(`${path}/entries`, 1 + each, (at): RecordedEntry => {
		const key = from.rest(keySize, at);
		const values: Uint8Array[] = [];
		for (let i = 0; i < each; i++) values.push(from.rest(valueSize, at));
		return { key, values };
	});
	if (entries.length === 0 && each !== 0) throw from.error(path, `${each} values an entry of a map without entries`);
	return { name, keySize, valueSize, written, entries };
}

const MOST_CPUS = 8192;

/** A table of the file, and what was named of it so far. */
class Entries<T> {
	readonly #from: Reader;
	readonly #name: string;
	readonly #values: T[];
	readonly #used: Uses;

	constructor(from: Reader, name: string, read: (path: string) => T) {
		this.#from = from;
		this.#name = name;
		const known = new Set<string>();
		this.#values = from.list(name, 1, (path) => {
			const start = from.offset;
			const value = read(path);
			const key = keyOf(from.bytes(start));
			if (known.has(key)) throw from.error(path, "stands in its table twice", start);
			known.add(key);
			return value;
		});
		this.#used = new Uses(from, name, this.#values.length);
	}

	/** By an index that stands in the file next. */
	read(path: string): T {
		const { offset } = this.#from;
		return this.get(this.#from.number(path), path, offset);
	}

	get(index: number, path: string, offset = this.#from.offset): T {
		this.#used.use(index, path, offset);
		return this.#values[index]!;
	}

	/** Nothing names it any more. */
	close(): void {
		this.#used.close(this.#name);
	}
}

/** Tables stand in the order of first use: anything else is another way to write the same. */
class Uses {
	readonly #from: Reader;
	readonly #what: string;
	readonly #count: number;
	#next = 0;

	constructor(from: Reader, what: string, count: number) {
		this.#from = from;
		this.#what = what;
		this.#count = count;
	}

	use(index: number, path: string, offset: number): void {
		this.#from.checkIndex(index, this.#count, path, offset);
		if (index > this.#next)
			throw this.#from.error(path, `${this.#what}[${index}] is named before ${this.#what}[${this.#next}]`, offset);
		if (index === this.#next) this.#next++;
	}

	close(path: string): void {
		if (this.#next < this.#count) throw this.#from.error(`${path}[${this.#next}]`, "is named nowhere");
	}
}

class Reader {
	readonly #reader: ByteReader;
	#texts: readonly string[] = [];
	#used: Uses | undefined;
	#zeros = 0;

	constructor(bytes: Uint8Array, file: string | undefined) {
		this.#reader = new ByteReader(bytes, true, file === undefined ? {} : { file });
	}

	get offset(): number {
		return this.#reader.offset;
	}

	/** What was read since `start`. */
	bytes(start: number): Uint8Array {
		return this.#reader.bytes.subarray(start, this.#reader.offset);
	}

	error(path: string, message: string, offset?: number): FormatError {
		return this.#reader.error(path, message, offset);
	}

	/** Magic, version and the texts. */
	header(): void {
		const reader = this.#reader;
		const magic = reader.slice(Math.min(RECORDING_MAGIC.length, reader.length), "magic");
		if (!isRecording(magic)) throw this.error("magic", "it is no recording of skep", 0);
		const version = reader.u32("version");
		if (version !== RECORDING_VERSION)
			throw this.error("version", `version ${version}, ${RECORDING_VERSION} expected`, RECORDING_MAGIC.length);
		const known = new Set<string>();
		this.#texts = this.list("texts", 1, (path) => {
			const start = this.offset;
			const bytes = reader.slice(this.number(path), path);
			const text = decodeUtf8(bytes);
			if (keyOf(encodeUtf8(text)) !== keyOf(bytes)) throw this.error(path, "it is not UTF-8", start);
			if (known.has(text)) throw this.error(path, "stands in its table twice", start);
			known.add(text);
			return text;
		});
		this.#used = new Uses(this, "texts", this.#texts.length);
	}

	/** The file ends here. */
	end(): void {
		this.#used?.close("texts");
		if (this.#reader.remaining > 0) throw this.error("end", `${this.#reader.remaining} bytes follow`);
	}

	number(path: string): number {
		const start = this.offset;
		let value = 0;
		let unit = 1;
		for (;;) {
			const byte = this.#reader.u8(path);
			value += (byte & 0x7f) * unit;
			if (value > Number.MAX_SAFE_INTEGER) throw this.error(path, "a number beyond 2^53", start);
			if (byte < 0x80) {
				if (byte === 0 && unit > 1) throw this.error(path, "a number with zeros in front", start);
				return value;
			}
			unit *= 0x80;
			if (unit > 2 ** 56) throw this.error(path, "a number beyond 2^53", start);
		}
	}

	wide(path: string): bigint {
		const start = this.offset;
		let value = 0n;
		for (let shift = 0n; shift < 70n; shift += 7n) {
			const byte = this.#reader.u8(path);
			value |= BigInt(byte & 0x7f) << shift;
			if (byte >= 0x80) continue;
			if (byte === 0 && shift > 0n) throw this.error(path, "a number with zeros in front", start);
			if (value >= 1n << 64n) break;
			return value;
		}
		throw this.error(path, "a number of more than 64 bits", start);
	}

	signed(path: string): bigint {
		const value = this.wide(path);
		return (value & 1n) === 1n ? -((value + 1n) >> 1n) : value >> 1n;
	}

	u32(path: string): number {
		const start = this.offset;
		const value = this.number(path);
		if (value > 0xffff_ffff) throw this.error(path, `${value} has not 32 bits`, start);
		return value;
	}

	flag(path: string): boolean {
		return this.index(2, path) === 1;
	}

	index(count: number, path: string): number {
		const start = this.offset;
		const value = this.number(path);
		this.checkIndex(value, count, path, start);
		return value;
	}

	checkIndex(value: number, count: number, path: string, offset = this.offset): void {
		if (value >= count) throw this.error(path, `number ${value} of ${count}`, offset);
	}

	/** `count` things of at least `least` bytes each can still follow. */
	checkCount(count: number, least: number, path: string): void {
		if (count * least > this.#reader.remaining)
			throw this.error(path, `${count} of at least ${least} bytes each, ${this.#reader.remaining} bytes are left`);
	}

	list<T>(path: string, least: number, each: (path: string) => T, most = Number.POSITIVE_INFINITY): T[] {
		const start = this.offset;
		const count = this.number(path);
		if (count > most) throw this.error(path, `${count} of them, at most ${most}`, start);
		this.checkCount(count, least, path);
		const items: T[] = [];
		for (let i = 0; i < count; i++) items.push(each(`${path}[${i}]`));
		return items;
	}

	/** Of one event. */
	parts<T>(path: string, least: number, each: (path: string) => T): T[] {
		return this.list(path, least, each, MOST_PARTS);
	}

	text(path: string): string {
		const start = this.offset;
		const index = this.number(path);
		this.#used!.use(index, path, start);
		return this.#texts[index]!;
	}

	size(path: string): number {
		const start = this.offset;
		const size = this.number(path);
		if (size > LONGEST_VALUE) throw this.error(path, `a value of ${size} bytes, at most ${LONGEST_VALUE}`, start);
		return size;
	}

	/** A length and bytes; those left out at the end are zero. */
	trimmed(path: string): Uint8Array {
		return this.rest(this.size(path), path);
	}

	rest(size: number, path: string): Uint8Array {
		const start = this.offset;
		const kept = this.number(path);
		if (kept > size) throw this.error(path, `${kept} bytes of ${size}`, start);
		this.#zeros += size - kept;
		if (this.#zeros > MOST_ZEROS) throw this.error(path, `more than ${MOST_ZEROS} zeros at the ends of values`, start);
		const bytes = this.#reader.slice(kept, path);
		if (kept > 0 && bytes[kept - 1] === 0) throw this.error(path, "a value with zeros at its end", start);
		const value = new Uint8Array(size);
		value.set(bytes);
		return value;
	}
}
