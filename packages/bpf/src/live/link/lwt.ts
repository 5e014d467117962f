import { NotSupportedError } from "#base";
import type { Program } from "../program.ts";
import { refuseAttach } from "./bpf-link.ts";
import { Link } from "./link.ts";
import { routing } from "./tc.ts";

/** A route whose packets go through the program. */
export interface RouteTarget {
	/** `10.1.0.0/16`, `2001:db8::/32`. */
	readonly destination: string;
	readonly ifindex: number;
	readonly gateway?: string;
}

const HOOKS = { lwt_in: "in", lwt_out: "out", lwt_xmit: "xmit" } as const;

/**
 * Makes a route through a program of type lwt_in, lwt_out or lwt_xmit, as `ip route add … encap bpf` does. The route stays
 * when the process ends; closing the link takes it away.
 * @throws NotSupportedError for other types; SyscallError EEXIST where there is such a route, EOPNOTSUPP without CONFIG_LWTUNNEL_BPF; PermissionError
 */
export function attachRoute(program: Program, route: RouteTarget): Link {
	const target = `route to ${route.destination}`;
	const hook = HOOKS[program.type as keyof typeof HOOKS];
	if (!hook)
		throw new NotSupportedError(
			`attaching ${program.name} to a ${target}`,
			`programs of type ${program.type} run on no route`,
		);
	return Link.attach(program, target, (each) => {
		const host = routing(each, target);
		const asked = { kind: "route", ...route, programs: [{ hook, program: each.fd.number, name: each.name }] } as const;
		const result = host.network({ ...asked, change: "create" });
		if (typeof result === "number" && result < 0) throw refuseAttach(each, target, -result, "netlink");
		return {
			way: "netlink",
			fds: [],
			note: "attached by rtnetlink: the route stays when the process ends",
			undo: () => void host.network({ ...asked, programs: [], change: "delete" }),
		};
	});
}
