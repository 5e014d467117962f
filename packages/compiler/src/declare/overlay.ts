/**
 * What BTF cannot say of the kernel's interfaces: which fields are in network order or may be written, which arguments
 * are the process's pointers, which results are owned. Read by the writer of `kernel.d.ts` and by lowering.
 */

/**
 * Fields of contexts that hold network order in an integer, often a wider one; bits of the number itself. Of an array: of
 * its elements. By struct and field.
 */
export const NETWORK_ORDER: Readonly<Record<string, Readonly<Record<string, 16 | 32>>>> = {
	__sk_buff: {
		protocol: 16,
		vlan_proto: 16,
		remote_ip4: 32,
		local_ip4: 32,
		remote_ip6: 32,
		local_ip6: 32,
		remote_port: 32,
	},
	bpf_sock: { src_ip4: 32, src_ip6: 32, dst_ip4: 32, dst_ip6: 32, dst_port: 16 },
	bpf_sock_addr: { user_ip4: 32, user_ip6: 32, user_port: 16, msg_src_ip4: 32, msg_src_ip6: 32 },
	bpf_sock_ops: { remote_ip4: 32, local_ip4: 32, remote_ip6: 32, local_ip6: 32, remote_port: 32 },
	bpf_sk_lookup: { remote_ip4: 32, local_ip4: 32, remote_ip6: 32, local_ip6: 32, remote_port: 16 },
	sk_msg_md: { remote_ip4: 32, local_ip4: 32, remote_port: 32 },
	sock_common: { skc_dport: 16, skc_daddr: 32, skc_rcv_saddr: 32 },
};

/** Fields that programs of the right type may write. */
export const WRITABLE: Readonly<Record<string, readonly string[]>> = {
	__sk_buff: ["mark", "priority", "tc_index", "tc_classid", "queue_mapping", "tstamp", "cb"],
	bpf_sock: ["mark", "priority", "bound_dev_if"],
	bpf_sock_addr: ["user_ip4", "user_ip6", "user_port", "msg_src_ip4", "msg_src_ip6"],
	bpf_sock_ops: ["reply", "replylong", "sk_txhash"],
	tcp_sock: ["snd_cwnd", "snd_cwnd_cnt", "snd_cwnd_stamp", "snd_ssthresh", "ecn_flags", "app_limited"],
};

/** Arguments of kernel functions that point into the process. */
export const USER_ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
	vfs_read: ["buf"],
	vfs_write: ["buf"],
	do_sys_openat2: ["filename"],
	do_sys_open: ["filename"],
};

/** kfuncs that give a reference the program has to give back (KF_ACQUIRE). All may give none. */
export const ACQUIRING: ReadonlySet<string> = new Set([
	"bpf_task_acquire",
	"bpf_task_from_pid",
	"bpf_task_from_vpid",
	"bpf_cgroup_acquire",
	"bpf_cgroup_ancestor",
	"bpf_cgroup_from_id",
	"bpf_task_get_cgroup1",
	"bpf_cpumask_create",
	"bpf_cpumask_acquire",
	"bpf_get_task_exe_file",
	"bpf_crypto_ctx_create",
	"bpf_crypto_ctx_acquire",
	"bpf_lookup_user_key",
	"bpf_lookup_system_key",
	"bpf_obj_new_impl",
	"bpf_refcount_acquire_impl",
]);

/** Enums that the kernel left without a name, under the name of their header; their values never change. */
export const UNNAMED_ENUMS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
	tcp_state: {
		TCP_ESTABLISHED: 1,
		TCP_SYN_SENT: 2,
		TCP_SYN_RECV: 3,
		TCP_FIN_WAIT1: 4,
		TCP_FIN_WAIT2: 5,
		TCP_TIME_WAIT: 6,
		TCP_CLOSE: 7,
		TCP_CLOSE_WAIT: 8,
		TCP_LAST_ACK: 9,
		TCP_LISTEN: 10,
		TCP_CLOSING: 11,
		TCP_NEW_SYN_RECV: 12,
	},
};
