/** What the kernel's iterators walk over. */
export interface IteratorRow {
	/** First mainline kernel that has it. */
	readonly since: string;
	/** What one call of the program is about, for people. */
	readonly each: string;
	/** What has to be said before it can be attached. */
	readonly wants?: "map" | "cgroup";
}

/** Targets of `iter/NAME` programs: the functions `bpf_iter_NAME` of the kernel. One row a target. */
// biome-ignore format: table
export const ITERATORS: Readonly<Record<string, IteratorRow>> = {
	task: { since: "5.8", each: "task" },
	task_file: { since: "5.8", each: "open file of a task" },
	bpf_map: { since: "5.8", each: "map" },
	netlink: { since: "5.8", each: "netlink socket" },
	ipv6_route: { since: "5.8", each: "IPv6 route" },
	bpf_prog: { since: "5.9", each: "program" },
	bpf_map_elem: { since: "5.9", each: "element of a map", wants: "map" },
	bpf_sk_storage_map: { since: "5.9", each: "socket with a value in a map", wants: "map" },
	tcp: { since: "5.9", each: "TCP socket" },
	udp: { since: "5.9", each: "UDP socket" },
	sockmap: { since: "5.10", each: "socket in a sockmap", wants: "map" },
	task_vma: { since: "5.12", each: "memory area of a task" },
	unix: { since: "5.15", each: "Unix socket" },
	bpf_link: { since: "5.19", each: "link" },
	ksym: { since: "6.0", each: "kernel symbol" },
	cgroup: { since: "6.1", each: "cgroup", wants: "cgroup" },
	kmem_cache: { since: "6.13", each: "slab cache" },
	dmabuf: { since: "6.16", each: "shared DMA buffer" },
};
