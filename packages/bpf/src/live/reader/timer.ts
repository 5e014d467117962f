import { Pace, type PaceOptions } from "./pace.ts";

/** Timers of the host: `setTimeout`, `clearTimeout`, `setImmediate` fit. Passed in, because this package knows no host. */
export interface Timers {
	set(callback: () => void, milliseconds: number): unknown;
	clear(timer: unknown): void;
	/** Calls back at once, but after the timers and the input that are due. Without it the shortest pause is taken. */
	soon?(callback: () => void): void;
}

export interface PumpOptions extends PaceOptions {
	/** How full the ring is, 0 to 1 (`RingBufferReader.fill`). Without it the pump goes by counts alone. */
	readonly fill?: () => number;
	/** What a drain threw. Without it the pump stops and the error goes to the timer's host. */
	readonly onError?: (error: unknown) => void;
}

/**
 * Drains on an adaptive timer: short pauses while much comes, none while it is behind, and each silent round doubles the pause
 * up to the longest. Fewer wake-ups beat faster ones: at full rate this loses less and costs less than waking for each record.
 */
export class Pump implements Disposable {
	#drain: () => number;
	#timers: Timers;
	#pace: Pace;
	#fill: () => number;
	#onError: ((error: unknown) => void) | undefined;
	#timer: unknown;
	#running = true;

	/** Starts at once. `drain` returns how many records it handled, and is called until `stop()`. */
	constructor(drain: () => number, timers: Timers, options: PumpOptions = {}) {
		this.#drain = drain;
		this.#timers = timers;
		this.#pace = new Pace(options);
		this.#fill = options.fill ?? (() => 0);
		this.#onError = options.onError;
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
		const { pause } = this.#pace;
		const turn = () => this.#turn();
		if (pause === 0 && this.#timers.soon) {
			this.#timer = undefined;
			this.#timers.soon(turn);
		} else {
			this.#timer = this.#timers.set(turn, Math.max(pause, this.#pace.shortest));
		}
	}

	#turn(): void {
		if (!this.#running) return;
		try {
			const before = this.#fill();
			const count = this.#drain();
			if (this.#running) this.#pace.drained(count, before, this.#fill());
		} catch (error) {
			if (!this.#onError) {
				this.stop();
				throw error;
			}
			this.#onError(error);
		}
		if (this.#running) this.#next();
	}
}
