/** `enum bpf_link_type`: the kernel's name in lower case, the number, the first mainline kernel. One row a type. */
// biome-ignore format: table
export const LINK_TYPES = {
	raw_tracepoint: { value: 1, since: "5.7" },
	tracing: { value: 2, since: "5.7" },
	cgroup: { value: 3, since: "5.7" },
	iter: { value: 4, since: "5.8" },
	netns: { value: 5, since: "5.8" },
	xdp: { value: 6, since: "5.9" },
	perf_event: { value: 7, since: "5.15" },
	kprobe_multi: { value: 8, since: "5.18" },
	struct_ops: { value: 9, since: "6.4" },
	netfilter: { value: 10, since: "6.4" },
	tcx: { value: 11, since: "6.6" },
	uprobe_multi: { value: 12, since: "6.6" },
	netkit: { value: 13, since: "6.7" },
	sockmap: { value: 14, since: "6.10" },
} as const;
export type LinkType = keyof typeof LINK_TYPES;
