/** Timers of the host: `setTimeout` and `clearTimeout` fit. Passed in, because this package knows no host. */
export interface Timers {
	set(callback: () => void, milliseconds: number): unknown;
	clear(timer: unknown): void;
}

export interface PumpOptions {
	/** Shortest pause in milliseconds, taken while records keep coming fast. Default 1. */
	readonly shortest?: number;
	/** Longest pause in milliseconds, reached after a while of silence. Default 10: 2 MiB fill in about that at full rate. */
	readonly longest?: number;
	/** A drain of at least so many records counts as fast. Default 512. */
	readonly fast?: number;
	/** What a drain threw. Without it the pump stops and the error goes to the timer's host. */
	readonly onError?: (error: unknown) => void;
}

/**
 * Drains on an adaptive timer: short pauses while much comes, each silent round doubles the pause up to the longest. Fewer
 * wake-ups beat faster ones: at full rate this loses less and costs less than waking for each record.
 */
export class Pump implements Disposable {
	#drain: () => number;
	#timers: Timers;
	#options: Required<Omit<PumpOptions, "onError">> & Pick<PumpOptions, "onError">;
	#timer: unknown;
	#pause: number;
	#running = true;

	/** Starts at once. `drain` returns how many records it handled, and is called until `stop()`. */
	constructor(drain: () => number, timers: Timers, options: PumpOptions = {}) {
		this.#drain = drain;
		this.#timers = timers;
		this.#options = { shortest: 1, longest: 10, fast: 512, ...options };
		this.#pause = this.#options.shortest;
		this.#next();
	}

	get running(): boolean {
		return this.#running;
	}

	/** Drains now, outside the timer's turn; returns how many. */
	flush(): number {
		return this.#drain();
	}

	/** Ends the timer, without a last drain. Idempotent. */
	stop(): void {
		this.#running = false;
		if (this.#timer !== undefined) this.#timers.clear(this.#timer);
		this.#timer = undefined;
	}

	[Symbol.dispose](): void {
		this.stop();
	}

	#next(): void {
		this.#timer = this.#timers.set(() => this.#turn(), this.#pause);
	}

	#turn(): void {
		if (!this.#running) return;
		const { shortest, longest, fast, onError } = this.#options;
		try {
			const count = this.#drain();
			this.#pause = count >= fast ? shortest : Math.min(longest, this.#pause * 2);
		} catch (error) {
			if (!onError) {
				this.stop();
				throw error;
			}
			onError(error);
		}
		if (this.#running) this.#next();
	}
}
