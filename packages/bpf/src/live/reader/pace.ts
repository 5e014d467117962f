export interface PaceOptions {
	/** Shortest pause in milliseconds, taken while records keep coming fast. Default 1. */
	readonly shortest?: number;
	/** Longest pause in milliseconds, reached after a while of silence. Default 10: 2 MiB fill in about that at full rate. */
	readonly longest?: number;
	/** A drain of at least so many records counts as fast. Default 512. */
	readonly fast?: number;
}

/** A ring that is fuller than this when its consumer comes was left alone too long; after a drain, the consumer is behind. */
const FULL = 1 / 4;
/** So many drains in a row that found the ring emptier let the longest pause grow again. */
const CALM = 128;

/**
 * When to look at a ring buffer again. Short pauses while much comes; none where the producers are faster than the consumer;
 * in silence they double up to a longest, which shrinks whenever a pause let the ring fill too far: what happened once
 * happens again, and a small ring fills in less than a large one.
 */
export class Pace {
	/** Milliseconds until the next drain; 0: at once, after whatever else is due in the event loop. */
	pause: number;
	readonly shortest: number;
	readonly #longest: number;
	readonly #fast: number;
	/** The longest pause for now. */
	#bound: number;
	#calm = 0;

	constructor(options: PaceOptions = {}) {
		this.shortest = options.shortest ?? 1;
		this.#longest = options.longest ?? 10;
		this.#fast = options.fast ?? 512;
		this.#bound = this.#longest;
		this.pause = this.shortest;
	}

	/** A drain took `count` records; `before` and `after` it the ring was filled to these parts (0 to 1). */
	drained(count: number, before: number, after: number): void {
		if (before > FULL) {
			this.#bound = Math.max(this.shortest, Math.min(this.#bound, this.pause) / 2);
			this.#calm = 0;
		} else if (++this.#calm >= CALM) {
			this.#bound = Math.min(this.#longest, this.#bound * 2);
			this.#calm = 0;
		}
		if (after > FULL) this.pause = 0;
		else if (count >= this.#fast) this.pause = this.shortest;
		else this.pause = Math.min(this.#bound, Math.max(this.pause, this.shortest / 2) * 2);
	}
}
