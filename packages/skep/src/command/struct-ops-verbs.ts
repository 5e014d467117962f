import type { Verb } from "#cli";
import type { Task } from "./desk.ts";

const MAP = "{id N|name NAME}";

/** The verbs of `skep struct_ops`. */
export const STRUCT_OPS_VERBS: readonly Verb<Task>[] = [
	{
		name: "show",
		usage: `[${MAP}]`,
		summary: "tables of kernel functions that programs are: congestion control, schedulers …",
		examples: ["skep struct_ops show"],
		reads: true,
		load: async () => (await import("./struct-ops-show.ts")).show,
	},
	{
		name: "list",
		usage: `[${MAP}]`,
		summary: "the same as show",
		examples: ["skep struct_ops list"],
		reads: true,
		load: async () => (await import("./struct-ops-show.ts")).show,
	},
	{
		name: "dump",
		usage: `[${MAP}]`,
		summary: "what stands in the tables: which program is which function, and the values beside them",
		examples: ["skep -p struct_ops dump name dctcp"],
		reads: true,
		load: async () => (await import("./struct-ops-show.ts")).dump,
	},
	{
		name: "register",
		usage: "OBJ [LINK_DIR]",
		summary: "load an object and register its tables; those that want a link are pinned in LINK_DIR",
		examples: ["skep struct_ops register dctcp.o", "skep struct_ops register dctcp.o /sys/fs/bpf/cc"],
		load: async () => (await import("./struct-ops-register.ts")).register,
	},
	{
		name: "unregister",
		usage: MAP,
		summary: "take a table away from the kernel",
		examples: ["skep struct_ops unregister name dctcp"],
		load: async () => (await import("./struct-ops-register.ts")).unregister,
	},
];
