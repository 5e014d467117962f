/** `enum bpf_attach_type`: the kernel's name in lower case and the first mainline kernel; the first is 0, one row a type, in order. */
// biome-ignore format: table
const ROWS = [
	["cgroup_inet_ingress", "4.10"],
	["cgroup_inet_egress", "4.10"],
	["cgroup_inet_sock_create", "4.10"],
	["cgroup_sock_ops", "4.13"],
	["sk_skb_stream_parser", "4.14"],
	["sk_skb_stream_verdict", "4.14"],
	["cgroup_device", "4.15"],
	["sk_msg_verdict", "4.17"],
	["cgroup_inet4_bind", "4.17"],
	["cgroup_inet6_bind", "4.17"],
	["cgroup_inet4_connect", "4.17"],
	["cgroup_inet6_connect", "4.17"],
	["cgroup_inet4_post_bind", "4.17"],
	["cgroup_inet6_post_bind", "4.17"],
	["cgroup_udp4_sendmsg", "4.18"],
	["cgroup_udp6_sendmsg", "4.18"],
	["lirc_mode2", "4.18"],
	["flow_dissector", "4.20"],
	["cgroup_sysctl", "5.2"],
	["cgroup_udp4_recvmsg", "5.2"],
	["cgroup_udp6_recvmsg", "5.2"],
	["cgroup_getsockopt", "5.3"],
	["cgroup_setsockopt", "5.3"],
	["trace_raw_tp", "5.5"],
	["trace_fentry", "5.5"],
	["trace_fexit", "5.5"],
	["modify_return", "5.7"],
	["lsm_mac", "5.7"],
	["trace_iter", "5.8"],
	["cgroup_inet4_getpeername", "5.8"],
	["cgroup_inet6_getpeername", "5.8"],
	["cgroup_inet4_getsockname", "5.8"],
	["cgroup_inet6_getsockname", "5.8"],
	["xdp_devmap", "5.8"],
	["cgroup_inet_sock_release", "5.9"],
	["xdp_cpumap", "5.9"],
	["sk_lookup", "5.9"],
	["xdp", "5.9"],
	["sk_skb_verdict", "5.13"],
	["sk_reuseport_select", "5.14"],
	["sk_reuseport_select_or_migrate", "5.14"],
	["perf_event", "5.15"],
	["trace_kprobe_multi", "5.18"],
	["lsm_cgroup", "6.0"],
	["struct_ops", "6.4"],
	["netfilter", "6.4"],
	["tcx_ingress", "6.6"],
	["tcx_egress", "6.6"],
	["trace_uprobe_multi", "6.6"],
	["cgroup_unix_connect", "6.7"],
	["cgroup_unix_sendmsg", "6.7"],
	["cgroup_unix_recvmsg", "6.7"],
	["cgroup_unix_getpeername", "6.7"],
	["cgroup_unix_getsockname", "6.7"],
	["netkit_primary", "6.7"],
	["netkit_peer", "6.7"],
	["trace_kprobe_session", "6.10"],
	["trace_uprobe_session", "6.13"],
	["trace_fsession", "7.0"],
] as const;
export type AttachType = (typeof ROWS)[number][0];
export const ATTACH_TYPES = Object.fromEntries(ROWS.map(([name], value) => [name, value])) as Readonly<
	Record<AttachType, number>
>;

const SINCE = Object.fromEntries(ROWS) as Readonly<Record<AttachType, string>>;

/** The first mainline kernel that knows an attach type. */
export function attachTypeSince(type: AttachType): string {
	return SINCE[type];
}
