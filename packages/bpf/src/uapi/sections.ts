import type { AttachType } from "./attach-types.ts";
import type { ProgramType } from "./program-types.ts";

type Row = readonly [
	name: string,
	/** What may stand after the name and a slash: nothing, or the target. */
	target: "none" | "optional",
	type: ProgramType,
	options?: {
		readonly attachType?: AttachType;
		/** The kernel may be too old to know the attach type at load; it can then be left out. */
		readonly attachOptional?: true;
		/** Loaded with BPF_F_SLEEPABLE. */
		readonly sleepable?: true;
		/** Loaded with BPF_F_XDP_HAS_FRAGS. */
		readonly frags?: true;
		/** The target is found by BTF at load (attach_btf_id). */
		readonly btf?: true;
	},
];

/** ELF section names as libbpf 1.x reads them, one row a name. */
// biome-ignore format: table
const ROWS: readonly Row[] = [
	["socket", "none", "socket_filter"],
	["sk_reuseport/migrate", "none", "sk_reuseport", { attachType: "sk_reuseport_select_or_migrate" }],
	["sk_reuseport", "none", "sk_reuseport", { attachType: "sk_reuseport_select" }],
	["kprobe", "optional", "kprobe"],
	["kretprobe", "optional", "kprobe"],
	["uprobe", "optional", "kprobe"],
	["uprobe.s", "optional", "kprobe", { sleepable: true }],
	["uretprobe", "optional", "kprobe"],
	["uretprobe.s", "optional", "kprobe", { sleepable: true }],
	["kprobe.multi", "optional", "kprobe", { attachType: "trace_kprobe_multi" }],
	["kretprobe.multi", "optional", "kprobe", { attachType: "trace_kprobe_multi" }],
	["kprobe.session", "optional", "kprobe", { attachType: "trace_kprobe_session" }],
	["uprobe.multi", "optional", "kprobe", { attachType: "trace_uprobe_multi" }],
	["uprobe.multi.s", "optional", "kprobe", { attachType: "trace_uprobe_multi", sleepable: true }],
	["uretprobe.multi", "optional", "kprobe", { attachType: "trace_uprobe_multi" }],
	["uretprobe.multi.s", "optional", "kprobe", { attachType: "trace_uprobe_multi", sleepable: true }],
	["uprobe.session", "optional", "kprobe", { attachType: "trace_uprobe_session" }],
	["uprobe.session.s", "optional", "kprobe", { attachType: "trace_uprobe_session", sleepable: true }],
	["ksyscall", "optional", "kprobe"],
	["kretsyscall", "optional", "kprobe"],
	["usdt", "optional", "kprobe"],
	["usdt.s", "optional", "kprobe", { sleepable: true }],
	["tc/ingress", "none", "sched_cls", { attachType: "tcx_ingress", attachOptional: true }],
	["tc/egress", "none", "sched_cls", { attachType: "tcx_egress", attachOptional: true }],
	["tcx/ingress", "none", "sched_cls", { attachType: "tcx_ingress", attachOptional: true }],
	["tcx/egress", "none", "sched_cls", { attachType: "tcx_egress", attachOptional: true }],
	["tc", "none", "sched_cls"],
	["classifier", "none", "sched_cls"],
	["action", "none", "sched_act"],
	["netkit/primary", "none", "sched_cls", { attachType: "netkit_primary" }],
	["netkit/peer", "none", "sched_cls", { attachType: "netkit_peer" }],
	["tracepoint", "optional", "tracepoint"],
	["tp", "optional", "tracepoint"],
	["raw_tracepoint", "optional", "raw_tracepoint"],
	["raw_tracepoint.w", "optional", "raw_tracepoint_writable"],
	["raw_tp", "optional", "raw_tracepoint"],
	["raw_tp.w", "optional", "raw_tracepoint_writable"],
	["tp_btf", "optional", "tracing", { attachType: "trace_raw_tp", btf: true }],
	["fentry", "optional", "tracing", { attachType: "trace_fentry", btf: true }],
	["fentry.s", "optional", "tracing", { attachType: "trace_fentry", btf: true, sleepable: true }],
	["fmod_ret", "optional", "tracing", { attachType: "modify_return", btf: true }],
	["fmod_ret.s", "optional", "tracing", { attachType: "modify_return", btf: true, sleepable: true }],
	["fexit", "optional", "tracing", { attachType: "trace_fexit", btf: true }],
	["fexit.s", "optional", "tracing", { attachType: "trace_fexit", btf: true, sleepable: true }],
	["fsession", "optional", "tracing", { attachType: "trace_fsession", btf: true }],
	["fsession.s", "optional", "tracing", { attachType: "trace_fsession", btf: true, sleepable: true }],
	["freplace", "optional", "ext", { btf: true }],
	["lsm", "optional", "lsm", { attachType: "lsm_mac", btf: true }],
	["lsm.s", "optional", "lsm", { attachType: "lsm_mac", btf: true, sleepable: true }],
	["lsm_cgroup", "optional", "lsm", { attachType: "lsm_cgroup", btf: true }],
	["iter", "optional", "tracing", { attachType: "trace_iter", btf: true }],
	["iter.s", "optional", "tracing", { attachType: "trace_iter", btf: true, sleepable: true }],
	["syscall", "none", "syscall", { sleepable: true }],
	["xdp.frags/devmap", "none", "xdp", { attachType: "xdp_devmap", frags: true }],
	["xdp/devmap", "none", "xdp", { attachType: "xdp_devmap" }],
	["xdp.frags/cpumap", "none", "xdp", { attachType: "xdp_cpumap", frags: true }],
	["xdp/cpumap", "none", "xdp", { attachType: "xdp_cpumap" }],
	["xdp.frags", "none", "xdp", { attachType: "xdp", frags: true, attachOptional: true }],
	["xdp", "none", "xdp", { attachType: "xdp", attachOptional: true }],
	["perf_event", "none", "perf_event"],
	["lwt_in", "none", "lwt_in"],
	["lwt_out", "none", "lwt_out"],
	["lwt_xmit", "none", "lwt_xmit"],
	["lwt_seg6local", "none", "lwt_seg6local"],
	["sockops", "none", "sock_ops", { attachType: "cgroup_sock_ops", attachOptional: true }],
	["sk_skb/stream_parser", "none", "sk_skb", { attachType: "sk_skb_stream_parser", attachOptional: true }],
	["sk_skb/stream_verdict", "none", "sk_skb", { attachType: "sk_skb_stream_verdict", attachOptional: true }],
	["sk_skb/verdict", "none", "sk_skb", { attachType: "sk_skb_verdict", attachOptional: true }],
	["sk_skb", "none", "sk_skb"],
	["sk_msg", "none", "sk_msg", { attachType: "sk_msg_verdict", attachOptional: true }],
	["lirc_mode2", "none", "lirc_mode2", { attachType: "lirc_mode2", attachOptional: true }],
	["flow_dissector", "none", "flow_dissector", { attachType: "flow_dissector", attachOptional: true }],
	["cgroup_skb/ingress", "none", "cgroup_skb", { attachType: "cgroup_inet_ingress", attachOptional: true }],
	["cgroup_skb/egress", "none", "cgroup_skb", { attachType: "cgroup_inet_egress", attachOptional: true }],
	["cgroup/skb", "none", "cgroup_skb"],
	["cgroup/sock_create", "none", "cgroup_sock", { attachType: "cgroup_inet_sock_create" }],
	["cgroup/sock_release", "none", "cgroup_sock", { attachType: "cgroup_inet_sock_release" }],
	["cgroup/sock", "none", "cgroup_sock", { attachType: "cgroup_inet_sock_create", attachOptional: true }],
	["cgroup/post_bind4", "none", "cgroup_sock", { attachType: "cgroup_inet4_post_bind" }],
	["cgroup/post_bind6", "none", "cgroup_sock", { attachType: "cgroup_inet6_post_bind" }],
	["cgroup/bind4", "none", "cgroup_sock_addr", { attachType: "cgroup_inet4_bind" }],
	["cgroup/bind6", "none", "cgroup_sock_addr", { attachType: "cgroup_inet6_bind" }],
	["cgroup/connect4", "none", "cgroup_sock_addr", { attachType: "cgroup_inet4_connect" }],
	["cgroup/connect6", "none", "cgroup_sock_addr", { attachType: "cgroup_inet6_connect" }],
	["cgroup/connect_unix", "none", "cgroup_sock_addr", { attachType: "cgroup_unix_connect" }],
	["cgroup/sendmsg4", "none", "cgroup_sock_addr", { attachType: "cgroup_udp4_sendmsg" }],
	["cgroup/sendmsg6", "none", "cgroup_sock_addr", { attachType: "cgroup_udp6_sendmsg" }],
	["cgroup/sendmsg_unix", "none", "cgroup_sock_addr", { attachType: "cgroup_unix_sendmsg" }],
	["cgroup/recvmsg4", "none", "cgroup_sock_addr", { attachType: "cgroup_udp4_recvmsg" }],
	["cgroup/recvmsg6", "none", "cgroup_sock_addr", { attachType: "cgroup_udp6_recvmsg" }],
	["cgroup/recvmsg_unix", "none", "cgroup_sock_addr", { attachType: "cgroup_unix_recvmsg" }],
	["cgroup/getpeername4", "none", "cgroup_sock_addr", { attachType: "cgroup_inet4_getpeername" }],
	["cgroup/getpeername6", "none", "cgroup_sock_addr", { attachType: "cgroup_inet6_getpeername" }],
	["cgroup/getpeername_unix", "none", "cgroup_sock_addr", { attachType: "cgroup_unix_getpeername" }],
	["cgroup/getsockname4", "none", "cgroup_sock_addr", { attachType: "cgroup_inet4_getsockname" }],
	["cgroup/getsockname6", "none", "cgroup_sock_addr", { attachType: "cgroup_inet6_getsockname" }],
	["cgroup/getsockname_unix", "none", "cgroup_sock_addr", { attachType: "cgroup_unix_getsockname" }],
	["cgroup/sysctl", "none", "cgroup_sysctl", { attachType: "cgroup_sysctl" }],
	["cgroup/getsockopt", "none", "cgroup_sockopt", { attachType: "cgroup_getsockopt" }],
	["cgroup/setsockopt", "none", "cgroup_sockopt", { attachType: "cgroup_setsockopt" }],
	["cgroup/dev", "none", "cgroup_device", { attachType: "cgroup_device", attachOptional: true }],
	["struct_ops", "optional", "struct_ops"],
	["struct_ops.s", "optional", "struct_ops", { sleepable: true }],
	["sk_lookup", "none", "sk_lookup", { attachType: "sk_lookup" }],
	["netfilter", "none", "netfilter", { attachType: "netfilter" }],
];

/** What a program's section name says. */
export interface SectionMeaning {
	/** The row: `kretprobe.multi`, `cgroup/connect4`. */
	readonly name: string;
	readonly type: ProgramType;
	readonly attachType?: AttachType;
	readonly attachOptional: boolean;
	readonly sleepable: boolean;
	readonly frags: boolean;
	readonly btf: boolean;
	/** After the first slash that follows the name: `sched/sched_process_exec`; absent: nothing stands there. */
	readonly target?: string;
	/** false: the name began with `?`. */
	readonly autoload: boolean;
}

const BY_NAME = new Map(ROWS.map((r) => [r[0], r]));

/** Every section name there is, without targets. */
export const SECTION_NAMES: readonly string[] = [...BY_NAME.keys()];

/** Reads a section name; undefined: no program type has it. */
export function sectionMeaning(section: string): SectionMeaning | undefined {
	const autoload = !section.startsWith("?");
	const text = autoload ? section : section.slice(1);
	const whole = BY_NAME.get(text);
	const slash = text.indexOf("/");
	const head = slash < 0 ? undefined : BY_NAME.get(text.slice(0, slash));
	const row = whole ?? (head?.[1] === "optional" && slash + 1 < text.length ? head : undefined);
	if (!row) return undefined;
	const [, , type, options = {}] = row;
	return {
		name: row[0],
		type,
		...(options.attachType === undefined ? {} : { attachType: options.attachType }),
		attachOptional: options.attachOptional ?? false,
		sleepable: options.sleepable ?? false,
		frags: options.frags ?? false,
		btf: options.btf ?? false,
		...(whole || slash < 0 ? {} : { target: text.slice(slash + 1) }),
		autoload,
	};
}

/** Names without a target, the longest first. */
const PREFIXES = ROWS.filter((row) => row[1] === "none")
	.map((row) => row[0])
	.sort((a, b) => b.length - a.length);

/**
 * A section name as loaders before libbpf 1.0 read it: `xdp_pass`, `classifier/ingress`, `socket1` begin with a name that
 * takes no target. undefined: it does not, or `sectionMeaning` knows it.
 */
export function oldSectionMeaning(section: string): SectionMeaning | undefined {
	if (sectionMeaning(section)) return undefined;
	const text = section.startsWith("?") ? section.slice(1) : section;
	const name = PREFIXES.find((each) => text.startsWith(each) && /^[_/\-0-9]/.test(text.slice(each.length)));
	return name === undefined ? undefined : sectionMeaning(section.startsWith("?") ? `?${name}` : name);
}
