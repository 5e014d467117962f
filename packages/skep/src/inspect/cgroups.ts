import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BpfError, NotSupportedError } from "@skep/bpf/base";
import { Btf } from "@skep/bpf/btf";
import { ERRNO, type Kernel } from "@skep/bpf/kernel";
import { Fd, openById, queryPrograms, refuse } from "@skep/bpf/live";
import { ATTACH_TYPES, type AttachType } from "@skep/bpf/uapi";
import { infoOf } from "./objects.ts";

/** A program on a cgroup, as `bpftool -j cgroup show` tells it. */
export interface CgroupRow {
	readonly id: number;
	readonly attach_type: AttachType;
	/** `multi`, `override` or empty; not told of effective lists. */
	readonly attach_flags?: string | undefined;
	readonly name: string;
	/** lsm_cgroup: the hook. */
	readonly attach_btf_name: string;
	readonly attach_btf_obj_id: number;
	readonly attach_btf_id: number;
}

/** Hooks of cgroups. */
export const CGROUP_HOOKS: readonly AttachType[] = (Object.keys(ATTACH_TYPES) as AttachType[]).filter(
	(type) => type.startsWith("cgroup_") || type === "lsm_cgroup",
);

/** Opens a cgroup's folder. @throws BpfError ERR_NO_TARGET; NotSupportedError on a kernel without files */
export function openCgroup(kernel: Kernel, path: string): Fd {
	if (!kernel.host) throw new NotSupportedError(`cgroup ${path}`, `the ${kernel.name} kernel has no cgroups`);
	const fd = kernel.host.open(path);
	if (fd === -ERRNO.ENOENT || fd === -ERRNO.ENOTDIR) throw new BpfError("ERR_NO_TARGET", `there is no cgroup ${path}`);
	if (fd < 0) throw refuse(kernel, { syscall: "open", errno: -fd, what: `open cgroup ${path}` });
	return new Fd(kernel, fd, `cgroup ${path}`);
}

/**
 * Programs of a cgroup in the order of hooks and of runs; `effective`: what runs there, inherited ones too.
 * @throws BpfError where the folder is no cgroup of version 2
 */
export function cgroupRows(kernel: Kernel, path: string, effective: boolean): CgroupRow[] {
	using cgroup = openCgroup(kernel, path);
	const rows: CgroupRow[] = [];
	let known = false;
	for (const attach_type of CGROUP_HOOKS) {
		let found: ReturnType<typeof queryPrograms>;
		try {
			found = queryPrograms(kernel, { fd: cgroup.number }, attach_type, { effective });
		} catch (error) {
			if (error instanceof BpfError && error.code === "EBADF")
				throw new BpfError("ERR_NO_TARGET", `${path} is no cgroup of version 2`);
			// A hook that this kernel has not, or does not tell about.
			if (error instanceof BpfError && error.code === "EINVAL") continue;
			throw error;
		}
		known = true;
		for (const { id, flags } of found.programs) {
			const row = rowOf(kernel, id, attach_type, effective ? undefined : flags || found.flags);
			if (row) rows.push(row);
		}
	}
	if (!known) throw new BpfError("ERR_NO_TARGET", `${path} is no cgroup of version 2, or its programs are not told`);
	return rows;
}

/** BPF_F_ALLOW_OVERRIDE, BPF_F_ALLOW_MULTI. */
const FLAGS: Readonly<Record<number, string>> = { 0: "", 1: "override", 2: "multi" };

function rowOf(kernel: Kernel, id: number, attach_type: AttachType, flags: number | undefined): CgroupRow | undefined {
	const fd = openById(kernel, "prog", id);
	if (fd === undefined) return undefined;
	try {
		const { name, attach_btf_obj_id, attach_btf_id } = infoOf(kernel, "prog", fd);
		return {
			id,
			attach_type,
			...(flags === undefined ? {} : { attach_flags: FLAGS[flags] ?? `unknown(${flags.toString(16)})` }),
			name,
			attach_btf_name: attach_btf_id === 0 ? "" : hookName(kernel, attach_btf_id),
			attach_btf_obj_id,
			attach_btf_id,
		};
	} finally {
		kernel.close(fd);
	}
}

function hookName(kernel: Kernel, id: number): string {
	const bytes = kernel.btf();
	if (typeof bytes === "number") return "";
	const btf = Btf.decode(bytes);
	return id <= btf.count ? btf.name(id) : "";
}

/** Where cgroups of version 2 are mounted; undefined: nowhere. */
export function cgroupRoot(): string | undefined {
	try {
		const lines = readFileSync("/proc/self/mounts", "utf8").split("\n");
		return lines.map((line) => line.split(" ")).find((words) => words[2] === "cgroup2")?.[1];
	} catch {
		return undefined;
	}
}

/** A cgroup and those below it, parents first; what vanishes meanwhile is passed over. */
export function* cgroupsBelow(path: string): Generator<string, void, undefined> {
	yield path;
	let names: string[];
	try {
		names = readdirSync(path, { withFileTypes: true })
			.filter((entry) => entry.isDirectory())
			.map((entry) => entry.name);
	} catch {
		return;
	}
	for (const name of names.sort()) yield* cgroupsBelow(join(path, name));
}

/** A row of the table. */
export const cgroupCells = (row: CgroupRow): object => ({
	id: row.id,
	"attach type": row.attach_type,
	...(row.attach_flags === undefined ? {} : { flags: row.attach_flags }),
	name: row.name,
	...(row.attach_btf_name === "" ? {} : { hook: row.attach_btf_name }),
});
