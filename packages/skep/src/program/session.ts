import { NotLoadedError } from "./errors.ts";
import type { Site } from "./site.ts";

/** How values of one BTF type travel: bytes of the kernel to JavaScript and back. */
export interface Codec<T = unknown> {
	/** Bytes of one value. */
	readonly size: number;
	decode(view: DataView, offset: number): T;
	/** @throws BpfError when the value does not fit the type. */
	encode(value: T): Uint8Array;
}

/** A live map under a handle: bytes in, bytes out; per-CPU values are an array, one per possible CPU. */
export interface RawMap {
	readonly fd: number;
	lookup(key: Uint8Array): Uint8Array | undefined;
	lookupCpus(key: Uint8Array): Uint8Array[] | undefined;
	/** 0 or -errno. */
	update(key: Uint8Array, value: Uint8Array, mode: "any" | "noexist" | "exist"): number;
	/** The same value on every CPU. 0 or -errno. */
	updateCpus(key: Uint8Array, value: Uint8Array): number;
	/** 0 or -errno. */
	delete(key: Uint8Array): number;
	/** Snapshot. */
	keys(): Uint8Array[];
	/** Snapshot, in batches where the kernel has them. */
	entries(): [Uint8Array, Uint8Array][];
	entriesCpus(): [Uint8Array, Uint8Array[]][];
	pin(path: string): void;
}

export interface MapBinding {
	readonly name: string;
	readonly word: string;
	readonly raw: RawMap;
	readonly key: Codec;
	readonly value: Codec;
	/** Most entries it can hold. */
	readonly length: number;
	/** Present for `histogram`. */
	readonly histogram?: {
		readonly keyed: boolean;
		readonly scale: "log2" | { readonly from: number; readonly to: number; readonly step: number };
	};
	/** Present for ring buffers. */
	readonly records?: RecordSource;
}

/** What feeds `for await` over a ring buffer. Records are plain objects of their own. */
export interface RecordSource {
	/** At most `max` records that are there now; fewer when the run's limit is near. */
	read(max: number): unknown[];
	/** Failed reservations since load, all CPUs. */
	lost(): bigint;
	/** Until there may be more to read, or the run is stopping. */
	wait(): Promise<void>;
	/** So many were read since the last wait that whatever else the process does should have its turn: wait, though more are there. */
	readonly busy: boolean;
	/** No more records will come: the run is stopping and everything was read. */
	readonly ended: boolean;
	/** One consumer at a time. @throws BpfError when there is one. */
	open(): void;
	close(): void;
	/** Gives back records that were read and not used; the next `read` has them first. */
	unread(records: readonly unknown[]): void;
}

export interface LinkBinding {
	readonly id: number;
	readonly target: string;
	detach(): void;
	pin(path: string): void;
}

/** What an iterator gives: each call is a run of its own, from the beginning. */
export interface IteratorBinding {
	text(): string;
	/** @throws BpfError where its output is text */
	records(): unknown[];
	pin(path: string): void;
}

export interface ProgramBinding {
	readonly name: string;
	/** Present for `iter`. */
	readonly iterator?: IteratorBinding;
	readonly links: readonly LinkBinding[];
	readonly stats: { readonly runs: bigint; readonly nanoseconds: bigint; readonly missed: bigint };
	attach(target: unknown): LinkBinding;
}

/** A variable of `.data` or `.bss`, mapped. */
export interface VariableBinding {
	get(): unknown;
	set(value: unknown): void;
}

/** What a run offers to the handles of its file. */
export interface ActiveSession {
	map(site: Site, word: string): MapBinding;
	program(site: Site, word: string): ProgramBinding;
	options(site: Site): Readonly<Record<string, unknown>>;
	shared(site: Site): Readonly<Record<string, VariableBinding>>;
	/** Value of an enumerator in the running kernel's BTF; undefined: it has none of that name. */
	enumerator(type: string, name: string): number | bigint | undefined;
	/** Handles look for their twins at first use, not when they are made: which file they belong to is said later. */
	readonly late?: boolean;
	/** Programs are detached, readers are being drained. */
	readonly stopping: boolean;
	/** After the last record was drained. */
	readonly stopped: Promise<void>;
	/** Milliseconds by the clock of what happens: this machine's, or a recording's. */
	readonly clock: number;
	/** Resolves when that clock has come so far, or at the beginning of the stop. */
	until(clock: number): Promise<void>;
	/** A recording is replayed: its end comes at once, not in time. */
	readonly replayed: boolean;
}

let active: ActiveSession | undefined;
/** Bindings of an earlier activation are looked up again. */
let activation = 0;

/** Makes a session the one that handles of modules bind to; undefined: none. */
export function activate(session: ActiveSession | undefined): void {
	active = session;
	activation++;
}

/** @throws NotLoadedError when there is none; `what` is what was used. */
export function session(what: string): ActiveSession {
	if (active === undefined) throw new NotLoadedError(what);
	return active;
}

/**
 * A binding that is looked up at once where a session is there (a wrong twin is told early), else at first use, so that a
 * module can be imported without being run.
 */
export function bindLate<T>(what: string, bind: (session: ActiveSession) => T): () => T {
	const look = (from: ActiveSession) => ({ value: bind(from), of: activation });
	let bound = active === undefined || active.late === true ? undefined : look(active);
	return () => {
		if (bound?.of !== activation) bound = look(session(what));
		return bound.value;
	};
}
