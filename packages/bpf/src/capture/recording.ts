/** A recording: what a program got from Linux, run by run, and what it made of it. Plain values; `x.rec` is their file. */
export interface Recording {
	readonly meta: RecordingMeta;
	/** In the order in which the runs ended. */
	readonly events: readonly RecordedEvent[];
	/** Runs that found no room in the log, and are missing among the events. */
	readonly lost: bigint;
	/** Maps at the end, as Linux had them. */
	readonly maps: readonly RecordedMap[];
}

export interface RecordingMeta {
	/** `skep 0.1.0` */
	readonly producer: string;
	/** The program's file, without its folder. */
	readonly source: string;
	/** Tells whether the file was changed since; whose it is knows how. */
	readonly hash: string;
	/** Of the kernel: `uname -r`. */
	readonly release: string;
	/** Possible CPUs. */
	readonly cpus: number;
	/** The file's own options, as words of a command line. */
	readonly options: readonly string[];
	readonly programs: readonly RecordedProgram[];
}

export interface RecordedProgram {
	readonly name: string;
	/** `tracepoint/sched/sched_process_exec` */
	readonly section: string;
	/** Fields of the tracepoint's record, as the program was compiled for; empty: it gets arguments. */
	readonly fields: readonly RecordedField[];
}

export interface RecordedField {
	readonly name: string;
	readonly offset: number;
	readonly size: number;
}

/** One run of a program. */
export interface RecordedEvent {
	/** Index in `meta.programs`. */
	readonly program: number;
	readonly cpu: number;
	/** Nanoseconds since boot when it began. */
	readonly clock: bigint;
	readonly task: RecordedTask;
	/** The current task_struct: index in `objects`; undefined: the run did not get it. */
	readonly current: number | undefined;
	/** Whatever `__data_loc` fields name included. Addresses of the kernel are zero, `pointers` has them. */
	readonly context: Uint8Array;
	readonly pointers: readonly RecordedPointer[];
	/** What of the kernel's memory was reached, by number; events that saw the same share it. */
	readonly objects: readonly RecordedObject[];
	/** What probe_read helpers found at addresses of processes, in order. */
	readonly reads: readonly RecordedRead[];
	/** What helpers gave whose answer nothing else here tells (clock, random numbers), in order. */
	readonly results: readonly RecordedResult[];
	/** What became of its records, in order. */
	readonly outcomes: readonly RecordedOutcome[];
	/** The log did not hold the whole run: what came later in it is missing. */
	readonly truncated: boolean;
}

/** The current task, as helpers tell it. */
export interface RecordedTask {
	readonly pid: number;
	readonly tgid: number;
	readonly uid: number;
	readonly gid: number;
	/** Id in cgroup v2. */
	readonly cgroup: bigint;
	/** 16 bytes, NUL-padded. */
	readonly comm: Uint8Array;
}

/** Eight bytes at `offset` are the address of an object. */
export interface RecordedPointer {
	readonly offset: number;
	/** Index in the event's `objects`. */
	readonly object: number;
}

/** Something at one address of the kernel's: fields of structs there, or bytes, or nothing that was looked at. */
export interface RecordedObject {
	readonly fields: readonly RecordedMember[];
	/** What probe_read_kernel found at its beginning; undefined: it did not look, or found nothing. */
	readonly bytes: Uint8Array | undefined;
}

export interface RecordedMember {
	readonly shape: RecordedShape;
	/** As it stands in memory, or, of a pointer, the index of the object that it points to. */
	readonly value: Uint8Array | number;
}

/** Which field of which struct; places in memory are the reader's own business. */
export interface RecordedShape {
	readonly struct: string;
	/** Names of members, `[n]` for elements. */
	readonly path: readonly string[];
	readonly signed: boolean;
}

export interface RecordedRead {
	readonly address: bigint;
	/** As the helper gave it: 0, a text's length with its NUL, -errno. */
	readonly result: number;
	readonly bytes: Uint8Array;
	/** Up to a NUL. */
	readonly text: boolean;
}

export interface RecordedResult {
	/** The helper's number. */
	readonly helper: number;
	/** Unsigned. */
	readonly value: bigint;
}

export interface RecordedOutcome {
	/** Name of the ring buffer. */
	readonly map: string;
	/** What was submitted; undefined: there was no room. Addresses of the kernel are zero, `pointers` has them. */
	readonly record: Uint8Array | undefined;
	readonly pointers: readonly RecordedPointer[];
}

export interface RecordedMap {
	readonly name: string;
	readonly keySize: number;
	readonly valueSize: number;
	/** User space wrote to it too: events alone do not explain it. */
	readonly written: boolean;
	/** Sorted by the bytes of their keys. */
	readonly entries: readonly RecordedEntry[];
}

export interface RecordedEntry {
	readonly key: Uint8Array;
	/** One, or of a per-CPU map one a possible CPU. */
	readonly values: readonly Uint8Array[];
}

/** First bytes of a file. */
export const RECORDING_MAGIC = Uint8Array.from([0x53, 0x4b, 0x45, 0x50, 0x52, 0x45, 0x43, 0x0a]);
export const RECORDING_VERSION = 1;
export const COMM_BYTES = 16;
/** Most bytes of one value (a context, a record, a key): what is beyond is taken for garbage. */
export const LONGEST_VALUE = 16 * 1024 * 1024;
/** Most objects, reads, results, records and pointers of one event: a log of some KiB has far fewer. */
export const MOST_PARTS = 4096;
/** A file leaves out zeros at the ends of values. All of them together must not make more than this. */
export const MOST_ZEROS = 64 * 1024 * 1024;
