/** What people may say of what an iterator walks over. */
export type Over = "task" | "cgroup" | "map";

/** Iterators that skep brings along: a program of `tools` each. One row an iterator. */
// biome-ignore format: table
export const READY: Readonly<Record<string, { readonly over?: Over; readonly summary: string }>> = {
	tasks: { over: "task", summary: "threads, as ps -eL lists them" },
	files: { over: "task", summary: "open files of processes, as lsof lists them" },
	vmas: { over: "task", summary: "memory of processes, as /proc/PID/maps lists it" },
	tcp: { summary: "TCP sockets of this network namespace, as ss -ta lists them" },
	udp: { summary: "UDP sockets of this network namespace, as ss -ua lists them" },
	unix: { summary: "Unix sockets of this network namespace, as ss -xa lists them" },
	maps: { summary: "BPF maps, also those that nobody may open" },
	programs: { summary: "BPF programs" },
	links: { summary: "BPF links" },
	cgroups: { over: "cgroup", summary: "cgroups, from the root or from one" },
	ksyms: { summary: "symbols of the kernel, its modules and BPF programs, as /proc/kallsyms lists them" },
};
