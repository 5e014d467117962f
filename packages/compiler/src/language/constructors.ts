import type { MapType } from "@skep/bpf/uapi";

/** What the type parameters of a map's constructor are, in order. */
export type MapShape = "key-value" | "value" | "record" | "histogram";

/** How a map's word becomes a map: its kernel type and what its type parameters mean. */
export const MAP_WORDS: Readonly<Record<string, { readonly type: MapType; readonly shape: MapShape }>> = {
	hash: { type: "hash", shape: "key-value" },
	lruHash: { type: "lru_hash", shape: "key-value" },
	perCpuHash: { type: "percpu_hash", shape: "key-value" },
	array: { type: "array", shape: "value" },
	perCpuArray: { type: "percpu_array", shape: "value" },
	ringbuf: { type: "ringbuf", shape: "record" },
	histogram: { type: "percpu_array", shape: "histogram" },
};

/** How a program's word is called: `(name, options?, fn)` or `(options?, fn)`. */
export interface ProgramWord {
	/** What the first argument names. */
	readonly hook: "tracepoint" | "raw-tracepoint" | "iterator" | "none";
	/** Member of the options object that gives the target. */
	readonly wants?: "dev";
	/** Whether the first argument may be an array. */
	readonly several?: true;
	/** Members the options object may have. */
	readonly options: readonly string[];
}
const COMMON = ["attach", "sleepable", "optional"] as const;
export const PROGRAM_WORDS: Readonly<Record<string, ProgramWord>> = {
	tracepoint: { hook: "tracepoint", several: true, options: COMMON },
	rawTracepoint: { hook: "raw-tracepoint", options: COMMON },
	tpBtf: { hook: "raw-tracepoint", options: COMMON },
	iter: { hook: "iterator", options: COMMON },
	xdp: { hook: "none", wants: "dev", options: [...COMMON, "dev", "mode", "frags"] },
};
