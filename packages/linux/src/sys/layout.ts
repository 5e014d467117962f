import type { CommandName } from "@skep/bpf/kernel";

/**
 * One field of a struct that a system call takes. `name` is the member's path in the plain value (`perf_event.bpf_cookie`).
 *
 * - `int`: 4 or 8 bytes; number or bigint
 * - `out`: an int that the kernel writes back
 * - `inout`: an int that goes in and comes back
 * - `text`: characters in place, NUL-padded
 * - `string`: 8 bytes, pointer to NUL-terminated text
 * - `buffer`: 8 bytes, pointer to the bytes
 * - `length`: 4 bytes, length of the buffer `of`, in units of `unit` bytes
 */
export type FieldKind = "int" | "out" | "inout" | "text" | "string" | "buffer" | "length";
export type Field = readonly [name: string, offset: number, size: number, kind: FieldKind, of?: string, unit?: number];

export interface Layout {
	readonly size: number;
	readonly fields: readonly Field[];
}

const layout = (size: number, ...fields: Field[]): Layout => ({ size, fields });

// biome-ignore-start format: table

const ELEM = layout(
	32,
	["map_fd", 0, 4, "int"],
	["key", 8, 8, "buffer"],
	["value", 16, 8, "buffer"],
	["flags", 24, 8, "int"],
);
const BATCH = layout(
	56,
	["in_batch", 0, 8, "buffer"],
	["out_batch", 8, 8, "buffer"],
	["keys", 16, 8, "buffer"],
	["values", 24, 8, "buffer"],
	["count", 32, 4, "inout"],
	["map_fd", 36, 4, "int"],
	["elem_flags", 40, 8, "int"],
	["flags", 48, 8, "int"],
);
const OBJ = layout(
	20,
	["pathname", 0, 8, "string"],
	["bpf_fd", 8, 4, "int"],
	["file_flags", 12, 4, "int"],
	["path_fd", 16, 4, "int"],
);
const ATTACH = layout(
	32,
	["target_fd", 0, 4, "int"],
	["target_ifindex", 0, 4, "int"],
	["attach_bpf_fd", 4, 4, "int"],
	["attach_type", 8, 4, "int"],
	["attach_flags", 12, 4, "int"],
	["replace_bpf_fd", 16, 4, "int"],
	["relative_fd", 20, 4, "int"],
	["expected_revision", 24, 8, "int"],
);
const NEXT_ID = layout(12, ["start_id", 0, 4, "int"], ["next_id", 4, 4, "out"], ["open_flags", 8, 4, "int"]);
const FD_BY_ID = layout(12, ["id", 0, 4, "int"], ["open_flags", 8, 4, "int"]);

/** `union bpf_attr` of Linux 6.18, one entry a command, one row a field. */
export const ATTR: Readonly<Record<CommandName, Layout>> = {
	MAP_CREATE: layout(
		80,
		["map_type", 0, 4, "int"],
		["key_size", 4, 4, "int"],
		["value_size", 8, 4, "int"],
		["max_entries", 12, 4, "int"],
		["map_flags", 16, 4, "int"],
		["inner_map_fd", 20, 4, "int"],
		["numa_node", 24, 4, "int"],
		["map_name", 28, 16, "text"],
		["map_ifindex", 44, 4, "int"],
		["btf_fd", 48, 4, "int"],
		["btf_key_type_id", 52, 4, "int"],
		["btf_value_type_id", 56, 4, "int"],
		["btf_vmlinux_value_type_id", 60, 4, "int"],
		["map_extra", 64, 8, "int"],
		["value_type_btf_obj_fd", 72, 4, "int"],
		["map_token_fd", 76, 4, "int"],
	),
	MAP_LOOKUP_ELEM: ELEM,
	MAP_UPDATE_ELEM: ELEM,
	MAP_DELETE_ELEM: ELEM,
	MAP_GET_NEXT_KEY: layout(32, ["map_fd", 0, 4, "int"], ["key", 8, 8, "buffer"], ["next_key", 16, 8, "buffer"]),
	PROG_LOAD: layout(
		152,
		["prog_type", 0, 4, "int"],
		["insn_cnt", 4, 4, "length", "insns", 8],
		["insns", 8, 8, "buffer"],
		["license", 16, 8, "string"],
		["log_level", 24, 4, "int"],
		["log_size", 28, 4, "length", "log_buf"],
		["log_buf", 32, 8, "buffer"],
		["kern_version", 40, 4, "int"],
		["prog_flags", 44, 4, "int"],
		["prog_name", 48, 16, "text"],
		["prog_ifindex", 64, 4, "int"],
		["expected_attach_type", 68, 4, "int"],
		["prog_btf_fd", 72, 4, "int"],
		["func_info_rec_size", 76, 4, "int"],
		["func_info", 80, 8, "buffer"],
		["func_info_cnt", 88, 4, "int"],
		["line_info_rec_size", 92, 4, "int"],
		["line_info", 96, 8, "buffer"],
		["line_info_cnt", 104, 4, "int"],
		["attach_btf_id", 108, 4, "int"],
		["attach_prog_fd", 112, 4, "int"],
		["attach_btf_obj_fd", 112, 4, "int"],
		["core_relo_cnt", 116, 4, "int"],
		["fd_array", 120, 8, "buffer"],
		["core_relos", 128, 8, "buffer"],
		["core_relo_rec_size", 136, 4, "int"],
		["log_true_size", 140, 4, "out"],
		["prog_token_fd", 144, 4, "int"],
		["fd_array_cnt", 148, 4, "int"],
	),
	OBJ_PIN: OBJ,
	OBJ_GET: OBJ,
	PROG_ATTACH: ATTACH,
	PROG_DETACH: ATTACH,
	PROG_TEST_RUN: layout(
		80,
		["prog_fd", 0, 4, "int"],
		["retval", 4, 4, "out"],
		["data_size_in", 8, 4, "length", "data_in"],
		["data_size_out", 12, 4, "length", "data_out"],
		["data_size_out", 12, 4, "out"],
		["data_in", 16, 8, "buffer"],
		["data_out", 24, 8, "buffer"],
		["repeat", 32, 4, "int"],
		["duration", 36, 4, "out"],
		["ctx_size_in", 40, 4, "length", "ctx_in"],
		["ctx_size_out", 44, 4, "length", "ctx_out"],
		["ctx_size_out", 44, 4, "out"],
		["ctx_in", 48, 8, "buffer"],
		["ctx_out", 56, 8, "buffer"],
		["flags", 64, 4, "int"],
		["cpu", 68, 4, "int"],
		["batch_size", 72, 4, "int"],
	),
	PROG_GET_NEXT_ID: NEXT_ID,
	MAP_GET_NEXT_ID: NEXT_ID,
	PROG_GET_FD_BY_ID: FD_BY_ID,
	MAP_GET_FD_BY_ID: FD_BY_ID,
	OBJ_GET_INFO_BY_FD: layout(
		16,
		["bpf_fd", 0, 4, "int"],
		["info_len", 4, 4, "length", "info"],
		["info", 8, 8, "buffer"],
	),
	PROG_QUERY: layout(
		64,
		["target_fd", 0, 4, "int"],
		["target_ifindex", 0, 4, "int"],
		["attach_type", 4, 4, "int"],
		["query_flags", 8, 4, "int"],
		["attach_flags", 12, 4, "out"],
		["prog_ids", 16, 8, "buffer"],
		["prog_cnt", 24, 4, "length", "prog_ids", 4],
		["prog_cnt", 24, 4, "out"],
		["prog_attach_flags", 32, 8, "buffer"],
		["link_ids", 40, 8, "buffer"],
		["link_attach_flags", 48, 8, "buffer"],
		["revision", 56, 8, "out"],
	),
	RAW_TRACEPOINT_OPEN: layout(24, ["name", 0, 8, "string"], ["prog_fd", 8, 4, "int"], ["cookie", 16, 8, "int"]),
	BTF_LOAD: layout(
		40,
		["btf", 0, 8, "buffer"],
		["btf_log_buf", 8, 8, "buffer"],
		["btf_size", 16, 4, "length", "btf"],
		["btf_log_size", 20, 4, "length", "btf_log_buf"],
		["btf_log_level", 24, 4, "int"],
		["btf_log_true_size", 28, 4, "out"],
		["btf_flags", 32, 4, "int"],
		["btf_token_fd", 36, 4, "int"],
	),
	BTF_GET_FD_BY_ID: FD_BY_ID,
	TASK_FD_QUERY: layout(
		48,
		["pid", 0, 4, "int"],
		["fd", 4, 4, "int"],
		["flags", 8, 4, "int"],
		["buf_len", 12, 4, "length", "buf"],
		["buf", 16, 8, "buffer"],
		["prog_id", 24, 4, "out"],
		["fd_type", 28, 4, "out"],
		["probe_offset", 32, 8, "out"],
		["probe_addr", 40, 8, "out"],
	),
	MAP_LOOKUP_AND_DELETE_ELEM: ELEM,
	MAP_FREEZE: layout(4, ["map_fd", 0, 4, "int"]),
	BTF_GET_NEXT_ID: NEXT_ID,
	MAP_LOOKUP_BATCH: BATCH,
	MAP_LOOKUP_AND_DELETE_BATCH: BATCH,
	MAP_UPDATE_BATCH: BATCH,
	MAP_DELETE_BATCH: BATCH,
	LINK_CREATE: layout(
		64,
		["prog_fd", 0, 4, "int"],
		["map_fd", 0, 4, "int"],
		["target_fd", 4, 4, "int"],
		["target_ifindex", 4, 4, "int"],
		["attach_type", 8, 4, "int"],
		["flags", 12, 4, "int"],
		["target_btf_id", 16, 4, "int"],
		["iter_info", 16, 8, "buffer"],
		["iter_info_len", 24, 4, "length", "iter_info"],
		["perf_event.bpf_cookie", 16, 8, "int"],
		["tracing.target_btf_id", 16, 4, "int"],
		["tracing.cookie", 24, 8, "int"],
		["kprobe_multi.flags", 16, 4, "int"],
		["kprobe_multi.cnt", 20, 4, "int"],
		["kprobe_multi.addrs", 32, 8, "buffer"],
		["kprobe_multi.cookies", 40, 8, "buffer"],
		["uprobe_multi.path", 16, 8, "string"],
		["uprobe_multi.offsets", 24, 8, "buffer"],
		["uprobe_multi.ref_ctr_offsets", 32, 8, "buffer"],
		["uprobe_multi.cookies", 40, 8, "buffer"],
		["uprobe_multi.cnt", 48, 4, "int"],
		["uprobe_multi.flags", 52, 4, "int"],
		["uprobe_multi.pid", 56, 4, "int"],
		["netfilter.pf", 16, 4, "int"],
		["netfilter.hooknum", 20, 4, "int"],
		["netfilter.priority", 24, 4, "int"],
		["netfilter.flags", 28, 4, "int"],
		["relative.fd", 16, 4, "int"],
		["relative.expected_revision", 24, 8, "int"],
	),
	LINK_UPDATE: layout(
		16,
		["link_fd", 0, 4, "int"],
		["new_prog_fd", 4, 4, "int"],
		["flags", 8, 4, "int"],
		["old_prog_fd", 12, 4, "int"],
	),
	LINK_GET_FD_BY_ID: FD_BY_ID,
	LINK_GET_NEXT_ID: NEXT_ID,
	ENABLE_STATS: layout(4, ["type", 0, 4, "int"]),
	ITER_CREATE: layout(8, ["link_fd", 0, 4, "int"], ["flags", 4, 4, "int"]),
	LINK_DETACH: layout(4, ["link_fd", 0, 4, "int"]),
	PROG_BIND_MAP: layout(12, ["prog_fd", 0, 4, "int"], ["map_fd", 4, 4, "int"], ["flags", 8, 4, "int"]),
};

/** What OBJ_GET_INFO_BY_FD fills, by the kind of object. `out` text: characters in place; `tag`: bytes as hex. */
export const INFO = {
	map: layout(
		88,
		["type", 0, 4, "out"],
		["id", 4, 4, "out"],
		["key_size", 8, 4, "out"],
		["value_size", 12, 4, "out"],
		["max_entries", 16, 4, "out"],
		["map_flags", 20, 4, "out"],
		["name", 24, 16, "text"],
		["ifindex", 40, 4, "out"],
		["btf_vmlinux_value_type_id", 44, 4, "out"],
		["btf_id", 64, 4, "out"],
		["btf_key_type_id", 68, 4, "out"],
		["btf_value_type_id", 72, 4, "out"],
		["map_extra", 80, 8, "out"],
	),
	prog: layout(
		232,
		["type", 0, 4, "out"],
		["id", 4, 4, "out"],
		["jited_prog_len", 16, 4, "length", "jited_prog_insns"],
		["jited_prog_len", 16, 4, "out"],
		["xlated_prog_len", 20, 4, "length", "xlated_prog_insns"],
		["xlated_prog_len", 20, 4, "out"],
		["jited_prog_insns", 24, 8, "buffer"],
		["xlated_prog_insns", 32, 8, "buffer"],
		["load_time", 40, 8, "out"],
		["created_by_uid", 48, 4, "out"],
		["nr_map_ids", 52, 4, "length", "map_ids", 4],
		["nr_map_ids", 52, 4, "out"],
		["map_ids", 56, 8, "buffer"],
		["name", 64, 16, "text"],
		["ifindex", 80, 4, "out"],
		["gpl_compatible", 84, 4, "out"],
		["netns_dev", 88, 8, "out"],
		["netns_ino", 96, 8, "out"],
		["nr_jited_ksyms", 104, 4, "out"],
		["nr_jited_func_lens", 108, 4, "out"],
		["btf_id", 128, 4, "out"],
		["func_info_rec_size", 132, 4, "inout"],
		["func_info", 136, 8, "buffer"],
		["nr_func_info", 144, 4, "length", "func_info", 8],
		["nr_func_info", 144, 4, "out"],
		["nr_line_info", 148, 4, "length", "line_info", 16],
		["nr_line_info", 148, 4, "out"],
		["line_info", 152, 8, "buffer"],
		["nr_jited_line_info", 168, 4, "out"],
		["line_info_rec_size", 172, 4, "inout"],
		["jited_line_info_rec_size", 176, 4, "out"],
		["nr_prog_tags", 180, 4, "out"],
		["run_time_ns", 192, 8, "out"],
		["run_cnt", 200, 8, "out"],
		["recursion_misses", 208, 8, "out"],
		["verified_insns", 216, 4, "out"],
		["attach_btf_obj_id", 220, 4, "out"],
		["attach_btf_id", 224, 4, "out"],
	),
	btf: layout(
		32,
		["btf", 0, 8, "buffer"],
		["btf_size", 8, 4, "length", "btf"],
		["btf_size", 8, 4, "out"],
		["id", 12, 4, "out"],
		["name", 16, 8, "buffer"],
		["name_len", 24, 4, "length", "name"],
		["kernel_btf", 28, 4, "out"],
	),
	link: layout(
		64,
		["type", 0, 4, "out"],
		["id", 4, 4, "out"],
		["prog_id", 8, 4, "out"],
		["name", 16, 8, "buffer"],
		["name_len", 24, 4, "length", "name"],
	),
} as const satisfies Readonly<Record<string, Layout>>;

/** The members of `struct bpf_link_info` after its head, by `enum bpf_link_type`. */
export const LINK_INFO: Readonly<Record<number, { readonly member: string; readonly fields: readonly Field[] }>> = {
	2: {
		member: "tracing",
		fields: [
			["attach_type", 16, 4, "out"],
			["target_obj_id", 20, 4, "out"],
			["target_btf_id", 24, 4, "out"],
		],
	},
	3: {
		member: "cgroup",
		fields: [
			["cgroup_id", 16, 8, "out"],
			["attach_type", 24, 4, "out"],
		],
	},
	5: {
		member: "netns",
		fields: [
			["netns_ino", 16, 4, "out"],
			["attach_type", 20, 4, "out"],
		],
	},
	6: { member: "xdp", fields: [["ifindex", 16, 4, "out"]] },
	11: {
		member: "tcx",
		fields: [
			["ifindex", 16, 4, "out"],
			["attach_type", 20, 4, "out"],
		],
	},
};

/** `struct perf_event_attr` as far as skep sets it; flags are bits of the word at 40. */
export const PERF_ATTR: Layout = layout(
	128,
	["type", 0, 4, "int"],
	["config", 8, 8, "int"],
	["sample_period", 16, 8, "int"],
	["sample_freq", 16, 8, "int"],
	["sample_type", 24, 8, "int"],
	["wakeup_events", 48, 4, "int"],
	["bp_type", 52, 4, "int"],
	["config1", 56, 8, "string"],
	["config1", 56, 8, "int"],
	["config2", 64, 8, "int"],
);

/** Bits of the flag word of `struct perf_event_attr`. */
export const PERF_BITS: readonly (readonly [name: string, bit: number])[] = [
	["disabled", 0],
	["inherit", 1],
	["exclude_user", 4],
	["exclude_kernel", 5],
	["exclude_hv", 6],
	["freq", 10],
];
// biome-ignore-end format: table
