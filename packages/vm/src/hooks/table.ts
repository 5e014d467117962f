import type { AttachType, ProgramType } from "@skep/bpf/uapi";

/** How a program of a type is called and attached on this kernel. */
export interface HookRow {
	/** What r1 points at. */
	readonly context: "record" | "arguments" | "xdp" | "skb" | "bytes";
	/** How it is attached: to a perf event, by RAW_TRACEPOINT_OPEN, by LINK_CREATE or PROG_ATTACH to a device or a cgroup; none: by test runs only. */
	readonly attach: "event" | "raw" | "tracing" | "device" | "cgroup" | "none";
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
	tracing: { context: "arguments", attach: "tracing", testRun: false, probe: true, attachTypes: ["trace_raw_tp", "trace_iter"] },
	xdp: { context: "xdp", attach: "device", testRun: true, probe: false },
	syscall: { context: "bytes", attach: "none", testRun: true, probe: false },
	sched_cls: { context: "skb", attach: "device", testRun: true, probe: false },
	sched_act: { context: "skb", attach: "none", testRun: true, probe: false },
	cgroup_skb: { context: "skb", attach: "cgroup", testRun: true, probe: false, attachTypes: ["cgroup_inet_ingress", "cgroup_inet_egress"] },
	socket_filter: { context: "skb", attach: "none", testRun: true, probe: false },
};
