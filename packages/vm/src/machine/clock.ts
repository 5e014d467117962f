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

/** Where workers find the time of a machine that they share: 64 bits each, in the page at 0. Indices of `Memory.longs`. */
const PLACE = (NULL_PAGE / 2 - 64) / 8;
const MONOTONIC = PLACE;
const REAL = PLACE + 1;
const BOOT = PLACE + 2;
const STEP = PLACE + 3;

/** A clock that goes only when told to, so that the same run gives the same times. Workers that share a machine share it. */
export class Clock {
	#state: ClockState = { monotonic: 0n, realOffset: 0n, bootOffset: 0n, step: 0n };
	readonly #memory: Memory | undefined;

	/**
	 * @param state kept: as it stands in the memory
	 * @param memory the machine's; absent: nobody shares the clock
	 */
	constructor(state: Partial<ClockState> | "kept" = {}, memory?: Memory) {
		this.#memory = memory?.shared ? memory : undefined;
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
