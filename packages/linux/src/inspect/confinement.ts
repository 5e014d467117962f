import { existsSync } from "node:fs";
import { textOf } from "./settings.ts";

/** Bits of capability sets that matter to eBPF. One row a capability. */
export const CAPABILITIES = {
	CAP_DAC_READ_SEARCH: 2,
	CAP_NET_ADMIN: 12,
	CAP_SYS_ADMIN: 21,
	CAP_SYS_RESOURCE: 24,
	CAP_PERFMON: 38,
	CAP_BPF: 39,
} as const;
export type Capability = keyof typeof CAPABILITIES;

/** The lines of /proc/PID/status that tell about privileges. */
export interface Status {
	readonly uid: number;
	/** Effective capabilities, by bit. */
	readonly effective: bigint;
	/** What a set-uid program could still gain. */
	readonly bounding: bigint;
	/** 0 none, 1 strict, 2 filter. */
	readonly seccomp: number;
	readonly noNewPrivs: boolean;
}

/** What holds this process back. */
export interface Confinement extends Status {
	/** Not the first user namespace: capabilities count only inside. */
	readonly userNamespace: boolean;
	/** `docker`, `podman`, `lxc` …, as far as files tell. */
	readonly container: string | undefined;
	has(capability: Capability): boolean;
	couldHave(capability: Capability): boolean;
}

/** Reads the text of /proc/PID/status. Lines that are missing count as nothing held, nothing filtered. */
export function parseStatus(text: string): Status {
	const line = (name: string) => new RegExp(`^${name}:\\s*(\\S+)(?:\\s+(\\S+))?`, "m").exec(text);
	const set = (name: string) => BigInt(`0x${line(name)?.[1] ?? "0"}`);
	return {
		uid: Number(line("Uid")?.[2] ?? line("Uid")?.[1] ?? 0),
		effective: set("CapEff"),
		bounding: set("CapBnd"),
		seccomp: Number(line("Seccomp")?.[1] ?? 0),
		noNewPrivs: line("NoNewPrivs")?.[1] === "1",
	};
}

/** Files that container engines leave. One row an engine. */
const ENGINES: readonly (readonly [path: string, name: string])[] = [
	["/.dockerenv", "docker"],
	["/run/.containerenv", "podman"],
	["/run/host/container-manager", "systemd-nspawn"],
	["/dev/lxd", "lxd"],
	["/var/run/secrets/kubernetes.io", "kubernetes"],
];

export function confinement(): Confinement {
	const status = parseStatus(textOf("/proc/self/status") ?? "");
	const map = textOf("/proc/self/uid_map");
	const holds = (set: bigint, capability: Capability) => ((set >> BigInt(CAPABILITIES[capability])) & 1n) === 1n;
	return {
		...status,
		userNamespace: map !== undefined && map.split(/\s+/).join(" ") !== "0 0 4294967295",
		container: ENGINES.find(([path]) => existsSync(path))?.[1],
		has: (capability) => holds(status.effective, capability),
		couldHave: (capability) => holds(status.bounding, capability),
	};
}
