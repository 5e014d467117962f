import { BpfError } from "#base";
import { type Btf, recordDecoder } from "#btf";
import { type BpfMap, Pace, PerfBufferReader, RingBufferReader, type Timers } from "#live";
import type { CollectionSpec, MapSpec } from "#spec";

/** Structs of an object's BTF by the names of the ring buffers that they go through. */
export type RecordNames = Readonly<Record<string, string>>;

/** Programs write records into it, user space reads them. */
export const isRing = (map: MapSpec): boolean => map.type === "ringbuf" || map.type === "perf_event_array";

/**
 * Type of a ring buffer's records, an id of the object's BTF: what `named` says, else the manifest of skep's compiler, else
 * the `__type(value, …)` of the map's definition. 0: nobody says.
 * @throws BpfError ERR_NO_TYPE where the BTF has no struct of that name
 */
export function recordType(map: MapSpec, spec: CollectionSpec, named: RecordNames = {}): number {
	const { btf } = spec;
	const name = Object.hasOwn(named, map.name)
		? named[map.name]
		: spec.manifest?.maps.find((each) => each.name === map.name)?.record;
	if (name !== undefined) {
		const id = btf?.findAll(name).find((each) => isRecord(btf, each));
		if (id === undefined)
			throw new BpfError("ERR_NO_TYPE", `${spec.name} has no struct ${name} for records of ${map.name}`);
		return id;
	}
	return btf && map.valueType > 0 && isRecord(btf, map.valueType) ? map.valueType : 0;
}

function isRecord(btf: Btf, id: number): boolean {
	const kind = btf.kind(btf.resolve(id));
	return kind === "struct" || kind === "union";
}

/**
 * What comes through a ring buffer or a perf event array, one value a record: plain objects by the records' type, bytes
 * where none is known. Reading begins with the first call; a ring has one reader. Closed with its skeleton.
 */
export class Records<R = Uint8Array> implements Disposable {
	/** The map itself. It stays the caller's. */
	readonly map: BpfMap;
	readonly #read: (view: DataView, offset: number, length: number) => R;
	#reader: RingBufferReader | PerfBufferReader | undefined;
	#closed = false;

	/** `type`: a struct of `btf`; 0: records are bytes, copied. */
	constructor(map: BpfMap, btf: Btf | undefined, type: number) {
		this.map = map;
		const size = btf && type > 0 ? btf.sizeOf(type) : 0;
		const decode = btf && type > 0 ? recordDecoder(btf, type) : undefined;
		this.#read = (view, offset, length) => {
			if (!decode) return new Uint8Array(view.buffer, view.byteOffset + offset, length).slice() as R;
			if (length < size)
				throw new BpfError("ERR_RECORD", `a record of ${length} bytes in ${map.name}, its type has ${size}`);
			return decode(view, offset) as R;
		};
	}

	/**
	 * Hands what is there to `sink`, `most` at the most; how many there were. What `sink` throws passes through.
	 * @throws BpfError ERR_RECORD for a record that is shorter than the type
	 */
	drain(sink: (record: R) => void, most?: number): number {
		if (this.#closed) return 0;
		return this.#open().drain((view, offset, length) => sink(this.#read(view, offset, length)), most);
	}

	/**
	 * Records as they come, until the skeleton is closed or the loop is left. A slow loop leaves them in the ring, where the
	 * kernel drops what finds no room.
	 *
	 *     for await (const r of it.maps.events.stream({ set: setTimeout, clear: clearTimeout })) …
	 */
	async *stream(timers: Timers): AsyncGenerator<R, undefined, undefined> {
		const pace = new Pace();
		while (!this.#closed) {
			const reader = this.#open();
			const before = reader.fill;
			const found: R[] = [];
			this.drain((record) => found.push(record));
			yield* found;
			pace.drained(found.length, before, reader.closed ? 0 : reader.fill);
			await pause(timers, pace);
		}
	}

	/** Records that the kernel has told to be lost: of perf event arrays. Programs see themselves where a ring buffer is full. */
	get lost(): number {
		return this.#reader instanceof PerfBufferReader ? this.#reader.lost : 0;
	}

	close(): void {
		this.#closed = true;
		this.#reader?.close();
	}

	[Symbol.dispose](): void {
		this.close();
	}

	#open(): RingBufferReader | PerfBufferReader {
		this.#reader ??= this.map.type === "ringbuf" ? new RingBufferReader(this.map) : new PerfBufferReader(this.map);
		return this.#reader;
	}
}

function pause(timers: Timers, pace: Pace): Promise<void> {
	return new Promise((resolve) => {
		if (pace.pause === 0 && timers.soon) timers.soon(resolve);
		else timers.set(resolve, Math.max(pace.pause, pace.shortest));
	});
}
