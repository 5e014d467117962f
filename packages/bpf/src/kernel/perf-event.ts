/**
 * What perf_event_open(2) is asked: the members of `struct perf_event_attr` that skep sets. Absent members are 0.
 * Text members (`kprobe_func`, `uprobe_path`) stand for config1's pointer.
 */
export interface PerfEventAttr {
	/** PERF_TYPE_HARDWARE 0, SOFTWARE 1, TRACEPOINT 2, HW_CACHE 3, RAW 4, BREAKPOINT 5, or a dynamic PMU's type. */
	readonly type: number;
	/** For a tracepoint its id. */
	readonly config: bigint;
	readonly sample_period?: number;
	/** With `freq`: times a second. */
	readonly sample_freq?: number;
	/** PERF_SAMPLE_RAW = 1024 … */
	readonly sample_type?: number;
	readonly disabled?: boolean;
	readonly inherit?: boolean;
	readonly exclude_user?: boolean;
	readonly exclude_kernel?: boolean;
	readonly exclude_hv?: boolean;
	readonly freq?: boolean;
	/** The ring is written from its end towards its start, and the oldest records are overwritten (mapped read-only). */
	readonly write_backward?: boolean;
	readonly wakeup_events?: number;
	readonly bp_type?: number;
	readonly config1?: bigint | string;
	readonly config2?: bigint;
}

/** Requests of ioctl(2) on a perf event. */
export type PerfEventRequest = "ENABLE" | "DISABLE" | "SET_BPF" | "PAUSE_OUTPUT";

// biome-ignore format: table
export const PERF_TYPE = {
	HARDWARE: 0, SOFTWARE: 1, TRACEPOINT: 2, HW_CACHE: 3, RAW: 4, BREAKPOINT: 5,
} as const;

/** Flags of perf_event_open(2). */
export const PERF_FLAG_FD_CLOEXEC = 8;
