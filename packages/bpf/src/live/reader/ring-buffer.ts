import type { Mapping } from "#kernel";
import { RINGBUF } from "#uapi";
import type { BpfMap } from "../map.ts";
import { refuse } from "../refusal.ts";

/** Records after which the consumer's position is published: each costs the producers a cache line. */
const PUBLISH = 256;
/** Records that one `drain` takes at most, unless told: keeps an event loop alive. */
const DRAIN = 65_536;

/**
 * Receives one record: `length` bytes at `offset` of `view`, little-endian as the kernel wrote them. The bytes belong to
 * the ring again as soon as the call returns: decode or copy, never keep the view. Never write: the memory is read-only.
 */
export type RecordSink = (view: DataView<ArrayBuffer>, offset: number, length: number) => void;

/**
 * Consumer of a BPF ring buffer map, the only one there may be. The consumer's page is mapped writable; the producer's page
 * and the data, which the kernel maps twice so that no record wraps, are mapped read-only.
 */
export class RingBufferReader implements Disposable {
	readonly map: BpfMap;
	/** Bytes of the ring. */
	readonly size: number;
	/** Records consumed so far. */
	consumed = 0;
	#pages: readonly Mapping[];
	/** A sink is being called: the memory must stay, and a drain within a drain finds nothing. */
	#draining = false;
	#closing = false;
	#data: DataView<ArrayBuffer>;
	/** The headers' first words, for Atomics: a load-acquire, which arm64 needs. */
	#words: Int32Array<ArrayBuffer>;
	#producer: BigUint64Array<ArrayBuffer>;
	#consumer: BigUint64Array<ArrayBuffer>;
	/** Position in the ring, as a number: exact up to 2^53 bytes. */
	#position: number;

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
		this.#pages = [consumer, producer];
		this.#consumer = new BigUint64Array(consumer.buffer, 0, 1);
		this.#producer = new BigUint64Array(producer.buffer, 0, 1);
		this.#data = new DataView(producer.buffer, pageSize, 2 * this.size);
		this.#words = new Int32Array(producer.buffer, pageSize, this.size / 4);
		this.#position = Number(Atomics.load(this.#consumer, 0));
	}

	/** Bytes between the consumer's and the producer's position; `size` means full. */
	get pending(): number {
		return this.closed ? 0 : Number(Atomics.load(this.#producer, 0)) - this.#position;
	}

	get closed(): boolean {
		return this.#closing;
	}

	/**
	 * Hands finished records to `sink` until the ring is empty, a record is still being written, or `max` were seen.
	 * Returns how many. If `sink` throws, the record counts as consumed and the error passes through.
	 */
	drain(sink: RecordSink, max: number = DRAIN): number {
		if (this.closed || this.#draining) return 0;
		this.#draining = true;
		const data = this.#data;
		const words = this.#words;
		const mask = this.size - 1;
		const start = this.#position;
		let position = start;
		let seen = 0;
		let unpublished = 0;
		let end = Number(Atomics.load(this.#producer, 0));
		try {
			while (seen < max && !this.#closing) {
				if (position >= end) {
					// Say where we are before looking again: producers wake no one, but they may wait for room.
					if (unpublished > 0) this.#publish(position);
					unpublished = 0;
					const again = Number(Atomics.load(this.#producer, 0));
					if (again === end) break;
					end = again;
				}
				const at = position & mask;
				const header = Atomics.load(words, at >>> 2);
				// The busy bit is the sign bit.
				if (header < 0) break;
				const length = header & ~RINGBUF.BPF_RINGBUF_DISCARD_BIT;
				position += (length + RINGBUF.BPF_RINGBUF_HDR_SZ + 7) & ~7;
				unpublished++;
				if ((header & RINGBUF.BPF_RINGBUF_DISCARD_BIT) === 0) {
					seen++;
					sink(data, at + RINGBUF.BPF_RINGBUF_HDR_SZ, length);
				}
				if (unpublished === PUBLISH) {
					this.#publish(position);
					unpublished = 0;
				}
			}
		} finally {
			if (unpublished > 0) this.#publish(position);
			this.consumed += seen;
			this.#draining = false;
			if (this.#closing) this.close();
		}
		return seen;
	}

	/** Unmaps; from inside a sink, once the drain is over. The map stays open: it is the caller's. */
	close(): void {
		this.#closing = true;
		if (this.#draining) return;
		for (const page of this.#pages) page.unmap();
		this.#pages = [];
	}

	[Symbol.dispose](): void {
		this.close();
	}

	#publish(position: number): void {
		this.#position = position;
		Atomics.store(this.#consumer, 0, BigInt(position));
	}
}

function mapped(map: BpfMap, offset: number, length: number, writable: boolean): Mapping {
	const mapping = map.kernel.mmap(map.fd.number, offset, length, writable);
	if (typeof mapping !== "number") return mapping;
	throw refuse(map.kernel, { syscall: "mmap", errno: -mapping, what: `map ring buffer ${map.name}` });
}
