import { NotSupportedError } from "#base";
import { ATTACH_TYPES } from "#uapi";
import type { Program } from "../program.ts";
import { createLink } from "./bpf-link.ts";
import { Link } from "./link.ts";

/** `NFPROTO_…` and `NF_INET_…` of linux/netfilter.h. One row a name. */
// biome-ignore format: table
const FAMILIES = { ipv4: 2, ipv6: 10 } as const;
// biome-ignore format: table
const HOOKS = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
/** BPF_F_NETFILTER_IP_DEFRAG. */
const DEFRAGMENT = 1;

export interface NetfilterTarget {
	readonly family: keyof typeof FAMILIES;
	readonly hook: keyof typeof HOOKS;
	/** Lower runs first; neither the lowest nor the highest of 32 bits. Default 0. */
	readonly priority?: number;
	/** Packets are put together from fragments first; the priority must be above -400 then. */
	readonly defragment?: boolean;
}

/**
 * Attaches a program of type netfilter to a hook of the caller's network namespace (Linux ≥ 6.4).
 * @throws NotSupportedError for names that are none; PermissionError; SyscallError EBUSY where that priority is taken, EAFNOSUPPORT
 */
export function attachNetfilter(program: Program, at: NetfilterTarget): Link {
	const pf = FAMILIES[at.family];
	const hooknum = HOOKS[at.hook];
	const priority = at.priority ?? 0;
	const target = `netfilter ${at.family} ${at.hook} (priority ${priority})`;
	if (pf === undefined || hooknum === undefined) {
		const known = `families are ${Object.keys(FAMILIES).join(", ")}, hooks ${Object.keys(HOOKS).join(", ")}`;
		throw new NotSupportedError(target, known);
	}
	const netfilter = { pf, hooknum, priority, flags: at.defragment ? DEFRAGMENT : 0 };
	return Link.attach(program, target, (each) =>
		createLink(each, target, { attach_type: ATTACH_TYPES.netfilter, netfilter }),
	);
}
