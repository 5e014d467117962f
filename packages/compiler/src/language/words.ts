/** One export of `skep`, `skep/net` or `skep/uapi`. */
export interface Word {
	readonly module: "skep" | "skep/net" | "skep/uapi";
	readonly name: string;
	readonly kind: "constructor" | "function" | "object" | "constant" | "type";
	/** K kernel half, U user half, KU both. */
	readonly half: "K" | "U" | "KU";
	/** Whether this compiler compiles it in kernel code yet; types: whether the type syntax is understood. */
	readonly compiled: boolean;
	/** First mainline kernel that has what it lowers to; `=`: no code of its own. */
	readonly since: string;
	readonly lowers: string;
}

type Row = readonly [
	name: string,
	kind: Word["kind"],
	half: Word["half"],
	compiled: boolean,
	since: string,
	lowers: string,
];
const yes = true;
const no = false;

// biome-ignore format: table
const SKEP: readonly Row[] = [
	// scalars
	["u8", "function", "KU", yes, "=", "mask"], ["u16", "function", "KU", yes, "=", "mask"], ["u32", "function", "KU", yes, "=", "32-bit move"],
	["i8", "function", "KU", yes, "=", "shifts, or MOVSX (6.6)"], ["i16", "function", "KU", yes, "=", "shifts, or MOVSX (6.6)"], ["i32", "function", "KU", yes, "=", "32-bit move"],
	["u64", "function", "KU", yes, "=", "zero extension"], ["i64", "function", "KU", yes, "=", "sign extension"],
	["htons", "function", "KU", yes, "3.18", "BPF_END; constants folded"], ["htonl", "function", "KU", yes, "3.18", "BPF_END; constants folded"],
	["ntohs", "function", "KU", yes, "3.18", "BPF_END"], ["ntohl", "function", "KU", yes, "3.18", "BPF_END"],
	["cpuToBe64", "function", "KU", yes, "3.18", "BPF_END"], ["be64ToCpu", "function", "KU", yes, "3.18", "BPF_END"],
	["us", "function", "KU", yes, "=", "immediate, or a multiplication"], ["ms", "function", "KU", yes, "=", "immediate, or a multiplication"], ["seconds", "function", "KU", yes, "=", "immediate, or a multiplication"],
	["be16", "type", "KU", yes, "=", "__be16"], ["be32", "type", "KU", yes, "=", "__be32"], ["be64", "type", "KU", yes, "=", "__be64"],
	// memory
	["arr", "type", "KU", yes, "=", "array"], ["chars", "function", "KU", yes, "=", "stores"], ["dPath", "function", "K", yes, "5.12", "d_path"], ["packed", "type", "KU", yes, "=", "struct without padding"],
	["Ref", "type", "K", yes, "=", "pointer to a map value"], ["cstr", "type", "K", yes, "5.5", "probe_read_kernel_str"], ["dynstr", "type", "K", yes, "5.5", "data_loc, probe_read_kernel_str"],
	["UserPtr", "type", "K", yes, "5.5", "probe_read_user"], ["KernelPtr", "type", "K", yes, "5.5", "probe_read_kernel"], ["opaque", "type", "K", no, "=", "pointer"], ["Owned", "type", "K", no, "5.13", "KF_ACQUIRE / KF_RELEASE pair"],
	// CO-RE and pointers
	["exists", "function", "K", yes, "5.2", "CO-RE field_exists"], ["typeExists", "function", "K", yes, "5.2", "CO-RE type_exists"], ["sizeOf", "function", "K", yes, "5.2", "CO-RE type_size, field_size; own types: immediate"],
	["offsetOf", "function", "K", yes, "5.2", "CO-RE byte offset"], ["containerOf", "function", "K", yes, "5.2", "CO-RE byte offset, subtraction"], ["cast", "function", "K", yes, "5.9", "probed reads; later bpf_skc_to_*, bpf_rdonly_cast"],
	["addressOf", "function", "K", yes, "=", "move"], ["tryRead", "function", "K", yes, "5.5", "probe_read_kernel, result tested"], ["userPtr", "function", "K", yes, "5.5", "move"],
	["kconfig", "function", "K", no, "5.2", "extern .kconfig"], ["ksym", "function", "K", no, "5.2", "extern .ksyms"], ["zero", "function", "K", yes, "=", "stores"], ["equals", "function", "K", yes, "=", "word compares"],
	["helper", "object", "K", no, "=", "call helper"], ["kfunc", "object", "K", no, "5.13", "call kfunc"], ["enums", "object", "KU", yes, "5.2", "CO-RE enumval_value"],
	// context
	["current", "object", "K", yes, "4.2", "get_current_pid_tgid, get_current_uid_gid, get_current_comm, get_current_cgroup_id, get_current_task_btf"],
	["cpu", "object", "K", yes, "4.1", "get_smp_processor_id, get_numa_node_id"], ["ktime", "function", "K", yes, "4.1", "ktime_get_ns"], ["bootTime", "function", "K", yes, "5.8", "ktime_get_boot_ns"],
	["random", "function", "K", yes, "4.1", "get_prandom_u32"], ["jiffies", "function", "K", yes, "5.6", "jiffies64"], ["printk", "function", "K", yes, "4.1", "trace_printk; over 3 arguments trace_vprintk (5.16)"],
	// control flow
	["range", "function", "K", yes, "5.3", "plain bounded loop"], ["loop", "function", "K", no, "5.17", "bpf_loop"], ["BREAK", "constant", "K", no, "=", "1"], ["unroll", "function", "K", yes, "=", "copies"],
	["subprogram", "constructor", "K", no, "4.16", "BPF-to-BPF call; global function (5.6)"], ["lock", "function", "K", no, "5.1", "spin_lock, spin_unlock"], ["rcuReadLock", "function", "K", no, "6.2", "bpf_rcu_read_lock"], ["preemptOff", "function", "K", no, "6.10", "bpf_preempt_disable"],
	["spinLock", "type", "K", no, "5.1", "struct bpf_spin_lock"], ["timer", "type", "K", no, "5.15", "struct bpf_timer"], ["workqueue", "type", "K", no, "6.10", "struct bpf_wq"], ["kptr", "type", "K", no, "5.19", "__kptr pointer, bpf_kptr_xchg"],
	// data of both halves
	["shared", "constructor", "KU", yes, "5.5", ".data/.bss, mmapped array"], ["options", "constructor", "KU", yes, "5.2", ".rodata, frozen"],
	["MapOptions", "type", "KU", no, "=", "–"], ["HashMap", "type", "KU", no, "=", "–"], ["PerCpuMap", "type", "KU", no, "=", "–"], ["ArrayMap", "type", "KU", no, "=", "–"], ["Prefix", "type", "KU", no, "=", "–"], ["LpmTrie", "type", "KU", no, "=", "–"],
	["Queue", "type", "KU", no, "=", "–"], ["BloomFilter", "type", "KU", no, "=", "–"], ["Storage", "type", "KU", no, "=", "–"], ["StackTrace", "type", "KU", no, "=", "–"], ["Records", "type", "KU", no, "=", "–"], ["Ringbuf", "type", "KU", no, "=", "–"],
	["PerfEventArray", "type", "KU", no, "=", "–"], ["UserRingbuf", "type", "KU", no, "=", "–"], ["Histogram", "type", "KU", no, "=", "–"], ["ProgArray", "type", "KU", no, "=", "–"], ["SockMap", "type", "KU", no, "=", "–"], ["DevMap", "type", "KU", no, "=", "–"],
	["hash", "constructor", "KU", yes, "3.19", "map hash"], ["lruHash", "constructor", "KU", yes, "4.10", "map lru_hash"], ["perCpuHash", "constructor", "KU", yes, "4.6", "map percpu_hash"], ["array", "constructor", "KU", yes, "3.19", "map array"],
	["perCpuArray", "constructor", "KU", yes, "4.6", "map percpu_array"], ["lpmTrie", "constructor", "KU", no, "4.11", "map lpm_trie, prefixlen put in front"], ["queue", "constructor", "KU", no, "4.20", "map queue"], ["stack", "constructor", "KU", no, "4.20", "map stack"],
	["bloomFilter", "constructor", "KU", no, "5.16", "map bloom_filter"], ["ringbuf", "constructor", "KU", yes, "5.8", "map ringbuf"], ["userRingbuf", "constructor", "KU", no, "6.1", "map user_ringbuf"], ["perfEventArray", "constructor", "KU", no, "4.4", "map perf_event_array"],
	["stackTrace", "constructor", "KU", no, "4.6", "map stack_trace"], ["taskStorage", "constructor", "KU", no, "5.11", "map task_storage"], ["cgroupStorage", "constructor", "KU", no, "6.2", "map cgrp_storage"], ["sockStorage", "constructor", "KU", no, "5.2", "map sk_storage"],
	["inodeStorage", "constructor", "KU", no, "5.10", "map inode_storage"], ["sockMap", "constructor", "KU", no, "4.14", "map sockmap"], ["sockHash", "constructor", "KU", no, "4.18", "map sockhash"], ["devMap", "constructor", "KU", no, "4.14", "map devmap"],
	["progArray", "constructor", "KU", no, "4.2", "map prog_array, bpf_tail_call"], ["hashOf", "constructor", "KU", no, "4.12", "map hash_of_maps"], ["histogram", "constructor", "KU", yes, "4.6", "percpu array or hash, inline log2"],
	// programs
	["ProgramOptions", "type", "U", no, "=", "–"], ["Link", "type", "U", no, "=", "–"], ["AnyProgram", "type", "U", no, "=", "–"], ["Program", "type", "U", no, "=", "–"],
	["tracepoint", "constructor", "KU", yes, "4.7", "prog tracepoint"], ["rawTracepoint", "constructor", "KU", yes, "4.17", "prog raw_tracepoint"], ["tpBtf", "constructor", "KU", yes, "5.5", "prog tracing, tp_btf"],
	["fentry", "constructor", "KU", no, "5.5", "prog tracing, trampoline"], ["fexit", "constructor", "KU", no, "5.5", "prog tracing, trampoline"], ["fmodRet", "constructor", "KU", no, "5.7", "prog tracing, fmod_ret"],
	["kprobe", "constructor", "KU", no, "4.1", "prog kprobe"], ["kretprobe", "constructor", "KU", no, "4.1", "prog kprobe"], ["kprobeMulti", "constructor", "KU", no, "5.18", "kprobe.multi link"], ["lsm", "constructor", "KU", no, "5.7", "prog lsm"],
	["ProbeContext", "type", "K", no, "=", "–"], ["ReturnContext", "type", "K", no, "=", "–"], ["UserTarget", "type", "U", no, "=", "–"],
	["uprobe", "constructor", "KU", no, "4.3", "prog kprobe on uprobe"], ["uretprobe", "constructor", "KU", no, "4.3", "prog kprobe on uprobe"], ["usdt", "constructor", "KU", no, "4.3", "uprobe and argument specs"], ["UsdtContext", "type", "K", no, "=", "–"],
	["PerfEventConfig", "type", "U", no, "=", "–"], ["perfEvent", "constructor", "KU", no, "4.9", "prog perf_event"],
	["Cursor", "type", "K", yes, "4.8", "data + off + size > data_end"], ["XdpPacket", "type", "K", yes, "4.8", "xdp_md"], ["Skb", "type", "K", no, "4.7", "__sk_buff"],
	["XDP", "object", "KU", yes, "=", "immediate"], ["XdpAction", "type", "KU", yes, "=", "i32"], ["TC", "object", "KU", yes, "=", "immediate"], ["TcAction", "type", "KU", yes, "=", "i32"], ["SK", "object", "KU", yes, "=", "immediate"],
	["xdp", "constructor", "KU", yes, "4.8", "prog xdp; link 5.9"], ["tc", "constructor", "KU", no, "4.5", "tcx link (6.6), else clsact filter"], ["cgroupSkb", "constructor", "KU", no, "4.10", "prog cgroup_skb"],
	["cgroupConnect4", "constructor", "KU", no, "4.17", "prog cgroup_sock_addr"], ["cgroupConnect6", "constructor", "KU", no, "4.17", "prog cgroup_sock_addr"], ["SockAddr4", "type", "K", no, "=", "–"], ["SockAddr6", "type", "K", no, "=", "–"],
	["sockOps", "constructor", "KU", no, "4.13", "prog sock_ops"], ["SkLookup", "type", "K", no, "=", "–"], ["skLookup", "constructor", "KU", no, "5.9", "prog sk_lookup"], ["iter", "constructor", "KU", yes, "5.8", "prog tracing, iter"],
	["SeqFile", "type", "K", yes, "5.8", "seq_printf, seq_write"], ["IterProgram", "type", "U", no, "=", "–"], ["structOps", "constructor", "KU", no, "5.6", "struct_ops map"], ["syscall", "constructor", "KU", no, "5.14", "prog syscall"], ["firstOf", "constructor", "KU", no, "=", "loader"],
	// user half only
	["Loaded", "type", "U", no, "=", "–"], ["load", "function", "U", no, "=", "–"], ["formatErrno", "function", "U", no, "=", "–"], ["table", "function", "U", no, "=", "–"], ["stopped", "function", "U", no, "=", "–"], ["every", "function", "U", no, "=", "–"],
];

// biome-ignore format: table
const NET: readonly Row[] = [
	["ethhdr", "type", "KU", yes, "=", "struct ethhdr"], ["vlanhdr", "type", "KU", yes, "=", "struct vlan_hdr"], ["iphdr", "type", "KU", yes, "=", "struct iphdr"], ["ipv6hdr", "type", "KU", yes, "=", "struct ipv6hdr"],
	["tcphdr", "type", "KU", yes, "=", "struct tcphdr"], ["udphdr", "type", "KU", yes, "=", "struct udphdr"],
	["ETH", "object", "KU", yes, "=", "immediate"], ["IPPROTO", "object", "KU", yes, "=", "immediate"], ["ip4", "function", "KU", yes, "=", "immediate"], ["cidr4", "function", "U", no, "=", "–"], ["formatIp4", "function", "KU", yes, "5.8", "%pI4 of a template"], ["formatIp6", "function", "KU", yes, "5.8", "%pI6 of a template"],
];

// biome-ignore format: table
const UAPI: readonly Row[] = [
	["AF_INET", "constant", "KU", yes, "=", "immediate"], ["AF_INET6", "constant", "KU", yes, "=", "immediate"],
	["EPERM", "constant", "KU", yes, "=", "immediate"], ["ENOENT", "constant", "KU", yes, "=", "immediate"], ["EACCES", "constant", "KU", yes, "=", "immediate"], ["EEXIST", "constant", "KU", yes, "=", "immediate"],
	["O_WRONLY", "constant", "KU", yes, "=", "immediate"], ["O_RDWR", "constant", "KU", yes, "=", "immediate"], ["O_CREAT", "constant", "KU", yes, "=", "immediate"], ["S_IFMT", "constant", "KU", yes, "=", "immediate"], ["S_IFSOCK", "constant", "KU", yes, "=", "immediate"],
	["S_IFLNK", "constant", "KU", yes, "=", "immediate"], ["S_IFREG", "constant", "KU", yes, "=", "immediate"], ["S_IFBLK", "constant", "KU", yes, "=", "immediate"], ["S_IFDIR", "constant", "KU", yes, "=", "immediate"], ["S_IFCHR", "constant", "KU", yes, "=", "immediate"], ["S_IFIFO", "constant", "KU", yes, "=", "immediate"],
];

const rows = (module: Word["module"], list: readonly Row[]): Word[] =>
	list.map(([name, kind, half, compiled, since, lowers]) => ({ module, name, kind, half, compiled, since, lowers }));

/** Every word of the vocabulary, one row each. */
export const WORDS: readonly Word[] = [...rows("skep", SKEP), ...rows("skep/net", NET), ...rows("skep/uapi", UAPI)];

const byName = new Map(WORDS.map((w) => [`${w.module} ${w.name}`, w]));

/** The row of an export; undefined: the module has no such export (the types of skep/kernel have no rows). */
export const wordOf = (module: string, name: string): Word | undefined => byName.get(`${module} ${name}`);
