import { ATTACH_FLAGS } from "@skep/bpf/uapi";
import { chainKey, chainOf } from "./chains.ts";
import { CGROUP_ROOT, type Tables } from "./tables.ts";

/** A cgroup's folder as it stands in the table. */
export const cgroupPath = (path: string): string => {
	const words = path.split("/").filter((word) => word !== "");
	return `/${words.join("/")}`;
};

/** Makes a cgroup and those above it that are missing. `path` is below the root's folder, or its full name. Its id. */
export function makeCgroup(tables: Tables, path: string): number {
	const full = path.startsWith(CGROUP_ROOT) ? cgroupPath(path) : cgroupPath(`${CGROUP_ROOT}/${path}`);
	const found = cgroupAt(tables, full);
	if (found !== undefined) return found;
	makeCgroup(tables, full.slice(0, full.lastIndexOf("/")));
	const id = tables.next.cgroup++;
	tables.cgroups.set(id, { id, path: full });
	return id;
}

/** Id of the cgroup with this folder. */
export function cgroupAt(tables: Tables, path: string): number | undefined {
	const plain = cgroupPath(path);
	for (const each of tables.cgroups.values()) if (each.path === plain) return each.id;
	return undefined;
}

/** The cgroup above; undefined: it is the root. */
export function parentOf(tables: Tables, id: number): number | undefined {
	const path = tables.cgroups.get(id)?.path ?? CGROUP_ROOT;
	return path === CGROUP_ROOT ? undefined : cgroupAt(tables, path.slice(0, path.lastIndexOf("/")));
}

/** Whether what hangs above lets a cgroup have programs of its own at a hook. */
export function cgroupAllows(tables: Tables, id: number, hook: number): boolean {
	for (let at = parentOf(tables, id); at !== undefined; at = parentOf(tables, at)) {
		const { flags, entries } = chainOf(tables, chainKey("cgroup", at, hook));
		if ((flags & ATTACH_FLAGS.BPF_F_ALLOW_MULTI) !== 0) return true;
		if (entries.length > 0) return (flags & ATTACH_FLAGS.BPF_F_ALLOW_OVERRIDE) !== 0;
	}
	return true;
}

/** Folders of a cgroup and those below it, parents first, by name; undefined: there is no such cgroup. */
export function cgroupsBelow(tables: Tables, path = CGROUP_ROOT): readonly string[] | undefined {
	const top = cgroupPath(path);
	if (cgroupAt(tables, top) === undefined) return undefined;
	const order = (at: string) => at.replaceAll("/", "\0");
	return [...tables.cgroups.values()]
		.map((each) => each.path)
		.filter((each) => each === top || each.startsWith(`${top}/`))
		.sort((a, b) => (order(a) < order(b) ? -1 : 1));
}
