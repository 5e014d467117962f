import type { Verb } from "#cli";
import type { Task } from "./desk.ts";

const PROG = "{id N|pinned PATH|tag TAG|name NAME}";

/** The verbs of `skep net`. */
export const NET_VERBS: readonly Verb<Task>[] = [
	{
		name: "show",
		usage: "[dev NAME]",
		summary: "programs on network devices: XDP, classifiers, tcx, netkit, in the order in which they run",
		examples: ["skep net show", "skep -j net show dev eth0"],
		reads: true,
		load: async () => (await import("./net-show.ts")).show,
	},
	{
		name: "list",
		usage: "[dev NAME]",
		summary: "the same as show",
		examples: ["skep net list"],
		reads: true,
		load: async () => (await import("./net-show.ts")).show,
	},
	{
		name: "overview",
		usage: "",
		summary:
			"every program on every hook: devices of all network namespaces, netfilter, sockmaps, cgroups; with their maps",
		examples: ["skep net overview"],
		reads: true,
		load: async () => (await import("./net-show.ts")).overview,
	},
	{
		name: "attach",
		usage: `{xdp|xdpgeneric|xdpdrv|xdpoffload|tcx_ingress|tcx_egress|netkit_primary|netkit_peer} ${PROG} dev NAME [overwrite]`,
		summary: "attach a program to a network device: it stays until it is detached",
		examples: [
			"skep net attach xdp pinned /sys/fs/bpf/xdp dev eth0",
			"skep net attach tcx_ingress name count dev eth0",
		],
		load: async () => (await import("./net-attach.ts")).attach,
	},
	{
		name: "detach",
		usage: `{xdp|xdpgeneric|xdpdrv|xdpoffload|tcx_ingress|tcx_egress|netkit_primary|netkit_peer} [${PROG}] dev NAME`,
		summary: "take a program off a network device; of several it must be named",
		examples: ["skep net detach xdp dev eth0", "skep net detach tcx_ingress name count dev eth0"],
		load: async () => (await import("./net-attach.ts")).detach,
	},
];
