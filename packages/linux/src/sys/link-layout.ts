import type { Field } from "./layout.ts";

/**
 * The members of `struct bpf_link_info` after its head, by `enum bpf_link_type`. `variants`: which of several unions it is
 * says the int at `by`; each row adds the fields of one value.
 */
export interface LinkLayout {
	readonly member: string;
	readonly fields: readonly Field[];
	readonly variants?: {
		readonly by: number;
		readonly rows: Readonly<Record<number, { readonly kind: string; readonly fields: readonly Field[] }>>;
	};
}

// biome-ignore-start format: table
const UPROBE: readonly Field[] = [
	["file", 24, 8, "buffer"],
	["name_len", 32, 4, "length", "file"],
	["offset", 36, 4, "out"],
	["cookie", 40, 8, "out"],
	["ref_ctr_offset", 48, 8, "out"],
];
const KPROBE: readonly Field[] = [
	["func", 24, 8, "buffer"],
	["name_len", 32, 4, "length", "func"],
	["offset", 36, 4, "out"],
	["addr", 40, 8, "out"],
	["missed", 48, 8, "out"],
	["cookie", 56, 8, "out"],
];

/** Buffers of texts are asked for with room for a path; buffers of words with room for `count` of them. */
export const LINK_INFO: Readonly<Record<number, LinkLayout>> = {
	1: {
		member: "raw_tracepoint",
		fields: [
			["tp_name", 16, 8, "buffer"],
			["tp_name_len", 24, 4, "length", "tp_name"],
			["cookie", 32, 8, "out"],
		],
	},
	2: {
		member: "tracing",
		fields: [
			["attach_type", 16, 4, "out"],
			["target_obj_id", 20, 4, "out"],
			["target_btf_id", 24, 4, "out"],
			["cookie", 32, 8, "out"],
		],
	},
	3: {
		member: "cgroup",
		fields: [
			["cgroup_id", 16, 8, "out"],
			["attach_type", 24, 4, "out"],
		],
	},
	4: {
		member: "iter",
		fields: [
			["target_name", 16, 8, "buffer"],
			["target_name_len", 24, 4, "length", "target_name"],
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
	7: {
		member: "perf_event",
		fields: [],
		variants: {
			by: 16,
			rows: {
				1: { kind: "uprobe", fields: UPROBE },
				2: { kind: "uretprobe", fields: UPROBE },
				3: { kind: "kprobe", fields: KPROBE },
				4: { kind: "kretprobe", fields: KPROBE },
				5: {
					kind: "tracepoint",
					fields: [
						["name", 24, 8, "buffer"],
						["name_len", 32, 4, "length", "name"],
						["cookie", 40, 8, "out"],
					],
				},
				6: {
					kind: "event",
					fields: [
						["config", 24, 8, "out"],
						["type", 32, 4, "out"],
						["cookie", 40, 8, "out"],
					],
				},
			},
		},
	},
	8: {
		member: "kprobe_multi",
		fields: [
			["addrs", 16, 8, "buffer"],
			["count", 24, 4, "inout"],
			["flags", 28, 4, "out"],
			["missed", 32, 8, "out"],
			["cookies", 40, 8, "buffer"],
		],
	},
	9: { member: "struct_ops", fields: [["map_id", 16, 4, "out"]] },
	10: {
		member: "netfilter",
		fields: [
			["pf", 16, 4, "out"],
			["hooknum", 20, 4, "out"],
			["priority", 24, 4, "out"],
			["flags", 28, 4, "out"],
		],
	},
	11: {
		member: "tcx",
		fields: [
			["ifindex", 16, 4, "out"],
			["attach_type", 20, 4, "out"],
		],
	},
	12: {
		member: "uprobe_multi",
		fields: [
			["path", 16, 8, "buffer"],
			["offsets", 24, 8, "buffer"],
			["ref_ctr_offsets", 32, 8, "buffer"],
			["cookies", 40, 8, "buffer"],
			["path_size", 48, 4, "length", "path"],
			["count", 52, 4, "inout"],
			["flags", 56, 4, "out"],
			["pid", 60, 4, "out"],
		],
	},
	13: {
		member: "netkit",
		fields: [
			["ifindex", 16, 4, "out"],
			["attach_type", 20, 4, "out"],
		],
	},
	14: {
		member: "sockmap",
		fields: [
			["map_id", 16, 4, "out"],
			["attach_type", 20, 4, "out"],
		],
	},
};

/** What an iterator's link is bound to, by the first part of its target's name. One row a kind. */
export const ITER_BOUND: readonly (readonly [target: RegExp, member: string | undefined, fields: readonly Field[]])[] =
	[
		[/^(bpf_map_elem|bpf_sk_storage_map)$/, undefined, [["map_id", 28, 4, "out"]]],
		[
			/^cgroup$/,
			"cgroup",
			[
				["cgroup_id", 32, 8, "out"],
				["order", 40, 4, "out"],
			],
		],
		[
			/^task/,
			"task",
			[
				["tid", 32, 4, "out"],
				["pid", 36, 4, "out"],
			],
		],
	];
// biome-ignore-end format: table
