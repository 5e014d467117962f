import { printable, renderTable, type Screen } from "#output";
import type { HookPrograms, NetOverview } from "./overview.ts";
import { ownerCells } from "./owners.ts";

const BOLD = "\u001b[1m";
const PLAIN = "\u001b[0m";
/** Columns that go first where the screen is too narrow. */
const SPARE = ["in cgroup", "type", "link", "order", "pids"];

/** A title and a table for each namespace, for netfilter, sockmaps and each cgroup. */
export function overviewText(overview: NetOverview, screen: Screen): string {
	const parts: string[] = [];
	const section = (title: string, groups: readonly (readonly [on: object, hooks: readonly HookPrograms[]])[]) => {
		const rows = groups.flatMap(([on, hooks]) => hooks.flatMap((each) => hookRows(on, each)));
		const head = screen.colour ? `${BOLD}${printable(title)}${PLAIN}` : printable(title);
		if (rows.length > 0) parts.push(`${head}\n${renderTable(rows, screen, SPARE)}`);
	};
	let quiet = 0;
	for (const each of overview.namespaces) {
		const title = titleOf(each);
		if (each.error !== undefined) parts.push(`${printable(title)}: cannot be entered: ${each.error}\n`);
		else if (each.devices.length + each.hooks.length === 0) quiet++;
		section(title, [
			...each.devices.map(({ devname, hooks }) => [{ device: devname }, hooks] as const),
			[{ device: "(all)" }, each.hooks],
		]);
	}
	section("netfilter, of any namespace", [[{}, overview.netfilter]]);
	section(
		"sockmaps",
		overview.sockmaps.map(({ id, name, hooks }) => [{ map: `${id} ${name}`.trimEnd() }, hooks]),
	);
	for (const { cgroup, hooks } of overview.cgroups) section(`cgroup ${cgroup}`, [[{}, hooks]]);
	if (quiet > 0) parts.push(`no programs in ${quiet} network namespace${quiet === 1 ? "" : "s"}\n`);
	return parts.join("\n");
}

function titleOf({ inode, names, processes, process_count, own }: NetOverview["namespaces"][number]): string {
	const title = own ? "this network namespace" : "network namespace";
	const who = processes.map(({ comm, pid }) => `${comm}(${pid})`).join(", ");
	const more = process_count > processes.length ? ` and ${process_count - processes.length} more` : "";
	return [title, names.join(", "), inode === undefined ? "" : `[${inode}]`, own || who === "" ? "" : `of ${who}${more}`]
		.filter((part) => part !== "")
		.join(" ");
}

function hookRows(on: object, { hook, programs }: HookPrograms): object[] {
	return programs.map((each, i) => ({
		...on,
		hook,
		order: i + 1,
		id: each.id,
		type: each.type,
		name: each.name,
		...(each.inherited ? { from: "above" } : {}),
		maps: each.maps.map(({ id, name }) => (name === "" ? String(id) : `${id} ${name}`)).join(", "),
		link: each.link_id,
		...ownerCells(each.pids),
	}));
}
