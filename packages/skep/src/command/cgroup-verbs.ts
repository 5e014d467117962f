import type { Verb } from "#cli";
import type { Task } from "./desk.ts";

const PROG = "{id N|pinned PATH|tag TAG|name NAME}";

/** The verbs of `skep cgroup`, in bpftool's order. */
export const CGROUP_VERBS: readonly Verb<Task>[] = [
	{
		name: "show",
		usage: "CGROUP [effective]",
		summary: "programs that are attached to a cgroup; effective: that run there, inherited ones too",
		examples: ["skep cgroup show /sys/fs/cgroup/system.slice effective"],
		reads: true,
		load: async () => (await import("./cgroup-show.ts")).show,
	},
	{
		name: "list",
		usage: "CGROUP [effective]",
		summary: "the same as show",
		examples: ["skep cgroup list /sys/fs/cgroup"],
		reads: true,
		load: async () => (await import("./cgroup-show.ts")).show,
	},
	{
		name: "tree",
		usage: "[CGROUP] [effective]",
		summary: "every cgroup with programs, from CGROUP (default: the root) downwards",
		examples: ["skep cgroup tree"],
		reads: true,
		load: async () => (await import("./cgroup-show.ts")).tree,
	},
	{
		name: "attach",
		usage: `CGROUP ATTACH_TYPE ${PROG} [multi|override]`,
		summary: "attach a program to a cgroup: it stays until it is detached",
		examples: ["skep cgroup attach /sys/fs/cgroup/box cgroup_inet_egress pinned /sys/fs/bpf/meter multi"],
		load: async () => (await import("./cgroup-attach.ts")).attach,
	},
	{
		name: "detach",
		usage: `CGROUP ATTACH_TYPE ${PROG}`,
		summary: "take a program off a cgroup",
		examples: ["skep cgroup detach /sys/fs/cgroup/box cgroup_inet_egress pinned /sys/fs/bpf/meter"],
		load: async () => (await import("./cgroup-attach.ts")).detach,
	},
];
