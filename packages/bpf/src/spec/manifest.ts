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
