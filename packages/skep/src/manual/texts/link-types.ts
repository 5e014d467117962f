import type { LinkType } from "@skep/bpf/uapi";
import type { Text } from "./text.ts";

/** What a link of a type (`enum bpf_link_type`) holds, one row each. */
// biome-ignore format: table
export const LINK_TEXTS: Readonly<Record<LinkType, Text>> = {
	raw_tracepoint: { text: "Holds a program at a raw tracepoint.", see: ["raw_tracepoint", "RAW_TRACEPOINT_OPEN"] },
	tracing: { text: "Holds a program at a function, a typed tracepoint, an LSM hook, or in the place of a function of another program.", see: ["tracing", "lsm", "ext"] },
	cgroup: { text: "Holds a program at a hook of a cgroup.", see: ["cgroup_skb", "PROG_QUERY"] },
	iter: { text: "Holds an iterator program with its target; ITER_CREATE opens it to read, and a pin of it is a file that `cat` reads.", see: ["iter", "ITER_CREATE"] },
	netns: { text: "Holds a flow dissector or sk_lookup program at a network namespace. When the namespace goes, the link holds nothing.", see: ["flow_dissector", "sk_lookup"] },
	xdp: { text: "Holds an XDP program at a device. Other programs cannot take its place except by LINK_UPDATE.", see: ["xdp"] },
	perf_event: { text: "Holds a program at a perf event: tracepoint, kprobe, uprobe, sampling.", see: ["kprobe", "tracepoint", "BPF_PROG_TYPE_PERF_EVENT"] },
	kprobe_multi: { text: "Holds a program at many kernel functions, with a cookie for each.", see: ["kprobe.multi/"] },
	struct_ops: { text: "Holds a table of functions in use; LINK_UPDATE exchanges it for another.", see: ["BPF_MAP_TYPE_STRUCT_OPS"] },
	netfilter: { text: "Holds a program at a netfilter hook with a priority.", see: ["BPF_PROG_TYPE_NETFILTER"] },
	tcx: { text: "Holds a program at a device's ingress or egress, before or after others by name of order.", see: ["sched_cls", "tcx/ingress"] },
	uprobe_multi: { text: "Holds a program at many places of a file, with cookies and reference counters (semaphores).", see: ["uprobe.multi/"] },
	netkit: { text: "Holds a program at an end of a netkit device pair.", see: ["netkit/primary"] },
	sockmap: { text: "Holds a program at a sockmap or sockhash.", see: ["sockmap", "sk_skb", "sk_msg"] },
};
