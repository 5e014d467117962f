import { BpfError, NotSupportedError } from "@skep/bpf/base";
import { Btf } from "@skep/bpf/btf";
import { ERRNO, type Kernel, type Places } from "@skep/bpf/kernel";
import { Fd, openById, queryPrograms, refuse } from "@skep/bpf/live";
import { ATTACH_TYPES, type AttachType } from "@skep/bpf/uapi";
import { infoOf } from "./objects.ts";
import { type Owner, ownerCells } from "./owners.ts";

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
	readonly pids?: readonly Owner[];
}

/** Hooks of cgroups. */
export const CGROUP_HOOKS: readonly AttachType[] = (Object.keys(ATTACH_TYPES) as AttachType[]).filter(
	(type) => type.startsWith("cgroup_") || type === "lsm_cgroup",
);

/** Opens a cgroup's folder. @throws BpfError ERR_NO_TARGET; NotSupportedError on a kernel without files */
export function openCgroup(kernel: Kernel, path: string): Fd {
	const fd = placesOf(kernel, `cgroup ${path}`).open(path);
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
			if (error instanceof BpfError && error.code === "EBADF") throw noCgroup(path);
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

/** A cgroup and those below it, parents first; absent: from the root. @throws BpfError ERR_NO_TARGET; NotSupportedError */
export function cgroupsBelow(kernel: Kernel, path?: string): readonly string[] {
	const found = placesOf(kernel, path === undefined ? "cgroups" : `cgroup ${path}`).cgroups(path);
	if (typeof found === "object") return found;
	if (path === undefined && found === -ERRNO.ENOENT)
		throw new BpfError("ERR_NO_TARGET", "no cgroups of version 2 are mounted: mount -t cgroup2 none /sys/fs/cgroup");
	if (found === -ERRNO.EBADF) throw noCgroup(path!);
	if (found === -ERRNO.ENOENT || found === -ERRNO.ENOTDIR)
		throw new BpfError("ERR_NO_TARGET", `there is no cgroup ${path}`);
	throw refuse(kernel, { syscall: "open", errno: -found, what: `list cgroups below ${path ?? "the root"}` });
}

/** What a folder is refused with that is none of cgroup version 2. */
export const noCgroup = (path: string): BpfError => new BpfError("ERR_NO_TARGET", `${path} is no cgroup of version 2`);

function placesOf(kernel: Kernel, what: string): Places {
	if (kernel.places) return kernel.places;
	throw new NotSupportedError(what, `the ${kernel.name} kernel has no cgroups`);
}

/** A row of the table. */
export const cgroupCells = (row: CgroupRow): object => ({
	id: row.id,
	"attach type": row.attach_type,
	...(row.attach_flags === undefined ? {} : { flags: row.attach_flags }),
	name: row.name,
	...(row.attach_btf_name === "" ? {} : { hook: row.attach_btf_name }),
	...ownerCells(row.pids),
});
