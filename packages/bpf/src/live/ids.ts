import { NotSupportedError } from "#base";
import { type CommandName, ERRNO, type Kernel, type ObjectKind } from "#kernel";
import { check } from "./refusal.ts";

/** How each kind is asked for the next id. */
const NEXT = {
	map: "MAP_GET_NEXT_ID",
	prog: "PROG_GET_NEXT_ID",
	btf: "BTF_GET_NEXT_ID",
	link: "LINK_GET_NEXT_ID",
} as const satisfies Record<ObjectKind, CommandName>;

/** How each kind is opened by its id. */
const OPEN = {
	map: "MAP_GET_FD_BY_ID",
	prog: "PROG_GET_FD_BY_ID",
	btf: "BTF_GET_FD_BY_ID",
	link: "LINK_GET_FD_BY_ID",
} as const satisfies Record<ObjectKind, CommandName>;

const MANY = { map: "maps", prog: "programs", btf: "BTF", link: "links" } as const;

/**
 * Ids of all objects of a kind that this kernel has, ascending from the one after `after`.
 * @throws PermissionError; NotSupportedError before 5.4 (BTF) and 5.8 (links)
 */
export function* ids(kernel: Kernel, kind: ObjectKind, after: number = 0): Generator<number, void, undefined> {
	const what = `list the ids of ${MANY[kind]}`;
	for (let start_id = after; ; ) {
		const attr: { start_id: number; next_id?: number } = { start_id };
		const result = kernel.bpf(NEXT[kind], attr);
		if (result === -ERRNO.ENOENT) return;
		// The command itself is missing: there is nothing else that it could refuse.
		if (result === -ERRNO.EINVAL && start_id === 0) {
			throw new NotSupportedError(what, `the running kernel ${kernel.release} cannot`, kind === "link" ? "5.8" : "5.4");
		}
		check(kernel, result, what, NEXT[kind]);
		start_id = attr.next_id!;
		yield start_id;
	}
}

/** What a descriptor by id may do with a map. */
export type Access = "read" | "write";
const RDONLY = 8;
const WRONLY = 16;

/** BPF_F_RDONLY or BPF_F_WRONLY, which OBJ_GET and GET_FD_BY_ID take for maps. */
export function accessFlags(access: Access | undefined): number {
	return access === "read" ? RDONLY : access === "write" ? WRONLY : 0;
}

/** A new descriptor, the caller's, of an object; undefined where there is none (any more). `access`: maps only. */
export function openById(kernel: Kernel, kind: ObjectKind, id: number, access?: Access): number | undefined {
	const attr = { id, ...(access === undefined ? {} : { open_flags: accessFlags(access) }) };
	const result = kernel.bpf(OPEN[kind], attr);
	if (result === -ERRNO.ENOENT) return undefined;
	return check(kernel, result, `open ${kind} ${id}`, OPEN[kind]);
}
