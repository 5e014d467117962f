// node scripts/kernel-data/make.ts DIR: writes packages/compiler/data/kernel.btf from DIR/host.btf, 6.12.btf, 6.1.btf and 5.10.btf,
// which scripts/kernel-data/fetch.sh DIR fetches.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Btf } from "../../packages/bpf/src/btf/index.ts";
import { mergeKernels } from "./merge.ts";

const folder = process.argv[2];
if (!folder) {
	console.error("usage: node scripts/kernel-data/make.ts DIR");
	process.exit(2);
}
const target = new URL("../../packages/compiler/data/kernel.btf", import.meta.url);
// Newest first. The host is this project's machine: 6.18 without modules.
const kernels = [
	["6.18", "host"],
	["6.12", "6.12"],
	["6.1", "6.1"],
	["5.10", "5.10"],
].map(([label, file]) => ({
	label: label!,
	btf: Btf.decode(new Uint8Array(readFileSync(join(folder, `${file}.btf`)))),
}));

// biome-ignore format: table
const roots = [
	// tasks, files, memory
	"task_struct", "signal_struct", "cred", "pid", "nsproxy", "mm_struct", "vm_area_struct", "linux_binprm", "kernel_clone_args", "rq", "cfs_rq",
	"file", "inode", "dentry", "mount", "vfsmount", "path", "super_block", "file_system_type", "kiocb", "iov_iter", "filename", "open_flags",
	"page", "folio", "address_space", "writeback_control", "oom_control", "mem_cgroup", "cgroup", "cgroup_root", "css_set", "kernfs_node", "user_namespace",
	"pid_namespace", "kernel_siginfo", "ksignal", "pt_regs", "perf_event", "module", "work_struct", "irqaction", "irq_desc", "timer_list", "hrtimer",
	// block
	"bio", "request", "request_queue", "gendisk", "block_device",
	// network
	"socket", "sock", "sk_buff", "inet_sock", "inet_connection_sock", "tcp_sock", "udp_sock", "unix_sock", "tcp_request_sock", "request_sock", "tcp6_sock",
	"net", "net_device", "napi_struct", "sockaddr", "sockaddr_in", "sockaddr_in6", "sockaddr_un", "msghdr", "user_msghdr", "neighbour", "Qdisc", "flowi4", "flowi6",
	"ethhdr", "iphdr", "ipv6hdr", "tcphdr", "udphdr", "icmphdr", "icmp6hdr", "vlan_hdr", "arphdr", "tcp_congestion_ops", "bictcp",
	// bpf
	"xdp_md", "xdp_buff", "__sk_buff", "bpf_sock", "bpf_tcp_sock", "bpf_sock_addr", "bpf_sock_ops", "bpf_sk_lookup", "sk_msg_md", "sk_reuseport_md", "bpf_sysctl",
	"bpf_sockopt", "bpf_cgroup_dev_ctx", "bpf_perf_event_data", "bpf_raw_tracepoint_args", "bpf_user_pt_regs_t", "bpf_map", "bpf_prog", "bpf_prog_aux", "bpf_link",
	"bpf_iter_meta", "seq_file", "kallsym_iter", "bpf_pidns_info", "bpf_fib_lookup", "bpf_redir_neigh", "bpf_dynptr", "bpf_iter_num", "bpf_spin_lock", "bpf_timer", "bpf_list_head", "bpf_rb_root",
	"bpf_list_node", "bpf_rb_node", "bpf_refcount", "bpf_wq", "bpf_nf_ctx", "nf_conn", "nf_hook_state",
	// enums
	"bpf_func_id", "bpf_map_type", "bpf_prog_type", "bpf_attach_type", "bpf_cmd", "xdp_action", "tcx_action_base", "skb_drop_reason", "cgroup_subsys_id",
	"bpf_cgroup_storage_type", "sock_type", "pid_type", "node_states", "zone_type", "sk_action", "bpf_ret_code",
	// typedefs
	"pid_t", "uid_t", "gid_t", "kuid_t", "kgid_t", "dev_t", "umode_t", "loff_t", "size_t", "sector_t", "__be16", "__be32", "__be64", "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64",
	"__u8", "__u16", "__u32", "__u64", "__s8", "__s16", "__s32", "__s64", "atomic_t", "atomic64_t", "refcount_t",
];

/** The kernel's iterators: what `attach_btf_id` of their programs names. */
const iterator =
	/^bpf_iter_(?:task|task_file|task_vma|bpf_map|bpf_map_elem|bpf_prog|bpf_link|cgroup|tcp|udp|unix|netlink|ksym|sockmap|bpf_sk_storage_map|ipv6_route|kmem_cache|dmabuf)$/;

/** Functions that tools probe most: their prototypes are small. */
const probed =
	/^(?:vfs_(?:read|write|open|unlink|rename|mkdir|rmdir|create|fsync|statx|getattr|link|symlink)|do_(?:unlinkat|sys_openat2|exit|nanosleep|mmap|munmap|mprotect|sys_open|execveat_common|renameat2|mkdirat|rmdir)|tcp_(?:v4|v6)_connect|tcp_(?:connect|close|sendmsg|recvmsg|set_state|rcv_established|rcv_state_process|retransmit_skb|reset|drop_reason|v4_syn_recv_sock|slow_start|cong_avoid_ai|reno_undo_cwnd|reno_ssthresh|reno_cong_avoid)|udp_(?:sendmsg|recvmsg|v6_sendmsg)|inet_(?:csk_accept|bind|listen)|inet6?_bind|ip_(?:queue_xmit|rcv|output|local_out)|__?kmalloc|kfree|kmem_cache_(?:alloc|free)|__alloc_pages|oom_kill_process|try_to_wake_up|finish_task_switch|schedule|wake_up_new_task|security_[a-z_]*|cap_capable|bpf_lsm_[a-z0-9_]+|blk_mq_start_request|blk_account_io_(?:start|done)|submit_bio|kill_something_info|__send_signal_locked|filp_close|vfs_readv|vfs_writev|filemap_[a-z_]+|mark_page_accessed|mark_buffer_dirty|folio_[a-z]+|add_to_page_cache_lru|shrink_node|balance_pgdat|sock_(?:sendmsg|recvmsg)|dev_queue_xmit|__dev_queue_xmit|netif_rx|__netif_receive_skb_core|kfree_skb_reason|consume_skb|unix_(?:stream_connect|stream_sendmsg|dgram_sendmsg))$/;

const { btf, left } = mergeKernels(kernels, {
	roots,
	functions: (name) => probed.test(name) || iterator.test(name),
	shallow: (name) => name.startsWith("trace_event_raw_") || name.startsWith("bpf_iter__"),
	depth: Number(process.env["DEPTH"] ?? 3),
});
writeFileSync(target, btf.bytes);
const kinds = new Map<string, number>();
for (let id = 1; id <= btf.count; id++) kinds.set(btf.kind(id), (kinds.get(btf.kind(id)) ?? 0) + 1);
console.log(`${btf.bytes.length} bytes, ${btf.count} types: ${[...kinds].map(([k, n]) => `${n} ${k}`).join(", ")}`);
if (left.length > 0) console.log(`left out:\n  ${left.join("\n  ")}`);
