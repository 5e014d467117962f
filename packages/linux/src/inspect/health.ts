import { readdirSync, readFileSync, statSync } from "node:fs";
import { machine, release, version } from "node:os";
import { countsLockedMemory, detachedMount, memoryLimit, tracefsRoot } from "#sys";
import { buildConfig } from "./build-config.ts";
import { CAPABILITIES, type Capability, confinement } from "./confinement.ts";
import { kernelVersion } from "./kernel-version.ts";
import { mountPoints } from "./mounts.ts";
import { type Lockdown, lockdown, sysctl, textOf } from "./settings.ts";

/** Sysctls that eBPF goes by. One row a sysctl. */
const SYSCTLS = [
	"kernel.unprivileged_bpf_disabled",
	"kernel.bpf_stats_enabled",
	"net.core.bpf_jit_enable",
	"net.core.bpf_jit_harden",
	"net.core.bpf_jit_kallsyms",
	"net.core.bpf_jit_limit",
	"kernel.perf_event_paranoid",
	"kernel.perf_event_max_sample_rate",
	"kernel.kptr_restrict",
	"kernel.ftrace_enabled",
	"kernel.modules_disabled",
	"kernel.yama.ptrace_scope",
	"user.max_user_namespaces",
] as const;
export type SysctlName = (typeof SYSCTLS)[number];

/** File systems that eBPF has to do with. */
const FILE_SYSTEMS = ["bpf", "tracefs", "debugfs", "securityfs", "cgroup2", "cgroup"] as const;
export type FileSystem = (typeof FILE_SYSTEMS)[number];

/** What Linux tells about itself, this process and what is mounted: plain values, null where it does not tell. */
export interface SystemFacts {
	readonly release: string;
	/** The mainline version that it was built from. */
	readonly version: string;
	readonly build: string;
	/** As `uname -m` says. */
	readonly arch: string;
	/** `Debian GNU/Linux 12 (bookworm)`. */
	readonly distribution: string | null;
	/** Options of the configuration by name; null: it is not set. The whole is null where no copy of it is to be read. */
	readonly config: Readonly<Record<string, string | null>> | null;
	readonly process: {
		readonly uid: number;
		/** Capabilities that matter to eBPF: had now, to be had by set-uid programs, or gone for good. */
		readonly capabilities: Readonly<Record<Capability, "effective" | "bounding" | "none">>;
		readonly effective: string;
		readonly userNamespace: boolean;
		readonly container: string | null;
		/** 0 none, 1 strict, 2 a filter. */
		readonly seccomp: number;
		readonly noNewPrivs: boolean;
	};
	readonly sysctls: Readonly<Record<SysctlName, number | null>>;
	/** RLIMIT_MEMLOCK in bytes, null: none; `counts`: maps and programs count against it (before 5.11). */
	readonly lockedMemory: { readonly soft: number | null; readonly hard: number | null; readonly counts: boolean };
	readonly lockdown: Lockdown;
	/** Security modules in their order. */
	readonly securityModules: readonly string[] | null;
	readonly cgroups: "v2" | "hybrid" | "v1" | "none";
	/** Where file systems are mounted in this process's view. */
	readonly mounts: Readonly<Record<FileSystem, readonly string[]>>;
	/** Bytes of the kernel's types; modules that bring some. */
	readonly btf: { readonly vmlinux: number | null; readonly modules: readonly string[] };
	/** Sources of perf events: `kprobe`, `uprobe`, `cpu` …; events of tracefs. */
	readonly pmus: readonly string[];
	readonly tracepoints: number | null;
}

/** Gathers them. `options`: which of the configuration. Reads /proc and /sys, changes nothing. */
export function systemFacts(options: readonly string[]): SystemFacts {
	const held = confinement();
	const finite = (bytes: number) => (Number.isFinite(bytes) ? bytes : null);
	const limit = memoryLimit();
	const mounts = byName(FILE_SYSTEMS, mountPoints);
	return {
		release: release(),
		version: kernelVersion(),
		build: version(),
		arch: machine(),
		distribution: distribution(),
		config: configOf(options),
		process: {
			uid: held.uid,
			capabilities: byName(Object.keys(CAPABILITIES) as Capability[], (name) =>
				held.has(name) ? "effective" : held.couldHave(name) ? "bounding" : "none",
			),
			effective: `0x${held.effective.toString(16)}`,
			userNamespace: held.userNamespace,
			container: held.container ?? null,
			seccomp: held.seccomp,
			noNewPrivs: held.noNewPrivs,
		},
		sysctls: byName(SYSCTLS, (name) => sysctl(name) ?? null),
		lockedMemory: { soft: finite(limit.soft), hard: finite(limit.hard), counts: countsLockedMemory() },
		lockdown: lockdown(),
		securityModules: securityModules(),
		cgroups: cgroupsOf(mounts),
		mounts,
		btf: { vmlinux: sizeOf("/sys/kernel/btf/vmlinux"), modules: namesIn("/sys/kernel/btf", "vmlinux") },
		pmus: namesIn("/sys/bus/event_source/devices"),
		tracepoints: countTracepoints(),
	};
}

function byName<K extends string, V>(names: readonly K[], value: (name: K) => V): Readonly<Record<K, V>> {
	return Object.fromEntries(names.map((name) => [name, value(name)])) as Record<K, V>;
}

function distribution(): string | null {
	const text = textOf("/etc/os-release") ?? textOf("/usr/lib/os-release") ?? "";
	return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text)?.[1] ?? null;
}

function configOf(options: readonly string[]): Readonly<Record<string, string | null>> | null {
	const text = buildConfig();
	if (typeof text !== "string") return null;
	const set = new Map(
		[...text.matchAll(/^(CONFIG_\w+)=(.*)$/gm)].map((line) => [line[1]!, line[2]!.replace(/^"(.*)"$/, "$1")] as const),
	);
	return byName(options, (name) => set.get(name) ?? null);
}

function cgroupsOf(mounts: Readonly<Record<FileSystem, readonly string[]>>): SystemFacts["cgroups"] {
	if (mounts.cgroup2.length > 0) return mounts.cgroup.length > 0 ? "hybrid" : "v2";
	return mounts.cgroup.length > 0 ? "v1" : "none";
}

function securityModules(): readonly string[] | null {
	const mounted = textOf("/sys/kernel/security/lsm");
	const own = mounted === undefined ? detachedMount("securityfs") : undefined;
	const text = mounted ?? (typeof own === "string" ? textOf(`${own}/lsm`) : undefined);
	return text === undefined ? null : text.split(",").filter(Boolean);
}

function sizeOf(path: string): number | null {
	try {
		return statSync(path).size;
	} catch {
		return null;
	}
}

function namesIn(folder: string, without?: string): readonly string[] {
	try {
		return readdirSync(folder)
			.filter((name) => name !== without)
			.sort();
	} catch {
		return [];
	}
}

function countTracepoints(): number | null {
	const root = tracefsRoot();
	if (typeof root === "number") return null;
	try {
		return readFileSync(`${root}/available_events`, "utf8").split("\n").filter(Boolean).length;
	} catch {
		return null;
	}
}
