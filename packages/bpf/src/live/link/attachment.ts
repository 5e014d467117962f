import type { Fd } from "../fd.ts";
import type { Program } from "../program.ts";

/**
 * How something was attached. `bpf_link`: the kernel's own object. The others are the older ways: a raw tracepoint's
 * descriptor, a perf event that a program was set on, BPF_PROG_ATTACH, rtnetlink, setsockopt, an entry of a struct_ops map.
 */
export type LinkWay =
	| "bpf_link"
	| "raw_tracepoint"
	| "perf_ioctl"
	| "prog_attach"
	| "netlink"
	| "setsockopt"
	| "struct_ops_map";

/** What one act of attaching left: descriptors to close, and what undoes it where closing does not. */
export interface Attachment {
	readonly way: LinkWay;
	/** What keeps it attached, or names it to the kernel: of several bpf_links all; empty where nothing does. */
	readonly fds: readonly Fd[];
	/** Closed after `fds`: perf events under links, targets. */
	readonly under?: readonly Fd[];
	/** Takes it off where closing descriptors does not. Runs before anything is closed; a kernel's no is not told. */
	readonly undo?: () => void;
	/** Puts another program in place by this way; absent: it cannot. */
	readonly replace?: (program: Program, expected: Program | undefined) => void;
	/** What was done otherwise than asked, in words. */
	readonly note?: string | undefined;
}
