import { renderTable, type Screen } from "#output";
import type { Finding, Report } from "./report.ts";

const MARKS = { 3: "✖", 2: "!", 1: "·" } as const;
const COLOURS = { 3: "\u001b[31m", 2: "\u001b[33m", 1: "\u001b[2m" } as const;
const BOLD = "\u001b[1m";
const PLAIN = "\u001b[0m";
/** Columns where the screen does not say. */
const WIDTH = 100;

/** The short form: what this is, how much of everything there is, what stands in the way. Ends with a newline. */
export function reportText(report: Report, screen: Screen): string {
	const bold = (text: string) => (screen.colour ? `${BOLD}${text}${PLAIN}` : text);
	const lines = [
		bold(heading(report)),
		...summary(report).flatMap(([name, text]) => wrap(text, `  ${name.padEnd(10)}`, screen)),
	];
	const own = report.findings.filter(({ option }) => option === undefined);
	lines.push("", bold(own.length === 0 ? "Nothing stands in the way." : "What stands in the way"));
	for (const finding of own) lines.push(...findingLines(finding, screen));
	const options = report.findings.filter(({ option }) => option !== undefined);
	if (options.length > 0) {
		lines.push("", bold("Left out when this kernel was built"));
		const width = Math.max(...options.map(({ option = "" }) => option.length)) + 2;
		for (const { option = "", effect } of options) lines.push(...wrap(effect, `  ${option.padEnd(width)}`, screen));
	}
	return `${lines.join("\n")}\n`;
}

function heading({ kernel }: Report): string {
	if (kernel.name === "virtual") return `the virtual kernel ${kernel.release}`;
	const built = kernel.version === kernel.release ? "" : ` (${kernel.version})`;
	return [`Linux ${kernel.release}${built}`, kernel.arch, kernel.distribution].filter(Boolean).join(", ");
}

function summary(report: Report): readonly (readonly [string, string])[] {
	if (!report.permitted) return systemSummary(report);
	return [
		["programs", tally("types load", report.program_types)],
		["maps", tally("types can be made", report.map_types)],
		["links", tally("types", report.link_types)],
		["attaching", tally("kinds attach, really tried", report.attach)],
		["features", tally("more", report.features)],
		["helpers", tally("can be called", report.helpers, 4)],
		["kfuncs", kfuncSummary(report)],
		...systemSummary(report),
	];
}

/** `29 of 32 types load; no: lirc_mode2; refused: ext, lsm`. */
function tally(
	what: string,
	rows: Readonly<Record<string, { readonly answer: string }>>,
	most = Number.POSITIVE_INFINITY,
): string {
	const by = Map.groupBy(Object.entries(rows), ([, { answer }]) => answer);
	const others = [...by].filter(([answer]) => answer !== "yes");
	const told = others.map(([answer, each]) => {
		const names = each.map(([name]) => name);
		const rest = names.length > most ? ` and ${names.length - most} more` : "";
		return `; ${answer}: ${names.slice(0, most).join(", ")}${rest}`;
	});
	return `${by.get("yes")?.length ?? 0} of ${Object.keys(rows).length} ${what}${told.join("")}`;
}

function kfuncSummary({ kfuncs, kfunc_call }: Report): string {
	const all = Object.values(kfuncs);
	if (all.length === 0) return "none";
	const called = kfunc_call === "yes" ? "a call of one ran" : "a call of one did not run";
	return `${all.filter(({ answer }) => answer === "yes").length} of the ${all.length} that the kernel's types name; ${called}`;
}

function systemSummary({ system }: Report): readonly (readonly [string, string])[] {
	if (!system) return [];
	const { process, sysctls, btf } = system;
	const lacking = Object.entries(process.capabilities).filter(([, held]) => held !== "effective");
	const who = process.uid === 0 ? "root" : `uid ${process.uid}`;
	const held =
		lacking.length === 0 ? "every capability that matters" : `without ${lacking.map(([name]) => name).join(", ")}`;
	const types = btf.vmlinux === null ? "none" : `${(btf.vmlinux / 1e6).toFixed(1)} MB`;
	return [
		[
			"process",
			[who, held, process.userNamespace ? "in a user namespace" : "", process.container ?? ""]
				.filter(Boolean)
				.join(", "),
		],
		["types", `BTF ${types}${btf.modules.length > 0 ? `, and of ${btf.modules.length} modules` : ""}`],
		[
			"settings",
			[
				`lockdown ${system.lockdown}`,
				`security modules ${system.securityModules?.join(",") ?? "not to be read"}`,
				`JIT ${sysctls["net.core.bpf_jit_enable"] === 0 ? "off" : "on"}`,
				`unprivileged_bpf_disabled ${sysctls["kernel.unprivileged_bpf_disabled"] ?? "?"}`,
				`perf_event_paranoid ${sysctls["kernel.perf_event_paranoid"] ?? "?"}`,
				`cgroups ${system.cgroups}`,
			].join("; "),
		],
	];
}

function findingLines(finding: Finding, screen: Screen): string[] {
	const mark = MARKS[finding.weight];
	const shown = screen.colour ? `${COLOURS[finding.weight]}${mark}${PLAIN}` : mark;
	const [first = "", ...more] = wrap(
		`${finding.what}${finding.seen === undefined ? "" : ` (${finding.seen})`}`,
		"    ",
		screen,
	);
	return [
		`  ${shown} ${first.slice(4)}`,
		...more,
		...wrap(finding.effect, "    effect:  ", screen),
		...wrap(finding.instead, "    instead: ", screen),
	];
}

/** Text in lines that fit the screen, the first after `lead`, the others as far in. */
function wrap(text: string, lead: string, { width = WIDTH }: Screen): string[] {
	const room = Math.max(20, width - lead.length);
	const lines: string[] = [];
	let line = "";
	for (const word of text.split(" ")) {
		if (line !== "" && line.length + 1 + word.length > room) {
			lines.push(line);
			line = word;
		} else line = line === "" ? word : `${line} ${word}`;
	}
	lines.push(line);
	return lines.map((each, i) => `${i === 0 ? lead : " ".repeat(lead.length)}${each}`.trimEnd());
}

/** The short form and all tables. */
export function wholeText(report: Report, screen: Screen): string {
	const { system } = report;
	const tables: readonly (readonly [string, readonly object[]])[] = [
		[
			"Attaching",
			rowsOf(report.attach, ({ answer, since, type, why, note }) => ({
				answer,
				since,
				program: type,
				why: firstLine(why ?? note),
			})),
		],
		["Program types", rowsOf(report.program_types, ({ answer, since }) => ({ answer, since }))],
		["Map types", rowsOf(report.map_types, ({ answer, since }) => ({ answer, since }))],
		["Link types", rowsOf(report.link_types, ({ answer, since }) => ({ answer, since }))],
		["Features", rowsOf(report.features, ({ answer, since, text }) => ({ answer, since, text }))],
		["Commands of bpf(2)", rowsOf(report.commands, ({ answer, since }) => ({ answer, since }))],
		[
			"Helpers",
			rowsOf(report.helpers, ({ answer, since, programs }) => ({
				answer,
				since,
				...(programs ? { programs: programs.join(" ") } : {}),
			})),
		],
		[
			"Kfuncs",
			rowsOf(report.kfuncs, ({ answer, programs }) => ({
				answer,
				...(programs ? { programs: programs.join(" ") } : {}),
			})),
		],
		["Configuration", rowsOf(system?.config ?? {}, (value) => ({ value: value ?? "–" }))],
		["Sysctls", rowsOf(system?.sysctls ?? {}, (value) => ({ value: value ?? "–" }))],
		["Mounts", rowsOf(system?.mounts ?? {}, (value) => ({ at: value.join(" ") || "–" }))],
	];
	const parts = tables
		.filter(([, rows]) => rows.length > 0)
		.map(([title, rows]) => `\n${screen.colour ? `${BOLD}${title}${PLAIN}` : title}\n${renderTable(rows, screen)}`);
	return reportText(report, screen) + parts.join("");
}

const firstLine = (text = ""): string => text.split("\n")[0]!;

function rowsOf<T>(table: Readonly<Record<string, T>>, cells: (row: T) => object): readonly object[] {
	return Object.entries(table).map(([name, row]) => ({ name, ...cells(row) }));
}
