/**
 * Attributes of bpf(2), one entry a command. Members have the kernel's names; names and licences are strings; buffers
 * are `Uint8Array` and stand for pointer and length both (`log_buf` for log_buf and log_size). 64-bit values are bigint,
 * except where zero is all that is ever passed. Members that are not `readonly` are written by the kernel during the call.
 */
export interface MapCreate {
	readonly map_type: number;
	readonly key_size: number;
	readonly value_size: number;
	readonly max_entries: number;
	readonly map_flags?: number;
	readonly inner_map_fd?: number;
	readonly numa_node?: number;
	/** At most 15 characters of [A-Za-z0-9_.]. */
	readonly map_name?: string;
	readonly map_ifindex?: number;
	readonly btf_fd?: number;
	readonly btf_key_type_id?: number;
	readonly btf_value_type_id?: number;
	readonly btf_vmlinux_value_type_id?: number;
	readonly map_extra?: bigint;
	readonly value_type_btf_obj_fd?: number;
	readonly map_token_fd?: number;
}

/** `key` is absent for maps without keys. `flags`: BPF_F_LOCK. The kernel fills `value`. */
export interface MapLookup {
	readonly map_fd: number;
	readonly key?: Uint8Array | undefined;
	readonly value: Uint8Array;
	readonly flags?: number;
}

/** `flags`: BPF_ANY, BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK. */
export interface MapUpdate {
	readonly map_fd: number;
	readonly key?: Uint8Array | undefined;
	readonly value: Uint8Array;
	readonly flags?: number;
}

export interface MapDelete {
	readonly map_fd: number;
	readonly key: Uint8Array;
	readonly flags?: number;
}

/** `key` absent: the first. The kernel fills `next_key`. */
export interface MapGetNextKey {
	readonly map_fd: number;
	readonly key?: Uint8Array | undefined;
	readonly next_key: Uint8Array;
}

export interface MapFreeze {
	readonly map_fd: number;
}

/** `in_batch` absent: from the start. The kernel fills `out_batch`, `keys`, `values`, and says in `count` how many. */
export interface MapLookupBatch {
	readonly map_fd: number;
	readonly in_batch?: Uint8Array | undefined;
	readonly out_batch: Uint8Array;
	readonly keys: Uint8Array;
	readonly values: Uint8Array;
	count: number;
	readonly elem_flags?: number;
	readonly flags?: number;
}

/** `count` comes back as how many were written. */
export interface MapUpdateBatch {
	readonly map_fd: number;
	readonly keys: Uint8Array;
	readonly values: Uint8Array;
	count: number;
	readonly elem_flags?: number;
	readonly flags?: number;
}

/** `count` comes back as how many were deleted. */
export interface MapDeleteBatch {
	readonly map_fd: number;
	readonly keys: Uint8Array;
	count: number;
	readonly elem_flags?: number;
	readonly flags?: number;
}

export interface ProgLoad {
	readonly prog_type: number;
	/** Slots of 8 bytes in the kernel's byte order; insn_cnt follows from the length. */
	readonly insns: Uint8Array;
	readonly license: string;
	/** 0 none, 1 the path, 2 every state, +4 statistics. */
	readonly log_level?: number;
	/** The kernel writes NUL-terminated text. */
	readonly log_buf?: Uint8Array | undefined;
	readonly kern_version?: number;
	readonly prog_flags?: number;
	/** At most 15 characters of [A-Za-z0-9_.]. */
	readonly prog_name?: string;
	readonly prog_ifindex?: number;
	readonly expected_attach_type?: number;
	readonly prog_btf_fd?: number;
	readonly func_info_rec_size?: number;
	readonly func_info?: Uint8Array | undefined;
	readonly func_info_cnt?: number;
	readonly line_info_rec_size?: number;
	readonly line_info?: Uint8Array | undefined;
	readonly line_info_cnt?: number;
	readonly attach_btf_id?: number;
	readonly attach_prog_fd?: number;
	readonly attach_btf_obj_fd?: number;
	/** Map and BTF fds that instructions name by index, as 32-bit integers. */
	readonly fd_array?: Uint8Array | undefined;
	readonly fd_array_cnt?: number;
	readonly prog_token_fd?: number;
	/** Kernel ≥ 6.18: CMS (PKCS#7) over the instructions, and the keyring that is to be trusted: keyctl's numbers, or 0 to 2 for the kernel's own. */
	readonly signature?: Uint8Array | undefined;
	readonly keyring_id?: number;
	/** Kernel ≥ 6.4: bytes that the whole log needs. */
	log_true_size?: number;
}

export interface ObjPin {
	readonly pathname: string;
	readonly bpf_fd: number;
	readonly file_flags?: number;
	readonly path_fd?: number;
}

export interface ObjGet {
	readonly pathname: string;
	/** BPF_F_RDONLY, BPF_F_WRONLY, BPF_F_PATH_FD. */
	readonly file_flags?: number;
	readonly path_fd?: number;
}

export interface ProgAttach {
	/** Container: cgroup, map … */
	readonly target_fd?: number;
	readonly target_ifindex?: number;
	readonly attach_bpf_fd: number;
	readonly attach_type: number;
	readonly attach_flags?: number;
	readonly replace_bpf_fd?: number;
	readonly relative_fd?: number;
	readonly expected_revision?: bigint;
}

export interface ProgDetach {
	readonly target_fd?: number;
	readonly target_ifindex?: number;
	readonly attach_bpf_fd?: number;
	readonly attach_type: number;
	readonly attach_flags?: number;
	readonly relative_fd?: number;
	readonly expected_revision?: bigint;
}

/** The kernel writes `retval`, `duration` (mean ns of one run), the two sizes, `data_out` and `ctx_out`. */
export interface ProgTestRun {
	readonly prog_fd: number;
	readonly data_in?: Uint8Array | undefined;
	readonly data_out?: Uint8Array | undefined;
	readonly ctx_in?: Uint8Array | undefined;
	readonly ctx_out?: Uint8Array | undefined;
	readonly repeat?: number;
	readonly flags?: number;
	readonly cpu?: number;
	readonly batch_size?: number;
	retval?: number;
	duration?: number;
	data_size_out?: number;
	ctx_size_out?: number;
}

/** Ids go up; the kernel writes `next_id`. -ENOENT: none after `start_id`. */
export interface GetNextId {
	readonly start_id: number;
	next_id?: number;
}

export interface GetFdById {
	readonly id: number;
	readonly open_flags?: number;
}

/** `struct bpf_map_info`; what the running kernel does not know stays 0. */
export interface MapInfo {
	type: number;
	id: number;
	key_size: number;
	value_size: number;
	max_entries: number;
	map_flags: number;
	name: string;
	ifindex: number;
	btf_vmlinux_value_type_id: number;
	btf_id: number;
	btf_key_type_id: number;
	btf_value_type_id: number;
	map_extra: bigint;
	/** Network namespace of a device-bound map. */
	netns_dev: bigint;
	netns_ino: bigint;
	/** BTF that `btf_vmlinux_value_type_id` is of. */
	btf_vmlinux_id: number;
	/** Since 6.18: 32 bytes of SHA-256 over the contents of an exclusive, frozen map. */
	hash?: Uint8Array | undefined;
}

/** `struct bpf_prog_info`. Buffers that the caller sets are filled as far as they reach; lengths and counts come back whole. */
export interface ProgInfo {
	type: number;
	id: number;
	/** 8 bytes in hex. */
	tag: string;
	jited_prog_len: number;
	xlated_prog_len: number;
	jited_prog_insns?: Uint8Array | undefined;
	xlated_prog_insns?: Uint8Array | undefined;
	/** ns since boot. */
	load_time: bigint;
	created_by_uid: number;
	nr_map_ids: number;
	/** 32-bit ids. */
	map_ids?: Uint8Array | undefined;
	name: string;
	ifindex: number;
	gpl_compatible: number;
	netns_dev: bigint;
	netns_ino: bigint;
	nr_jited_ksyms: number;
	/** 64-bit addresses; zero where kptr_restrict hides them. */
	jited_ksyms?: Uint8Array | undefined;
	nr_jited_func_lens: number;
	/** 32-bit lengths. */
	jited_func_lens?: Uint8Array | undefined;
	btf_id: number;
	func_info_rec_size: number;
	func_info?: Uint8Array | undefined;
	nr_func_info: number;
	nr_line_info: number;
	line_info?: Uint8Array | undefined;
	nr_jited_line_info: number;
	/** 64-bit addresses. */
	jited_line_info?: Uint8Array | undefined;
	line_info_rec_size: number;
	jited_line_info_rec_size: number;
	nr_prog_tags: number;
	/** 8 bytes each. */
	prog_tags?: Uint8Array | undefined;
	run_time_ns: bigint;
	run_cnt: bigint;
	recursion_misses: bigint;
	verified_insns: number;
	attach_btf_obj_id: number;
	attach_btf_id: number;
}

export interface BtfInfo {
	/** Filled as far as it reaches. */
	btf?: Uint8Array | undefined;
	btf_size: number;
	id: number;
	name: string;
	kernel_btf: number;
}

/** What a link on a perf event is: the members by `enum bpf_perf_event_type`. Kernel ≥ 6.6. */
export type PerfEventLinkInfo =
	| {
			readonly kind: "uprobe" | "uretprobe";
			readonly file: string;
			readonly offset: number;
			readonly cookie: bigint;
			readonly ref_ctr_offset: bigint;
	  }
	| {
			readonly kind: "kprobe" | "kretprobe";
			readonly func: string;
			readonly offset: number;
			readonly addr: bigint;
			readonly missed: bigint;
			readonly cookie: bigint;
	  }
	| { readonly kind: "tracepoint"; readonly name: string; readonly cookie: bigint }
	| { readonly kind: "event"; readonly type: number; readonly config: bigint; readonly cookie: bigint };

/** `struct bpf_link_info`: the common head, and the members by type. What the running kernel does not tell is 0 or absent. */
export interface LinkInfo {
	/** `enum bpf_link_type`. */
	type: number;
	id: number;
	prog_id: number;
	raw_tracepoint?: { tp_name: string; cookie?: bigint };
	tracing?: { attach_type: number; target_obj_id: number; target_btf_id: number; cookie?: bigint };
	cgroup?: { cgroup_id: bigint; attach_type: number };
	/** `map_id`, `cgroup` and `task` by what it iterates over. */
	iter?: {
		target_name: string;
		map_id?: number;
		cgroup?: { cgroup_id: bigint; order: number };
		task?: { tid: number; pid: number };
	};
	netns?: { netns_ino: number; attach_type: number };
	xdp?: { ifindex: number };
	struct_ops?: { map_id: number };
	netfilter?: { pf: number; hooknum: number; priority: number; flags: number };
	/** 64-bit words; `addrs` are 0 where the kernel hides addresses. */
	kprobe_multi?: { count: number; flags: number; missed: bigint; addrs: readonly bigint[]; cookies: readonly bigint[] };
	uprobe_multi?: {
		path: string;
		count: number;
		flags: number;
		pid: number;
		offsets: readonly bigint[];
		ref_ctr_offsets: readonly bigint[];
		cookies: readonly bigint[];
	};
	perf_event?: PerfEventLinkInfo;
	tcx?: { ifindex: number; attach_type: number };
	netkit?: { ifindex: number; attach_type: number };
	sockmap?: { map_id: number; attach_type: number };
}

/** The kernel writes into `info`, which the caller passes empty (`{}`) or with the buffers that it wants filled. */
export type ObjGetInfoByFd =
	| { readonly bpf_fd: number; readonly kind: "map"; readonly info: Partial<MapInfo> }
	| { readonly bpf_fd: number; readonly kind: "prog"; readonly info: Partial<ProgInfo> }
	| { readonly bpf_fd: number; readonly kind: "btf"; readonly info: Partial<BtfInfo> }
	| { readonly bpf_fd: number; readonly kind: "link"; readonly info: Partial<LinkInfo> };

export interface ProgQuery {
	readonly target_fd?: number;
	readonly target_ifindex?: number;
	readonly attach_type: number;
	/** BPF_F_QUERY_EFFECTIVE. */
	readonly query_flags?: number;
	attach_flags?: number;
	/** Room for 32-bit ids. */
	readonly prog_ids?: Uint8Array | undefined;
	prog_cnt?: number;
	readonly prog_attach_flags?: Uint8Array | undefined;
	readonly link_ids?: Uint8Array | undefined;
	readonly link_attach_flags?: Uint8Array | undefined;
	/** tcx, netkit (6.6) and cgroups (6.17): goes up with every change. */
	revision?: bigint;
}

export interface RawTracepointOpen {
	/** Absent for programs that name their target at load (tp_btf, fentry). */
	readonly name?: string;
	readonly prog_fd: number;
	/** Since 6.10. */
	readonly cookie?: bigint;
}

export interface BtfLoad {
	readonly btf: Uint8Array;
	readonly btf_log_buf?: Uint8Array | undefined;
	readonly btf_log_level?: number;
	btf_log_true_size?: number;
	readonly btf_flags?: number;
	readonly btf_token_fd?: number;
}

export interface TaskFdQuery {
	readonly pid: number;
	readonly fd: number;
	readonly flags?: number;
	/** The kernel writes the NUL-terminated name. */
	readonly buf: Uint8Array;
	prog_id?: number;
	fd_type?: number;
	probe_offset?: bigint;
	probe_addr?: bigint;
}

/** At most one of the nested members, by `attach_type`. */
export interface LinkCreate {
	readonly prog_fd?: number;
	/** struct_ops. */
	readonly map_fd?: number;
	readonly target_fd?: number;
	readonly target_ifindex?: number;
	readonly attach_type: number;
	readonly flags?: number;
	readonly target_btf_id?: number;
	/** `union bpf_iter_link_info` as bytes. */
	readonly iter_info?: Uint8Array | undefined;
	readonly perf_event?: { readonly bpf_cookie: bigint };
	readonly tracing?: { readonly target_btf_id: number; readonly cookie: bigint };
	readonly kprobe_multi?: {
		readonly flags: number;
		readonly cnt: number;
		/** 64-bit addresses; or `syms`. */
		readonly addrs?: Uint8Array | undefined;
		/** Names of kernel functions. */
		readonly syms?: readonly string[] | undefined;
		readonly cookies?: Uint8Array | undefined;
	};
	readonly uprobe_multi?: {
		readonly path: string;
		/** 64-bit words, `cnt` of them. */
		readonly offsets: Uint8Array;
		readonly ref_ctr_offsets?: Uint8Array | undefined;
		readonly cookies?: Uint8Array | undefined;
		readonly cnt: number;
		readonly flags: number;
		readonly pid: number;
	};
	readonly netfilter?: {
		readonly pf: number;
		readonly hooknum: number;
		readonly priority: number;
		readonly flags: number;
	};
	/** tcx, netkit and (≥ 6.17) cgroup: where in the chain; `fd` is an id with BPF_F_ID. */
	readonly relative?: { readonly fd: number; readonly expected_revision: bigint };
}

/** Programs; maps for links of struct_ops. */
export interface LinkUpdate {
	readonly link_fd: number;
	readonly new_prog_fd?: number;
	readonly new_map_fd?: number;
	/** BPF_F_REPLACE with `old_prog_fd` or `old_map_fd`. */
	readonly flags?: number;
	readonly old_prog_fd?: number;
	readonly old_map_fd?: number;
}

export interface LinkDetach {
	readonly link_fd: number;
}

export interface EnableStats {
	/** BPF_STATS_RUN_TIME = 0. */
	readonly type: number;
}

export interface IterCreate {
	readonly link_fd: number;
	readonly flags?: number;
}

/** A token of a bpffs that was mounted with delegation. `bpffs_fd`: any descriptor of its root, not one opened with O_PATH. */
export interface TokenCreate {
	readonly flags?: number;
	readonly bpffs_fd: number;
}

/** Result: bytes read. */
export interface ProgStreamRead {
	readonly stream_buf: Uint8Array;
	/** BPF_STDOUT 1, BPF_STDERR 2. */
	readonly stream_id: number;
	readonly prog_fd: number;
}

export interface ProgBindMap {
	readonly prog_fd: number;
	readonly map_fd: number;
	readonly flags?: number;
}

/** One entry a command, named as `enum bpf_cmd` without `BPF_`. */
export interface Attributes {
	MAP_CREATE: MapCreate;
	MAP_LOOKUP_ELEM: MapLookup;
	MAP_UPDATE_ELEM: MapUpdate;
	MAP_DELETE_ELEM: MapDelete;
	MAP_GET_NEXT_KEY: MapGetNextKey;
	PROG_LOAD: ProgLoad;
	OBJ_PIN: ObjPin;
	OBJ_GET: ObjGet;
	PROG_ATTACH: ProgAttach;
	PROG_DETACH: ProgDetach;
	PROG_TEST_RUN: ProgTestRun;
	PROG_GET_NEXT_ID: GetNextId;
	MAP_GET_NEXT_ID: GetNextId;
	PROG_GET_FD_BY_ID: GetFdById;
	MAP_GET_FD_BY_ID: GetFdById;
	OBJ_GET_INFO_BY_FD: ObjGetInfoByFd;
	PROG_QUERY: ProgQuery;
	RAW_TRACEPOINT_OPEN: RawTracepointOpen;
	BTF_LOAD: BtfLoad;
	BTF_GET_FD_BY_ID: GetFdById;
	TASK_FD_QUERY: TaskFdQuery;
	MAP_LOOKUP_AND_DELETE_ELEM: MapLookup;
	MAP_FREEZE: MapFreeze;
	BTF_GET_NEXT_ID: GetNextId;
	MAP_LOOKUP_BATCH: MapLookupBatch;
	MAP_LOOKUP_AND_DELETE_BATCH: MapLookupBatch;
	MAP_UPDATE_BATCH: MapUpdateBatch;
	MAP_DELETE_BATCH: MapDeleteBatch;
	LINK_CREATE: LinkCreate;
	LINK_UPDATE: LinkUpdate;
	LINK_GET_FD_BY_ID: GetFdById;
	LINK_GET_NEXT_ID: GetNextId;
	ENABLE_STATS: EnableStats;
	ITER_CREATE: IterCreate;
	LINK_DETACH: LinkDetach;
	PROG_BIND_MAP: ProgBindMap;
	TOKEN_CREATE: TokenCreate;
	PROG_STREAM_READ_BY_FD: ProgStreamRead;
}

export type CommandName = keyof Attributes;
