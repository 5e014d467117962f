import { RINGBUF } from "#uapi";

/**
 * Receives one record: `length` bytes at `offset` of `view`, little-endian as the kernel wrote them. The bytes belong to
 * the ring again as soon as the call returns: decode or copy, never keep the view. Never write: the memory is read-only.
 */
export type RecordSink = (view: DataView, offset: number, length: number) => void;

/** The memory of a ring buffer: two positions, and the data twice in a row, so that no record wraps. */
export interface RingMemory {
	readonly consumer: BigUint64Array;
	readonly producer: BigUint64Array;
	readonly data: DataView;
	/** The data once, as the headers' first words, for Atomics: a load-acquire, which arm64 needs. */
	readonly words: Int32Array;
	/** Bytes of the data, a power of two. */
	readonly size: number;
}

/** The consumer's side of a ring buffer's memory. */
export class Ring {
	/** Records that sinks have seen so far. */
	seen = 0;
	/** Where the consumer is, in bytes since the beginning, as a number: exact up to 2^53. Published. */
	position: number;
	/** Set from within a sink: no record is taken any more. */
	stopped = false;
	#memory: RingMemory;

	constructor(memory: RingMemory) {
		this.#memory = memory;
		this.position = Number(Atomics.load(memory.consumer, 0));
	}

	/** The same ring in other memory: says there where the consumer is. */
	move(memory: RingMemory): void {
		this.#memory = memory;
		Atomics.store(memory.consumer, 0, BigInt(this.position));
	}

	/** Bytes between the consumer's and the producers' position. */
	get pending(): number {
		return Number(Atomics.load(this.#memory.producer, 0)) - this.position;
	}

	/**
	 * Takes up to `most` finished records, but no more than an eighth of the ring, and publishes where it came to. Returns how
	 * many, those that their program discarded included. A short function that is called often: the engine puts its compiled
	 * form in place between two calls, long before it would do so within one long loop.
	 */
	take(sink: RecordSink, most: number): number {
		const { data, words, size } = this.#memory;
		const mask = size - 1;
		const start = this.position;
		const stop = start + Math.min(this.pending, size / 8);
		let position = start;
		let taken = 0;
		try {
			while (taken < most && position < stop && !this.stopped) {
				const at = position & mask;
				const header = Atomics.load(words, at >>> 2);
				// The busy bit is the sign bit.
				if (header < 0) break;
				const length = header & ~RINGBUF.BPF_RINGBUF_DISCARD_BIT;
				position += (length + RINGBUF.BPF_RINGBUF_HDR_SZ + 7) & ~7;
				taken++;
				if ((header & RINGBUF.BPF_RINGBUF_DISCARD_BIT) === 0) {
					this.seen++;
					sink(data, at + RINGBUF.BPF_RINGBUF_HDR_SZ, length);
				}
			}
		} finally {
			this.position = position;
			if (position !== start) Atomics.store(this.#memory.consumer, 0, BigInt(position));
		}
		return taken;
	}
}

const PRACTICE_SIZE = 4096;
const PRACTICE_RECORD = 64;
const PRACTICE_ROUNDS = 200;
let practised = false;

/**
 * Takes 12,800 empty records from a ring in memory of our own, once a process. Interpreting and compiling the loop
 * stalls the first drains by 10 to 25 ms (measured), in which a ring of 2 MiB overflows at full rate: better done before.
 */
export function practise(): void {
	if (practised) return;
	practised = true;
	const buffer = new ArrayBuffer(16 + 2 * PRACTICE_SIZE);
	const producer = new BigUint64Array(buffer, 8, 1);
	const words = new Int32Array(buffer, 16, PRACTICE_SIZE / 4);
	for (let at = 0; at < PRACTICE_SIZE; at += PRACTICE_RECORD)
		words[at / 4] = PRACTICE_RECORD - RINGBUF.BPF_RINGBUF_HDR_SZ;
	const ring = new Ring({
		consumer: new BigUint64Array(buffer, 0, 1),
		producer,
		data: new DataView(buffer, 16),
		words,
		size: PRACTICE_SIZE,
	});
	for (let round = 1; round <= PRACTICE_ROUNDS; round++) {
		producer[0] = BigInt(round * PRACTICE_SIZE);
		while (ring.take(ignore, PRACTICE_SIZE) > 0);
	}
}

function ignore(): void {}
