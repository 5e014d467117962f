import type { Kernel, ProgQuery } from "#kernel";
import { ATTACH_TYPES, type AttachType } from "#uapi";
import { check } from "../refusal.ts";

/** The programs of a hook that several share, in the order in which they run. */
export interface AttachedPrograms {
	readonly programs: readonly number[];
	/** Ids of their links; 0: attached without one. Empty where the kernel does not tell. */
	readonly links: readonly number[];
	/** What `Position.revision` is compared with; 0: the kernel counts none. */
	readonly revision: bigint;
}

/**
 * What is attached to a cgroup (`fd`), network namespace (`fd`), sockmap (`fd`) or device (`ifindex`) at a hook.
 * @throws PermissionError, SyscallError
 */
export function queryAttached(
	kernel: Kernel,
	at: { readonly fd: number } | { readonly ifindex: number },
	type: AttachType,
	options: { readonly effective?: boolean } = {},
): AttachedPrograms {
	const attr: ProgQuery = {
		...("fd" in at ? { target_fd: at.fd } : { target_ifindex: at.ifindex }),
		attach_type: ATTACH_TYPES[type],
		query_flags: options.effective ? EFFECTIVE : 0,
		prog_ids: new Uint8Array(MOST * 4),
		// Only chains of devices tell their links, and only where no effective ones are asked for.
		...("ifindex" in at ? { link_ids: new Uint8Array(MOST * 4) } : {}),
	};
	check(kernel, kernel.bpf("PROG_QUERY", attr), `ask what is attached (${type})`, "PROG_QUERY");
	const count = attr.prog_cnt ?? 0;
	return { programs: ids(attr.prog_ids, count), links: ids(attr.link_ids, count), revision: attr.revision ?? 0n };
}

/** A chain of a device takes 64 programs, one of a cgroup as many. */
const MOST = 64;
/** BPF_F_QUERY_EFFECTIVE. */
const EFFECTIVE = 1;

function ids(bytes: Uint8Array | undefined, count: number): number[] {
	if (!bytes) return [];
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
	return Array.from({ length: Math.min(count, bytes.length / 4) }, (_, i) => view.getUint32(i * 4, true));
}
