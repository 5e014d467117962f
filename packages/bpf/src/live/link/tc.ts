import { BpfError, NotSupportedError } from "#base";
import { ERRNO, type Host, type NetworkRequest } from "#kernel";
import type { Program } from "../program.ts";
import { refuseAttach } from "./bpf-link.ts";
import { Link } from "./link.ts";
import { attachTcx, type Direction, type TcxOptions } from "./tcx.ts";

export interface TcOptions {
	readonly direction: Direction;
	/** 1 to 65535, lower runs first. Absent: the kernel chooses. */
	readonly priority?: number;
	/** Of the filter within its priority. Absent: the kernel chooses. */
	readonly handle?: number;
	readonly device?: string;
}

/** What `attachTc` chose, or was told. */
export interface TcFilter {
	readonly priority: number;
	readonly handle: number;
}

const filters = new WeakMap<Link, () => TcFilter>();

/** Priority and handle of a link that `attachTc` made. */
export const tcFilterOf = (link: Link): TcFilter | undefined => filters.get(link)?.();

/**
 * Attaches a program of type sched_cls to a network device as a classifier with direct action, in the qdisc clsact, which is
 * made where it is missing (the older way; works since 4.5). The filter stays when the process ends; the qdisc stays always.
 * @throws PermissionError; SyscallError EEXIST where a filter of that priority and handle is there, ENODEV
 */
export function attachTc(program: Program, ifindex: number, options: TcOptions): Link {
	const { direction } = options;
	const target = `tc ${direction} of ${options.device ?? `ifindex ${ifindex}`}`;
	let chosen: TcFilter = { priority: options.priority ?? 0, handle: options.handle ?? 0 };
	const link = Link.attach(program, target, (each) => {
		const host = routing(each, target);
		const made = host.network({ kind: "clsact", ifindex, change: "create" });
		if (typeof made === "number" && made < 0 && made !== -ERRNO.EEXIST)
			throw refuseAttach(each, target, -made, "netlink");
		const filter = (change: "create" | "replace" | "delete", who: Program): NetworkRequest => ({
			kind: "filter",
			change,
			ifindex,
			direction,
			...chosen,
			program: change === "delete" ? -1 : who.fd.number,
			name: who.name,
		});
		const result = host.network(filter("create", each));
		if (typeof result === "number" && result < 0) throw refuseAttach(each, target, -result, "netlink");
		if (typeof result === "object") chosen = result;
		return {
			way: "netlink",
			fds: [],
			note: "attached by rtnetlink (clsact): the filter stays when the process ends",
			undo: () => void host.network(filter("delete", each)),
			replace: (next) => {
				const replaced = host.network(filter("replace", next));
				if (typeof replaced === "number" && replaced < 0) throw refuseAttach(next, target, -replaced, "netlink");
			},
		};
	});
	filters.set(link, () => chosen);
	return link;
}

/**
 * The same by a link (tcx) where the kernel has them (≥ 6.6), else by the qdisc clsact; `Link.note` tells which older way it was.
 * @throws what attachTcx and attachTc throw
 */
export function attachClassifier(program: Program, ifindex: number, options: TcxOptions): Link {
	try {
		return attachTcx(program, ifindex, options);
	} catch (error) {
		const unknown = error instanceof BpfError && (error.code === "EINVAL" || error instanceof NotSupportedError);
		if (!unknown || !program.kernel.host || options.before || options.after || options.revision !== undefined)
			throw error;
		return attachTc(program, ifindex, options);
	}
}

/** rtnetlink. @throws NotSupportedError where the kernel has none */
export function routing(program: Program, target: string): Host {
	if (program.kernel.host) return program.kernel.host;
	throw new NotSupportedError(target, `the ${program.kernel.name} kernel has no rtnetlink`);
}
