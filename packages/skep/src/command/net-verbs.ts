import type { Verb } from "#cli";
import type { Task } from "./desk.ts";

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
];
