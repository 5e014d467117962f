import type { Verb } from "#cli";
import type { Task } from "./desk.ts";

/** The verbs of `skep perf`. */
export const PERF_VERBS: readonly Verb<Task>[] = [
	{
		name: "show",
		usage: "",
		summary: "programs that processes hold by perf events, kprobes, uprobes and tracepoints",
		examples: ["skep perf show", "skep -j perf show"],
		reads: true,
		load: async () => (await import("./perf-show.ts")).show,
	},
	{
		name: "list",
		usage: "",
		summary: "the same as show",
		examples: ["skep perf list"],
		reads: true,
		load: async () => (await import("./perf-show.ts")).show,
	},
];
