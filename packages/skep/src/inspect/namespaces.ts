import { readdirSync, readlinkSync, statfsSync, statSync } from "node:fs";
import { attempt, readSmall } from "./proc.ts";

/** A network namespace of this machine. */
export interface NetworkNamespace {
	readonly inode: number;
	/** A file that is it. */
	readonly path: string;
	/** As `ip netns` and container engines call it. */
	readonly names: readonly string[];
	/** Some of the processes in it, and how many there are. */
	readonly processes: readonly { readonly pid: number; readonly comm: string }[];
	readonly process_count: number;
	/** The one that this process is in. */
	readonly own: boolean;
}

/** Where namespaces get names. */
const FOLDERS = ["/run/netns", "/run/docker/netns"] as const;
const SHOWN_PROCESSES = 3;

/** All network namespaces that have a name or a process that we may look at; this process's own first, then by inode. */
export function networkNamespaces(): NetworkNamespace[] {
	interface Found {
		path: string;
		names: string[];
		processes: { pid: number; comm: string }[];
		process_count: number;
	}
	const found = new Map<number, Found>();
	const at = (inode: number, path: string): Found => {
		const known = found.get(inode);
		if (known) return known;
		const made: Found = { path, names: [], processes: [], process_count: 0 };
		found.set(inode, made);
		return made;
	};
	const own = inodeOf(attempt(() => readlinkSync("/proc/self/ns/net")));
	if (own !== undefined) at(own, "/proc/self/ns/net");
	for (const folder of FOLDERS) {
		for (const name of attempt(() => readdirSync(folder)) ?? []) {
			const path = `${folder}/${name}`;
			const file = attempt(() => statSync(path));
			// A name whose namespace was not mounted, or is no more, is an empty file of another file system.
			if (file && isNamespace(path)) at(file.ino, path).names.push(name);
		}
	}
	for (const pid of attempt(() => readdirSync("/proc")) ?? []) {
		if (!/^\d+$/.test(pid)) continue;
		const path = `/proc/${pid}/ns/net`;
		const inode = inodeOf(attempt(() => readlinkSync(path)));
		if (inode === undefined) continue;
		const row = at(inode, path);
		row.process_count++;
		if (row.processes.length < SHOWN_PROCESSES)
			row.processes.push({ pid: Number(pid), comm: (readSmall(`/proc/${pid}/comm`, "utf8") ?? "").trimEnd() });
	}
	return [...found]
		.map(([inode, row]) => ({ inode, ...row, own: inode === own }))
		.sort((a, b) => Number(b.own) - Number(a.own) || a.inode - b.inode);
}

/** Of `net:[4026531840]`. */
function inodeOf(link: string | undefined): number | undefined {
	const digits = /^net:\[(\d+)\]$/.exec(link ?? "")?.[1];
	return digits === undefined ? undefined : Number(digits);
}

/** `linux/magic.h`. */
const NSFS_MAGIC = 0x6e73_6673;
const isNamespace = (path: string): boolean => attempt(() => statfsSync(path).type) === NSFS_MAGIC;
