import { type Attributes, ERRNO } from "@skep/bpf/kernel";
import { ATTACH_TYPES } from "@skep/bpf/uapi";
import { linkTarget } from "./attachments.ts";
import { chainOf, openChain, replaceInChain } from "./chains.ts";
import { closeDescriptor, descriptorOf, detachLink, drop, hold, idOf, openDescriptor } from "./descriptors.ts";
import { xdpKey, xdpMode } from "./places.ts";
import type { System } from "./system.ts";
import type { LinkState, ProgramState } from "./tables.ts";
import { tracepointNamed } from "./tracepoints.ts";
import { taskFilter } from "./walks.ts";

function programOf(system: System, fd: number): ProgramState | number {
	const id = idOf(system, fd, "program");
	return id < 0 ? id : system.tables.programs.get(id)!;
}

function addLink(system: System, link: Omit<LinkState, "id" | "references" | "detached">): number {
	const { tables } = system;
	const id = tables.next.link++;
	system.attached.clear();
	tables.links.set(id, { ...link, id, references: 0, detached: false });
	hold(system, "program", link.program);
	if (link.event !== 0) hold(system, "event", link.event);
	return openDescriptor(system, "link", id);
}

const BARE = { tracepoint: "", event: 0, ifindex: 0, cgroup: 0, hook: 0, cookie: 0n } as const;

export function openRawTracepoint(system: System, attr: Attributes["RAW_TRACEPOINT_OPEN"]): number {
	const program = programOf(system, attr.prog_fd);
	if (typeof program === "number") return program;
	const cookie = attr.cookie ?? 0n;
	switch (program.type) {
		case "tracing":
			// The tracepoint was named when it was loaded.
			if (attr.name !== undefined || program.attachType !== "trace_raw_tp") return -ERRNO.EINVAL;
			return addLink(system, { ...BARE, kind: "tracing", program: program.id, tracepoint: program.attachTo, cookie });
		case "raw_tracepoint":
		case "raw_tracepoint_writable":
			if (attr.name === undefined) return -ERRNO.EFAULT;
			if (!tracepointNamed(system, attr.name)) return -ERRNO.ENOENT;
			return addLink(system, { ...BARE, kind: "raw_tracepoint", program: program.id, tracepoint: attr.name, cookie });
		default:
			return -ERRNO.EINVAL;
	}
}

const XDP_MODES = 0b1110;

export function createLink(system: System, attr: Attributes["LINK_CREATE"]): number {
	const program = programOf(system, attr.prog_fd ?? 0);
	if (typeof program === "number") return program;
	switch (attr.attach_type) {
		case ATTACH_TYPES.trace_raw_tp:
			if (program.type === "tracing" && program.attachType === "trace_raw_tp") {
				const cookie = attr.tracing?.cookie ?? 0n;
				return addLink(system, { ...BARE, kind: "tracing", program: program.id, tracepoint: program.attachTo, cookie });
			}
			return -ERRNO.EINVAL;
		case ATTACH_TYPES.trace_iter: {
			if (program.attachType !== "trace_iter") return -ERRNO.EINVAL;
			const filter = taskFilter(program.attachTo, attr.iter_info);
			if (typeof filter === "number") return filter;
			return addLink(system, { ...BARE, kind: "iter", program: program.id, filter });
		}
		case ATTACH_TYPES.perf_event:
			return perfLink(system, program, attr);
		case ATTACH_TYPES.xdp:
			return xdpLink(system, program, attr);
		case ATTACH_TYPES.tcx_ingress:
		case ATTACH_TYPES.tcx_egress:
			return chainLink(system, program, attr, "tcx");
		case ATTACH_TYPES.cgroup_inet_ingress:
		case ATTACH_TYPES.cgroup_inet_egress:
			return chainLink(system, program, attr, "cgroup");
		default:
			return -ERRNO.EINVAL;
	}
}

function perfLink(system: System, program: ProgramState, attr: Attributes["LINK_CREATE"]): number {
	if (program.type !== "tracepoint") return -ERRNO.EINVAL;
	if ((attr.flags ?? 0) !== 0) return -ERRNO.EINVAL;
	const held = descriptorOf(system, attr.target_fd ?? 0);
	if (held?.kind !== "event") return -ERRNO.EBADF;
	const event = system.tables.events.get(held.id)!;
	if (event.tracepoint === 0) return -ERRNO.EINVAL;
	if (event.link !== 0 || event.program !== 0) return -ERRNO.EEXIST;
	const fd = addLink(system, {
		...BARE,
		kind: "perf_event",
		program: program.id,
		event: event.id,
		cookie: attr.perf_event?.bpf_cookie ?? 0n,
	});
	event.link = system.tables.descriptors.get(fd)?.id ?? 0;
	return fd;
}

function xdpLink(system: System, program: ProgramState, attr: Attributes["LINK_CREATE"]): number {
	const { tables } = system;
	if (program.type !== "xdp") return -ERRNO.EINVAL;
	const mode = xdpMode(attr.flags ?? 0, XDP_MODES | 1);
	if (mode === -ERRNO.EINVAL) return mode;
	const ifindex = attr.target_ifindex ?? 0;
	if (ifindex <= 0 || ifindex > tables.devices.length) return -ERRNO.EINVAL;
	if (mode < 0) return mode;
	const there = chainOf(tables, xdpKey(ifindex));
	if (there.entries.length > 0) return there.flags === mode ? -ERRNO.EBUSY : -ERRNO.EEXIST;
	const fd = addLink(system, { ...BARE, kind: "xdp", program: program.id, ifindex });
	if (fd < 0) return fd;
	const chain = openChain(tables, xdpKey(ifindex));
	chain.entries.push({ program: program.id, link: idOf(system, fd, "link") });
	chain.flags = mode;
	chain.revision++;
	return fd;
}

/** A link of a hook that several programs share. */
function chainLink(
	system: System,
	program: ProgramState,
	attr: Attributes["LINK_CREATE"],
	kind: "tcx" | "cgroup",
): number {
	const target = linkTarget(system, program, attr);
	if (typeof target === "number") return target;
	const { cgroup, ifindex } = target;
	const fd = addLink(system, { ...BARE, kind, program: program.id, cgroup, ifindex, hook: attr.attach_type });
	if (fd < 0) return fd;
	const result = target.put(idOf(system, fd, "link"));
	if (result === 0) return fd;
	closeDescriptor(system, fd);
	return result;
}

/** Kinds of links that take another program, and that let go of it before they end. */
const UPDATED: ReadonlySet<LinkState["kind"]> = new Set(["xdp", "tcx", "cgroup"]);

export function updateLink(system: System, attr: Attributes["LINK_UPDATE"]): number {
	const id = idOf(system, attr.link_fd, "link");
	const REPLACE_OLD = 4;
	if (((attr.flags ?? 0) & ~REPLACE_OLD) !== 0) return -ERRNO.EINVAL;
	if (id < 0) return id;
	const link = system.tables.links.get(id)!;
	const program = programOf(system, attr.new_prog_fd ?? 0);
	if (typeof program === "number") return program;
	const replaces = ((attr.flags ?? 0) & REPLACE_OLD) !== 0;
	if (!replaces && (attr.old_prog_fd ?? 0) !== 0) return -ERRNO.EINVAL;
	if (replaces) {
		const old = programOf(system, attr.old_prog_fd ?? 0);
		if (typeof old === "number") return old;
		if (old.id !== link.program) return -ERRNO.EPERM;
	}
	if (!UPDATED.has(link.kind)) return -ERRNO.EINVAL;
	if (link.detached) return -ERRNO.ENOLINK;
	if (program.type !== system.tables.programs.get(link.program)!.type) return -ERRNO.EINVAL;
	hold(system, "program", program.id);
	drop(system, "program", link.program);
	link.program = program.id;
	replaceInChain(system.tables, id, program.id);
	system.attached.clear();
	return 0;
}

export function detachLinkCommand(system: System, attr: Attributes["LINK_DETACH"]): number {
	const id = idOf(system, attr.link_fd, "link");
	if (id < 0) return id;
	if (!UPDATED.has(system.tables.links.get(id)!.kind)) return -ERRNO.EOPNOTSUPP;
	detachLink(system, id);
	return 0;
}
