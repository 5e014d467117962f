import type { LinkCreate } from "#kernel";
import { ATTACH_FLAGS } from "#uapi";
import { Program } from "../program.ts";
import type { Link } from "./link.ts";

/** Where in the chain of a hook that several programs share (tcx, netkit, cgroup ≥ 6.17). Absent: last. */
export interface Position {
	/** Right before or after a link or program that is there, or `all` of them: as the first, as the last. Not both. */
	readonly before?: Link | Program | "all";
	readonly after?: Link | Program | "all";
	/** Only if the chain has not changed since it had this revision (`queryPrograms`), else SyscallError ESTALE. */
	readonly revision?: bigint;
}

/** The members of LINK_CREATE or PROG_ATTACH that say so. */
export function positionOf(position: Position): {
	readonly flags: number;
	readonly relative?: NonNullable<LinkCreate["relative"]>;
} {
	const { before, after, revision } = position;
	const neighbour = before ?? after;
	const side = before ? ATTACH_FLAGS.BPF_F_BEFORE : after ? ATTACH_FLAGS.BPF_F_AFTER : 0;
	const named = neighbour === undefined || neighbour === "all" ? undefined : neighbour;
	const flags = side | (named === undefined || named instanceof Program ? 0 : ATTACH_FLAGS.BPF_F_LINK);
	if (flags === 0 && revision === undefined) return { flags };
	return { flags, relative: { fd: named?.fd.number ?? 0, expected_revision: revision ?? 0n } };
}
