import { ERRNO, type Kernel, type ProgQuery } from "#kernel";
import { ATTACH_TYPES, type AttachType } from "#uapi";
import { check, refuseAttachType, refuseTooNew } from "./refusal.ts";

/** Where programs are attached: a descriptor (cgroup, network namespace, sockmap, LIRC device), or a network device. */
export type QueryTarget = { readonly fd: number } | { readonly ifindex: number };

export interface QueryOptions {
	/** Cgroups: what runs there, inherited ones included; no flags and links are told then. */
	readonly effective?: boolean;
}

/** One program that is attached. */
export interface AttachedProgram {
	readonly id: number;
	/** Of the link that holds it; 0: none, or not told. */
	readonly linkId: number;
	/** BPF_F_ALLOW_MULTI … as it was attached with; 0 where not told. */
	readonly flags: number;
}

export interface QueryResult {
	/** In the order in which they run. */
	readonly programs: readonly AttachedProgram[];
	/** Of the attach point: BPF_F_ALLOW_OVERRIDE, BPF_F_ALLOW_MULTI. */
	readonly flags: number;
	/** Goes up with every change; 0n where the attach point does not count. */
	readonly revision: bigint;
}

const ROOM = 64;
/** Attach points that tell links beside programs. */
const CHAINED: ReadonlySet<AttachType> = new Set([
	"tcx_ingress",
	"tcx_egress",
	"netkit_primary",
	"netkit_peer",
] as const);
const EFFECTIVE = 1;

/**
 * PROG_QUERY: which programs are attached at a place, in order.
 * @throws SyscallError (EINVAL: the attach type has no such list, or not at this target); PermissionError
 */
export function queryPrograms(
	kernel: Kernel,
	target: QueryTarget,
	attachType: AttachType,
	options: QueryOptions = {},
): QueryResult {
	const what = `ask what is attached (${attachType})`;
	const chained = CHAINED.has(attachType);
	// Per-program flags came with 6.1 and only cgroups have them; effective lists refuse them.
	let flagged = attachType.startsWith("cgroup") || attachType === "lsm_cgroup" ? options.effective !== true : false;
	for (let room = ROOM; ; ) {
		const words = () => new Uint8Array(room * 4);
		const attr: ProgQuery = {
			...("fd" in target ? { target_fd: target.fd } : { target_ifindex: target.ifindex }),
			attach_type: ATTACH_TYPES[attachType],
			query_flags: options.effective ? EFFECTIVE : 0,
			prog_ids: words(),
			...(flagged ? { prog_attach_flags: words() } : {}),
			...(chained ? { link_ids: words(), link_attach_flags: words() } : {}),
		};
		const result = kernel.bpf("PROG_QUERY", attr);
		if (result === -ERRNO.ENOSPC && room < 1 << 16) {
			room = Math.max(room * 4, attr.prog_cnt ?? 0);
			continue;
		}
		if (result === -ERRNO.EINVAL && flagged) {
			flagged = false;
			continue;
		}
		refuseAttachType(kernel, result, what, attachType);
		if (attachType.startsWith("sk_")) refuseTooNew(kernel, result, what, "asking what is attached to maps", "5.18");
		check(kernel, result, what, "PROG_QUERY");
		const count = attr.prog_cnt ?? 0;
		const word = (bytes: Uint8Array | undefined, i: number) =>
			bytes ? new DataView(bytes.buffer).getUint32(i * 4, true) : 0;
		return {
			programs: Array.from({ length: count }, (_, i) => ({
				id: word(attr.prog_ids, i),
				linkId: word(attr.link_ids, i),
				flags: word(attr.prog_attach_flags, i),
			})),
			flags: attr.attach_flags ?? 0,
			revision: attr.revision ?? 0n,
		};
	}
}
