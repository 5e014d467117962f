import type { Verb } from "#cli";
import type { Task } from "./desk.ts";

/** The verbs of `skep feature`. */
export const FEATURE_VERBS: readonly Verb<Task>[] = [
	{
		name: "probe",
		usage: "[kernel|dev NAME] [full] [unprivileged] [macros [prefix PREFIX]]",
		summary: "what this kernel can do, by really loading and making: program types, map types, helpers",
		examples: ["skep feature probe", "skep -j feature probe unprivileged", "skep feature probe macros prefix MY_"],
		reads: true,
		load: async () => (await import("./feature-probe.ts")).probe,
	},
	{
		name: "list_builtins",
		usage: "prog_types|map_types|attach_types|link_types|helpers",
		summary: "the names that skep knows, whatever the kernel",
		examples: ["skep feature list_builtins helpers"],
		reads: true,
		load: async () => (await import("./feature-probe.ts")).listBuiltins,
	},
];
