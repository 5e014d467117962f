/** Nanoseconds of the machine's clocks, plain. */
export interface ClockState {
	/** Since boot, without suspend: what bpf_ktime_get_ns gives. */
	readonly monotonic: bigint;
	/** What real time is ahead of it. */
	readonly realOffset: bigint;
	/** What boot time (with suspend) is ahead of it. */
	readonly bootOffset: bigint;
	/** Added at each reading; 0: the clock stands between `set` and `advance`. */
	readonly step: bigint;
}

/** A clock that goes only when told to, so that the same run gives the same times. */
export class Clock {
	#state: ClockState;
	constructor(state: Partial<ClockState> = {}) {
		this.#state = { monotonic: 0n, realOffset: 0n, bootOffset: 0n, step: 0n, ...state };
	}
	/** Plain copy, for saving. */
	get state(): ClockState {
		return this.#state;
	}
	set state(state: ClockState) {
		this.#state = state;
	}
	#read(): bigint {
		const now = this.#state.monotonic;
		if (this.#state.step !== 0n) this.#state = { ...this.#state, monotonic: now + this.#state.step };
		return now;
	}
	monotonic(): bigint {
		return this.#read();
	}
	real(): bigint {
		return this.#read() + this.#state.realOffset;
	}
	boot(): bigint {
		return this.#read() + this.#state.bootOffset;
	}
	/** Sets the monotonic clock; it may go back. */
	set(monotonic: bigint): void {
		this.#state = { ...this.#state, monotonic };
	}
	advance(nanoseconds: bigint): void {
		this.set(this.#state.monotonic + nanoseconds);
	}
}
