import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { CAPABILITIES, type Capability, type Confinement, diagnose, parseStatus, type Situation } from "./index.ts";

function situation(
	capabilities: readonly Capability[],
	more: Partial<Situation> = {},
	held: Partial<Confinement> = {},
): Situation {
	return {
		confinement: {
			uid: 0,
			effective: 0n,
			bounding: 0n,
			seccomp: 0,
			noNewPrivs: false,
			userNamespace: false,
			container: undefined,
			has: (capability) => capabilities.includes(capability),
			couldHave: () => true,
			...held,
		},
		lockdown: "none",
		bpfDisabled: 2,
		perfParanoid: 2,
		...more,
	};
}
const EVERY = Object.keys(CAPABILITIES) as Capability[];
const refused = { syscall: "bpf", command: "PROG_LOAD", errno: 1, what: "load program exec" } as const;

/** One row a case: what is held, what was refused, what must be named, what the text must say. */
const CASES: readonly (readonly [string, Situation, Parameters<typeof diagnose>[1], string[], RegExp])[] = [
	[
		"nobody",
		situation([], {}, { uid: 65534 }),
		undefined,
		["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN", "kernel.unprivileged_bpf_disabled"],
		/^CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN are missing \(uid 65534\) → run it as root: sudo$/m,
	],
	[
		"no new privileges",
		situation([], { bpfDisabled: 0 }, { uid: 1, noNewPrivs: true }),
		refused,
		["CAP_BPF"],
		/sudo cannot help/,
	],
	[
		"docker",
		situation([], { bpfDisabled: 1 }, { container: "docker", couldHave: () => false }),
		refused,
		["CAP_BPF", "kernel.unprivileged_bpf_disabled", "container"],
		/--cap-add BPF/,
	],
	[
		"locked memory is used up",
		situation(EVERY, { lockedMemory: 65_536 }),
		refused,
		["RLIMIT_MEMLOCK"],
		/RLIMIT_MEMLOCK is 65536 bytes.*→ raise it \(ulimit -l unlimited/,
	],
	[
		"tracing wants CAP_PERFMON",
		situation(["CAP_BPF"]),
		{ ...refused, programType: "tracepoint" },
		["CAP_PERFMON"],
		/dropped from this process/,
	],
	[
		"XDP wants CAP_NET_ADMIN",
		situation(["CAP_BPF"]),
		{ ...refused, programType: "xdp" },
		["CAP_NET_ADMIN"],
		/CAP_NET_ADMIN is missing \(root\)/,
	],
	[
		"perf events",
		situation([], {}, { uid: 7 }),
		{ syscall: "perf_event_open", errno: 13, what: "open tracepoint" },
		["CAP_PERFMON", "kernel.perf_event_paranoid"],
		/kernel\.perf_event_paranoid is 2/,
	],
	[
		"tracefs",
		situation(["CAP_BPF"]),
		{ syscall: "tracefs", errno: 13, what: "find tracepoint" },
		["CAP_SYS_ADMIN", "tracefs"],
		/CAP_SYS_ADMIN is missing.*mount -t tracefs/s,
	],
	[
		"user namespace",
		situation(EVERY, {}, { userNamespace: true }),
		undefined,
		["user namespace"],
		/capabilities do not count/,
	],
	["seccomp", situation(EVERY, {}, { seccomp: 2 }), undefined, ["seccomp"], /seccomp=unconfined/],
	[
		"lockdown",
		situation(EVERY, { lockdown: "integrity" }),
		{ ...refused, trampoline: true },
		["lockdown"],
		/lockdown is at integrity.*tp_btf/,
	],
	[
		"local policy",
		situation(EVERY, { lockdown: "none" }),
		{ ...refused, trampoline: true },
		["lockdown"],
		/lockdown: none/,
	],
	[
		"confidentiality",
		situation(EVERY, { lockdown: "confidentiality" }),
		refused,
		["lockdown"],
		/may not read kernel memory/,
	],
	["something else", situation(EVERY), refused, ["policy"], /security module/],
];

for (const [name, held, what, missing, text] of CASES) {
	test(`why EPERM: ${name}`, () => {
		const diagnosis = diagnose(held, what);
		assert.deepEqual(diagnosis.missing, missing);
		assert.match(diagnosis.lines.join("\n"), text);
		for (const line of diagnosis.lines) assert.match(line, / → /);
	});
}

test("/proc/self/status is read, and what is missing in it counts as nothing", () => {
	const status = parseStatus(
		"Name:\tnode\nUid:\t1000\t1001\t1000\t1000\nNoNewPrivs:\t1\nSeccomp:\t2\nCapEff:\t0000008000000000\nCapBnd:\t000001ffffffffff\n",
	);
	assert.deepEqual(status, {
		uid: 1001,
		effective: 1n << 39n,
		bounding: (1n << 41n) - 1n,
		seccomp: 2,
		noNewPrivs: true,
	});
	assert.deepEqual(parseStatus(""), { uid: 0, effective: 0n, bounding: 0n, seccomp: 0, noNewPrivs: false });
});

test("as nobody, this machine's kernel says no and the reason is there", (t) => {
	if (process.getuid?.() !== 0) return t.skip("needs root, to become nobody");
	const entry = new URL("../linux-kernel.ts", import.meta.url).href;
	const script = `const { openLinux, explainPermission } = await import(${JSON.stringify(entry)});
		const kernel = openLinux();
		const map = kernel.bpf("MAP_CREATE", { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 });
		const event = kernel.perfEventOpen({ type: 1, config: 0n }, -1, 0, -1, 8);
		console.log(JSON.stringify({ map, event, tracepoint: kernel.tracepointId("sched", "sched_switch"), ...explainPermission() }));`;
	const words = ["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"];
	const run = spawnSync("setpriv", [...words, process.execPath, "--input-type=module", "-e", script], {
		encoding: "utf8",
		cwd: fileURLToPath(new URL("..", import.meta.url)),
	});
	if (run.error || /EACCES|Permission denied/.test(run.stderr)) {
		return t.skip(
			`needs setpriv and a checkout that nobody can read: ${run.error?.message ?? run.stderr.split("\n")[0]}`,
		);
	}
	assert.equal(run.status, 0, run.stderr);
	const seen = JSON.parse(run.stdout);
	assert.equal(seen.map, -1);
	assert.ok(seen.event === -13 || seen.event === -1, `perf_event_open: ${seen.event}`);
	assert.ok(seen.tracepoint === -13 || seen.tracepoint === -1, `tracepoint id: ${seen.tracepoint}`);
	assert.ok(seen.missing.includes("CAP_BPF"));
	return undefined;
});
