import { PermissionError } from "@skep/bpf/base";
import type { Kernel } from "@skep/bpf/kernel";
import {
	type Feature,
	has,
	type ProbeAnswer,
	probeCommand,
	probeHelper,
	probeMapType,
	probeOffload,
	probeProgramType,
} from "@skep/bpf/live";
import { CONFIG_OPTIONS, HELPERS, MAP_TYPES, type MapType, PROGRAM_TYPES, type ProgramType } from "@skep/bpf/uapi";
import type { SystemFacts } from "#backend/linux";
import { LOUD_HELPERS } from "./loud.ts";

/** What `feature probe` answers: bpftool's keys in bpftool's order. */
export interface FeatureReport {
	/** -1: cannot be read. null: not set. Absent where a device is asked. */
	readonly system_config?: Readonly<Record<string, number | string | null>>;
	readonly syscall_config: { readonly have_bpf_syscall: boolean };
	readonly program_types: Readonly<Record<string, boolean>>;
	readonly map_types: Readonly<Record<string, boolean>>;
	/** `xdp_available_helpers`: names with `bpf_`. */
	readonly helpers: Readonly<Record<string, readonly string[]>>;
	readonly misc: Readonly<Record<string, boolean>>;
}

export interface FeatureOptions {
	/** Also helpers whose very loading the kernel logs. */
	readonly full: boolean;
	/** Instead of the kernel, what the hardware of this network device takes. */
	readonly ifindex?: number | undefined;
	/** What Linux tells; absent on a kernel of its own. */
	readonly facts?: SystemFacts | undefined;
}

const SYSCTLS = {
	unprivileged_bpf_disabled: "kernel.unprivileged_bpf_disabled",
	bpf_jit_enable: "net.core.bpf_jit_enable",
	bpf_jit_harden: "net.core.bpf_jit_harden",
	bpf_jit_kallsyms: "net.core.bpf_jit_kallsyms",
	bpf_jit_limit: "net.core.bpf_jit_limit",
} as const;

// biome-ignore format: table
const MISC = {
	have_large_insn_limit: "large_programs",
	have_bounded_loops: "bounded_loops",
	have_v2_isa_extension: "cpu_v2",
	have_v3_isa_extension: "jmp32",
	have_v4_isa_extension: "cpu_v4",
} as const satisfies Readonly<Record<string, Feature>>;

/** Asks the kernel by doing; what it may not be asked counts as not there. */
export function featureReport(kernel: Kernel, options: FeatureOptions): FeatureReport {
	const { ifindex } = options;
	if (ifindex !== undefined) return deviceReport(kernel, ifindex, options);
	const types = Object.keys(PROGRAM_TYPES) as ProgramType[];
	return {
		system_config: systemConfig(options.facts),
		syscall_config: { have_bpf_syscall: hasSyscall(kernel) },
		program_types: byName(
			types,
			(type) => `have_${type}_prog_type`,
			(type) => yes(() => probeProgramType(kernel, type)),
		),
		map_types: byName(
			Object.keys(MAP_TYPES) as MapType[],
			(type) => `have_${type}_map_type`,
			(type) => yes(() => probeMapType(kernel, type)),
		),
		helpers: byName(
			types,
			(type) => `${type}_available_helpers`,
			(type) => helpersOf(kernel, type, options.full),
		),
		misc: byName(
			Object.keys(MISC) as (keyof typeof MISC)[],
			(name) => name,
			(name) => permitted(() => has(kernel, MISC[name])) ?? false,
		),
	};
}

function deviceReport(kernel: Kernel, ifindex: number, { full }: FeatureOptions): FeatureReport {
	const { programs, maps } = probeOffload(kernel, ifindex);
	const types = Object.keys(programs) as (keyof typeof programs)[];
	// What the hardware takes is asked of the driver when a program for it is loaded; the kernel's verifier is the same.
	const any = programs.sched_cls || programs.xdp;
	return {
		syscall_config: { have_bpf_syscall: hasSyscall(kernel) },
		program_types: byName(
			types,
			(type) => `have_${type}_prog_type`,
			(type) => programs[type],
		),
		map_types: byName(
			Object.keys(maps) as (keyof typeof maps)[],
			(type) => `have_${type}_map_type`,
			(type) => maps[type],
		),
		helpers: byName(
			types,
			(type) => `${type}_available_helpers`,
			(type) => (programs[type] ? helpersOf(kernel, type, full) : []),
		),
		misc: byName(
			Object.keys(MISC) as (keyof typeof MISC)[],
			(name) => name,
			(name) => any && has(kernel, MISC[name]),
		),
	};
}

/** Names of the helpers that the answer is about. */
export const reportedHelpers = (full: boolean): readonly string[] =>
	HELPERS.filter(({ name }) => full || !LOUD_HELPERS.has(name)).map(({ name }) => `bpf_${name}`);

function helpersOf(kernel: Kernel, type: ProgramType, full: boolean): readonly string[] {
	const asked = HELPERS.filter(({ name }) => full || !LOUD_HELPERS.has(name));
	return asked.filter(({ id }) => yes(() => probeHelper(kernel, type, id))).map(({ name }) => `bpf_${name}`);
}

/** A kernel that knows bpf(2) looks at the descriptor, or says EPERM. */
const hasSyscall = (kernel: Kernel): boolean =>
	kernel.name === "virtual" || permitted(() => probeCommand(kernel, "OBJ_GET_INFO_BY_FD")) !== "no";

const yes = (ask: () => ProbeAnswer): boolean => permitted(ask) === "yes";

/** undefined: it may not even be asked. */
function permitted<T>(ask: () => T): T | undefined {
	try {
		return ask();
	} catch (error) {
		if (error instanceof PermissionError) return undefined;
		throw error;
	}
}

function systemConfig(facts: SystemFacts | undefined): Readonly<Record<string, number | string | null>> {
	const sysctls = Object.entries(SYSCTLS).map(([name, path]) => [name, facts?.sysctls[path] ?? -1] as const);
	const options = CONFIG_OPTIONS.filter((option) => option.bpftool);
	return Object.fromEntries([...sysctls, ...options.map(({ name }) => [name, facts?.config?.[name] ?? null] as const)]);
}

function byName<K extends string, V>(
	names: readonly K[],
	key: (name: K) => string,
	value: (name: K) => V,
): Readonly<Record<string, V>> {
	return Object.fromEntries(names.map((name) => [key(name), value(name)]));
}
