import type { LinkCreate } from "#kernel";
import { ATTACH_FLAGS } from "#uapi";
import type { Program } from "../program.ts";
import type { Link } from "./link.ts";

/** Where in the chain of a hook that several programs share (tcx, netkit, cgroup ≥ 6.17). Absent: last. */
export interface Position {
	/** Right before or after what is there: a link, a program, or `first` and `last` of all. Not both. */
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
	const byLink = named !== undefined && !("type" in named && "log" in named) ? ATTACH_FLAGS.BPF_F_LINK : 0;
	const flags = side | (named ? byLink : 0);
	if (flags === 0 && revision === undefined) return { flags };
	return { flags, relative: { fd: named?.fd.number ?? 0, expected_revision: revision ?? 0n } };
}
