import type { Diagnosis, Refused } from "@skep/bpf/kernel";
import type { ProgramType } from "@skep/bpf/uapi";
import { countsLockedMemory, memoryLimit } from "#sys";
import { type Capability, type Confinement, confinement } from "./confinement.ts";
import { type Lockdown, lockdown, sysctl } from "./settings.ts";

/** What the explanation is drawn from; `explainPermission` reads it from this process, tests make it up. */
export interface Situation {
	readonly confinement: Confinement;
	readonly lockdown: Lockdown;
	/** kernel.unprivileged_bpf_disabled */
	readonly bpfDisabled: number | undefined;
	/** kernel.perf_event_paranoid */
	readonly perfParanoid: number | undefined;
	/** RLIMIT_MEMLOCK in bytes, where there is one and maps and programs count against it (before Linux 5.11). */
	readonly lockedMemory?: number | undefined;
}

/** Program types of the network: they take CAP_NET_ADMIN. */
// biome-ignore format: table
const NETWORK = new Set(["xdp", "sched_cls", "sched_act", "cgroup_skb", "cgroup_sock", "cgroup_sock_addr", "lwt_in", "lwt_out", "lwt_xmit", "lwt_seg6local", "sock_ops", "sk_skb", "sk_msg", "sk_lookup", "sk_reuseport", "flow_dissector", "netfilter", "cgroup_sockopt"]);
/** Program types that trace: they take CAP_PERFMON. */
// biome-ignore format: table
const TRACING = new Set(["kprobe", "tracepoint", "perf_event", "raw_tracepoint", "raw_tracepoint_writable", "tracing", "lsm", "ext"]);

/** Commands whose memory is locked memory before Linux 5.11. */
const LOCKS_MEMORY = new Set(["MAP_CREATE", "PROG_LOAD", "BTF_LOAD"]);

/**
 * Why the kernel refused, as far as this process can find out; without `refused`: what it lacks for programs of `types`, or
 * where those are not given either, for eBPF in general.
 */
export function explainPermission(refused?: Refused, types?: readonly ProgramType[]): Diagnosis {
	return diagnose(
		{
			confinement: confinement(),
			lockdown: lockdown(),
			bpfDisabled: sysctl("kernel.unprivileged_bpf_disabled"),
			perfParanoid: sysctl("kernel.perf_event_paranoid"),
			lockedMemory: lockedMemory(),
		},
		refused,
		types,
	);
}

function lockedMemory(): number | undefined {
	const { soft } = memoryLimit();
	return countsLockedMemory() && Number.isFinite(soft) ? soft : undefined;
}

/** The capabilities that a call takes; each may be had through CAP_SYS_ADMIN too. */
function wanted(refused: Refused | undefined, types: readonly ProgramType[] | undefined): readonly Capability[] {
	if (!refused && !types) return ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"];
	const asked = refused ? [refused.programType ?? ""] : (types ?? []);
	const byType: Capability[] = [];
	if (asked.some((type) => TRACING.has(type))) byType.push("CAP_PERFMON");
	if (asked.some((type) => NETWORK.has(type))) byType.push("CAP_NET_ADMIN");
	if (!refused) return ["CAP_BPF", ...byType];
	if (refused.syscall === "perf_event_open") return ["CAP_PERFMON"];
	if (refused.syscall === "tracefs") return ["CAP_SYS_ADMIN"];
	if (refused.syscall === "netlink") return ["CAP_NET_ADMIN"];
	if (refused.command?.endsWith("_BY_ID") || refused.command?.endsWith("_NEXT_ID")) return ["CAP_SYS_ADMIN"];
	if (refused.command === "ENABLE_STATS") return ["CAP_SYS_ADMIN"];
	return ["CAP_BPF", ...byType];
}

/** Pure: the same situation and refusal give the same lines, the most likely reason first. */
export function diagnose(situation: Situation, refused?: Refused, types?: readonly ProgramType[]): Diagnosis {
	const { confinement: held } = situation;
	const lines: string[] = [];
	const missing: string[] = [];
	const say = (name: string, what: string, remedy: string) => {
		missing.push(name);
		lines.push(`${what} → ${remedy}`);
	};
	const lacks = held.has("CAP_SYS_ADMIN") ? [] : wanted(refused, types).filter((capability) => !held.has(capability));
	// One line for those that are to be had in the same way.
	for (const [remedy, capabilities] of Map.groupBy(lacks, (capability) => remedyFor(held, capability))) {
		missing.push(...capabilities);
		const who = held.uid === 0 ? "root" : `uid ${held.uid}`;
		const are = capabilities.length === 1 ? "is" : "are";
		lines.push(`${listed(capabilities)} ${are} missing (${who}) → ${REMEDIES[remedy](held, capabilities)}`);
	}
	if (held.userNamespace) {
		say(
			"user namespace",
			"this process is in a user namespace, where capabilities do not count for eBPF",
			"run it outside, or mount a bpffs that delegates (BPF token)",
		);
	}
	if (lacks.includes("CAP_BPF") && situation.bpfDisabled !== undefined && situation.bpfDisabled !== 0) {
		const value = situation.bpfDisabled;
		const remedy =
			value === 1
				? "it stays so until reboot: the capability is the only way"
				: "0 would open little more than socket filters: get the capability instead";
		say(
			"kernel.unprivileged_bpf_disabled",
			`kernel.unprivileged_bpf_disabled is ${value}: no eBPF without privileges`,
			remedy,
		);
	}
	if (refused?.syscall === "perf_event_open" && lacks.length > 0 && (situation.perfParanoid ?? 0) > -1) {
		say(
			"kernel.perf_event_paranoid",
			`kernel.perf_event_paranoid is ${situation.perfParanoid}: no tracepoints without privileges`,
			"sysctl kernel.perf_event_paranoid=-1, or get CAP_PERFMON",
		);
	}
	if (refused?.syscall === "tracefs") {
		say(
			"tracefs",
			"the ids of tracepoints stand in tracefs, which this process may not read",
			"as root: mount -t tracefs tracefs /sys/kernel/tracing; or use a raw tracepoint (raw_tp, tp_btf)",
		);
	}
	if (held.seccomp === 2 && (lacks.length > 0 || missing.length === 0)) {
		say(
			"seccomp",
			"a seccomp filter is at work (containers have one): it may forbid bpf(2) and perf_event_open(2)",
			"allow them in its profile, for example docker run --security-opt seccomp=unconfined",
		);
	}
	if (held.container && lacks.length > 0) {
		say(
			"container",
			`this looks like a container (${held.container})`,
			"run it on the host, or give the container the capabilities above",
		);
	}
	if (lacks.length === 0 && missing.length === 0) addPolicy(situation, refused, say);
	return { lines, missing };
}

/** `a`, `a and b`, `a, b and c`. */
const listed = (words: readonly string[]): string =>
	words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;

type Remedy = "become root" | "grant" | "keep";

function remedyFor(held: Confinement, capability: Capability): Remedy {
	if (held.uid !== 0) return "become root";
	return held.couldHave(capability) ? "keep" : "grant";
}

const REMEDIES: Readonly<Record<Remedy, (held: Confinement, capabilities: readonly Capability[]) => string>> = {
	"become root": (held) =>
		held.noNewPrivs ? "start it as root; sudo cannot help here (no_new_privs)" : "run it as root: sudo",
	grant: (held, capabilities) => {
		const flags = capabilities.map((capability) => `--cap-add ${capability.slice(4)}`).join(" ");
		if (held.container === "docker" || held.container === "podman") return `start the container with ${flags}`;
		return `not in the bounding set: whatever started this process took that away (a container: ${flags})`;
	},
	keep: () => "dropped from this process: start it with all of root's capabilities",
};

/** The capabilities are there and yet it was refused: lockdown, an LSM, or a policy of the machine. */
function addPolicy(
	situation: Situation,
	refused: Refused | undefined,
	say: (name: string, what: string, remedy: string) => void,
): void {
	const mode = situation.lockdown;
	const { lockedMemory: limit } = situation;
	if (limit !== undefined && refused && LOCKS_MEMORY.has(refused.command ?? "")) {
		say(
			"RLIMIT_MEMLOCK",
			`RLIMIT_MEMLOCK is ${limit} bytes, against which this kernel (before 5.11) counts maps and programs`,
			"raise it (ulimit -l unlimited, or LimitMEMLOCK= of the service), or give CAP_SYS_RESOURCE",
		);
	} else if (refused?.trampoline) {
		const seen = mode === "none" || mode === "unknown" ? `lockdown: ${mode}` : `lockdown is at ${mode}`;
		say(
			"lockdown",
			`this kernel lets nobody patch its code, which fentry, fexit, fmod_ret, lsm and freplace need (${seen}; the verifier was not even asked)`,
			"use a tracepoint or tp_btf, which need no patching, or boot without lockdown",
		);
	} else if (mode === "confidentiality") {
		say(
			"lockdown",
			"lockdown is at confidentiality: programs may not read kernel memory",
			"boot with lockdown=integrity or none",
		);
	} else if (refused) {
		say(
			"policy",
			"the capabilities are there: a security module or a policy of this machine forbids it",
			`look into the kernel's log (dmesg); lockdown: ${mode}`,
		);
	}
}
