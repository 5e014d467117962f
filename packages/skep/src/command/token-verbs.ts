import type { Verb } from "#cli";
import type { Task } from "./desk.ts";

/** The verbs of `skep token`. */
export const TOKEN_VERBS: readonly Verb<Task>[] = [
	{
		name: "show",
		usage: "",
		summary: "mounted bpffs that delegate something to user namespaces, and what",
		examples: ["skep token show"],
		reads: true,
		load: async () => (await import("./token-show.ts")).show,
	},
	{
		name: "list",
		usage: "",
		summary: "the same as show",
		examples: ["skep token list"],
		reads: true,
		load: async () => (await import("./token-show.ts")).show,
	},
];
