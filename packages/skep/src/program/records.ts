import { KernelHalfError } from "./errors.ts";
import { MapHandle } from "./maps.ts";
import type { RecordSource } from "./session.ts";
import { siteOf } from "./site.ts";
import { holdingUp } from "./wait.ts";

/** Records taken from the ring at once; the consumer's position is published once for all of them. */
const BATCH = 1024;

class RingbufHandle extends MapHandle {
	#source(): RecordSource {
		const { records } = this.bound();
		if (records === undefined) throw new TypeError(`${this.bound().name} holds no records`);
		return records;
	}

	/** Records lost so far: counted in the kernel where a reservation failed. */
	get lost(): bigint {
		return this.#source().lost();
	}

	[Symbol.asyncIterator](): AsyncIterator<unknown> {
		return new RecordIterator(this.#source());
	}

	/** Arrays of what is there, at most `max` records each. */
	async *batches(options: { readonly max?: number } = {}): AsyncGenerator<readonly unknown[]> {
		const source = this.#source();
		source.open();
		try {
			for (
				let batch = await next(source, options.max ?? BATCH);
				batch !== undefined;
				batch = await next(source, options.max ?? BATCH)
			) {
				yield batch;
			}
		} finally {
			source.close();
		}
	}

	/** What is there now, without waiting. */
	drain(): unknown[] {
		const source = this.#source();
		const all: unknown[] = [];
		for (let batch = source.read(BATCH); batch.length > 0; batch = source.read(BATCH)) all.push(...batch);
		return all;
	}

	/** Each record with the number lost just before it. Losses that happened while a batch lay ready count before the next. */
	async *withLoss(): AsyncGenerator<{ readonly event: unknown; readonly lostBefore: bigint }> {
		const source = this.#source();
		source.open();
		try {
			let told = 0n;
			for (;;) {
				const batch = await next(source, BATCH);
				if (batch === undefined) return;
				const lost = source.lost();
				let lostBefore = lost - told;
				told = lost;
				for (const event of batch) {
					yield { event, lostBefore };
					lostBefore = 0n;
				}
			}
		} finally {
			source.close();
		}
	}

	emit(_fill: unknown): never {
		throw new KernelHalfError("ringbuf.emit()");
	}
	get pending(): never {
		throw new KernelHalfError("ringbuf.pending");
	}
}

/** At least one record, or undefined at the end. */
async function next(source: RecordSource, max: number): Promise<unknown[] | undefined> {
	for (;;) {
		const batch = source.read(max);
		if (batch.length > 0) {
			if (source.busy) await source.wait();
			return batch;
		}
		if (source.ended) return undefined;
		await holdingUp(source.wait());
	}
}

/** By hand, not a generator: a record that is there costs one settled promise, and `break` keeps the rest of its batch. */
class RecordIterator implements AsyncIterator<unknown> {
	readonly #source: RecordSource;
	#batch: readonly unknown[] = [];
	#at = 0;
	#done = false;
	constructor(source: RecordSource) {
		this.#source = source;
		source.open();
	}
	next(): Promise<IteratorResult<unknown>> {
		if (this.#at < this.#batch.length) return Promise.resolve({ value: this.#batch[this.#at++], done: false });
		return this.#refill();
	}
	async #refill(): Promise<IteratorResult<unknown>> {
		const batch = this.#done ? undefined : await next(this.#source, BATCH);
		if (batch === undefined) {
			this.#end();
			return { value: undefined, done: true };
		}
		this.#batch = batch;
		this.#at = 1;
		return { value: batch[0], done: false };
	}
	return(): Promise<IteratorResult<unknown>> {
		this.#source.unread(this.#batch.slice(this.#at));
		this.#batch = [];
		this.#at = 0;
		this.#end();
		return Promise.resolve({ value: undefined, done: true });
	}
	#end(): void {
		if (!this.#done) this.#source.close();
		this.#done = true;
	}
}

export { RingbufHandle };

export function ringbuf(_bytes: number): RingbufHandle {
	return new RingbufHandle("ringbuf", siteOf(ringbuf));
}
