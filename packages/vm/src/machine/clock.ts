import { type Memory, NULL_PAGE } from "./memory.ts";

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

/** Where the machine's programs and workers find its time: 64 bits each, in the page at 0. Addresses. */
const PLACE = NULL_PAGE / 2 - 64;
export const CLOCK_WORDS = {
	monotonic: PLACE,
	realOffset: PLACE + 8,
	bootOffset: PLACE + 16,
	step: PLACE + 24,
} as const;

/** The same as indices of `Memory.longs`. */
const MONOTONIC = CLOCK_WORDS.monotonic / 8;
const REAL = CLOCK_WORDS.realOffset / 8;
const BOOT = CLOCK_WORDS.bootOffset / 8;
const STEP = CLOCK_WORDS.step / 8;

/** A clock that goes only when told to, so that the same run gives the same times. Workers that share a machine share it. */
export class Clock {
	#state: ClockState = { monotonic: 0n, realOffset: 0n, bootOffset: 0n, step: 0n };
	readonly #memory: Memory | undefined;

	/**
	 * @param state kept: as it stands in the memory
	 * @param memory the machine's, in which it goes; absent: the clock is no machine's
	 */
	constructor(state: Partial<ClockState> | "kept" = {}, memory?: Memory) {
		this.#memory = memory;
		if (state !== "kept") this.state = { ...this.#state, ...state };
	}
	/** Plain copy, for saving. */
	get state(): ClockState {
		if (!this.#memory) return this.#state;
		const { longs } = this.#memory;
		return {
			monotonic: Atomics.load(longs, MONOTONIC),
			realOffset: Atomics.load(longs, REAL),
			bootOffset: Atomics.load(longs, BOOT),
			step: Atomics.load(longs, STEP),
		};
	}
	set state(state: ClockState) {
		this.#state = state;
		if (!this.#memory) return;
		const { longs } = this.#memory;
		Atomics.store(longs, MONOTONIC, state.monotonic);
		Atomics.store(longs, REAL, state.realOffset);
		Atomics.store(longs, BOOT, state.bootOffset);
		Atomics.store(longs, STEP, state.step);
	}
	#read(): bigint {
		if (this.#memory) return Atomics.add(this.#memory.longs, MONOTONIC, Atomics.load(this.#memory.longs, STEP));
		const now = this.#state.monotonic;
		if (this.#state.step !== 0n) this.#state = { ...this.#state, monotonic: now + this.#state.step };
		return now;
	}
	monotonic(): bigint {
		return this.#read();
	}
	real(): bigint {
		return this.#read() + this.state.realOffset;
	}
	boot(): bigint {
		return this.#read() + this.state.bootOffset;
	}
	/** Sets the monotonic clock; it may go back. */
	set(monotonic: bigint): void {
		if (this.#memory) Atomics.store(this.#memory.longs, MONOTONIC, monotonic);
		else this.#state = { ...this.#state, monotonic };
	}
	advance(nanoseconds: bigint): void {
		if (this.#memory) Atomics.add(this.#memory.longs, MONOTONIC, nanoseconds);
		else this.set(this.#state.monotonic + nanoseconds);
	}
}
