import { readdirSync, readlinkSync } from "node:fs";
import type { ObjectKind } from "@skep/bpf/kernel";
import type { ObjectKey } from "./machine.ts";
import { attempt, field, readSmall } from "./proc.ts";

/** A process that holds an object. */
export interface Owner {
	readonly pid: number;
	readonly comm: string;
	/** Its command line; absent: it has none, or we may not look. */
	readonly command?: string;
	/** Path of its cgroup of version 2; absent: it is in none, or we may not look. */
	readonly cgroup?: string;
}

/** What /proc/PID/fd calls objects, and the line of fdinfo that has their id. */
const HELD: ReadonlyMap<string, readonly [kind: ObjectKind, line: string]> = new Map([
	["anon_inode:bpf-prog", ["prog", "prog_id"]],
	["anon_inode:bpf-map", ["map", "map_id"]],
	["anon_inode:bpf_link", ["link", "link_id"]],
	["anon_inode:bpf-link", ["link", "link_id"]],
	["anon_inode:btf", ["btf", "btf_id"]],
]);

/**
 * Who holds objects by descriptors, but for this process: by what /proc tells of every descriptor that we may see. A program
 * that walks the kernel's own tables would be quicker with some thousand processes, but has to know the addresses of the
 * kernel's `bpf_prog_fops`, which many kernels do not tell.
 */
export function processOwners(): ReadonlyMap<ObjectKey, readonly Owner[]> {
	const found = new Map<ObjectKey, Owner[]>();
	for (const pid of attempt(() => readdirSync("/proc")) ?? []) {
		if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
		let owner: Owner | undefined;
		for (const fd of attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? []) {
			const held = HELD.get(attempt(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? "");
			const id = held && field(readSmall(`/proc/${pid}/fdinfo/${fd}`) ?? "", held[1]);
			if (!held || id === undefined) continue;
			owner ??= ownerOf(pid);
			const key: ObjectKey = `${held[0]} ${Number(id)}`;
			const owners = found.get(key);
			if (!owners) found.set(key, [owner]);
			else if (owners.at(-1) !== owner) owners.push(owner);
		}
	}
	return found;
}

function ownerOf(pid: string): Owner {
	const comm = (readSmall(`/proc/${pid}/comm`, "utf8") ?? "").trimEnd();
	const command = (readSmall(`/proc/${pid}/cmdline`, "utf8") ?? "").replace(/\0+$/, "").replaceAll("\0", " ");
	// Of version 1 there are lines with names between the colons.
	const cgroup = /^0::(.+)$/m.exec(readSmall(`/proc/${pid}/cgroup`, "utf8") ?? "")?.[1];
	return {
		pid: Number(pid),
		comm,
		...(command === "" ? {} : { command }),
		...(cgroup === undefined ? {} : { cgroup }),
	};
}

/** `sh(12), bash(7)`. */
export const ownerText = (pids: readonly Owner[]): string => pids.map(({ comm, pid }) => `${comm}(${pid})`).join(", ");

/** What stands below an object in full: bpftool's line, and one an owner with its command and cgroup. */
export function ownerLines(pids: readonly Owner[] | undefined): string[] {
	if (!pids?.length) return [];
	return [
		`pids ${ownerText(pids)}`,
		...pids.map(({ pid, command, cgroup }) =>
			[`\t${pid}:`, command ?? "", cgroup === undefined ? "" : `in ${cgroup}`].filter((part) => part !== "").join(" "),
		),
	];
}

/** Columns of a table: processes, and the cgroups that they are in. */
export function ownerCells(pids: readonly Owner[] | undefined): { pids?: string; "in cgroup"?: string } {
	if (!pids?.length) return {};
	const cgroups = [...new Set(pids.flatMap(({ cgroup }) => (cgroup === undefined ? [] : [cgroup])))];
	return { pids: ownerText(pids), ...(cgroups.length === 0 ? {} : { "in cgroup": cgroups.join(" ") }) };
}
