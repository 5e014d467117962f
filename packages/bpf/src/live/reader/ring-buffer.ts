import type { Mapping } from "#kernel";
import type { BpfMap } from "../map.ts";
import { refuse } from "../refusal.ts";
import { practise, type RecordSink, Ring, type RingMemory } from "./ring.ts";

/** Records after which the consumer's position is published: each costs the producers a cache line. */
const PUBLISH = 256;
/** Records that one `drain` takes at most, unless told: keeps an event loop alive. Two MiB hold about as many. */
const DRAIN = 32_768;

/**
 * Consumer of a BPF ring buffer map, the only one there may be. The consumer's page is mapped writable; the producer's page
 * and the data, which the kernel maps twice so that no record wraps, are mapped read-only.
 */
export class RingBufferReader implements Disposable {
	readonly map: BpfMap;
	/** Bytes of the ring. */
	readonly size: number;
	readonly #ring: Ring;
	readonly #consumer: Mapping;
	readonly #producer: Mapping;
	/** What the ring's views are of. */
	#buffer: ArrayBufferLike;
	#mapped = true;
	/** A sink is being called: the memory must stay, and a drain within a drain finds nothing. */
	#draining = false;

	/** @throws TypeError for other map types */
	constructor(map: BpfMap) {
		if (map.type !== "ringbuf") throw new TypeError(`map ${map.name} is of type ${map.type}, not ringbuf`);
		const { pageSize } = map.kernel;
		this.map = map;
		this.size = map.maxEntries;
		const consumer = mapped(map, 0, pageSize, true);
		let producer: Mapping;
		try {
			producer = mapped(map, pageSize, pageSize + 2 * this.size, false);
		} catch (error) {
			consumer.unmap();
			throw error;
		}
		this.#consumer = consumer;
		this.#producer = producer;
		this.#buffer = producer.buffer;
		this.#ring = new Ring(this.#memory());
		practise();
	}

	#memory(): RingMemory {
		const consumer = this.#consumer;
		const producer = this.#producer;
		const at = producer.offset ?? 0;
		const data = at + this.map.kernel.pageSize;
		return {
			consumer: new BigUint64Array(consumer.buffer, consumer.offset ?? 0, 1),
			producer: new BigUint64Array(producer.buffer, at, 1),
			data: new DataView(producer.buffer, data, 2 * this.size),
			words: new Int32Array(producer.buffer, data, this.size / 4),
			size: this.size,
		};
	}

	/** A kernel whose memory grows exchanges the buffer: views of the old one see nothing new. */
	#follow(): void {
		if (!this.#mapped || this.#producer.buffer === this.#buffer) return;
		this.#buffer = this.#producer.buffer;
		this.#ring.move(this.#memory());
	}

	/** Records that sinks have seen so far. */
	get consumed(): number {
		return this.#ring.seen;
	}

	/** Bytes between the consumer's and the producer's position; `size` means full. */
	get pending(): number {
		if (this.closed) return 0;
		this.#follow();
		return this.#ring.pending;
	}

	/** How full the ring is, 0 to 1. */
	get fill(): number {
		return this.pending / this.size;
	}

	get closed(): boolean {
		return this.#ring.stopped;
	}

	/**
	 * Hands finished records to `sink` until the ring is empty, a record is still being written, or `max` were taken, those
	 * that their program discarded included. Returns how many `sink` saw. If it throws, the record counts as consumed and the
	 * error passes through.
	 */
	drain(sink: RecordSink, max: number = DRAIN): number {
		if (this.closed || this.#draining) return 0;
		this.#draining = true;
		this.#follow();
		const before = this.#ring.seen;
		try {
			for (let left = max; left > 0; ) {
				const taken = this.#ring.take(sink, Math.min(left, PUBLISH));
				if (taken === 0) break;
				left -= taken;
			}
		} finally {
			this.#draining = false;
			this.#follow();
			if (this.closed) this.close();
		}
		return this.#ring.seen - before;
	}

	/** Unmaps; from inside a sink, once the drain is over. The map stays open: it is the caller's. */
	close(): void {
		this.#ring.stopped = true;
		if (this.#draining) return;
		if (this.#mapped) for (const page of [this.#consumer, this.#producer]) page.unmap();
		this.#mapped = false;
	}

	[Symbol.dispose](): void {
		this.close();
	}
}

function mapped(map: BpfMap, offset: number, length: number, writable: boolean): Mapping {
	const mapping = map.kernel.mmap(map.fd.number, offset, length, writable);
	if (typeof mapping !== "number") return mapping;
	throw refuse(map.kernel, { syscall: "mmap", errno: -mapping, what: `map ring buffer ${map.name}` });
}
