import type { AttachType, ProgramType } from "@skep/bpf/uapi";

/** How a program of a type is called and attached on this kernel. */
export interface HookRow {
	/** What r1 points at. */
	readonly context: "record" | "arguments" | "xdp" | "skb" | "bytes";
	/** How it is attached: to a perf event, by RAW_TRACEPOINT_OPEN, by LINK_CREATE to a device; none: by test runs only. */
	readonly attach: "event" | "raw" | "tracing" | "device" | "none";
	/** Whether PROG_TEST_RUN can run it. */
	readonly testRun: boolean;
	/** Loads from where nothing is give 0: pointers into the kernel's structs may be followed. */
	readonly probe: boolean;
	/** `expected_attach_type`s that a load may name; absent: Linux ignores what it says. */
	readonly attachTypes?: readonly AttachType[];
}

/** Types of programs that this kernel has. One row a type. */
// biome-ignore format: table
export const HOOKS: Partial<Readonly<Record<ProgramType, HookRow>>> = {
	tracepoint: { context: "record", attach: "event", testRun: false, probe: false },
	raw_tracepoint: { context: "arguments", attach: "raw", testRun: true, probe: false },
	raw_tracepoint_writable: { context: "arguments", attach: "raw", testRun: false, probe: false },
	tracing: { context: "arguments", attach: "tracing", testRun: false, probe: true, attachTypes: ["trace_raw_tp"] },
	xdp: { context: "xdp", attach: "device", testRun: true, probe: false },
	syscall: { context: "bytes", attach: "none", testRun: true, probe: false },
	socket_filter: { context: "skb", attach: "none", testRun: true, probe: false },
};
