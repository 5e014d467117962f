/** What skep's own compiler adds to an object: a JSON value in the section `.skep`, which libbpf skips. */
export interface Manifest {
	readonly version: 1;
	/** `skep 0.1.0` */
	readonly producer: string;
	/** Entry file as the user named it. */
	readonly source: string;
	/** Paths of the modules that hold handles, relative to the entry's folder with `/`; index 0 is the entry. */
	readonly modules: readonly string[];
	/** The entry has statements besides declarations, or an exported `main`. */
	readonly userHalf: boolean;
	readonly options: readonly ManifestOption[];
	readonly maps: readonly ManifestMap[];
	readonly programs: readonly ManifestProgram[];
	/** `shared({…})`: variables in `.data`/`.bss`. */
	readonly handles: readonly ManifestHandle[];
	/** Only in the recording variant of an object: how to read what its programs log. */
	readonly recording?: ManifestRecording;
}

export type OptionType =
	| "boolean" | "u8" | "u16" | "u32" | "i32" | "u64" | "i64" | "duration" | "bytes" | "string" | "comm" | "path"
	| "pid" | "interface" | "cgroup" | "ip4" | "port";

/** A bigint travels as a string of decimal digits (types u64, i64, duration, bytes). */
export type OptionJson = boolean | number | string;

export interface ManifestOption {
	readonly name: string;
	readonly type: OptionType;
	readonly help: string;
	readonly short?: string;
	readonly positional?: true;
	readonly required?: true;
	readonly max?: number;
	readonly default?: OptionJson;
	readonly choices?: readonly OptionJson[];
	/** Global in `.rodata` that holds the value, where the kernel half reads it. Strings: NUL-padded to its size. */
	readonly variable?: string;
	/** One byte in `.rodata`: 1 where a value was given. Only for options that may be undefined. */
	readonly present?: string;
}

/** How a map is presented to the user half. Key and value types are those of the map's BTF. */
export interface ManifestMap {
	readonly name: string;
	/** The word of the vocabulary: `ringbuf`, `hash`, `histogram` … */
	readonly word: string;
	/** Name of the struct in the object's BTF that a record of a ring buffer has. */
	readonly record?: string;
	/** Per-CPU array of u64 that counts failed reservations, and the key in it. */
	readonly lost?: { readonly map: string; readonly key: number };
	readonly histogram?: { readonly keyed: boolean; readonly scale: "log2" | { readonly from: number; readonly to: number; readonly step: number } };
	/** Made by the compiler, not shown to the user (loss counters). */
	readonly internal?: true;
}

export type TargetJson = { readonly value: string } | { readonly option: string };

export interface ManifestProgram {
	readonly name: string;
	readonly word: string;
	/** false: `{ attach: false }`. */
	readonly attach: boolean;
	readonly optional?: true;
	/** Where the section name alone does not say it: device, cgroup … `target.dev = { option: "dev" }`. Empty: no target is known. */
	readonly target: Readonly<Record<string, TargetJson>>;
	/** What the word wants before it can be attached (`dev`, `cgroup`); absent: the section name says all. */
	readonly wants?: string;
	/** xdp: native, generic, offload. */
	readonly mode?: string;
	/** iter: name of the struct in the object's BTF that it writes. */
	readonly record?: string;
}

/** One call of a constructor in the source: the key by which the user half finds its compiled twin. */
export interface ManifestHandle {
	readonly kind: "map" | "program" | "options" | "shared";
	readonly word: string;
	/** Name of the map or program in the object. */
	readonly name: string;
	/** Index in `modules`. */
	readonly module: number;
	/** From 1, where the call's callee begins (as V8 counts in a stack frame). */
	readonly line: number;
	/** From 1. */
	readonly column: number;
	/** Of the call's source text: FNV-1a, 32 bit, hex. */
	readonly hash: string;
	/** shared: variable by member name. */
	readonly variables?: Readonly<Record<string, string>>;
}

/**
 * The recording variant's log. A run of a program writes one record to the ring buffer `map` when it ends, little-endian:
 *
 * | at | size | what |
 * | --- | --- | --- |
 * | 0 | 4 | program: index in `programs` |
 * | 4 | 4 | CPU it ran on |
 * | 8 | 8 | `bpf_ktime_get_ns()` at entry |
 * | 16 | 8 | `bpf_get_current_pid_tgid()`: tgid in the high half |
 * | 24 | 8 | `bpf_get_current_uid_gid()`: gid in the high half |
 * | 32 | 8 | `bpf_get_current_cgroup_id()` |
 * | 40 | 16 | `bpf_get_current_comm()`, NUL-padded |
 * | 56 | 4 | flags: bit 0: the log did not fit, entries after the last one here are missing |
 * | 60 | 4 | bytes of entries that follow; what stands behind them in the record means nothing |
 * | 64 | | entries |
 *
 * An entry: u16 index in `sites`, u16 bytes of data, u32 zero, the data, zero or more bytes of padding to a multiple of 8.
 * Entries stand in the order in which the run came by; a site in a loop has several. The context comes first, then the
 * current task with its parents, then what the program did.
 */
export interface ManifestRecording {
	/** The ring buffer that the records go to. */
	readonly map: string;
	/** Per-CPU array of u64 that counts runs whose record found no room, and the key in it. */
	readonly lost: { readonly map: string; readonly key: number };
	/** Names of the programs; a record names one by its index. */
	readonly programs: readonly string[];
	readonly sites: readonly RecordingSite[];
}

/** A place that logs: what its entries hold. All numbers little-endian. */
export type RecordingSite =
	/**
	 * The first `size` bytes of the context. tp_btf, raw_tp: n × u64. Tracepoints: as the format says; the eight bytes of
	 * common fields, which no program can read, are zero. `pointers`: where addresses of the kernel's structs stand.
	 */
	| {
			readonly kind: "context";
			readonly size: number;
			readonly pointers?: readonly { readonly offset: number; readonly struct: string }[];
	  }
	/**
	 * Bytes of the context behind its fixed part, which the field at `offset` (`__data_loc`, `__rel_loc`) points to and the
	 * program read. u32 where they begin in the context, u32 zero, the bytes (of text: up to the NUL and with it).
	 */
	| { readonly kind: "dynamic"; readonly offset: number }
	/** What a helper gave that neither the header nor another entry says (clock, random numbers …): u64. */
	| { readonly kind: "helper"; readonly id: number; readonly name: string }
	/** u64: address of the current task_struct. */
	| { readonly kind: "current" }
	/**
	 * A field of a kernel's struct: u64 address of the struct, then the value in `size` bytes as it stands in memory.
	 * `path` from the struct: names of members (anonymous ones left out), `[n]` for elements; of an array its first bytes.
	 * Of a bit-field the number itself, in 8 bytes. Reading through an address where nothing is gives zeros; where a
	 * helper said that it failed, a `memory` entry without bytes stands instead.
	 */
	| {
			readonly kind: "field";
			readonly struct: string;
			readonly path: readonly string[];
			readonly size: number;
			/** The value is the address of a struct of this name. */
			readonly pointsTo?: string;
			readonly signed?: boolean;
	  }
	/**
	 * An element of an array in a kernel's struct, by an index that the program computed: u64 address of the struct, u64
	 * distance from the array's start in bytes (`stride` times the index), then the value. `path` leads to the array,
	 * `member` on from the element: all in all the field `path`, `[index]`, `member`.
	 */
	| {
			readonly kind: "element";
			readonly struct: string;
			readonly path: readonly string[];
			readonly stride: number;
			readonly member: readonly string[];
			readonly size: number;
			readonly pointsTo?: string;
			readonly signed?: boolean;
	  }
	/**
	 * bpf_probe_read_{user,kernel}(_str) of what is no field: u64 address, i64 result, then the bytes that were read (text:
	 * up to the NUL and with it; none if it failed).
	 */
	| { readonly kind: "memory"; readonly space: "user" | "kernel"; readonly text: boolean }
	/** The record that the program gave to the ring buffer `map`. */
	| { readonly kind: "emit"; readonly map: string }
	/** The ring buffer `map` had no room: no data. */
	| { readonly kind: "reserve-failed"; readonly map: string };
