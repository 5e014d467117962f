import type { Verb } from "#cli";
import type { Task } from "./desk.ts";

/** The verbs of `skep gen`, in bpftool's order. */
export const GEN_VERBS: readonly Verb<Task>[] = [
	{
		name: "object",
		usage: "OUT.o IN.o …",
		summary: "link: functions, maps and variables are resolved across the files, types are kept once each",
		examples: ["skep gen object tool.o main.o filter.o"],
		load: async () => (await import("./gen-object.ts")).object,
	},
	{
		name: "skeleton",
		usage: "OBJ.o [name NAME] [--path FILE] [--record MAP=STRUCT,…]",
		summary: "a TypeScript module on stdout: typed maps, records, variables and programs, open, load, attach",
		examples: ["skep gen skeleton tool.o > tool.skel.ts"],
		load: async () => (await import("./gen-skeleton.ts")).skeleton,
	},
	{
		name: "min_core_btf",
		usage: "BTF OUT OBJ.o …",
		summary: "of a kernel's types (ELF or raw BTF) those that the objects' CO-RE relocations ask for",
		examples: ["skep gen min_core_btf /sys/kernel/btf/vmlinux tool.btf tool.o"],
		load: async () => (await import("./gen-min-core.ts")).minCore,
	},
];
