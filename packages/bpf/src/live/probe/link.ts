import { type Attributes, ERRNO, type Kernel } from "#kernel";
import { ATTACH_TYPES, type AttachType, type LinkType, MAP_FLAGS, MAP_TYPES, type ProgramType, XDP_FLAGS } from "#uapi";
import { kernelId, load, PASSING, type ProbeAnswer, RETURN_0, remembered } from "./ask.ts";
import { CREATING, create } from "./map.ts";

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
