import { setImmediate as immediate } from "node:timers/promises";
import { BpfError } from "@skep/bpf/base";
import type { RingBufferReader } from "@skep/bpf/live";
import type { RecordSource } from "#program";

/** Pauses between looks at an idle ring, in milliseconds: few wake-ups cost least and lose least. */
const SHORTEST = 1;
const LONGEST = 10;
/** So many records at once mean that more are on the way: look again without a pause. */
const FAST = 512;

/** What a feed asks of its run. */
export interface FeedRun {
	readonly stopping: boolean;
	/** Resolves after so many milliseconds, or at the beginning of the stop. */
	pause(milliseconds: number): Promise<void>;
	/** How many of `wanted` records may still be given out, by `--limit`. */
	grant(wanted: number): number;
	/** So many were given out. */
	count(records: number): void;
	opened(feed: Feed): void;
	closed(feed: Feed): void;
}

/** One ring buffer as a source of records. */
export class Feed implements RecordSource {
	readonly #reader: RingBufferReader;
	readonly #decode: (view: DataView, offset: number, length: number) => unknown;
	readonly #lost: () => bigint;
	readonly #run: FeedRun;
	readonly #name: string;
	#returned: unknown[] = [];
	#pause = SHORTEST;
	#last = 0;
	#silent = 0;
	#open = false;

	constructor(
		name: string,
		reader: RingBufferReader,
		decode: (view: DataView, offset: number, length: number) => unknown,
		lost: () => bigint,
		run: FeedRun,
	) {
		this.#name = name;
		this.#reader = reader;
		this.#decode = decode;
		this.#lost = lost;
		this.#run = run;
	}

	read(max: number): unknown[] {
		if (this.#returned.length > 0) return this.#returned.splice(0, max);
		const room = this.#run.grant(max);
		if (room === 0) return [];
		const records: unknown[] = [];
		this.#reader.drain((view, offset, length) => records.push(this.#decode(view, offset, length)), room);
		this.#last = records.length;
		this.#silent = records.length === 0 ? this.#silent + 1 : 0;
		this.#run.count(records.length);
		return records;
	}

	unread(records: readonly unknown[]): void {
		this.#returned.unshift(...records);
	}

	lost(): bigint {
		return this.#lost();
	}

	async wait(): Promise<void> {
		if (this.#last >= FAST || this.#run.stopping) {
			// Signals and timers have their turn also while records never end.
			await immediate();
			return;
		}
		this.#pause = this.#last > 0 ? SHORTEST : Math.min(LONGEST, this.#pause * 2);
		await this.#run.pause(this.#pause);
	}

	get ended(): boolean {
		if (!this.#run.stopping || this.#returned.length > 0) return false;
		if (this.#run.grant(1) === 0) return true;
		// A record that a program has reserved and not yet submitted holds the ring up for microseconds.
		return this.#silent > 0 && (this.#reader.pending === 0 || this.#silent > 3);
	}

	open(): void {
		if (this.#open) throw new BpfError("ERR_BUSY", `${this.#name} has a consumer already: one loop at a time`);
		this.#open = true;
		this.#run.opened(this);
	}

	close(): void {
		if (!this.#open) return;
		this.#open = false;
		this.#run.closed(this);
	}
}
