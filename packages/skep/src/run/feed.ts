import { setImmediate as immediate } from "node:timers/promises";
import { BpfError } from "@skep/bpf/base";
import { Pace } from "@skep/bpf/live";
import type { RecordSource } from "#program";

/** After so many records timers and signals have their turn, even if the ring is never empty. */
const TURN = 8192;

/** What a feed reads: the records of a ring buffer, or the samples of a perf buffer. */
export interface FeedReader {
	/** How full it is, 0 to 1. */
	readonly fill: number;
	/** Bytes of records that were reserved and not yet submitted, and of what stands behind them. */
	readonly pending?: number;
	drain(sink: (view: DataView, offset: number, length: number) => void, max: number): number;
}

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

/** One ring or perf buffer as a source of records. */
export class Feed implements RecordSource {
	readonly #reader: FeedReader;
	readonly #decode: (view: DataView, offset: number, length: number) => unknown;
	readonly #lost: () => bigint;
	readonly #run: FeedRun;
	readonly #name: string;
	#returned: unknown[] = [];
	readonly #pace = new Pace();
	/** Since the last wait: records read, how full the ring was found at most, and whether more were there. */
	#read = 0;
	#found = 0;
	#more = false;
	#silent = 0;
	#open = false;

	constructor(
		name: string,
		reader: FeedReader,
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
		this.#found = Math.max(this.#found, this.#reader.fill);
		this.#reader.drain((view, offset, length) => records.push(this.#decode(view, offset, length)), room);
		this.#read += records.length;
		this.#more = records.length === room;
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
		this.#pace.drained(this.#read, this.#found, this.#reader.fill);
		this.#read = 0;
		this.#found = 0;
		// Signals and timers have their turn also while records never end.
		if (this.#more || this.#pace.pause === 0 || this.#run.stopping) await immediate();
		else await this.#run.pause(this.#pace.pause);
	}

	get busy(): boolean {
		return this.#read >= TURN;
	}

	get ended(): boolean {
		if (!this.#run.stopping || this.#returned.length > 0) return false;
		if (this.#run.grant(1) === 0) return true;
		// A record that a program has reserved and not yet submitted holds the ring up for microseconds.
		return this.#silent > 0 && (!this.#reader.pending || this.#silent > 3);
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
