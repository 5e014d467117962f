// What is known of Debian's kernels, held against what the doctor finds out there: `npm run test:guest -- 5.10 … doctor`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openLinux } from "#backend/linux";
import { answersOf, examine, findings, requirements } from "./index.ts";

const guest = process.env["SKEP_GUEST"];

/** What came with the version that the tables name and is not there all the same, and why. One row a reason. */
// biome-ignore format: table
const ABSENT: readonly (readonly [why: string, guests: readonly string[], names: readonly string[]])[] = [
	["QEMU has no counters", ["5.10", "6.1", "6.12", "6.18", "7.3"], ["attach:perf_event (hardware)"]],
	["Debian builds without CONFIG_BPF_LIRC_MODE2", ["5.10", "6.1", "6.12", "6.18", "7.3"], ["program:lirc_mode2", "helper:bpf_rc_repeat", "helper:bpf_rc_keydown", "helper:bpf_rc_pointer_rel"]],
	["Debian builds without CONFIG_BPF_KPROBE_OVERRIDE", ["5.10", "6.1", "6.12", "6.18", "7.3"], ["helper:bpf_override_return"]],
	["Debian's 6.1 was built without CONFIG_FPROBE", ["6.1"], ["attach:kprobe.multi", "link:kprobe_multi"]],
	["functions that programs may sleep in are named by error injection only, which Debian leaves out", ["5.10", "6.1"], ["attach:fentry.s"]],
	["not asked for: the kernel writes a warning into its log", ["5.10", "6.1", "6.12", "6.18", "7.3"], ["helper:bpf_trace_printk", "helper:bpf_trace_vprintk", "helper:bpf_probe_write_user"]],
	["helpers of the integrity measurement, which Debian's 6.1 has as no part of LSM programs", ["6.1"], ["helper:bpf_ima_inode_hash", "helper:bpf_ima_file_hash"]],
];

/** What is there before the version that the tables name: this kernel lets iterators sleep, and holds a lock that forbids it. */
const EARLY: Readonly<Record<string, readonly string[]>> = { "attach:iter.s": ["5.10"] };

/** What the tables do not tell. One row a fact: its name, since when. */
// biome-ignore format: table
const KFUNCS: readonly (readonly [name: string, since: string])[] = [
	["kfunc:bpf_rcu_read_lock", "6.2"], ["kfunc:bpf_task_from_pid", "6.2"], ["kfunc:bpf_cpumask_create", "6.3"], ["kfunc:bpf_iter_num_new", "6.4"],
	["kfunc:bpf_throw", "6.7"], ["kfunc:bpf_arena_alloc_pages", "6.9"], ["kfunc:bpf_wq_init", "6.10"], ["kfunc:bpf_res_spin_lock", "6.15"],
];

/** Settings of every guest: scripts/guest mounts them, and boots with bpf among the security modules. */
// biome-ignore format: table
const SETTINGS: Readonly<Record<string, string>> = {
	"system:lockdown": "none", "system:cgroups": "v2", "system:btf": "yes", "sysctl:kernel.unprivileged_bpf_disabled": "2",
	"sysctl:net.core.bpf_jit_enable": "1", "config:CONFIG_KPROBES": "y", "config:CONFIG_BPF_LSM": "y", "config:CONFIG_CGROUP_BPF": "y",
};

test("what is known of this kernel is what is found out", (t) => {
	if (guest === undefined) return t.skip("needs a guest: npm run test:guest -- VERSION doctor");
	const report = examine(openLinux());
	assert.ok(report.permitted);
	const missing = new Map(
		ABSENT.flatMap(([why, guests, names]) => (guests.includes(guest) ? names.map((name) => [name, why] as const) : [])),
	);
	const wrong: string[] = [];
	const hold = (name: string, there: boolean, said: string | undefined, why = "") => {
		const expected = (there || EARLY[name]?.includes(guest) === true) && !missing.has(name);
		if ((said === "yes") !== expected)
			wrong.push(
				`${name} says ${said}, and should ${expected ? "be there" : "not"}${missing.has(name) ? `: ${missing.get(name)}` : ""} ${why.split("\n")[0]}`,
			);
	};
	const sections = {
		attach: report.attach,
		program: report.program_types,
		map: report.map_types,
		link: report.link_types,
		feature: report.features,
		helper: report.helpers,
	};
	for (const [section, rows] of Object.entries(sections)) {
		for (const [name, { answer, since = "0.0", ...more }] of Object.entries(rows)) {
			hold(`${section}:${name}`, atLeast(guest, since), answer, "why" in more ? String(more.why) : "");
		}
	}
	for (const name of ["TOKEN_CREATE", "PROG_STREAM_READ_BY_FD", "PROG_BIND_MAP", "LINK_DETACH", "MAP_LOOKUP_BATCH"])
		hold(`command:${name}`, atLeast(guest, report.commands[name]!.since), report.commands[name]!.answer);
	for (const [name, since] of KFUNCS)
		hold(name, atLeast(guest, since), answersOf(report).find(({ id }) => id === name)?.value);
	assert.deepEqual(wrong, []);
	assert.equal(report.kfunc_call === "yes", atLeast(guest, "6.2"));
	// The newest comes without a copy of its configuration, and that is said.
	assert.equal(report.system!.config === null, guest === "7.3");
	const told = Object.entries(SETTINGS).filter(([name]) => report.system!.config || !name.startsWith("config:"));
	const names = told.map(([name]) => name);
	assert.deepEqual(
		requirements(report, names).map(({ name, answer }) => [name, answer?.value]),
		told,
	);
	assert.ok(report.system!.securityModules!.includes("bpf"));
	for (const pmu of ["kprobe", "uprobe", "tracepoint"]) assert.ok(report.system!.pmus.includes(pmu), pmu);
	for (const [type, paths] of Object.entries(report.system!.mounts))
		assert.equal(paths.length > 0, type !== "cgroup", type);
	assert.equal(report.system!.lockedMemory.counts, guest === "5.10");
	assert.ok(report.system!.tracepoints! > 1000);
	// Nothing there stands in the way of a kind of program that this kernel has.
	assert.deepEqual(
		findings(report).filter(({ weight }) => weight > 1),
		[],
	);
	const what = findings(report).map((each) => each.what);
	assert.equal(what.includes("no tcx"), !atLeast(guest, "6.6"));
	assert.equal(what.includes("no BPF tokens"), !atLeast(guest, "6.9"));
	assert.equal(what.includes("no kprobe.multi"), guest === "5.10" || guest === "6.1");
	t.diagnostic(what.join("; "));
	return undefined;
});

/** `6.18` is at least `6.9`. */
function atLeast(version: string, wanted: string): boolean {
	const [a = 0, b = 0] = version.split(".").map(Number);
	const [c = 0, d = 0] = wanted.split(".").map(Number);
	return a > c || (a === c && b >= d);
}
