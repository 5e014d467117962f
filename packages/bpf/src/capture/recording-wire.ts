import { ByteReader } from "#base";
import type { ManifestRecording, RecordingSite } from "#spec";
import {
	COMM_BYTES,
	type RecordedEvent,
	type RecordedMember,
	type RecordedObject,
	type RecordedOutcome,
	type RecordedPointer,
	type RecordedRead,
	type RecordedResult,
	type RecordedShape,
} from "./recording.ts";

const HEADER = 64;
const ENTRY = 8;
const TRUNCATED = 1;
/** `__data_loc` counts in 16 bits. */
const LONGEST_CONTEXT = 0x1_0000;

export interface WireOptions {
	/**
	 * Where in a program's context addresses may stand; undefined: not known, any word may be one. Only there a word that
	 * looks like an address of the kernel is taken for one.
	 */
	readonly words?: (program: number) => readonly number[] | undefined;
	/** Gets every address of the kernel that was taken out. */
	readonly addresses?: Set<bigint>;
}

/**
 * Events from what programs of a recording variant log. Addresses of the kernel become numbers of objects; events whose
 * objects say the same are not yet made to share them: the file does.
 */
export class WireReader {
	readonly #recording: ManifestRecording;
	readonly #options: WireOptions;
	/** One object for each field, however many places read it. */
	readonly #known = new Map<string, RecordedShape>();
	/** By site; of sites that name elements by site and index. */
	readonly #shapes = new Map<number | string, RecordedShape>();

	constructor(recording: ManifestRecording, options: WireOptions = {}) {
		this.#recording = recording;
		this.#options = options;
	}

	#shape(key: number | string, struct: string, path: readonly string[], signed: boolean): RecordedShape {
		let shape = this.#shapes.get(key);
		if (shape === undefined) {
			const fresh = { struct, path, signed };
			const text = JSON.stringify(fresh);
			shape = this.#known.get(text) ?? fresh;
			this.#known.set(text, shape);
			this.#shapes.set(key, shape);
		}
		return shape;
	}

	/** One record of the log. @throws FormatError */
	read(record: Uint8Array): RecordedEvent {
		const { programs, sites } = this.#recording;
		const from = new ByteReader(record, true, { section: this.#recording.map });
		const program = from.u32("program");
		if (program >= programs.length) throw from.error("program", `program ${program} of ${programs.length}`, 0);
		const cpu = from.u32("cpu");
		const clock = from.u64("clock");
		const pid = from.u32("pid");
		const tgid = from.u32("tgid");
		const uid = from.u32("uid");
		const gid = from.u32("gid");
		const cgroup = from.u64("cgroup");
		const comm = from.slice(COMM_BYTES, "comm").slice();
		const flags = from.u32("flags");
		const length = from.u32("length");
		if (length > from.remaining) throw from.error("length", `${length} bytes of entries, ${from.remaining} are left`);
		const end = HEADER + length;
		const event = new EventBuilder(this.#options.words?.(program));
		for (let i = 0; from.offset < end; i++) {
			const path = `entry[${i}]`;
			if (end - from.offset < ENTRY) throw from.error(path, `${end - from.offset} bytes, ${ENTRY} expected`);
			const number = from.u16(path);
			const size = from.u16(path);
			from.u32(path);
			const site = sites[number];
			if (site === undefined) throw from.error(path, `site ${number} of ${sites.length}`);
			const data = new ByteReader(from.slice(size, path), true, { section: site.kind, origin: from.offset - size });
			if (site.kind === "field") {
				const shape = this.#shape(number, site.struct, site.path, site.signed === true);
				event.addField(shape, data.u64(path), data.slice(site.size, path), site.pointsTo !== undefined);
			} else if (site.kind === "element") {
				const address = data.u64(path);
				const distance = data.u64(path);
				const index = distance / BigInt(Math.max(1, site.stride));
				const steps = [...site.path, `[${index}]`, ...site.member];
				const shape = this.#shape(`${number}[${index}]`, site.struct, steps, site.signed === true);
				event.addField(shape, address, data.slice(site.size, path), site.pointsTo !== undefined);
			} else event.add(site, data, path);
			from.take((8 - (size % 8)) % 8, path);
		}
		for (const address of event.addresses.keys()) this.#options.addresses?.add(address);
		const task = { pid, tgid, uid, gid, cgroup, comm };
		return { program, cpu, clock, task, ...event.finish(), truncated: (flags & TRUNCATED) !== 0 };
	}
}

/** Half of the address space is the kernel's; small negative numbers look as if they were in it. */
const isKernel = (word: bigint): boolean => word >= 0xffff_0000_0000_0000n && word < 0xffff_ffff_ff00_0000n;

interface ObjectBuilder {
	readonly fields: Map<RecordedShape, Uint8Array | number>;
	bytes: Uint8Array | undefined;
}

class EventBuilder {
	/** Object by address. */
	readonly addresses = new Map<bigint, number>();
	readonly #words: readonly number[] | undefined;
	readonly #objects: ObjectBuilder[] = [];
	readonly #dynamic: { readonly at: number; readonly bytes: Uint8Array }[] = [];
	readonly #reads: RecordedRead[] = [];
	readonly #results: RecordedResult[] = [];
	readonly #outcomes: { readonly map: string; readonly record: Uint8Array | undefined }[] = [];
	#context = new Uint8Array(0);
	#pointers: readonly RecordedPointer[] = [];
	#current: number | undefined;

	constructor(words: readonly number[] | undefined) {
		this.#words = words;
	}

	add(site: Exclude<RecordingSite, { kind: "field" | "element" }>, data: ByteReader, path: string): void {
		switch (site.kind) {
			case "context":
				this.#addContext(data.slice(data.length, path));
				return;
			case "dynamic": {
				const at = data.u32(path);
				data.u32(path);
				if (at + data.remaining > LONGEST_CONTEXT) throw data.error(path, `a context of ${at + data.remaining} bytes`);
				this.#dynamic.push({ at, bytes: data.slice(data.remaining, path).slice() });
				return;
			}
			case "helper":
				this.#results.push({ helper: site.id, value: data.u64(path) });
				return;
			case "current": {
				const address = data.u64(path);
				if (isKernel(address)) this.#current = this.#object(address);
				return;
			}
			case "memory":
				this.#addMemory(data, site.text, path);
				return;
			case "emit":
				this.#outcomes.push({ map: site.map, record: data.slice(data.length, path).slice() });
				return;
			case "reserve-failed":
				this.#outcomes.push({ map: site.map, record: undefined });
		}
	}

	#object(address: bigint): number {
		let object = this.addresses.get(address);
		if (object === undefined) {
			object = this.#objects.push({ fields: new Map(), bytes: undefined }) - 1;
			this.addresses.set(address, object);
		}
		return object;
	}

	#addContext(bytes: Uint8Array): void {
		this.#context = bytes.slice();
		const all = Array.from({ length: Math.floor(bytes.length / 8) }, (_, i) => i * 8);
		const words = (this.#words ?? all).filter((offset) => offset + 8 <= bytes.length);
		const { view } = new Words(bytes);
		for (const offset of words) {
			const word = view.getBigUint64(offset, true);
			if (isKernel(word)) this.#object(word);
		}
		this.#pointers = this.#takeOut(this.#context, words);
	}

	/** Addresses of known objects become zero. */
	#takeOut(bytes: Uint8Array, offsets: readonly number[]): RecordedPointer[] {
		const pointers: RecordedPointer[] = [];
		const { view } = new Words(bytes);
		for (const offset of offsets) {
			const object = this.addresses.get(view.getBigUint64(offset, true));
			if (object === undefined) continue;
			pointers.push({ offset, object });
			view.setBigUint64(offset, 0n, true);
		}
		return pointers;
	}

	addField(shape: RecordedShape, address: bigint, bytes: Uint8Array, pointer: boolean): void {
		// A pointer that leads elsewhere gave zero, as it will again.
		if (!isKernel(address)) return;
		const { fields } = this.#objects[this.#object(address)]!;
		if (bytes.length === 8) {
			const word = new Words(bytes).view.getBigUint64(0, true);
			// Pointers to text are not told from numbers, but numbers as high as that have a sign.
			if (isKernel(word) && (pointer || !shape.signed)) {
				fields.set(shape, this.#object(word));
				return;
			}
		}
		// The last value: what a program reads itself comes after what is read for its task.
		fields.set(shape, bytes.slice());
	}

	#addMemory(data: ByteReader, text: boolean, path: string): void {
		const address = data.u64(path);
		const result = Number(BigInt.asIntN(32, data.u64(path)));
		const bytes = data.slice(data.remaining, path).slice();
		if (!isKernel(address)) {
			this.#reads.push({ address, result, bytes, text });
			return;
		}
		const object = this.#objects[this.#object(address)]!;
		if (result >= 0 && bytes.length >= (object.bytes?.length ?? 0)) object.bytes = bytes;
	}

	finish(): Pick<RecordedEvent, "current" | "context" | "pointers" | "objects" | "reads" | "results" | "outcomes"> {
		return {
			current: this.#current,
			context: this.#wholeContext(),
			pointers: this.#pointers,
			objects: this.#objects.map(
				({ fields, bytes }): RecordedObject => ({
					fields: Array.from(fields, ([shape, value]): RecordedMember => ({ shape, value })),
					bytes,
				}),
			),
			reads: this.#reads,
			results: this.#results,
			outcomes: this.#outcomes.map(({ map, record }): RecordedOutcome => {
				if (record === undefined) return { map, record, pointers: [] };
				const words = Array.from({ length: Math.floor(record.length / 8) }, (_, i) => i * 8);
				return { map, record, pointers: this.#takeOut(record, words) };
			}),
		};
	}

	#wholeContext(): Uint8Array {
		const end = this.#dynamic.reduce((most, { at, bytes }) => Math.max(most, at + bytes.length), this.#context.length);
		const whole = new Uint8Array(end);
		whole.set(this.#context);
		for (const { at, bytes } of this.#dynamic) whole.set(bytes, at);
		return whole;
	}
}

/** Bytes as words. */
class Words {
	readonly view: DataView;
	constructor(bytes: Uint8Array) {
		this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	}
}
