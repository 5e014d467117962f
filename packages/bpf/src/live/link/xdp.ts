import { ERRNO } from "#kernel";
import { ATTACH_TYPES, XDP_FLAGS } from "#uapi";
import type { Program } from "../program.ts";
import type { Attachment } from "./attachment.ts";
import { linked, refuseAttach, tryLink } from "./bpf-link.ts";
import { Link } from "./link.ts";

/** `native`: in the driver; `generic`: in the stack, on any device; `offload`: on the card. */
export type XdpMode = "native" | "generic" | "offload";

const FLAGS: Readonly<Record<XdpMode, number>> = {
	native: XDP_FLAGS.XDP_FLAGS_DRV_MODE,
	generic: XDP_FLAGS.XDP_FLAGS_SKB_MODE,
	offload: XDP_FLAGS.XDP_FLAGS_HW_MODE,
};

export interface XdpOptions {
	/** Absent: native where the driver has it, else generic. */
	readonly mode?: XdpMode;
	/** Names the device in errors. */
	readonly device?: string;
	/** `netlink`: by IFLA_XDP, as `ip link set xdp` does; it stays when the process ends. Default: a bpf_link where the kernel has them (≥ 5.9). */
	readonly way?: "bpf_link" | "netlink";
}

/** Attaches an XDP program to the network device `ifindex`. @throws PermissionError; SyscallError EBUSY, EOPNOTSUPP … */
export function attachXdp(program: Program, ifindex: number, options: XdpOptions = {}): Link {
	const target = `xdp ${options.device ?? `ifindex ${ifindex}`}${options.mode ? ` (${options.mode})` : ""}`;
	const flags = options.mode ? FLAGS[options.mode] : 0;
	return Link.attach(program, target, (each) => {
		if (options.way === "netlink") return byNetlink(each, target, ifindex, flags, undefined);
		const result = tryLink(each, { target_ifindex: ifindex, attach_type: ATTACH_TYPES.xdp, flags });
		// EINVAL is also what kernels say that know no such link; whatever else is wrong, rtnetlink refuses too.
		if (result === -ERRNO.EINVAL && options.way === undefined) {
			const older = each.kernel.places && tryNetlink(each, ifindex, flags);
			if (older === 0) {
				const note = `the running kernel ${each.kernel.release} has no bpf_link for XDP: attached by rtnetlink; it stays when the process ends`;
				return attachedByNetlink(each, target, ifindex, flags, note);
			}
		}
		return linked(each, target, result);
	});
}

function tryNetlink(program: Program, ifindex: number, flags: number): number {
	const result = program.kernel.places?.network({
		kind: "xdp",
		ifindex,
		program: program.fd.number,
		flags: flags | XDP_FLAGS.XDP_FLAGS_UPDATE_IF_NOEXIST,
	});
	return typeof result === "number" ? result : -ERRNO.EOPNOTSUPP;
}

function byNetlink(
	program: Program,
	target: string,
	ifindex: number,
	flags: number,
	note: string | undefined,
): Attachment {
	const result = tryNetlink(program, ifindex, flags);
	if (result < 0) throw refuseAttach(program, target, -result, "netlink");
	return attachedByNetlink(program, target, ifindex, flags, note);
}

function attachedByNetlink(
	program: Program,
	target: string,
	ifindex: number,
	flags: number,
	note = "attached by rtnetlink: it stays when the process ends",
): Attachment {
	const { places } = program.kernel;
	return {
		way: "netlink",
		fds: [],
		note,
		undo: () => void places?.network({ kind: "xdp", ifindex, program: -1, flags }),
		replace: (next, expected) => {
			const guard = expected ? { expected: expected.fd.number } : {};
			const replace = expected ? XDP_FLAGS.XDP_FLAGS_REPLACE : 0;
			const result = places?.network({
				kind: "xdp",
				ifindex,
				program: next.fd.number,
				flags: flags | replace,
				...guard,
			});
			if (typeof result === "number" && result < 0) throw refuseAttach(next, target, -result, "netlink");
		},
	};
}
