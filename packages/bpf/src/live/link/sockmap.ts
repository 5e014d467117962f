import { NotSupportedError } from "#base";
import { ERRNO } from "#kernel";
import { ATTACH_TYPES, type AttachType } from "#uapi";
import type { BpfMap } from "../map.ts";
import type { Program } from "../program.ts";
import { linked, tryLink } from "./bpf-link.ts";
import { Link } from "./link.ts";
import { attachOlder } from "./prog-attach.ts";

export interface SockmapOptions {
	/** Which of the map's programs; absent: the one that the program was loaded for (sk_msg: its verdict). */
	readonly attachType?: AttachType;
	/** Default: a bpf_link where the kernel has them (≥ 6.10). */
	readonly way?: "bpf_link" | "prog_attach";
}

/**
 * Attaches a program of type sk_msg or sk_skb to a sockmap or sockhash. Sockets that are in the map already do not see it:
 * attach first.
 * @throws NotSupportedError where the hook is not known; PermissionError; SyscallError EBUSY
 */
export function attachSockmap(program: Program, map: BpfMap, options: SockmapOptions = {}): Link {
	const type = options.attachType ?? program.attachType ?? (program.type === "sk_msg" ? "sk_msg_verdict" : undefined);
	if (!type) {
		throw new NotSupportedError(
			`attaching ${program.name} to ${map.name}`,
			"neither its section nor the call says whether it parses or decides (attachType)",
		);
	}
	const target = `${map.type} ${map.name} (${type})`;
	return Link.attach(program, target, (each) => {
		let why: string | undefined;
		if (options.way !== "prog_attach") {
			const result = tryLink(each, { target_fd: map.fd.number, attach_type: ATTACH_TYPES[type] });
			// Kernels without such links know the attach type in no LINK_CREATE.
			if (result !== -ERRNO.EINVAL || options.way) return linked(each, target, result);
			why = `the running kernel ${each.kernel.release} has no bpf_link for sockmaps: attached by BPF_PROG_ATTACH, for as long as the map is there`;
		}
		return attachOlder(
			each,
			target,
			{ fd: map.fd.number, type },
			why ?? "attached by BPF_PROG_ATTACH, for as long as the map is there",
		);
	});
}
