/** What a kernel was built with, as far as eBPF goes by it. */
export interface ConfigOption {
	/** As in the configuration: `CONFIG_BPF_LSM`. */
	readonly name: string;
	/** What is not there without it; "": it is a condition of others, or only a fact. */
	readonly without: string;
	/** `must`: hardly anything goes without it; `want`: a kind of program or a comfort does not; `fact`: told, never missed. */
	readonly weight: "must" | "want" | "fact";
	/** Flatcar Container Linux, whose purpose is to run what people bring along, sets it. */
	readonly flatcar: boolean;
	/** bpftool 7.1 tells it. */
	readonly bpftool: boolean;
	/** First mainline kernel with it; absent: older than 5.10, which is the oldest that skep is tried on. */
	readonly since?: string;
	/** Last series that had it, where it went. */
	readonly until?: string;
}

type Row = readonly [
	name: string,
	weight: ConfigOption["weight"],
	marks: string,
	without: string,
	versions?: { readonly since?: string; readonly until?: string },
];

/** One row an option, those of bpftool in its order. Marks: F Flatcar, B bpftool. */
// biome-ignore format: table
const ROWS: readonly Row[] = [
	["BPF", "must", "FB", "no eBPF at all"],
	["BPF_SYSCALL", "must", "FB", "no bpf(2): nothing can be loaded"],
	["HAVE_EBPF_JIT", "fact", "FB", ""],
	["BPF_JIT", "want", "FB", "programs are interpreted; no fentry, no LSM programs, no struct_ops, no kfuncs"],
	["BPF_JIT_ALWAYS_ON", "fact", "FB", ""],
	["DEBUG_INFO_BTF", "must", "FB", "no /sys/kernel/btf/vmlinux: no CO-RE without a file of types, no tp_btf, fentry, LSM, iterators, struct_ops, kfuncs"],
	["DEBUG_INFO_BTF_MODULES", "want", "FB", "no types of modules: their functions and structs cannot be named", { since: "5.11" }],
	["CGROUPS", "want", "FB", "no programs on cgroups"],
	["CGROUP_BPF", "want", "FB", "no programs on cgroups: connect, bind, sockopt, sysctl, device, cgroup_skb, sock_ops"],
	["CGROUP_NET_CLASSID", "want", "B", "bpf_get_cgroup_classid gives 0"],
	["SOCK_CGROUP_DATA", "fact", "FB", ""],
	["BPF_EVENTS", "must", "FB", "no programs on tracepoints, kprobes, uprobes and perf events"],
	["KPROBE_EVENTS", "want", "FB", "no kprobes, kretprobes, ksyscall"],
	["UPROBE_EVENTS", "want", "FB", "no uprobes, uretprobes, USDT"],
	["TRACING", "want", "FB", "no tracepoints"],
	["FTRACE_SYSCALLS", "want", "FB", "no syscalls:sys_enter_* and sys_exit_* tracepoints"],
	["FUNCTION_ERROR_INJECTION", "want", "B", "no fmod_ret on functions other than security_*, no bpf_override_return"],
	["BPF_KPROBE_OVERRIDE", "want", "B", "no bpf_override_return"],
	["NET", "must", "FB", "no network programs"],
	["XDP_SOCKETS", "want", "B", "no AF_XDP, no xskmap"],
	["LWTUNNEL_BPF", "want", "FB", "no programs on routes (lwt_in, lwt_out, lwt_xmit)"],
	["NET_ACT_BPF", "want", "FB", "no tc actions (act_bpf); classifiers with direct action do the same"],
	["NET_CLS_BPF", "want", "FB", "no tc classifiers; tcx needs none"],
	["NET_CLS_ACT", "want", "FB", "no tc programs on ingress and egress"],
	["NET_SCH_INGRESS", "want", "FB", "no clsact for tc classifiers; tcx needs none"],
	["XFRM", "want", "FB", "no bpf_skb_get_xfrm_state"],
	["IP_ROUTE_CLASSID", "want", "B", "bpf_get_route_realm gives 0"],
	["IPV6_SEG6_BPF", "want", "B", "no lwt_seg6local programs"],
	["BPF_LIRC_MODE2", "want", "B", "no programs on infrared receivers (lirc_mode2)"],
	["BPF_STREAM_PARSER", "want", "B", "no sk_skb parser on TCP sockmaps"],
	["NETFILTER_XT_MATCH_BPF", "want", "FB", "no iptables -m bpf"],
	["BPFILTER", "fact", "B", "", { until: "6.8" }],
	["BPFILTER_UMH", "fact", "B", "", { until: "6.8" }],
	["TEST_BPF", "fact", "B", ""],
	["HZ", "fact", "FB", ""],
	["BPF_LSM", "want", "F", "no LSM programs"],
	["LSM", "fact", "F", ""],
	["KPROBES", "want", "F", "no kprobes"],
	["KRETPROBES", "want", "F", "no kretprobes"],
	["FPROBE", "want", "", "no kprobe.multi: one probe a function instead", { since: "5.18" }],
	["UPROBES", "want", "F", "no uprobes"],
	["PERF_EVENTS", "must", "F", "no tracepoint programs by perf, no sampling, no perf_event_array"],
	["FUNCTION_TRACER", "want", "F", "no list of functions that can be probed; fentry and kprobes cost more"],
	["DYNAMIC_FTRACE_WITH_DIRECT_CALLS", "want", "F", "no fentry, fexit, fmod_ret, LSM programs on functions that are traced"],
	["KALLSYMS", "want", "F", "no symbols: kprobes by name and stacks by name fail"],
	["KALLSYMS_ALL", "want", "F", "no typed ksym variables (runqueues …): kernel variables have no addresses"],
	["IKCONFIG_PROC", "want", "F", "no /proc/config.gz: .kconfig externs need another copy of the configuration"],
	["IKHEADERS", "fact", "F", ""],
	["MODULES", "fact", "F", ""],
	["BPF_UNPRIV_DEFAULT_OFF", "fact", "F", ""],
	["BPF_PRELOAD", "fact", "", ""],
	["NETFILTER_BPF_LINK", "want", "", "no netfilter programs", { since: "6.4" }],
	["NETKIT", "want", "", "no netkit devices", { since: "6.7" }],
	["VETH", "want", "F", "no veth: no pair of devices to try native XDP on"],
	["TUN", "fact", "F", ""],
	["SCHED_CLASS_EXT", "want", "", "no schedulers in eBPF (sched_ext)", { since: "6.12" }],
	["NET_SCH_BPF", "want", "", "no queueing disciplines in eBPF", { since: "6.16" }],
	["HID_BPF", "want", "", "no programs on input devices", { since: "6.3" }],
	["TCP_CONG_ADVANCED", "fact", "F", ""],
	["SYSTEM_DATA_VERIFICATION", "want", "F", "signatures of programs are not checked by the kernel; skep checks them itself (--require-signed)"],
	["SECURITY_LOCKDOWN_LSM", "fact", "F", ""],
	["DEBUG_FS", "fact", "F", ""],
	["STACKTRACE", "fact", "F", ""],
];

/** Options that matter to eBPF, by the kernel's own Kconfig and by what Flatcar builds its kernels with. */
export const CONFIG_OPTIONS: readonly ConfigOption[] = ROWS.map(([name, weight, marks, without, versions]) => ({
	name: `CONFIG_${name}`,
	weight,
	without,
	flatcar: marks.includes("F"),
	bpftool: marks.includes("B"),
	...versions,
}));
