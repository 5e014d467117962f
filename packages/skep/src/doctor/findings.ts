import { CONFIG_OPTIONS } from "@skep/bpf/uapi";
import type { Finding, Report } from "./report.ts";

type Examined = Omit<Report, "findings">;
/** undefined: it does not stand in the way. */
type Rule = (report: Examined) => Finding | undefined;

/** undefined: it could not be tried. */
const attach = (report: Examined, kind: string) => (report.permitted ? report.attach[kind]?.answer : undefined);
const works = (report: Examined, kind: string): boolean => attach(report, kind) === "yes";
const lacks = (report: Examined, kind: string): boolean => attach(report, kind) === "no";
/** Without CAP_PERFMON verifiers are stricter, and say no to what they have. */
const noFeature = (report: Examined, feature: string): boolean =>
	report.features[feature]?.answer === "no" && mayTrace(report);
const noMap = (report: Examined, type: string): boolean => report.map_types[type]?.answer === "no";
const noCommand = (report: Examined, command: string): boolean => report.commands[command]?.answer === "no";
const kernelOf = ({ kernel }: Examined): string => `Linux ${kernel.release}`;
const since = (version: string | undefined): string => (version === undefined ? "" : `: it came with Linux ${version}`);
/** What the kernel said, without what was tried. */
function reason(report: Examined, kind: string): string {
	const lines = (report.attach[kind]?.why ?? "").replace(/(program )?skep_trial/g, "a program").split("\n");
	const told = lines.length > 1 ? lines[1]!.trim().split(" → ")[0]! : lines[0]!;
	return told.replace(/^.* is not supported: /, "");
}
/** `a`, `a or b`, `a, b or c`. */
const either = (words: readonly string[]): string =>
	words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;

/** Where programs of a kernel without trampolines or kprobes can still look on. */
function hooksThatWork(report: Examined): string {
	const names = ["fentry", "kprobe", "tp_btf", "raw_tp", "tracepoint", "uprobe"];
	const there = names.filter((kind) => works(report, kind));
	return there.length > 0 ? either(there) : "nothing of the kernel's: use recordings on the virtual kernel";
}

/** Whether what this process may not do is not for want of capabilities. */
function mayTrace({ system }: Examined): boolean {
	const held = system?.process.capabilities;
	return (
		held === undefined ||
		held.CAP_SYS_ADMIN === "effective" ||
		(held.CAP_BPF === "effective" && held.CAP_PERFMON === "effective")
	);
}

/** Rules about this process. */
const PRIVILEGES: readonly Rule[] = [
	({ permitted, refusal, kernel }) =>
		permitted
			? undefined
			: {
					weight: 3,
					what: "eBPF is not permitted to this process",
					...(refusal ? { seen: refusal.missing.join(", ") } : {}),
					effect: `bpf(2) says EPERM: nothing can be loaded on Linux ${kernel.release}, and nothing below could be tried`,
					instead: `${refusal?.lines.join("; ") ?? "run it as root"}; \`skep test\`, \`skep debug\` and \`skep run --replay\` need no privileges`,
				},
	...(
		[
			["CAP_BPF", "maps and programs cannot be made"],
			["CAP_PERFMON", "programs that trace do not load, and kernel memory cannot be read"],
			["CAP_NET_ADMIN", "network programs (xdp, tc, cgroup, sockmap) do not load or attach"],
			[
				"CAP_SYS_ADMIN",
				"objects are not found by id, other processes' programs are not seen, tracefs cannot be mounted privately",
			],
		] as const
	).map(
		([capability, effect]): Rule =>
			({ permitted, system }) => {
				const process = system?.process;
				if (!permitted || !process || process.capabilities[capability] === "effective") return undefined;
				if (process.capabilities.CAP_SYS_ADMIN === "effective") return undefined;
				return {
					weight: 2,
					what: `${capability} is missing`,
					seen: `uid ${process.uid}, ${process.capabilities[capability] === "bounding" ? "could be had" : "dropped for good"}`,
					effect,
					instead: "run it with that capability (setpriv, systemd's AmbientCapabilities, docker --cap-add)",
				};
			},
	),
	({ system }) =>
		system?.process.userNamespace
			? {
					weight: 3,
					what: "this is a user namespace of its own",
					effect: "capabilities do not count for eBPF here",
					instead: "run outside of it, or have a bpffs mounted that delegates: then a BPF token does (Linux 6.9)",
				}
			: undefined,
	({ system, permitted }) =>
		system?.process.seccomp === 2 && !permitted
			? {
					weight: 2,
					what: "a seccomp filter is at work",
					effect: "it may forbid bpf(2) and perf_event_open(2)",
					instead: "allow them in the profile of the container or the service",
				}
			: undefined,
	({ system }) =>
		system?.process.container
			? {
					weight: 1,
					what: "this looks like a container",
					seen: system.process.container,
					effect: "process ids, devices and mounts are the container's; programs see the whole machine",
					instead: "programs go by bpf_get_ns_current_pid_tgid, or run skep on the host",
				}
			: undefined,
	({ system }) =>
		system?.lockedMemory.counts && system.lockedMemory.soft !== null
			? {
					weight: 1,
					what: "maps and programs count as locked memory",
					seen: `RLIMIT_MEMLOCK ${system.lockedMemory.soft} bytes`,
					effect: "larger maps fail with EPERM (before Linux 5.11)",
					instead: "skep takes the limit away for itself where it may (CAP_SYS_RESOURCE), else up to the hard limit",
				}
			: undefined,
];

/** Rules about how the kernel is set. */
const SETTINGS: readonly Rule[] = [
	({ system }) =>
		system?.lockdown === "confidentiality"
			? {
					weight: 3,
					what: "lockdown is at confidentiality",
					effect: "programs may not read kernel memory (probe_read_kernel), and tracing loads little",
					instead: "boot with lockdown=integrity or none; network and cgroup programs work",
				}
			: undefined,
	(report) =>
		attach(report, "fentry") === "refused" && mayTrace(report)
			? {
					weight: 3,
					what: "the kernel lets nobody patch its code",
					seen: `PROG_LOAD says EPERM; lockdown ${report.system?.lockdown ?? "unknown"}`,
					effect: "fentry, fexit, fmod_ret, LSM programs and freplace do not load, whatever the capabilities",
					instead: `look on by ${hooksThatWork(report)}; refuse by cgroup or network programs instead of LSM; kill(2) after the fact by bpf_send_signal`,
				}
			: undefined,
	(report) =>
		attach(report, "lsm") === "silent"
			? {
					weight: 2,
					what: "LSM programs never run",
					seen: `security modules: ${report.system?.securityModules?.join(", ") ?? "not to be read"}`,
					effect: "they load and attach, and nothing calls them: bpf is not among the security modules",
					instead: `boot with lsm=${[...(report.system?.securityModules ?? []).filter((name) => name !== "capability"), "bpf"].join(",")}; fmod_ret on security_* functions refuses too`,
				}
			: undefined,
	(report) =>
		lacks(report, "kprobe")
			? {
					weight: 2,
					what: "no kprobes",
					seen: reason(report, "kprobe"),
					effect: "kprobe, kretprobe, ksyscall and kprobe.multi do not attach",
					instead: `look on by ${hooksThatWork(report)}; system calls by syscalls:sys_enter_* tracepoints`,
				}
			: undefined,
	(report) =>
		works(report, "kprobe") && lacks(report, "kprobe.multi")
			? {
					weight: 1,
					what: "no kprobe.multi",
					seen: reason(report, "kprobe.multi"),
					effect: "many functions cannot be probed by one link",
					instead: "a kprobe for each function, which takes longer to attach",
				}
			: undefined,
	(report) =>
		report.system && report.system.btf.vmlinux === null
			? {
					weight: 3,
					what: "the kernel shows no types",
					seen: "no /sys/kernel/btf/vmlinux",
					effect: "no CO-RE by the kernel's own types, no tp_btf, fentry, LSM, iterators, struct_ops, kfuncs",
					instead:
						"--core-btf FILE gives CO-RE the types of this kernel (BTFHub has them); tracepoints and kprobes work without",
				}
			: undefined,
	({ system }) =>
		system && system.sysctls["net.core.bpf_jit_enable"] === 0
			? {
					weight: 2,
					what: "programs are interpreted",
					seen: "net.core.bpf_jit_enable is 0",
					effect: "they run many times slower; fentry, struct_ops and kfuncs do not work",
					instead: "sysctl net.core.bpf_jit_enable=1",
				}
			: undefined,
	({ system }) =>
		(system?.sysctls["net.core.bpf_jit_harden"] ?? 0) === 2
			? {
					weight: 1,
					what: "the JIT is hardened for all",
					seen: "net.core.bpf_jit_harden is 2",
					effect: "constants are blinded: programs are larger and slower, and their dumps show no constants",
					instead: "1 hardens programs of the unprivileged only",
				}
			: undefined,
	({ system }) =>
		(system?.sysctls["kernel.kptr_restrict"] ?? 0) === 2
			? {
					weight: 1,
					what: "kernel addresses are hidden",
					seen: "kernel.kptr_restrict is 2",
					effect: "kernel stacks and jited code have no symbols, kprobes by address fail",
					instead: "skep shows bare addresses; sysctl kernel.kptr_restrict=1 lets root see symbols",
				}
			: undefined,
	({ system }) =>
		system?.sysctls["kernel.unprivileged_bpf_disabled"] === 0
			? {
					weight: 1,
					what: "anybody may load programs",
					seen: "kernel.unprivileged_bpf_disabled is 0",
					effect: "socket filters and maps of any user: more to attack",
					instead: "sysctl kernel.unprivileged_bpf_disabled=2",
				}
			: undefined,
	({ system }) =>
		system?.cgroups === "v1" || system?.cgroups === "none"
			? {
					weight: 2,
					what: "no cgroups of version 2 are mounted",
					seen: system.cgroups === "v1" ? "version 1 only" : "none",
					effect: "programs on cgroups have nothing to attach to that processes are in",
					instead: "mount -t cgroup2 none /sys/fs/cgroup/unified, or boot with systemd.unified_cgroup_hierarchy=1",
				}
			: undefined,
	({ system }) =>
		system?.cgroups === "hybrid"
			? {
					weight: 1,
					what: "cgroups are of both versions",
					seen: `version 2 at ${system.mounts.cgroup2.join(", ")}`,
					effect: "programs attach there, not below /sys/fs/cgroup/NAME",
					instead: "skep finds the mount; in commands name folders below it",
				}
			: undefined,
	({ system }) =>
		system && system.mounts.bpf.length === 0
			? {
					weight: 1,
					what: "no bpffs is mounted",
					effect: "nothing can be pinned, so maps and links go with their process",
					instead: "mount -t bpf bpf /sys/fs/bpf",
				}
			: undefined,
	({ system }) =>
		system && system.mounts.tracefs.length === 0 && system.mounts.debugfs.length === 0
			? {
					weight: 1,
					what: "no tracefs is mounted",
					seen:
						system.tracepoints === null
							? "not to be read"
							: `${system.tracepoints} tracepoints, by a mount of skep's own`,
					effect: "other tools find no tracepoints; skep does with CAP_SYS_ADMIN",
					instead: "skep mounts it for itself alone; raw_tp and tp_btf need none",
				}
			: undefined,
	(report) =>
		lacks(report, "perf_event (hardware)") && works(report, "perf_event (software)")
			? {
					weight: 1,
					what: "no hardware counters",
					seen: reason(report, "perf_event (hardware)"),
					effect: "cycles, instructions and cache misses cannot be sampled",
					instead: "sampling by cpu-clock",
				}
			: undefined,
	({ system, attach: { lsm } }) =>
		system &&
		lsm?.answer !== "silent" &&
		system.securityModules !== null &&
		!system.securityModules.includes("bpf") &&
		system.config?.["CONFIG_BPF_LSM"] === "y"
			? {
					weight: 1,
					what: "bpf is not among the security modules",
					seen: system.securityModules.join(", "),
					effect: "LSM programs never run, though the kernel was built for them",
					instead: `boot with lsm=${[...system.securityModules.filter((name) => name !== "capability"), "bpf"].join(",")}`,
				}
			: undefined,
];

/** Rules about what came later than this kernel, or was left out of it. */
const ABSENT: readonly Rule[] = [
	...(
		[
			[
				"ringbuf",
				"map",
				2,
				"ring buffers",
				"`ringBuffer` and bpf_ringbuf_* do not load",
				"events go through perf_event_array",
			],
			["task_storage", "map", 1, "storage of tasks", "task_storage maps cannot be made", "a hash by pid or tgid"],
			[
				"arena",
				"map",
				1,
				"arenas",
				"maps that programs and processes share by pointer cannot be made",
				"arrays that are mapped (BPF_F_MMAPABLE), or hashes",
			],
			[
				"user_ringbuf",
				"map",
				1,
				"ring buffers from processes to programs",
				"user_ringbuf maps cannot be made",
				"a queue, or an array that is mapped",
			],
			[
				"cgrp_storage",
				"map",
				1,
				"storage of cgroups",
				"cgrp_storage maps cannot be made",
				"a hash by cgroup id, or cgroup_storage",
			],
		] as const
	).map(
		([type, , weight, what, effect, instead]): Rule =>
			(report) =>
				noMap(report, type)
					? {
							weight,
							what: `no ${what}`,
							seen: `map type ${type}${since(report.map_types[type]?.since)}`,
							effect,
							instead,
						}
					: undefined,
	),
	...(
		[
			[
				"perf_link",
				1,
				"no bpf_link for perf events",
				"tracepoints, kprobes and uprobes have no object of their own: they cannot be pinned, and carry no cookies",
				"the program is set on the event itself, for as long as the process lives",
			],
			[
				"map_batch",
				1,
				"no batch operations on maps",
				"maps are read entry by entry",
				"skep reads so, and says it where it matters",
			],
			[
				"bounded_loops",
				2,
				"no loops",
				"programs with loops do not load",
				"unroll them: `for` over constants is unrolled by the compiler",
			],
			[
				"atomics",
				1,
				"no atomic operations with results",
				"fetch-and-add, exchange and compare do not load",
				"a spin lock, or per-CPU maps",
			],
			["tp_btf", 2, "no typed tracepoints", "tp_btf programs do not load", "raw_tp and tracepoint"],
			[
				"cpu_v4",
				1,
				"no instructions of cpu v4",
				"objects that clang made with -mcpu=v4 do not load",
				"skep compiles for v3; build objects with -mcpu=v3",
			],
		] as const
	).map(
		([feature, weight, what, effect, instead]): Rule =>
			(report) =>
				noFeature(report, feature)
					? { weight, what, seen: `${kernelOf(report)}${since(report.features[feature]?.since)}`, effect, instead }
					: undefined,
	),
	...(
		[
			[
				"tcx",
				1,
				"no tcx",
				"programs do not attach to devices by links of tc",
				"the older classifiers of clsact, which stay when the process ends",
				"tc",
			],
			[
				"netkit",
				1,
				"no netkit devices",
				"programs on netkit pairs have nothing to attach to",
				"veth with tcx or xdp",
				undefined,
			],
			["netfilter", 1, "no netfilter programs", "they do not load", "tc, or cgroup_skb", undefined],
			["iter", 2, "no iterators", "`skep iter` has nothing to run", "/proc, and listings by id", undefined],
			[
				"fsession",
				1,
				"no fsession",
				"one program for entry and return of a function does not load",
				"a pair of fentry and fexit",
				"fentry",
			],
			[
				"uprobe.multi",
				1,
				"no uprobe.multi",
				"many places of a file cannot be probed by one link",
				"a uprobe for each place",
				"uprobe",
			],
			["uprobe", 2, "no uprobes", "uprobe, uretprobe and USDT do not attach", "tracepoints of system calls", undefined],
			[
				"tracepoint",
				2,
				"no tracepoints of system calls",
				"syscalls:sys_enter_* and sys_exit_* do not attach",
				"raw_tp/sys_enter with the number of the call",
				"raw_tp",
			],
			[
				"xdp (native)",
				1,
				"native XDP does not attach to a veth",
				"XDP is tried on veth, the device that is everywhere",
				"generic XDP, which works on any device",
				"xdp (generic)",
			],
			[
				"struct_ops",
				1,
				"struct_ops do not register",
				"congestion controls in eBPF cannot be tried",
				"sockops set the kernel's own by name",
				undefined,
			],
			[
				"lsm_cgroup",
				1,
				"no LSM programs on cgroups",
				"they do not load or attach",
				"LSM programs that ask for the cgroup themselves; cgroup/connect4 and the like",
				undefined,
			],
		] as const
	).map(
		([kind, weight, what, effect, instead, only]): Rule =>
			(report) => {
				if (attach(report, kind) !== "no" || (only && !works(report, only))) return undefined;
				return { weight, what, seen: reason(report, kind), effect, instead };
			},
	),
	(report) =>
		report.permitted && report.kfunc_call !== "yes"
			? {
					weight: 1,
					what: Object.keys(report.kfuncs).length > 0 ? "few kfuncs" : "programs call no kfuncs",
					seen: `${kernelOf(report)}: bpf_rcu_read_lock came with 6.2`,
					effect:
						"bpf_task_from_pid, bpf_rcu_read_lock, cpumasks, iterators in loops and what came after the last helper are not there",
					instead: "helpers; the manual tells since when there is which kfunc",
				}
			: undefined,
	(report) =>
		noCommand(report, "TOKEN_CREATE")
			? {
					weight: 1,
					what: "no BPF tokens",
					seen: `${kernelOf(report)}${since(report.commands["TOKEN_CREATE"]?.since)}`,
					effect: "nothing can be delegated to a container's user namespace",
					instead: "load outside, and hand in pinned maps",
				}
			: undefined,
	(report) =>
		report.attach["struct_ops"]?.answer === "yes" && report.link_types["struct_ops"]?.answer === "no"
			? {
					weight: 1,
					what: "struct_ops have no links",
					seen: `${kernelOf(report)}${since("6.4")}`,
					effect: "what is registered stays when the process ends",
					instead: "skep registers by the map's entry, and takes it away when the link is closed",
				}
			: undefined,
];

/** Options that nothing above speaks of: what was left out when the kernel was built. */
function configFindings(report: Examined): Finding[] {
	const config = report.system?.config;
	if (report.system && !config) {
		return [
			{
				weight: 1,
				what: "the kernel's configuration is not to be read",
				seen: "neither /proc/config.gz nor /boot/config-RELEASE",
				effect: ".kconfig externs have no values, and this report tells less of why",
				instead: "modprobe configs, or put a copy in /boot",
			},
		];
	}
	if (!config) return [];
	const { version } = report.kernel;
	const missing = CONFIG_OPTIONS.filter((option) => {
		if (option.weight === "fact" || config[option.name]) return false;
		return option.since === undefined || atLeast(version, option.since);
	});
	return missing.map(
		(option): Finding => ({
			weight: option.weight === "must" ? 3 : 1,
			option: option.name,
			what: `built without ${option.name}`,
			...(option.flatcar ? { seen: "Flatcar, among others, sets it" } : {}),
			effect: option.without,
			instead: "another kernel, where it matters",
		}),
	);
}

/** `6.18.44` is at least `6.9`. */
function atLeast(version: string, wanted: string): boolean {
	const [a = 0, b = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
	const [c = 0, d = 0] = wanted.split(".").map(Number);
	return a > c || (a === c && b >= d);
}

/** What a kernel of its own has, and that the rest is not there. */
function virtualFindings(report: Examined): readonly Finding[] {
	const names = (answer: string) =>
		Object.entries(report.attach)
			.filter(([, each]) => each.answer === answer)
			.map(([kind]) => kind);
	return [
		{
			weight: 1,
			what: "this is the virtual kernel",
			seen: `attaches: ${names("yes").join(", ")}`,
			effect: `nothing happens by itself, and ${names("no").length} kinds of programs have nothing to attach to`,
			instead:
				"`skep run --replay` gives it what was recorded on Linux, --pcap packets, `skep test` what a test makes happen",
		},
	];
}

/** What stands in the way, the weightiest first. Pure. */
export function findings(report: Examined): readonly Finding[] {
	if (report.kernel.name === "virtual") return virtualFindings(report);
	const rules = [...PRIVILEGES, ...SETTINGS, ...ABSENT].flatMap((rule) => rule(report) ?? []);
	return [...rules, ...configFindings(report)].toSorted((a, b) => b.weight - a.weight);
}
