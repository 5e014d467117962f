/** Constants of `linux/bpf.h` and its neighbours with the kernel's spelling. Sixty-four bit flags are bigint. */

/** MAP_CREATE: map_flags. */
// biome-ignore format: table
export const MAP_FLAGS = {
	BPF_F_NO_PREALLOC: 1 << 0,
	BPF_F_NO_COMMON_LRU: 1 << 1,
	BPF_F_NUMA_NODE: 1 << 2,
	BPF_F_RDONLY: 1 << 3,
	BPF_F_WRONLY: 1 << 4,
	BPF_F_STACK_BUILD_ID: 1 << 5,
	BPF_F_ZERO_SEED: 1 << 6,
	BPF_F_RDONLY_PROG: 1 << 7,
	BPF_F_WRONLY_PROG: 1 << 8,
	BPF_F_CLONE: 1 << 9,
	BPF_F_MMAPABLE: 1 << 10,
	BPF_F_PRESERVE_ELEMS: 1 << 11,
	BPF_F_INNER_MAP: 1 << 12,
	BPF_F_LINK: 1 << 13,
	BPF_F_PATH_FD: 1 << 14,
	BPF_F_VTYPE_BTF_OBJ_FD: 1 << 15,
	BPF_F_TOKEN_FD: 1 << 16,
	BPF_F_SEGV_ON_FAULT: 1 << 17,
	BPF_F_NO_USER_CONV: 1 << 18,
	BPF_F_RB_OVERWRITE: 1 << 19,
} as const;

/** MAP_UPDATE_ELEM: flags. */
export const UPDATE_FLAGS = { BPF_ANY: 0, BPF_NOEXIST: 1, BPF_EXIST: 2, BPF_F_LOCK: 4 } as const;

/** PROG_LOAD: prog_flags. */
// biome-ignore format: table
export const PROG_FLAGS = {
	BPF_F_STRICT_ALIGNMENT: 1 << 0,
	BPF_F_ANY_ALIGNMENT: 1 << 1,
	BPF_F_TEST_RND_HI32: 1 << 2,
	BPF_F_TEST_STATE_FREQ: 1 << 3,
	BPF_F_SLEEPABLE: 1 << 4,
	BPF_F_XDP_HAS_FRAGS: 1 << 5,
	BPF_F_XDP_DEV_BOUND_ONLY: 1 << 6,
	BPF_F_TEST_REG_INVARIANTS: 1 << 7,
} as const;

/** PROG_ATTACH: attach_flags; the first three for cgroups, the others for tcx and netkit. */
// biome-ignore format: table
export const ATTACH_FLAGS = {
	BPF_F_ALLOW_OVERRIDE: 1 << 0,
	BPF_F_ALLOW_MULTI: 1 << 1,
	BPF_F_REPLACE: 1 << 2,
	BPF_F_BEFORE: 1 << 3,
	BPF_F_AFTER: 1 << 4,
	BPF_F_ID: 1 << 5,
	BPF_F_PREORDER: 1 << 6,
	/** What `relative_fd` names is a link, not a program. */
	BPF_F_LINK: 1 << 13,
} as const;

/** `src_reg` of a 64-bit immediate load: what the immediate means. */
// biome-ignore format: table
export const PSEUDO_LOAD = {
	BPF_PSEUDO_MAP_FD: 1,
	BPF_PSEUDO_MAP_VALUE: 2,
	BPF_PSEUDO_BTF_ID: 3,
	BPF_PSEUDO_FUNC: 4,
	BPF_PSEUDO_MAP_IDX: 5,
	BPF_PSEUDO_MAP_IDX_VALUE: 6,
} as const;

/** `src_reg` of a call: 0 is a helper by id. */
export const PSEUDO_CALL = { BPF_PSEUDO_CALL: 1, BPF_PSEUDO_KFUNC_CALL: 2 } as const;

/** Flags of XDP attachment. */
// biome-ignore format: table
export const XDP_FLAGS = {
	XDP_FLAGS_UPDATE_IF_NOEXIST: 1 << 0,
	XDP_FLAGS_SKB_MODE: 1 << 1,
	XDP_FLAGS_DRV_MODE: 1 << 2,
	XDP_FLAGS_HW_MODE: 1 << 3,
	XDP_FLAGS_REPLACE: 1 << 4,
} as const;

/** What an XDP program returns. */
export const XDP_ACTION = { XDP_ABORTED: 0, XDP_DROP: 1, XDP_PASS: 2, XDP_TX: 3, XDP_REDIRECT: 4 } as const;

/** What a tc program returns. */
// biome-ignore format: table
export const TC_ACTION = {
	TC_ACT_UNSPEC: -1, TC_ACT_OK: 0, TC_ACT_RECLASSIFY: 1, TC_ACT_SHOT: 2, TC_ACT_PIPE: 3, TC_ACT_STOLEN: 4, TC_ACT_QUEUED: 5, TC_ACT_REPEAT: 6, TC_ACT_REDIRECT: 7,
} as const;

/** Ring buffer: record header (u32 length with two flag bits, u32 page offset), flags of the helpers, queries. */
// biome-ignore format: table
export const RINGBUF = {
	BPF_RINGBUF_BUSY_BIT: 2 ** 31,
	BPF_RINGBUF_DISCARD_BIT: 2 ** 30,
	BPF_RINGBUF_HDR_SZ: 8,
	BPF_RB_NO_WAKEUP: 1,
	BPF_RB_FORCE_WAKEUP: 2,
	BPF_RB_AVAIL_DATA: 0,
	BPF_RB_RING_SIZE: 1,
	BPF_RB_CONS_POS: 2,
	BPF_RB_PROD_POS: 3,
	BPF_RB_OVERWRITE_POS: 4,
} as const;

/** Flags of helpers. */
export const HELPER_FLAGS = {
	BPF_F_INDEX_MASK: 0xffffffffn,
	BPF_F_CURRENT_CPU: 0xffffffffn,
	BPF_F_CTXLEN_MASK: 0xfffffn << 32n,
	BPF_F_SKIP_FIELD_MASK: 0xffn,
	BPF_F_USER_STACK: 1n << 8n,
	BPF_F_FAST_STACK_CMP: 1n << 9n,
	BPF_F_REUSE_STACKID: 1n << 10n,
	BPF_F_USER_BUILD_ID: 1n << 11n,
	BPF_F_RECOMPUTE_CSUM: 1n,
	BPF_F_INVALIDATE_HASH: 2n,
	BPF_F_INGRESS: 1n,
	BPF_F_BROADCAST: 1n << 3n,
	BPF_F_EXCLUDE_INGRESS: 1n << 4n,
	BPF_LOCAL_STORAGE_GET_F_CREATE: 1n,
} as const;

/** PROG_TEST_RUN: flags. */
export const TEST_FLAGS = {
	BPF_F_TEST_RUN_ON_CPU: 1,
	BPF_F_TEST_XDP_LIVE_FRAMES: 2,
	BPF_F_TEST_SKB_CHECKSUM_COMPLETE: 4,
} as const;

/** ENABLE_STATS: type. */
export const STATS = { BPF_STATS_RUN_TIME: 0 } as const;

/** Flags of kprobe_multi and uprobe_multi links. */
export const MULTI_FLAGS = { BPF_F_KPROBE_MULTI_RETURN: 1, BPF_F_UPROBE_MULTI_RETURN: 1 } as const;

/** Longest name of a map or program, with its NUL. */
export const BPF_OBJ_NAME_LEN = 16;
/** Bytes of a program's tag. */
export const BPF_TAG_SIZE = 8;
/** Bytes of stack a program has, over all frames. */
export const MAX_BPF_STACK = 512;
/** Instructions that the verifier will look at before it gives up. */
export const BPF_COMPLEXITY_LIMIT_INSNS = 1_000_000;
/** Instructions that a program may have. */
export const BPF_MAXINSNS_PRIVILEGED = 1_000_000;
