import type { LinkType } from "@skep/bpf/uapi";
import type { Text } from "./text.ts";

/** What a link of a type (`enum bpf_link_type`) holds, one row each. */
// biome-ignore format: table
export const LINK_TEXTS: Readonly<Record<LinkType, Text>> = {
	raw_tracepoint: { text: "Holds a program at a raw tracepoint.", example: "link = bpf_program__attach_raw_tracepoint(prog, \"sched_process_exec\");", see: ["raw_tracepoint", "RAW_TRACEPOINT_OPEN"] },
	tracing: { text: "Holds a program at a function, a typed tracepoint, an LSM hook, or in the place of a function of another program.", example: "link = bpf_program__attach_trace(prog);", see: ["tracing", "lsm", "ext"] },
	cgroup: { text: "Holds a program at a hook of a cgroup.", example: "link = bpf_program__attach_cgroup(prog, cgroup_fd);", see: ["cgroup_skb", "PROG_QUERY"] },
	iter: { text: "Holds an iterator program with its target; ITER_CREATE opens it to read, and a pin of it is a file that `cat` reads.", example: "link = bpf_program__attach_iter(prog, NULL);", see: ["iter", "ITER_CREATE"] },
	netns: { text: "Holds a flow dissector or sk_lookup program at a network namespace. When the namespace goes, the link holds nothing.", example: "link = bpf_program__attach_netns(prog, netns_fd);", see: ["flow_dissector", "sk_lookup"] },
	xdp: { text: "Holds an XDP program at a device. Other programs cannot take its place except by LINK_UPDATE.", example: "link = bpf_program__attach_xdp(prog, ifindex);", see: ["xdp"] },
	perf_event: { text: "Holds a program at a perf event: tracepoint, kprobe, uprobe, sampling.", example: "link = bpf_program__attach_perf_event(prog, perf_fd);", see: ["kprobe", "tracepoint", "BPF_PROG_TYPE_PERF_EVENT"] },
	kprobe_multi: { text: "Holds a program at many kernel functions, with a cookie for each.", example: "link = bpf_program__attach_kprobe_multi_opts(prog, \"tcp_*\", NULL);", see: ["kprobe.multi/"] },
	struct_ops: { text: "Holds a table of functions in use; LINK_UPDATE exchanges it for another.", example: "link = bpf_map__attach_struct_ops(map);", see: ["BPF_MAP_TYPE_STRUCT_OPS"] },
	netfilter: { text: "Holds a program at a netfilter hook with a priority.", example: "link = bpf_program__attach_netfilter(prog, &opts);", see: ["BPF_PROG_TYPE_NETFILTER"] },
	tcx: { text: "Holds a program at a device's ingress or egress, at a chosen place among the others (BPF_F_BEFORE, BPF_F_AFTER).", example: "link = bpf_program__attach_tcx(prog, ifindex, NULL);", see: ["sched_cls", "tcx/ingress"] },
	uprobe_multi: { text: "Holds a program at many places of a file, with cookies and reference counters (semaphores).", example: "link = bpf_program__attach_uprobe_multi(prog, -1, \"/bin/bash\", \"read*\", NULL);", see: ["uprobe.multi/"] },
	netkit: { text: "Holds a program at an end of a netkit device pair.", example: "link = bpf_program__attach_netkit(prog, ifindex, NULL);", see: ["netkit/primary"] },
	sockmap: { text: "Holds a program at a sockmap or sockhash.", example: "link = bpf_program__attach_sockmap(prog, map_fd);", see: ["sockmap", "sk_skb", "sk_msg"] },
};
