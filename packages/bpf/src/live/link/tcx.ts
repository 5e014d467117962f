import { ATTACH_TYPES } from "#uapi";
import type { Program } from "../program.ts";
import { createLink } from "./bpf-link.ts";
import { Link } from "./link.ts";
import { type Position, positionOf } from "./position.ts";

/** Seen from the device: what comes in, what goes out. */
export type Direction = "ingress" | "egress";

export interface TcxOptions extends Position {
	readonly direction: Direction;
	/** Names the device in errors. */
	readonly device?: string;
}

/**
 * Attaches a program of type sched_cls to a network device by a link (tcx; Linux ≥ 6.6), among others.
 * @throws PermissionError; SyscallError ENODEV, ESTALE, EEXIST
 */
export function attachTcx(program: Program, ifindex: number, options: TcxOptions): Link {
	const target = `tcx ${options.direction} of ${options.device ?? `ifindex ${ifindex}`}`;
	const attach_type = ATTACH_TYPES[options.direction === "ingress" ? "tcx_ingress" : "tcx_egress"];
	return Link.attach(program, target, (each) =>
		createLink(each, target, { target_ifindex: ifindex, attach_type, ...positionOf(options) }),
	);
}

/** On which of the two ends that a netkit pair has: both are attached through the primary. */
export type NetkitSide = "primary" | "peer";

/**
 * Attaches a program of type sched_cls to a netkit device by a link (Linux ≥ 6.7). The device is the primary one, also for `peer`.
 * @throws PermissionError; SyscallError ENODEV, ENXIO (no netkit device), EACCES (not the primary one)
 */
export function attachNetkit(
	program: Program,
	ifindex: number,
	options: Position & { readonly side: NetkitSide; readonly device?: string },
): Link {
	const target = `netkit ${options.side} of ${options.device ?? `ifindex ${ifindex}`}`;
	const attach_type = ATTACH_TYPES[options.side === "primary" ? "netkit_primary" : "netkit_peer"];
	return Link.attach(program, target, (each) =>
		createLink(each, target, { target_ifindex: ifindex, attach_type, ...positionOf(options) }),
	);
}
