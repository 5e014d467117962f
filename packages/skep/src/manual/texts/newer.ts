import type { Kind } from "../subject.ts";

/** What Linux 7.3 has and skep does not use yet: so no table of facts has it. */
export type NewerRow = readonly [
	kind: Kind,
	name: string,
	alias: string,
	number: number,
	text: string,
	example: string,
];

/** One row a name. When a table of facts gets it, its text moves there. */
// biome-ignore format: table
export const NEWER_TEXTS: readonly NewerRow[] = [
	["command", "BPF_PROG_ASSOC_STRUCT_OPS", "PROG_ASSOC_STRUCT_OPS", 38, "Ties a program to a struct_ops map, so that kfuncs that it calls know which table of functions it belongs to.", "err = bpf_prog_assoc_struct_ops(map_fd, prog_fd, NULL);"],
	["map type", "BPF_MAP_TYPE_RHASH", "rhash", 35, "A hash table that grows and shrinks with its entries (an rhashtable of the kernel). BPF_F_NO_PREALLOC is compulsory.", "struct {\n\t__uint(type, BPF_MAP_TYPE_RHASH);\n\t__uint(map_flags, BPF_F_NO_PREALLOC);\n\t__uint(max_entries, 1000000);\n\t__type(key, __u32);\n\t__type(value, __u64);\n} sessions SEC(\".maps\");"],
	["attach type", "BPF_TRACE_FENTRY_MULTI", "trace_fentry_multi", 59, "The beginning of many functions, by one link.", "SEC(\"fentry.multi/tcp_*\")"],
	["attach type", "BPF_TRACE_FEXIT_MULTI", "trace_fexit_multi", 60, "The return of many functions, by one link.", "SEC(\"fexit.multi/tcp_*\")"],
	["attach type", "BPF_TRACE_FSESSION_MULTI", "trace_fsession_multi", 61, "Beginning and return of many functions, by one link, as one program.", "SEC(\"fsession.multi/tcp_*\")"],
	["link type", "BPF_LINK_TYPE_TRACING_MULTI", "tracing_multi", 15, "Holds a tracing program at many functions.", "SEC(\"fentry.multi/tcp_*\")"],
];
