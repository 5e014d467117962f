import type { Verb } from "#cli";
import type { Task } from "./desk.ts";
import { READY } from "./iter-list.ts";

/** The verbs of `skep iter`. */
export const ITER_VERBS: readonly Verb<Task>[] = [
	{
		name: "pin",
		usage: "NAME|OBJ|FILE.ts PATH [map {id N|pinned PATH|name NAME} | pid N | tid N | cgroup PATH]",
		summary: "load an iterator, pin its link: who reads PATH runs it",
		examples: [
			"skep iter pin tasks /sys/fs/bpf/tasks",
			"skep iter pin tasks.o /sys/fs/bpf/tasks",
			"skep iter pin elements.o /sys/fs/bpf/elements map name counts",
		],
		load: async () => (await import("./iter-pin.ts")).pin,
	},
	...Object.entries(READY).map(
		([name, { over, summary }]): Verb<Task> => ({
			name,
			usage: over === "task" ? "[pid N | tid N]" : over === "cgroup" ? "[cgroup PATH]" : "",
			summary,
			examples: [`skep iter ${name}`, `skep -j iter ${name}${over === "task" ? " pid 1" : ""}`],
			reads: true,
			load: async () => (await import("./iter-show.ts")).showIterator(name),
		}),
	),
];
