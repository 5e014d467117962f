import type {
	BpfMap,
	CgroupOptions,
	CgroupOrder,
	Container,
	Direction,
	NetfilterTarget,
	NetkitSide,
	PerfSampling,
	Position,
	Program,
	RouteTarget,
	XdpMode,
} from "#live";

/**
 * Where a program goes, as far as its section does not say, or instead of it. Which members count depends on the program;
 * `planAttach` names the one that is missing (`wants`).
 */
export interface AttachTarget extends Position {
	/** What bpf_get_attach_cookie returns: tracepoints, probes, tracing, perf events; bpf_usdt_cookie. */
	readonly cookie?: bigint;

	/** `category/name` of a tracepoint, or the bare name of a raw one. */
	readonly event?: string;

	/** Network device, index or name: xdp, tc, tcx, netkit, routes. */
	readonly device?: number | string;
	/** xdp. Absent: native where the driver has it, else generic. */
	readonly mode?: XdpMode;
	/** tc, tcx. Absent: what the section says (`tcx/egress`). */
	readonly direction?: Direction;
	/** tc by the qdisc clsact, which it asks for: the place among filters, and the filter's number there. */
	readonly priority?: number;
	readonly handle?: number;
	/** netkit. Absent: what the section says. */
	readonly side?: NetkitSide;

	/**
	 * The older way, or only the newer: `bpf_link` never falls back; `netlink` (xdp, tc) and `prog_attach` (cgroups, sockmaps) stay when
	 * the process ends. Absent: a bpf_link where the kernel has one, else what there is.
	 */
	readonly way?: "bpf_link" | "netlink" | "prog_attach";

	/** Kernel function (kprobe), system call (ksyscall) or function of `binary` (uprobe). */
	readonly function?: string;
	/** Bytes from the function, or without one from the beginning of the binary. */
	readonly offset?: number;
	/** kprobe.multi, uprobe.multi: a glob, or names one by one with `cookies` in their order. */
	readonly pattern?: string;
	readonly functions?: readonly string[];
	readonly cookies?: readonly bigint[];
	/** Executable or library: path, or name of a library or command. */
	readonly binary?: string;
	/** Only this process: uprobe, usdt, perf events. */
	readonly pid?: number;
	/** USDT probe. */
	readonly provider?: string;
	readonly probe?: string;

	/** perf_event: what samples, and how often. */
	readonly sampling?: PerfSampling;

	/** Cgroup: its folder, or a descriptor of it. For iterators too. */
	readonly cgroup?: Container;
	/** Cgroups by the older way: beside others, or alone. */
	readonly share?: CgroupOptions["share"];
	readonly replace?: Program;
	/** Hook of a cgroup or sockmap, for sections that say none (`cgroup/skb`, `sk_skb`). */
	readonly attachType?: CgroupOptions["attachType"];

	/** Network namespace: path or descriptor. Absent: this process's. */
	readonly namespace?: Container;

	/** sockmap or sockhash, or what an iterator walks over: the map, or its name in the collection. */
	readonly map?: BpfMap | string;

	/** Iterators over cgroups: the order; over tasks: one thread or process. */
	readonly order?: CgroupOrder;
	readonly task?: { readonly tid?: number; readonly pid?: number; readonly pidfd?: number };

	readonly netfilter?: NetfilterTarget;

	/** lwt_in, lwt_out, lwt_xmit: the route (with `device`). */
	readonly route?: Omit<RouteTarget, "ifindex">;

	/** socket, sk_reuseport: descriptor of a socket. */
	readonly socket?: number;

	/** lirc_mode2: `/dev/lirc0`, or a descriptor. */
	readonly receiver?: Container;
}
