import { ATTACH_TYPES, XDP_FLAGS } from "#uapi";
import { Fd } from "../fd.ts";
import type { Program } from "../program.ts";
import { refuse } from "../refusal.ts";
import { Link } from "./link.ts";

/** `native`: in the driver; `generic`: in the stack, on any device; `offload`: on the card. */
export type XdpMode = "native" | "generic" | "offload";

const FLAGS: Readonly<Record<XdpMode, number>> = {
	native: XDP_FLAGS.XDP_FLAGS_DRV_MODE,
	generic: XDP_FLAGS.XDP_FLAGS_SKB_MODE,
	offload: XDP_FLAGS.XDP_FLAGS_HW_MODE,
};

/**
 * Attaches an XDP program to the network device `ifindex`. Without `mode` the kernel takes native where the driver has it,
 * else generic. `device` names it in errors.
 */
export function attachXdp(program: Program, ifindex: number, options: { mode?: XdpMode; device?: string } = {}): Link {
	const kernel = program.kernel;
	const target = `xdp ${options.device ?? `ifindex ${ifindex}`}${options.mode ? ` (${options.mode})` : ""}`;
	const result = kernel.bpf("LINK_CREATE", {
		prog_fd: program.fd.number,
		target_ifindex: ifindex,
		attach_type: ATTACH_TYPES.xdp,
		flags: options.mode ? FLAGS[options.mode] : 0,
	});
	if (result < 0) {
		throw refuse(kernel, {
			syscall: "bpf",
			command: "LINK_CREATE",
			errno: -result,
			programType: program.type,
			what: `attach ${program.name} to ${target}`,
		});
	}
	return new Link("bpf_link", target, new Fd(kernel, result, `link to ${target}`));
}
