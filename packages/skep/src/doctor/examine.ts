import { PermissionError } from "@skep/bpf/base";
import { COMMANDS, type CommandName, ERRNO, type Kernel } from "@skep/bpf/kernel";
import {
	ATTACH_KINDS,
	type AttachTrial,
	callKfunc,
	FEATURE_TABLE,
	has,
	kfuncNames,
	kfuncsAreTagged,
	type ProbeAnswer,
	probeAttach,
	probeCommand,
	probeHelper,
	probeKfunc,
	probeLink,
	probeMapType,
	probeProgramType,
} from "@skep/bpf/live";
import {
	CONFIG_OPTIONS,
	HELPERS,
	LINK_TYPES,
	type LinkType,
	MAP_TYPES,
	type MapType,
	PROGRAM_TYPES,
	type ProgramType,
} from "@skep/bpf/uapi";
import { explainPermission, systemFacts } from "#backend/linux";
import { findings } from "./findings.ts";
import { LOUD_HELPERS } from "./loud.ts";
import type { Callable, Report } from "./report.ts";

export interface ExamineOptions {
	/** Also which program types may call each helper and kfunc; and helpers whose very loading the kernel logs. */
	readonly full?: boolean;
}

/** Program types, one of which may call any helper there is, those first that may call most. */
const CALLERS: readonly ProgramType[] = ["tracing", "sched_cls", "xdp", "syscall", "kprobe"];
/** Program types that kfuncs are registered for, one a family. */
// biome-ignore format: table
const KFUNC_CALLERS: readonly ProgramType[] = ["tracing", "syscall", "xdp", "sched_cls", "cgroup_skb", "sched_act", "sk_skb", "socket_filter", "lwt_xmit", "netfilter", "kprobe", "struct_ops", "lsm"];

/** Asks a kernel for everything, by doing; attaches and takes off at once, in places of its own. Leaves nothing. */
export function examine(kernel: Kernel, options: ExamineOptions = {}): Report {
	const linux = kernel.name === "linux";
	const system = linux ? systemFacts(CONFIG_OPTIONS.map(({ name }) => name)) : null;
	const permitted = mayAsk(kernel);
	const ask = (question: () => ProbeAnswer): ProbeAnswer => (permitted ? allowed(question) : "unknown");
	const table = <K extends string>(
		rows: Readonly<Record<K, { readonly since: string }>>,
		probe: (name: K) => ProbeAnswer,
	) => byName(Object.keys(rows) as K[], (name) => ({ answer: ask(() => probe(name)), since: rows[name].since }));
	// Programs of type ext call what those may whose functions they replace.
	const types = (Object.keys(PROGRAM_TYPES) as ProgramType[]).filter(
		(type) => type !== "ext" && ask(() => probeProgramType(kernel, type)) === "yes",
	);
	const report: Omit<Report, "findings"> = {
		format: "skep-doctor-1",
		kernel: {
			name: kernel.name,
			release: kernel.release,
			version: kernel.version ?? kernel.release,
			arch: system?.arch ?? null,
			distribution: system?.distribution ?? null,
		},
		permitted,
		...(permitted ? {} : { refusal: explainPermission() }),
		system,
		program_types: table(PROGRAM_TYPES, (type: ProgramType) => probeProgramType(kernel, type)),
		map_types: table(MAP_TYPES, (type: MapType) => probeMapType(kernel, type)),
		link_types: table(LINK_TYPES, (type: LinkType) => probeLink(kernel, type)),
		commands: table(COMMANDS, (command: CommandName) => probeCommand(kernel, command)),
		features: Object.fromEntries(
			FEATURE_TABLE.map(({ name, since, text }) => [
				name,
				{ answer: ask(() => (has(kernel, name) ? "yes" : "no")), since, text },
			]),
		),
		attach: Object.fromEntries(
			ATTACH_KINDS.map(({ name, type, since }) => {
				const trial: AttachTrial = permitted ? probeAttach(kernel, name) : { answer: "refused" };
				return [name, { ...trial, since, type }];
			}),
		),
		helpers: Object.fromEntries(
			HELPERS.map(({ id, name, since }) => {
				if (linux && !options.full && LOUD_HELPERS.has(name))
					return [`bpf_${name}`, { answer: "unknown" as const, since }];
				const may = (type: ProgramType) => ask(() => probeHelper(kernel, type, id));
				return [`bpf_${name}`, { ...callable(may, [...CALLERS, ...types, "lsm"], options, types), since }];
			}),
		),
		kfuncs: Object.fromEntries(
			(permitted ? kfuncNames(kernel) : []).flatMap((name) => {
				const may = (type: ProgramType) => ask(() => probeKfunc(kernel, type, name));
				const told = callable(may, KFUNC_CALLERS, options, KFUNC_CALLERS);
				if (told.answer !== "no" || !linux) return [[name, told]];
				// Named by a tag there is a kind of program that may call it, which was not tried; only by its name it is none.
				return kfuncsAreTagged(kernel) ? [[name, { ...told, answer: "unknown" as const }]] : [];
			}),
		),
		kfunc_call: ask(() => callKfunc(kernel)),
	};
	return { ...report, findings: findings(report) };
}

/** The first type that may is enough, unless all are wanted. */
function callable(
	may: (type: ProgramType) => ProbeAnswer,
	order: readonly ProgramType[],
	{ full }: ExamineOptions,
	all: readonly ProgramType[],
): Callable {
	if (full) {
		const programs = all.filter((type) => may(type) === "yes");
		return { ...callable(may, order, {}, all), programs };
	}
	const told = new Set<ProbeAnswer>();
	for (const type of new Set(order)) {
		const answer = may(type);
		if (answer === "yes") return { answer };
		told.add(answer);
	}
	// One that could not be asked might have been the one.
	return { answer: told.has("unknown") ? "unknown" : "no" };
}

/** One small map. */
function mayAsk(kernel: Kernel): boolean {
	const result = kernel.bpf("MAP_CREATE", { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 });
	if (result >= 0) kernel.close(result);
	return result !== -ERRNO.EPERM;
}

function allowed(question: () => ProbeAnswer): ProbeAnswer {
	try {
		return question();
	} catch (error) {
		if (error instanceof PermissionError) return "unknown";
		throw error;
	}
}

function byName<K extends string, V>(names: readonly K[], value: (name: K) => V): Readonly<Record<K, V>> {
	return Object.fromEntries(names.map((name) => [name, value(name)])) as Record<K, V>;
}
