/** `enum bpf_attach_type`: the kernel's name in lower case and the number (the first is 0, one row a type, in order). */
const NAMES = [
	"cgroup_inet_ingress",
	"cgroup_inet_egress",
	"cgroup_inet_sock_create",
	"cgroup_sock_ops",
	"sk_skb_stream_parser",
	"sk_skb_stream_verdict",
	"cgroup_device",
	"sk_msg_verdict",
	"cgroup_inet4_bind",
	"cgroup_inet6_bind",
	"cgroup_inet4_connect",
	"cgroup_inet6_connect",
	"cgroup_inet4_post_bind",
	"cgroup_inet6_post_bind",
	"cgroup_udp4_sendmsg",
	"cgroup_udp6_sendmsg",
	"lirc_mode2",
	"flow_dissector",
	"cgroup_sysctl",
	"cgroup_udp4_recvmsg",
	"cgroup_udp6_recvmsg",
	"cgroup_getsockopt",
	"cgroup_setsockopt",
	"trace_raw_tp",
	"trace_fentry",
	"trace_fexit",
	"modify_return",
	"lsm_mac",
	"trace_iter",
	"cgroup_inet4_getpeername",
	"cgroup_inet6_getpeername",
	"cgroup_inet4_getsockname",
	"cgroup_inet6_getsockname",
	"xdp_devmap",
	"cgroup_inet_sock_release",
	"xdp_cpumap",
	"sk_lookup",
	"xdp",
	"sk_skb_verdict",
	"sk_reuseport_select",
	"sk_reuseport_select_or_migrate",
	"perf_event",
	"trace_kprobe_multi",
	"lsm_cgroup",
	"struct_ops",
	"netfilter",
	"tcx_ingress",
	"tcx_egress",
	"trace_uprobe_multi",
	"cgroup_unix_connect",
	"cgroup_unix_sendmsg",
	"cgroup_unix_recvmsg",
	"cgroup_unix_getpeername",
	"cgroup_unix_getsockname",
	"netkit_primary",
	"netkit_peer",
	"trace_kprobe_session",
	"trace_uprobe_session",
	"trace_fsession",
] as const;
export type AttachType = (typeof NAMES)[number];
export const ATTACH_TYPES = Object.fromEntries(NAMES.map((name, value) => [name, value])) as Readonly<
	Record<AttachType, number>
>;

/** The first mainline kernel of those that came after 5.10, which is the oldest that skep is tried on. One row a version. */
// biome-ignore format: table
const SINCE: readonly (readonly [since: string, ...types: readonly AttachType[]])[] = [
	["5.13", "sk_skb_verdict"],
	["5.14", "sk_reuseport_select", "sk_reuseport_select_or_migrate"],
	["5.15", "perf_event"],
	["5.18", "trace_kprobe_multi"],
	["6.0", "lsm_cgroup"],
	["6.4", "struct_ops", "netfilter"],
	["6.6", "tcx_ingress", "tcx_egress", "trace_uprobe_multi"],
	["6.7", "cgroup_unix_connect", "cgroup_unix_sendmsg", "cgroup_unix_recvmsg", "cgroup_unix_getpeername", "cgroup_unix_getsockname", "netkit_primary", "netkit_peer"],
	["6.10", "trace_kprobe_session"],
	["6.13", "trace_uprobe_session"],
	["7.0", "trace_fsession"],
];
const SINCE_BY_TYPE: ReadonlyMap<AttachType, string> = new Map(
	SINCE.flatMap(([since, ...types]) => types.map((type) => [type, since] as const)),
);

/** The first mainline kernel that knows an attach type; undefined: 5.10 does. */
export function attachTypeSince(type: AttachType): string | undefined {
	return SINCE_BY_TYPE.get(type);
}
