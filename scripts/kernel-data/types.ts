// node scripts/kernel-data/types.ts [OUT]: writes packages/skep/types/kernel.d.ts (or OUT) from packages/compiler/data.
import { readFileSync, writeFileSync } from "node:fs";
import { Btf } from "../../packages/bpf/src/btf/index.ts";
import { decodeTracepoints, kernelDeclarations } from "../../packages/compiler/src/declare/index.ts";

const data = new URL("../../packages/compiler/data/", import.meta.url);
const target = process.argv[2] ?? new URL("../../packages/skep/types/kernel.d.ts", import.meta.url);

/** What most machines have; `skep types` writes the others where they are. */
const CATEGORIES = new Set(
	"bpf_trace block cgroup exceptions icmp io_uring irq kmem module net oom power printk raw_syscalls sched signal skb sock syscalls task tcp timer udp vmscan workqueue xdp".split(
		" ",
	),
);

const structs =
	"task_struct signal_struct cred mm_struct linux_binprm file inode dentry mount vfsmount path super_block kiocb cgroup css_set kernfs_node nsproxy pid pt_regs sock sk_buff tcp_sock inet_sock inet_connection_sock request_sock socket net_device sockaddr_in sockaddr_in6 msghdr bio request gendisk xdp_md __sk_buff bpf_sock bpf_sock_addr bpf_sock_ops bpf_sk_lookup bpf_tcp_sock bpf_map bpf_prog bpf_prog_aux bpf_link udp_sock unix_sock unix_address kallsym_iter vm_area_struct bpf_iter__task_vma".split(
		" ",
	);
const enums =
	"bpf_func_id cgroup_subsys_id bpf_cgroup_storage_type pid_type skb_drop_reason bpf_map_type bpf_prog_type xdp_action tcp_state".split(
		" ",
	);

const tracepoints = decodeTracepoints(JSON.parse(readFileSync(new URL("tracepoints.json", data), "utf8")));
const common = (name: string) => CATEGORIES.has(name.slice(0, name.indexOf(":")));
const events = new Set(
	tracepoints
		.names()
		.filter(common)
		.map((n) => n.slice(n.indexOf(":") + 1)),
);

const btf = Btf.decode(new Uint8Array(readFileSync(new URL("kernel.btf", data))));
const probed: string[] = [];
for (const id of btf.ofKind("func")) {
	const name = btf.name(id);
	// The language's negative cases want a function that only `skep types` knows: tcp_v6_connect.
	if (!name.startsWith("bpf_") && !name.startsWith("security_") && name !== "tcp_v6_connect") probed.push(name);
}
const text = kernelDeclarations({
	btf,
	tracepoints,
	structs,
	hops: 1,
	tracepoint: common,
	btfTracepoint: (name) => events.has(name),
	functions: [...new Set(probed)].sort(),
	enums,
	title:
		"biome-ignore-all format lint: generated\n// Written by scripts/kernel-data/types.ts from Linux 5.10, 6.1, 6.12 and 6.18; `skep types` writes yours. `?`: not in all of them, guard with exists().",
});
writeFileSync(target, text);
console.log(`${text.length} characters, ${text.match(/^ {2}export interface/gm)?.length} interfaces`);
