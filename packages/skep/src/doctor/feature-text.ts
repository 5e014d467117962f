import { type FeatureReport, reportedHelpers } from "./feature-report.ts";

const TITLES = {
	system_config: "System",
	syscall_config: "System call",
	program_types: "Program types",
	map_types: "Map types",
	misc: "More",
} as const;

/** The report for people: sections, one name a line. */
export function featureText(report: FeatureReport): string {
	const parts: string[] = [];
	for (const key of ["system_config", "syscall_config", "program_types", "map_types", "misc"] as const) {
		const section = report[key];
		if (section) parts.push(`${TITLES[key]}\n${rows(section)}`);
		if (key === "map_types") parts.push(helperText(report));
	}
	return parts.join("\n");
}

function rows(section: Readonly<Record<string, boolean | number | string | null>>): string {
	const names = Object.keys(section).map(plain);
	const width = Math.max(...names.map((name) => name.length)) + 2;
	return Object.values(section)
		.map((value, i) => `  ${names[i]!.padEnd(width)}${said(value)}\n`)
		.join("");
}

/** `have_xdp_prog_type` → `xdp`. */
const plain = (key: string): string => key.replace(/^have_/, "").replace(/_(prog|map)_type$/, "");

function said(value: boolean | number | string | null): string {
	if (typeof value === "boolean") return value ? "yes" : "no";
	if (value === null) return "not set";
	return value === -1 ? "cannot be read" : String(value);
}

function helperText(report: FeatureReport): string {
	const lines = Object.entries(report.helpers).map(([key, names]) => {
		const type = key.replace(/_available_helpers$/, "");
		if (names.length === 0) return `  ${type}: none\n`;
		return `  ${type}: ${names.length}\n${names.map((name) => `    ${name}\n`).join("")}`;
	});
	return `Helpers by program type\n${lines.join("")}`;
}

/** As lines for the C preprocessor, named as bpftool names them. `prefix` stands before every name. */
export function featureMacros(
	report: FeatureReport,
	options: { readonly full: boolean; readonly prefix?: string },
): string {
	const { prefix = "" } = options;
	const parts: string[] = [];
	const section = (title: string, lines: readonly string[]) =>
		void parts.push(`/*** ${title} ***/\n${lines.map((line) => `${line}\n`).join("")}`);
	const flags = (values: Readonly<Record<string, boolean>>) =>
		Object.entries(values).map(([key, value]) => `#define ${prefix}${value ? "" : "NO_"}${key.toUpperCase()}`);
	const rate = report.system_config?.["CONFIG_HZ"];
	if (report.system_config) {
		section("kernel configuration", rate === null || rate === undefined ? [] : [`#define ${prefix}CONFIG_HZ ${rate}`]);
	}
	section("system call", flags(report.syscall_config));
	section("program types", flags(report.program_types));
	section("map types", flags(report.map_types));
	section("helpers", helperMacros(report, options.full, prefix));
	section("more", flags(report.misc));
	return parts.join("\n");
}

function helperMacros(report: FeatureReport, full: boolean, prefix: string): string[] {
	const asked = reportedHelpers(full);
	const lines = [
		`/* ${prefix}HAVE_PROG_TYPE_HELPER(xdp, bpf_redirect): 1 where programs of the type may call the helper, else 0 */`,
		`#define ${prefix}HAVE_PROG_TYPE_HELPER(prog_type, helper) ${prefix}BPF__PROG_TYPE_ ## prog_type ## __HELPER_ ## helper`,
	];
	for (const [key, names] of Object.entries(report.helpers)) {
		const type = key.replace(/_available_helpers$/, "");
		const there = new Set(names);
		for (const name of asked)
			lines.push(`#define ${prefix}BPF__PROG_TYPE_${type}__HELPER_${name} ${there.has(name) ? 1 : 0}`);
	}
	return lines;
}
