import type { Verb } from "#cli";
import type { Task } from "./desk.ts";

/** The verbs of `skep iter`. */
export const ITER_VERBS: readonly Verb<Task>[] = [
	{
		name: "pin",
		usage: "OBJ PATH [map {id N|pinned PATH|name NAME}]",
		summary: "load an iterator, pin its link: who reads PATH runs it",
		examples: [
			"skep iter pin tasks.o /sys/fs/bpf/tasks",
			"skep iter pin elements.o /sys/fs/bpf/elements map name counts",
		],
		load: async () => (await import("./iter-pin.ts")).pin,
	},
];
