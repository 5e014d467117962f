import { Btf, BtfBuilder } from "#btf";
import { type Attributes, ERRNO, type Kernel, versionCode } from "#kernel";
import {
	ATTACH_TYPES,
	type AttachType,
	type LinkType,
	MAP_FLAGS,
	MAP_TYPES,
	type MapType,
	PROG_FLAGS,
	PROGRAM_TYPES,
	type ProgramType,
	XDP_FLAGS,
} from "#uapi";
import { check } from "./refusal.ts";

/** `unknown`: a policy (lockdown, a security module) forbids the question itself, or it cannot be asked cheaply. */
export type ProbeAnswer = "yes" | "no" | "unknown";

/** What each kernel has answered. */
const answers = new WeakMap<Kernel, Map<string, ProbeAnswer>>();

/** Errnos of the moment: the answer is not kept. */
const PASSING: ReadonlySet<number> = new Set([ERRNO.EINTR, ERRNO.EAGAIN, ERRNO.ENOMEM, ERRNO.ENFILE, ERRNO.EMFILE]);

function remembered(kernel: Kernel, question: string, ask: () => ProbeAnswer): ProbeAnswer {
	let known = answers.get(kernel);
	if (!known) {
		// Who may not make a map may not ask anything: that is said, and never taken for "no".
		const map = kernel.bpf("MAP_CREATE", {
			map_type: MAP_TYPES.array.value,
			key_size: 4,
			value_size: 4,
			max_entries: 1,
		});
		kernel.close(check(kernel, map, "ask the kernel what it can do", "MAP_CREATE"));
		known = new Map();
		answers.set(kernel, known);
	}
	const before = known.get(question);
	if (before !== undefined) return before;
	const answer = ask();
	known.set(question, answer);
	return answer;
}

/** `r0 = 0; exit`. */
const RETURN_0 = [0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];

interface Loading {
	readonly attachType?: AttachType;
	readonly flags?: number;
	/** Names nothing that can be attached to: a kernel that has the type says so in its log. */
	readonly attachBtfId?: number;
	/** What means yes, besides success and a log. */
	readonly yes?: number;
	/** A target by which it really loads: name and kind in the kernel's BTF. */
	readonly target?: readonly [name: string, kind: "typedef" | "func"];
}

/** What program types want at load. One row a type; the others want nothing. */
// biome-ignore format: table
const LOADING: Readonly<Partial<Record<ProgramType, Loading>>> = {
	cgroup_sock_addr: { attachType: "cgroup_inet4_connect" },
	cgroup_sockopt: { attachType: "cgroup_getsockopt" },
	cgroup_skb: { attachType: "cgroup_inet_egress" },
	flow_dissector: { attachType: "flow_dissector" },
	lirc_mode2: { attachType: "lirc_mode2" },
	sk_lookup: { attachType: "sk_lookup" },
	sk_reuseport: { attachType: "sk_reuseport_select" },
	netfilter: { attachType: "netfilter" },
	syscall: { flags: PROG_FLAGS.BPF_F_SLEEPABLE },
	tracing: { attachType: "trace_raw_tp", attachBtfId: 1, target: ["btf_trace_task_rename", "typedef"] },
	lsm: { attachType: "lsm_mac", attachBtfId: 1, target: ["bpf_lsm_file_open", "func"] },
	ext: { attachBtfId: 1 },
	struct_ops: { yes: ERRNO.ENOTSUPP },
};

interface Loaded {
	/** Descriptor, or -errno. */
	readonly result: number;
	readonly log: string;
}

function load(
	kernel: Kernel,
	type: ProgramType,
	insns: readonly number[],
	more: Partial<Attributes["PROG_LOAD"]> = {},
): Loaded {
	const row: Loading = LOADING[type] ?? {};
	const log_buf = new Uint8Array(4096);
	const result = kernel.bpf("PROG_LOAD", {
		prog_type: PROGRAM_TYPES[type].value,
		insns: new Uint8Array(insns),
		license: "GPL",
		log_level: 1,
		log_buf,
		// Kernels before 5.0 compare it, for kprobes.
		kern_version: versionCode(kernel.release),
		...(row.attachType === undefined ? {} : { expected_attach_type: ATTACH_TYPES[row.attachType] }),
		...(row.flags === undefined ? {} : { prog_flags: row.flags }),
		...(row.attachBtfId === undefined ? {} : { attach_btf_id: row.attachBtfId }),
		...more,
	});
	return { result, log: new TextDecoder().decode(log_buf.subarray(0, Math.max(0, log_buf.indexOf(0)))) };
}

/** Whether programs of a type can be loaded: by loading one. @throws PermissionError */
export function probeProgramType(kernel: Kernel, type: ProgramType): ProbeAnswer {
	return remembered(kernel, `program ${type}`, () => {
		const { result, log } = load(kernel, type, RETURN_0);
		if (result >= 0) {
			kernel.close(result);
			return "yes";
		}
		if (result === -ERRNO.EPERM || PASSING.has(-result)) return "unknown";
		// A verifier that has something to say knows the type.
		return -result === LOADING[type]?.yes || log !== "" ? "yes" : "no";
	});
}

interface Creating {
	readonly key?: number;
	readonly value?: number;
	readonly entries?: number | "page";
	readonly flags?: number;
	readonly inner?: true;
	/** Storage of objects wants types: an int, and an int. */
	readonly typed?: true;
	readonly more?: Partial<Attributes["MAP_CREATE"]>;
	readonly yes?: number;
}

const STORAGE: Creating = { value: 4, entries: 0, flags: MAP_FLAGS.BPF_F_NO_PREALLOC, typed: true };
/** What map types want, where it is not key 4, value 4, one entry. One row a type. */
// biome-ignore format: table
const CREATING: Readonly<Partial<Record<MapType, Creating>>> = {
	stack_trace: { value: 8 },
	lpm_trie: { key: 8, flags: MAP_FLAGS.BPF_F_NO_PREALLOC },
	array_of_maps: { inner: true },
	hash_of_maps: { inner: true },
	cgroup_storage: { key: 16, value: 8, entries: 0 },
	percpu_cgroup_storage: { key: 16, value: 8, entries: 0 },
	queue: { key: 0 },
	stack: { key: 0 },
	bloom_filter: { key: 0 },
	ringbuf: { key: 0, value: 0, entries: "page" },
	user_ringbuf: { key: 0, value: 0, entries: "page" },
	arena: { key: 0, value: 0, flags: MAP_FLAGS.BPF_F_MMAPABLE },
	insn_array: { value: 16 },
	sk_storage: STORAGE,
	inode_storage: STORAGE,
	task_storage: STORAGE,
	cgrp_storage: STORAGE,
	// No struct of the kernel has id 1, as one that knows struct_ops finds out.
	struct_ops: { more: { btf_vmlinux_value_type_id: 1 }, yes: ERRNO.ENOTSUPP },
};

/** Whether maps of a type can be made: by making one. @throws PermissionError */
export function probeMapType(kernel: Kernel, type: MapType): ProbeAnswer {
	return remembered(kernel, `map ${type}`, () => {
		const row: Creating = CREATING[type] ?? {};
		const { key = 4, value = 4, entries = 1 } = row;
		const held: number[] = [];
		const hold = (fd: number): number => {
			if (fd >= 0) held.push(fd);
			return fd;
		};
		try {
			const inner =
				row.inner &&
				hold(create(kernel, { map_type: MAP_TYPES.array.value, key_size: 4, value_size: 4, max_entries: 1 }));
			const btf = row.typed && hold(kernel.bpf("BTF_LOAD", { btf: intBtf() }));
			if (btf !== undefined && btf < 0) return "no";
			const result = hold(
				create(kernel, {
					map_type: MAP_TYPES[type].value,
					key_size: key,
					value_size: value,
					max_entries: entries === "page" ? kernel.pageSize : entries,
					...(row.flags === undefined ? {} : { map_flags: row.flags }),
					...(inner === undefined ? {} : { inner_map_fd: inner }),
					...(btf === undefined ? {} : { btf_fd: btf, btf_key_type_id: 1, btf_value_type_id: 1 }),
					...row.more,
				}),
			);
			if (result === -ERRNO.EPERM || PASSING.has(-result)) return "unknown";
			return result >= 0 || -result === row.yes ? "yes" : "no";
		} finally {
			for (const fd of held) kernel.close(fd);
		}
	});
}

function create(kernel: Kernel, attr: Attributes["MAP_CREATE"]): number {
	return kernel.bpf("MAP_CREATE", attr);
}

/** BTF with one type: id 1, `int` of 4 bytes. */
function intBtf(): Uint8Array {
	const builder = new BtfBuilder();
	builder.add({ kind: "int", name: "int", size: 4, offset: 0, bits: 32, signed: true, char: false, bool: false });
	return builder.encode();
}

/** What verifiers say of a helper that a program type may not call, or that there is none of. */
const NO_HELPER = /unknown func|invalid func|cannot use helper|unsupported for non-function/;

/**
 * Whether programs of a type may call a helper (by number): by loading a program that calls it with nothing in its registers,
 * and hearing what the verifier minds. `unknown` for types whose programs cannot be loaded without a target. @throws PermissionError
 */
export function probeHelper(kernel: Kernel, type: ProgramType, id: number): ProbeAnswer {
	const loadable = probeProgramType(kernel, type);
	if (loadable !== "yes") return loadable;
	return remembered(kernel, `helper ${type} ${id}`, () => {
		const target = LOADING[type]?.target;
		const found = target && kernelId(kernel, ...target);
		if (type === "ext" || type === "struct_ops" || (target && found === undefined)) return "unknown";
		const call = [0x85, 0, 0, 0, id & 255, (id >> 8) & 255, (id >> 16) & 255, id >>> 24, ...RETURN_0];
		const { result, log } = load(kernel, type, call, found === undefined ? {} : { attach_btf_id: found });
		if (result >= 0) {
			kernel.close(result);
			return "yes";
		}
		if (log === "") return "unknown";
		return NO_HELPER.test(log) ? "no" : "yes";
	});
}

const types = new WeakMap<Kernel, Btf | null>();

/** Id of a type of the kernel. */
function kernelId(kernel: Kernel, name: string, kind: "typedef" | "func"): number | undefined {
	let btf = types.get(kernel);
	if (btf === undefined) {
		const bytes = kernel.btf();
		btf = typeof bytes === "number" ? null : Btf.decode(bytes, { section: "vmlinux" });
		types.set(kernel, btf);
	}
	return btf?.find(name, kind);
}

const BAD_FD = 0x7fff_ffff;
/** Every network namespace has it, and it has no native XDP. */
const LOOPBACK = 1;

interface Linking {
	readonly program: ProgramType;
	/** Of the program at load, and of the link. */
	readonly attachType: AttachType;
	readonly attr: Omit<Attributes["LINK_CREATE"], "prog_fd" | "attach_type">;
	/** How a kernel that has it minds what was asked. */
	readonly yes: readonly number[];
}

/** A link that cannot be: whoever has the type looks at the target and finds none. One row a type. */
// biome-ignore format: table
const LINKING: Readonly<Partial<Record<LinkType, Linking>>> = {
	cgroup: { program: "cgroup_skb", attachType: "cgroup_inet_egress", attr: { target_fd: BAD_FD }, yes: [ERRNO.EBADF] },
	netns: { program: "sk_lookup", attachType: "sk_lookup", attr: { target_fd: BAD_FD }, yes: [ERRNO.EBADF] },
	xdp: { program: "xdp", attachType: "xdp", attr: { target_ifindex: LOOPBACK, flags: XDP_FLAGS.XDP_FLAGS_DRV_MODE }, yes: [ERRNO.EOPNOTSUPP, ERRNO.EEXIST, ERRNO.EBUSY] },
	perf_event: { program: "tracepoint", attachType: "perf_event", attr: { target_fd: BAD_FD }, yes: [ERRNO.EBADF] },
	kprobe_multi: { program: "kprobe", attachType: "trace_kprobe_multi", attr: { kprobe_multi: { flags: 0, cnt: BAD_FD, addrs: new Uint8Array(8) } }, yes: [ERRNO.E2BIG, ERRNO.ENOMEM] },
	netfilter: { program: "netfilter", attachType: "netfilter", attr: { netfilter: { pf: 2, hooknum: 99, priority: 0, flags: 0 } }, yes: [ERRNO.EPROTO, ERRNO.EAFNOSUPPORT] },
	tcx: { program: "sched_cls", attachType: "tcx_ingress", attr: { target_ifindex: BAD_FD }, yes: [ERRNO.ENODEV] },
	uprobe_multi: { program: "kprobe", attachType: "trace_uprobe_multi", attr: { uprobe_multi: { path: "/", offsets: new Uint8Array(8), cnt: 1, flags: 0, pid: 0 } }, yes: [ERRNO.EBADF] },
	netkit: { program: "sched_cls", attachType: "netkit_primary", attr: { target_ifindex: BAD_FD }, yes: [ERRNO.ENODEV] },
	sockmap: { program: "sk_skb", attachType: "sk_skb_verdict", attr: { target_fd: BAD_FD }, yes: [ERRNO.EBADF] },
};
/** Attach types that programs must name at load for such a link. */
const NAMED: ReadonlySet<LinkType> = new Set(["kprobe_multi", "uprobe_multi", "sockmap"] as const);

/** Whether this kernel has links of a type: by asking for one that cannot be. @throws PermissionError */
export function probeLink(kernel: Kernel, type: LinkType): ProbeAnswer {
	return remembered(kernel, `link ${type}`, () => {
		if (type === "struct_ops") {
			// Whether its tables may wait for a link: kernels look at the flags before they look for struct 1, which is none.
			const result = create(kernel, {
				map_type: MAP_TYPES.struct_ops.value,
				key_size: 4,
				value_size: 4,
				max_entries: 1,
				map_flags: MAP_FLAGS.BPF_F_LINK,
				...CREATING.struct_ops?.more,
			});
			return told(result, [ERRNO.ENOTSUPP]);
		}
		const row = LINKING[type];
		if (!row) return byTracing(kernel, type);
		const named = NAMED.has(type) ? { expected_attach_type: ATTACH_TYPES[row.attachType] } : {};
		const { result } = load(kernel, row.program, RETURN_0, named);
		if (result < 0) return result === -ERRNO.EPERM ? "unknown" : "no";
		const linked = kernel.bpf("LINK_CREATE", {
			prog_fd: result,
			attach_type: ATTACH_TYPES[row.attachType],
			...row.attr,
		});
		kernel.close(result);
		if (linked >= 0) kernel.close(linked);
		return told(linked, row.yes);
	});
}

function told(result: number, yes: readonly number[]): ProbeAnswer {
	if (result >= 0 || yes.includes(-result)) return "yes";
	return result === -ERRNO.EPERM || PASSING.has(-result) ? "unknown" : "no";
}

/** Links that are made by really attaching, for a moment, a program that does nothing: raw_tracepoint, tracing, iter. */
function byTracing(kernel: Kernel, type: LinkType): ProbeAnswer {
	const iterator = type === "iter";
	const typed = type !== "raw_tracepoint";
	const id = typed
		? kernelId(kernel, iterator ? "bpf_iter_bpf_map" : "btf_trace_task_rename", iterator ? "func" : "typedef")
		: undefined;
	if (typed && id === undefined) return "no";
	const { result } = typed
		? load(kernel, "tracing", RETURN_0, {
				attach_btf_id: id!,
				...(iterator ? { expected_attach_type: ATTACH_TYPES.trace_iter } : {}),
			})
		: load(kernel, "raw_tracepoint", RETURN_0);
	if (result < 0) return result === -ERRNO.EPERM ? "unknown" : "no";
	const link = iterator
		? kernel.bpf("LINK_CREATE", { prog_fd: result, attach_type: ATTACH_TYPES.trace_iter })
		: kernel.bpf("RAW_TRACEPOINT_OPEN", { prog_fd: result, ...(typed ? {} : { name: "task_rename" }) });
	kernel.close(result);
	if (link < 0) return told(link, []);
	// Before 5.7 a raw tracepoint is a descriptor, but no link: it has no such info.
	const info = kernel.bpf("OBJ_GET_INFO_BY_FD", { bpf_fd: link, kind: "link", info: {} });
	kernel.close(link);
	return info >= 0 ? "yes" : "no";
}
