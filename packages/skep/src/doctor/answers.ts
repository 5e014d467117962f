import type { Report } from "./report.ts";

/** One thing that was found out, under one name: `attach:fentry`, `map:arena`, `helper:bpf_loop`, `config:CONFIG_BPF_LSM`. */
export interface Answer {
	readonly id: string;
	/** `yes`, `no`, `refused`, `silent`, `unknown`; of options and settings their value, `–` where there is none. */
	readonly value: string;
	/** Why not, where it is told. */
	readonly why?: string | undefined;
}

/** Every answer of a report, in its order. */
export function answersOf(report: Report): readonly Answer[] {
	const all: Answer[] = [];
	const add = (section: string, rows: Readonly<Record<string, { readonly answer: string; readonly why?: string }>>) => {
		for (const [name, { answer, why }] of Object.entries(rows))
			all.push({ id: `${section}:${name}`, value: answer, why });
	};
	add("attach", report.attach);
	add("feature", report.features);
	add("program", report.program_types);
	add("map", report.map_types);
	add("link", report.link_types);
	add("command", report.commands);
	add("helper", report.helpers);
	add("kfunc", report.kfuncs);
	const { system } = report;
	if (!system) return all;
	const tell = (id: string, value: string | number | null) =>
		void all.push({ id, value: value === null ? "–" : String(value) });
	for (const [name, value] of Object.entries(system.config ?? {})) tell(`config:${name}`, value);
	for (const [name, value] of Object.entries(system.sysctls)) tell(`sysctl:${name}`, value);
	tell("system:lockdown", system.lockdown);
	tell("system:lsm", system.securityModules?.join(",") ?? null);
	tell("system:cgroups", system.cgroups);
	tell("system:btf", system.btf.vmlinux === null ? "no" : "yes");
	return all;
}

/** Answers that count as being there. */
const THERE: ReadonlySet<string> = new Set(["yes", "y", "m"]);

/** What comes of asking for something by name. */
export interface Required {
	readonly name: string;
	readonly met: boolean;
	/** Absent: there is nothing of that name. */
	readonly answer?: Answer;
}

/** Looks names up, whole (`attach:fentry`) or without their section (`fentry`, `loop`): then the first section that has it. */
export function requirements(report: Report, names: readonly string[]): readonly Required[] {
	const all = answersOf(report);
	return names.map((name) => {
		const answer =
			all.find(({ id }) => id === name) ??
			all.find(({ id }) => [name, `bpf_${name}`, `CONFIG_${name}`].includes(id.slice(id.indexOf(":") + 1)));
		return answer ? { name, met: THERE.has(answer.value), answer } : { name, met: false };
	});
}
