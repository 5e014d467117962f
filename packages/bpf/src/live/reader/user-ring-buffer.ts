import { BpfError } from "#base";
import type { Mapping } from "#kernel";
import { RINGBUF } from "#uapi";
import type { BpfMap } from "../map.ts";
import { refuse } from "../refusal.ts";
import type { Timers } from "./timer.ts";

/** Shortest and longest pause of whoever waits for room, in milliseconds. */
const SHORTEST = 1;
const LONGEST = 32;

/** Room for one record in a user ring buffer. Programs see it once it is submitted, and nothing behind it before. */
export class UserRecord {
	/** To be filled. Valid until `submit` or `discard`. */
	readonly bytes: Uint8Array;
	#finish: ((bits: number) => void) | undefined;

	constructor(bytes: Uint8Array, finish: (bits: number) => void) {
		this.bytes = bytes;
		this.#finish = finish;
	}

	/** Programs see it from now on. @throws BpfError ERR_CLOSED where it was submitted or discarded before */
	submit(): void {
		this.#end(0);
	}

	/** Programs pass over it. @throws BpfError ERR_CLOSED */
	discard(): void {
		this.#end(RINGBUF.BPF_RINGBUF_DISCARD_BIT);
	}

	#end(bits: number): void {
		if (!this.#finish) throw new BpfError("ERR_CLOSED", "the record was submitted or discarded before");
		this.#finish(bits);
		this.#finish = undefined;
	}
}

/**
 * Producer of a user ring buffer (Linux ≥ 6.1): user space writes, programs drain by `bpf_user_ringbuf_drain`. Only one may
 * produce. The consumer's page is mapped read-only, the producer's page and the data, which stand twice in a row, writable.
 */
export class UserRingBuffer implements Disposable {
	readonly map: BpfMap;
	/** Bytes of the ring. */
	readonly size: number;
	readonly #consumer: Mapping;
	readonly #producer: Mapping;
	#consumed!: BigUint64Array;
	#produced!: BigUint64Array;
	#words!: Int32Array;
	readonly #data: number;
	#closed = false;

	/** @throws TypeError for other map types; SyscallError */
	constructor(map: BpfMap) {
		if (map.type !== "user_ringbuf") throw new TypeError(`map ${map.name} is of type ${map.type}, not user_ringbuf`);
		const { pageSize } = map.kernel;
		this.map = map;
		this.size = map.maxEntries;
		this.#consumer = mapped(map, 0, pageSize, false);
		try {
			this.#producer = mapped(map, pageSize, pageSize + 2 * this.size, true);
		} catch (error) {
			this.#consumer.unmap();
			throw error;
		}
		this.#data = (this.#producer.offset ?? 0) + pageSize;
		this.#look();
	}

	/** Views of what is mapped, which some kernels keep in another buffer after a while. */
	#look(): void {
		if (this.#words?.buffer === this.#producer.buffer) return;
		this.#consumed = new BigUint64Array(this.#consumer.buffer, this.#consumer.offset ?? 0, 1);
		this.#produced = new BigUint64Array(this.#producer.buffer, this.#producer.offset ?? 0, 1);
		this.#words = new Int32Array(this.#producer.buffer, this.#data, this.size / 4);
	}

	/** Bytes that programs have not consumed yet, headers included. */
	get pending(): number {
		if (this.#closed) return 0;
		this.#look();
		return Number(this.#produced[0]! - Atomics.load(this.#consumed, 0));
	}

	/** Longest record that `reserve` would give now. */
	get room(): number {
		return Math.max(0, this.size - this.pending - RINGBUF.BPF_RINGBUF_HDR_SZ);
	}

	get closed(): boolean {
		return this.#closed;
	}

	/**
	 * Room for `length` bytes, zeros at first; undefined where the ring is too full now.
	 * @throws RangeError for a length that never fits; BpfError ERR_CLOSED
	 */
	reserve(length: number): UserRecord | undefined {
		if (this.#closed) throw new BpfError("ERR_CLOSED", `the user ring buffer ${this.map.name} is closed`);
		const total = (length + RINGBUF.BPF_RINGBUF_HDR_SZ + 7) & ~7;
		if (!Number.isInteger(length) || length < 0 || total > this.size) {
			throw new RangeError(
				`a record of ${length} bytes does not fit into the ring of ${this.size} (8 are the header's)`,
			);
		}
		if (total > this.size - this.pending) return undefined;
		const position = this.#produced[0]!;
		const at = Number(position & BigInt(this.size - 1));
		const word = at >>> 2;
		Atomics.store(this.#words, word, length | RINGBUF.BPF_RINGBUF_BUSY_BIT);
		this.#words[word + 1] = 0;
		const bytes = new Uint8Array(this.#producer.buffer, this.#data + at + RINGBUF.BPF_RINGBUF_HDR_SZ, length).fill(0);
		// Only now does the record exist; the busy bit holds programs back.
		Atomics.store(this.#produced, 0, position + BigInt(total));
		return new UserRecord(bytes, (bits) => {
			if (this.#closed) throw new BpfError("ERR_CLOSED", `the user ring buffer ${this.map.name} is closed`);
			this.#look();
			Atomics.store(this.#words, word, length | bits);
		});
	}

	/** Writes one record. False: the ring is too full now. */
	write(bytes: Uint8Array): boolean {
		const record = this.reserve(bytes.length);
		record?.bytes.set(bytes);
		record?.submit();
		return record !== undefined;
	}

	/**
	 * Room for `length` bytes as soon as programs have consumed enough: looks again and again, in pauses that double.
	 * @throws what `reserve` throws; the signal's reason
	 */
	async reserveWhenFree(
		length: number,
		timers: Timers,
		signal?: { readonly aborted: boolean; readonly reason?: unknown },
	): Promise<UserRecord> {
		for (let pause = SHORTEST; ; pause = Math.min(LONGEST, pause * 2)) {
			if (signal?.aborted) throw signal.reason;
			const record = this.reserve(length);
			if (record) return record;
			await new Promise<void>((resolve) => timers.set(resolve, pause));
		}
	}

	/** Unmaps: records that were not submitted hold up the ring for good. The map stays open. */
	close(): void {
		if (!this.#closed) for (const page of [this.#consumer, this.#producer]) page.unmap();
		this.#closed = true;
	}

	[Symbol.dispose](): void {
		this.close();
	}
}

function mapped(map: BpfMap, offset: number, length: number, writable: boolean): Mapping {
	const mapping = map.kernel.mmap(map.fd.number, offset, length, writable);
	if (typeof mapping !== "number") return mapping;
	throw refuse(map.kernel, { syscall: "mmap", errno: -mapping, what: `map user ring buffer ${map.name}` });
}
