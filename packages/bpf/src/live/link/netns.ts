import { ERRNO } from "#kernel";
import { ATTACH_TYPES, type AttachType } from "#uapi";
import type { Program } from "../program.ts";
import { linked, tryLink } from "./bpf-link.ts";
import { type Container, withContainer } from "./container.ts";
import { Link } from "./link.ts";
import { attachOlder } from "./prog-attach.ts";

/** The network namespace of the calling thread. */
const OWN = "/proc/thread-self/ns/net";

/**
 * Attaches a program of type sk_lookup or flow_dissector to a network namespace, by a link (Linux ≥ 5.8, 5.9). `namespace`: a
 * descriptor or a path (`/run/netns/blue`, `/proc/1/ns/net`); default: the caller's.
 * @throws PermissionError; SyscallError E2BIG, EEXIST where another is attached; BpfError ERR_NO_TARGET
 */
export function attachNetns(program: Program, namespace: Container = OWN): Link {
	const type: AttachType = program.type === "sk_lookup" ? "sk_lookup" : "flow_dissector";
	const target = `network namespace ${namespace === OWN ? "of this process" : namespace} (${type})`;
	return Link.attach(program, target, (each) =>
		withContainer(each.kernel, "network namespace", namespace, (fd) => {
			const result = tryLink(each, { target_fd: fd, attach_type: ATTACH_TYPES[type] });
			// Flow dissectors are older than links: for the caller's own namespace there is another way.
			if (result === -ERRNO.EINVAL && type === "flow_dissector" && namespace === OWN) {
				const why = `the running kernel ${each.kernel.release} has no bpf_link for network namespaces: attached by BPF_PROG_ATTACH; it stays when the process ends`;
				return attachOlder(each, target, { fd: 0, type }, why);
			}
			return linked(each, target, result);
		}),
	);
}
