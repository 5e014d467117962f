import type { Verb } from "#cli";
import type { Task } from "./desk.ts";

/** The verbs of `skep btf`: bpftool's, then ours. */
export const BTF_VERBS: readonly Verb<Task>[] = [
	{
		name: "show",
		usage: "[id N]",
		summary: "what BTF the kernel holds, and which programs and maps it is of",
		examples: ["skep btf show", "skep -j btf show id 7"],
		reads: true,
		load: async () => (await import("./btf-list.ts")).list,
	},
	{
		name: "list",
		usage: "[id N]",
		summary: "the same as show",
		examples: ["skep btf list"],
		reads: true,
		load: async () => (await import("./btf-list.ts")).list,
	},
	{
		name: "dump",
		usage: "{id N|prog PROG|map MAP [key|value|kv|all]|file FILE} [format raw|c|ts] [root_id N …]",
		summary: "types as text, C or TypeScript: of a file (ELF or raw BTF), or of what the kernel holds",
		examples: [
			"skep btf dump file /sys/kernel/btf/vmlinux format c > vmlinux.h",
			"skep btf dump map name counts value",
			"skep btf dump prog id 7 format ts",
		],
		reads: true,
		load: async () => (await import("./btf-dump.ts")).dump,
	},
	{
		name: "layout",
		usage: "NAME … [--file FILE]",
		summary: "offsets, sizes, holes and cache lines of structs and unions",
		examples: ["skep btf layout task_struct"],
		reads: true,
		load: async () => (await import("./btf-types.ts")).layout,
	},
	{
		name: "find",
		usage: "PATTERN [--kind K[,K…]] [--file FILE]",
		summary: "types by name: shell patterns (task_*) or /regular expressions/",
		examples: ["skep btf find --kind struct 'bpf_*_ctx'"],
		reads: true,
		load: async () => (await import("./btf-types.ts")).find,
	},
	{
		name: "diff",
		usage: "A B [NAME …]",
		summary: "what types two files have in common, and what changed in them",
		examples: ["skep btf diff old.btf /sys/kernel/btf/vmlinux task_struct"],
		reads: true,
		load: async () => (await import("./btf-types.ts")).diff,
	},
];
