import assert from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import { release } from "node:os";
import { test } from "node:test";
import { traceFds } from "@skep/bpf/live";
import { CONFIG_OPTIONS } from "@skep/bpf/uapi";
import { openVirtual } from "#backend";
import { openLinux } from "#backend/linux";
import {
	compare,
	comparisonCells,
	examine,
	findings,
	type Report,
	readReport,
	reportText,
	requirements,
	wholeText,
} from "./index.ts";

const PLAIN = { width: undefined, colour: false };
const virtual = (): Report => examine(openVirtual());
/** Of this machine, asked once. */
let own: Report | undefined;
const linux = (): Report => {
	own ??= examine(openLinux());
	return own;
};
const needsRoot = (report: Report): string | undefined =>
	report.permitted ? undefined : `needs eBPF: ${report.refusal?.missing.join(", ")}`;
const skipOffLinux = process.platform === "linux" ? false : `needs Linux, this is ${process.platform}`;

/** What is known of the machine that skep is built on (Firecracker, 6.18), each measured by other means. */
// biome-ignore format: table
const THIS_MACHINE: Readonly<Record<string, string>> = {
	"attach:tracepoint": "yes", "attach:raw_tp": "yes", "attach:tp_btf": "yes", "attach:fentry": "refused", "attach:fentry.s": "refused", "attach:fexit": "refused",
	"attach:fmod_ret": "refused", "attach:fsession": "no", "attach:freplace": "refused", "attach:lsm": "refused", "attach:lsm.s": "refused",
	"attach:lsm_cgroup": "refused", "attach:kprobe": "no", "attach:kretprobe": "no", "attach:ksyscall": "no", "attach:kprobe.multi": "no",
	"attach:kprobe.session": "no", "attach:uprobe": "yes", "attach:uretprobe": "yes", "attach:uprobe.s": "yes", "attach:uprobe.multi": "yes",
	"attach:uprobe.session": "yes", "attach:perf_event (software)": "yes", "attach:perf_event (hardware)": "no", "attach:iter": "yes",
	"attach:iter.s": "yes", "attach:xdp (generic)": "yes", "attach:xdp (native)": "yes", "attach:tcx": "yes", "attach:tc": "yes",
	"attach:netkit": "no", "attach:lwt_xmit": "yes", "attach:netfilter": "yes", "attach:flow_dissector": "yes", "attach:sk_lookup": "yes",
	"attach:socket": "yes", "attach:sk_reuseport": "yes", "attach:cgroup_skb/egress": "yes", "attach:cgroup/sock_create": "yes",
	"attach:cgroup/connect4": "yes", "attach:cgroup/connect_unix": "yes", "attach:cgroup/getsockopt": "yes", "attach:cgroup/sysctl": "yes",
	"attach:cgroup/dev": "yes", "attach:sockops": "yes", "attach:sk_skb/stream_verdict": "yes", "attach:sk_msg": "yes", "attach:struct_ops": "yes", "attach:syscall (test run)": "yes",
	"map:ringbuf": "yes", "map:user_ringbuf": "yes", "map:arena": "yes", "map:task_storage": "yes", "map:cgrp_storage": "yes", "map:inode_storage": "yes",
	"map:bloom_filter": "yes", "map:xskmap": "yes", "map:cpumap": "yes", "map:insn_array": "no", "link:kprobe_multi": "no", "link:netkit": "no",
	"link:uprobe_multi": "yes", "link:sockmap": "yes", "link:netfilter": "yes", "link:struct_ops": "yes", "program:lirc_mode2": "no",
	"program:tracing": "yes", "program:struct_ops": "yes", "program:netfilter": "yes", "program:syscall": "yes", "command:TOKEN_CREATE": "yes",
	"command:PROG_STREAM_READ_BY_FD": "yes", "feature:cpu_v4": "yes", "feature:atomics": "yes", "feature:map_batch": "yes", "feature:run_time_stats": "yes",
	"helper:bpf_loop": "yes", "helper:bpf_for_each_map_elem": "yes", "helper:bpf_timer_start": "yes", "helper:bpf_snprintf": "yes", "helper:bpf_sys_bpf": "yes",
	"helper:bpf_copy_from_user": "yes", "kfunc:bpf_task_from_pid": "yes", "kfunc:bpf_rcu_read_lock": "yes", "kfunc:bpf_cpumask_create": "yes",
	"kfunc:bpf_obj_new_impl": "yes", "kfunc:bpf_iter_num_new": "yes", "kfunc:bpf_throw": "yes", "kfunc:bpf_wq_init": "yes", "kfunc:bpf_res_spin_lock": "yes",
	"kfunc:bpf_stream_vprintk_impl": "yes", "config:CONFIG_MODULES": "–", "config:CONFIG_HZ": "250", "config:CONFIG_KPROBES": "–", "config:CONFIG_FPROBE": "–",
	"config:CONFIG_KALLSYMS_ALL": "–", "config:CONFIG_NETKIT": "–", "config:CONFIG_BPF_LSM": "y", "config:CONFIG_BPF_JIT_ALWAYS_ON": "y",
	"config:CONFIG_SYSTEM_DATA_VERIFICATION": "–", "config:CONFIG_SCHED_CLASS_EXT": "–", "config:CONFIG_HID_BPF": "–",
	"sysctl:kernel.unprivileged_bpf_disabled": "2", "sysctl:kernel.perf_event_paranoid": "2", "sysctl:kernel.kptr_restrict": "0",
	"sysctl:net.core.bpf_jit_enable": "1", "sysctl:net.core.bpf_jit_harden": "0", "system:lockdown": "integrity",
	"system:lsm": "lockdown,capability,landlock,bpf", "system:cgroups": "hybrid", "system:btf": "yes",
};

test("right about the machine that skep is built on", { skip: skipOffLinux }, (t) => {
	if (!/^6\.18\..*-fc-/.test(release()))
		return t.skip(`these facts are of a Firecracker machine with Linux 6.18, this is ${release()}`);
	const report = linux();
	const why = needsRoot(report);
	if (why) return t.skip(why);
	const told = requirements(report, Object.keys(THIS_MACHINE)).map(({ name, answer }) => [name, answer?.value]);
	assert.deepEqual(Object.fromEntries(told), THIS_MACHINE);
	assert.equal(report.kfunc_call, "yes");
	assert.equal(report.system?.process.capabilities.CAP_SYS_RESOURCE, "none");
	assert.equal(report.system?.tracepoints, 2305);
	assert.deepEqual(report.system?.pmus.includes("kprobe"), false);
	const heavy = report.findings.filter(({ weight }) => weight > 1).map(({ what }) => what);
	assert.deepEqual(heavy, ["the kernel lets nobody patch its code", "no kprobes"]);
	assert.match(report.findings[0]!.instead, /tp_btf, raw_tp, tracepoint or uprobe/);
	return undefined;
});

test("the virtual kernel says what it has, and no more", () => {
	const report = virtual();
	for (const type of ["socket_filter", "tracepoint", "xdp", "tracing", "syscall"])
		assert.equal(report.program_types[type]?.answer, "yes", type);
	for (const type of ["kprobe", "lsm", "struct_ops"]) assert.equal(report.program_types[type]?.answer, "no", type);
	for (const kind of ["tracepoint", "raw_tp", "tp_btf", "xdp (generic)", "syscall (test run)"])
		assert.equal(report.attach[kind]?.answer, "yes", kind);
	for (const kind of ["fentry", "kprobe", "lsm", "uprobe"]) assert.equal(report.attach[kind]?.answer, "no", kind);
	assert.equal(report.map_types["arena"]?.answer, "yes");
	assert.equal(report.map_types["sockmap"]?.answer, "no");
	assert.equal(report.helpers["bpf_loop"]?.answer, "yes");
	assert.equal(report.helpers["bpf_sk_assign"]?.answer, "no");
	assert.equal(report.kfunc_call, "yes");
	assert.equal(report.system, null);
	assert.deepEqual(
		report.findings.map(({ what }) => what),
		["this is the virtual kernel"],
	);
	assert.match(reportText(report, PLAIN), /^the virtual kernel 6\.18/);
});

test("examining leaves nothing, of either kernel", { skip: skipOffLinux }, () => {
	linux();
	const tracer = traceFds();
	const held = () => [readdirSync("/proc/self/fd").length, readlinkSync("/proc/thread-self/ns/net")];
	const before = held();
	examine(openLinux());
	const kernel = openVirtual();
	examine(kernel);
	assert.deepEqual(held(), before);
	assert.deepEqual(
		tracer.open().map(({ what }) => what),
		[],
	);
	tracer.stop();
	const { programs, maps, links } = kernel.system.tables;
	assert.deepEqual([programs.size, maps.size, links.size], [0, 0, 0]);
});

test("full: which programs may call", { skip: skipOffLinux }, (t) => {
	const report = examine(openLinux(), { full: true });
	const why = needsRoot(report);
	if (why) return t.skip(why);
	assert.ok(report.helpers["bpf_xdp_adjust_head"]?.programs?.includes("xdp"));
	assert.ok(!report.helpers["bpf_xdp_adjust_head"]?.programs?.includes("kprobe"));
	assert.ok((report.helpers["bpf_map_lookup_elem"]?.programs?.length ?? 0) > 20);
	return undefined;
});

/** A kernel on which everything works, for findings about what does not. */
function perfect(change: (report: Record<string, Record<string, unknown>>) => void): Report {
	const report = JSON.parse(JSON.stringify(linux())) as Record<string, Record<string, Record<string, unknown>>>;
	const { system } = report;
	for (const section of [
		"program_types",
		"map_types",
		"link_types",
		"commands",
		"features",
		"attach",
		"helpers",
		"kfuncs",
	])
		for (const row of Object.values(report[section]!)) (row as { answer: string }).answer = "yes";
	system!["config"] = Object.fromEntries(CONFIG_OPTIONS.map(({ name }) => [name, "y"]));
	for (const name of Object.keys((system!["process"] as { capabilities: object }).capabilities))
		(system!["process"] as { capabilities: Record<string, string> }).capabilities[name] = "effective";
	Object.assign(system!["process"]!, { container: null, userNamespace: false, seccomp: 0, uid: 0 });
	Object.assign(system!["sysctls"]!, {
		"net.core.bpf_jit_harden": 0,
		"net.core.bpf_jit_enable": 1,
		"kernel.kptr_restrict": 0,
		"kernel.unprivileged_bpf_disabled": 2,
	});
	Object.assign(system!["mounts"]!, { bpf: ["/sys/fs/bpf"], tracefs: ["/sys/kernel/tracing"] });
	Object.assign(system!, {
		lockdown: "none",
		cgroups: "v2",
		securityModules: ["capability", "bpf"],
		lockedMemory: { soft: null, hard: null, counts: false },
	});
	Object.assign(report, {
		permitted: true,
		refusal: undefined,
		kfunc_call: "yes",
		kernel: { ...report["kernel"], name: "linux", release: "6.18.0", version: "6.18.0" },
	});
	change(report as never);
	return report as unknown as Report;
}
const answer = (section: string, name: string, said: string) => (report: Record<string, Record<string, unknown>>) =>
	Object.assign(report[section]![name] as object, { answer: said });

/** What is changed on a perfect kernel, what the doctor says then, its weight, what it does instead. One row a finding. */
// biome-ignore format: table
const RULES: readonly (readonly [change: Parameters<typeof perfect>[0], what: RegExp, weight: number, instead: RegExp])[] = [
	[answer("attach", "lsm", "silent"), /LSM programs never run/, 2, /lsm=bpf;|lsm=bpf$|lsm=.*bpf/],
	[answer("attach", "fentry", "refused"), /lets nobody patch its code/, 3, /kprobe, tp_btf/],
	[answer("attach", "kprobe", "no"), /no kprobes/, 2, /fentry, tp_btf/],
	[answer("attach", "kprobe.multi", "no"), /no kprobe\.multi/, 1, /a kprobe for each function/],
	[answer("attach", "tcx", "no"), /no tcx/, 1, /clsact/],
	[answer("attach", "iter", "no"), /no iterators/, 2, /\/proc/],
	[answer("map_types", "ringbuf", "no"), /no ring buffers/, 2, /perf_event_array/],
	[answer("map_types", "arena", "no"), /no arenas/, 1, /mapped/],
	[answer("features", "perf_link", "no"), /no bpf_link for perf events/, 1, /the event itself/],
	[answer("commands", "TOKEN_CREATE", "no"), /no BPF tokens/, 1, /load outside/],
	[answer("link_types", "struct_ops", "no"), /struct_ops have no links/, 1, /map's entry/],
	[(report) => Object.assign(report, { kfunc_call: "no" }), /kfuncs/, 1, /helpers/],
	[(report) => Object.assign(report["system"]!, { lockdown: "confidentiality" }), /lockdown is at confidentiality/, 3, /lockdown=integrity/],
	[(report) => Object.assign(report["system"]!, { cgroups: "v1" }), /no cgroups of version 2/, 2, /mount -t cgroup2/],
	[(report) => Object.assign(report["system"]!["btf"] as object, { vmlinux: null }), /shows no types/, 3, /--core-btf/],
	[(report) => Object.assign(report["system"]!["sysctls"] as object, { "net.core.bpf_jit_enable": 0 }), /interpreted/, 2, /bpf_jit_enable=1/],
	[(report) => Object.assign(report["system"]!["sysctls"] as object, { "kernel.kptr_restrict": 2 }), /addresses are hidden/, 1, /kptr_restrict=1/],
	[(report) => Object.assign(report["system"]!["sysctls"] as object, { "kernel.unprivileged_bpf_disabled": 0 }), /anybody may load/, 1, /disabled=2/],
	[(report) => Object.assign(report["system"]!["process"] as object, { userNamespace: true }), /user namespace/, 3, /token/],
	[(report) => Object.assign(report["system"]!["mounts"] as object, { bpf: [] }), /no bpffs/, 1, /mount -t bpf/],
	[(report) => Object.assign(report["system"]!["config"] as object, { CONFIG_BPF_SYSCALL: null }), /built without CONFIG_BPF_SYSCALL/, 3, /another kernel/],
	[(report) => Object.assign(report["system"]!, { config: null }), /configuration is not to be read/, 1, /\/boot/],
	[(report) => Object.assign(report["system"]!, { lockedMemory: { soft: 65536, hard: 65536, counts: true } }), /count as locked memory/, 1, /takes the limit away/],
	[(report) => Object.assign((report["system"]!["process"] as { capabilities: object }).capabilities, { CAP_PERFMON: "none", CAP_SYS_ADMIN: "none" }), /CAP_PERFMON is missing/, 2, /--cap-add/],
	[(report) => Object.assign(report, { permitted: false, refusal: { lines: ["CAP_BPF is missing → sudo"], missing: ["CAP_BPF"] } }), /not permitted to this process/, 3, /sudo/],
];

test("findings: what stands in the way of a kernel on which everything else works", { skip: skipOffLinux }, () => {
	assert.deepEqual(findings(perfect(() => {})), []);
	for (const [change, what, weight, instead] of RULES) {
		const found = findings(perfect(change)).find((each) => what.test(each.what));
		assert.ok(found, `${what}`);
		assert.equal(found.weight, weight, found.what);
		assert.match(found.instead, instead);
		assert.ok(found.effect !== "");
	}
});

test("the weightiest finding stands first; text fits the screen; tables have every row", { skip: skipOffLinux }, () => {
	const report = linux();
	const weights = report.findings.map(({ weight }) => weight);
	assert.deepEqual(
		weights,
		weights.toSorted((a, b) => b - a),
	);
	const text = reportText(report, { width: 60, colour: false });
	for (const line of text.split("\n")) assert.ok(line.length <= 70, line);
	const whole = wholeText(report, PLAIN);
	for (const name of ["bpf_map_lookup_elem", "CONFIG_BPF_LSM", "sk_lookup", "TOKEN_CREATE"])
		assert.ok(whole.includes(name), name);
	assert.ok(reportText(report, { width: undefined, colour: true }).startsWith("\u001b[1mLinux"));
	assert.match(text, /What stands in the way/);
});

test("two kernels beside each other: what differs, or all", () => {
	const one = virtual();
	const other: Report = {
		...one,
		kernel: { ...one.kernel, name: "linux", release: "5.10.0" },
		map_types: { ...one.map_types, arena: { answer: "no", since: "6.9" } },
	};
	assert.deepEqual(compare([one, other], false), {
		kernels: ["virtual", "5.10.0"],
		rows: [{ feature: "map:arena", values: ["yes", "no"] }],
	});
	assert.ok(compare([one, other], true).rows.length > 300);
	assert.deepEqual(compare([one, one], false).rows, []);
	assert.deepEqual(comparisonCells(compare([one, one, other], false)), [
		{ feature: "map:arena", virtual: "yes", "virtual (2)": "yes", "5.10.0": "no" },
	]);
	assert.deepEqual(readReport("a.json", JSON.stringify(one)).kernel, one.kernel);
	assert.throws(() => readReport("a.json", "{"), /a\.json.*|this is no JSON/);
	assert.throws(() => readReport("a.json", '{"format":"other"}'), /"format": "skep-doctor-1"; here it is "other"/);
});

test("names that are required, with their section and without", () => {
	const report = virtual();
	const met = (name: string) => requirements(report, [name])[0]!.met;
	assert.deepEqual(["tp_btf", "arena", "map:arena", "bpf_loop", "loop", "TOKEN_CREATE", "fentry"].map(met), [
		true,
		true,
		true,
		true,
		true,
		false,
		false,
	]);
	assert.equal(requirements(report, ["no such thing"])[0]!.answer, undefined);
});
