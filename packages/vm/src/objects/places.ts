import {
	type DeviceProgram,
	ERRNO,
	type FilterReply,
	type NetworkListing,
	type NetworkRequest,
	type Places,
} from "@skep/bpf/kernel";
import { ATTACH_TYPES, XDP_FLAGS } from "@skep/bpf/uapi";
import { cgroupAt, cgroupsBelow } from "./cgroups.ts";
import { chainKey, chainOf, openChain, takeEntry } from "./chains.ts";
import { drop, hold, idOf, openDescriptor } from "./descriptors.ts";
import type { System } from "./system.ts";

const { XDP_FLAGS_SKB_MODE: GENERIC, XDP_FLAGS_DRV_MODE: DRIVER, XDP_FLAGS_HW_MODE: OFFLOAD } = XDP_FLAGS;
const { XDP_FLAGS_UPDATE_IF_NOEXIST: NOEXIST, XDP_FLAGS_REPLACE: REPLACE } = XDP_FLAGS;
const MODES = GENERIC | DRIVER | OFFLOAD;

/** The mode that flags mean, which is the driver's where they say none; -errno. */
export function xdpMode(flags: number, known: number): number {
	const mode = flags & MODES;
	if ((flags & ~known) !== 0 || (mode & (mode - 1)) !== 0) return -ERRNO.EINVAL;
	if (mode === OFFLOAD) return -ERRNO.EOPNOTSUPP;
	return mode === 0 ? DRIVER : mode;
}

/** The chain of a device's only XDP program; its flags are the mode. */
export const xdpKey = (ifindex: number): string => chainKey("xdp", ifindex, ATTACH_TYPES.xdp);

const NAMESPACE = "/proc/self/ns/net";

/** Cgroups and devices of this machine: tables of rows; nothing else can be opened. */
export function placesOf(system: System): Places {
	const { tables } = system;
	return {
		open: (path) => {
			if (path === NAMESPACE) return openDescriptor(system, "namespace", 0);
			const id = cgroupAt(tables, path);
			return id === undefined ? -ERRNO.ENOENT : openDescriptor(system, "cgroup", id);
		},
		cgroups: (below) => cgroupsBelow(tables, below) ?? -ERRNO.ENOENT,
		cgroupId: (path) => {
			const id = cgroupAt(tables, path);
			return id === undefined ? -ERRNO.ENOENT : BigInt(id);
		},
		network: (request) => askNetwork(system, request),
		networkPrograms: () => listNetwork(system),
	};
}

/** XDP as by rtnetlink; queues, filters and routes this machine has none of. */
function askNetwork(system: System, request: NetworkRequest): FilterReply | number {
	if (request.kind !== "xdp") return -ERRNO.EOPNOTSUPP;
	const { tables } = system;
	const { ifindex, flags } = request;
	if (ifindex <= 0 || ifindex > tables.devices.length) return -ERRNO.ENODEV;
	const mode = xdpMode(flags, MODES | NOEXIST | REPLACE);
	if (mode < 0) return mode;
	const next = request.program < 0 ? 0 : idOf(system, request.program, "program");
	if (next < 0) return next;
	if (next !== 0 && tables.programs.get(next)!.type !== "xdp") return -ERRNO.EINVAL;
	const chain = chainOf(tables, xdpKey(ifindex));
	const [there] = chain.entries;
	const current = there && chain.flags === mode ? there : undefined;
	if (current && current.link !== 0) return -ERRNO.EBUSY;
	if (there && !current && next !== 0) return -ERRNO.EEXIST;
	if ((flags & REPLACE) !== 0) {
		const expected = idOf(system, request.expected ?? -1, "program");
		if ((current?.program ?? 0) !== Math.max(expected, 0)) return -ERRNO.EEXIST;
	} else if ((flags & NOEXIST) !== 0 && current && next !== 0) return -ERRNO.EBUSY;
	const own = openChain(tables, xdpKey(ifindex));
	if (next !== 0) hold(system, "program", next);
	if (current) drop(system, "program", takeEntry(own, 0).program);
	if (next !== 0) {
		own.entries.push({ program: next, link: 0 });
		own.flags = mode;
		own.revision++;
	}
	return 0;
}

function listNetwork({ tables }: System): NetworkListing {
	const devices = tables.devices.map((name, i) => ({ ifindex: i + 1, name }));
	const programs = devices.flatMap(({ ifindex, name: device }) => {
		const { entries, flags } = chainOf(tables, xdpKey(ifindex));
		const hook = flags === GENERIC ? "xdp/generic" : "xdp/driver";
		return entries.map(({ program: id }): DeviceProgram => ({ ifindex, device, hook, id, name: "" }));
	});
	return { devices, programs };
}
