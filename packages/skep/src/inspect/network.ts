import { BpfError, NotSupportedError } from "@skep/bpf/base";
import { errnoName, type Kernel } from "@skep/bpf/kernel";
import { Fd, openById, queryPrograms, refuse } from "@skep/bpf/live";
import type { AttachType } from "@skep/bpf/uapi";
import { type View, withOwners } from "./context.ts";
import { infoOf } from "./objects.ts";
import { type Owner, ownerText } from "./owners.ts";

/** What hangs on network devices, as `bpftool -j net show` tells it. */
export interface NetworkRows {
	readonly xdp: readonly {
		readonly devname: string;
		readonly ifindex: number;
		readonly mode: string;
		readonly id: number;
		readonly pids?: readonly Owner[];
	}[];
	readonly tc: readonly {
		readonly devname: string;
		readonly ifindex: number;
		/** `clsact/ingress`, `tcx/egress`, `netkit/peer` …; of another qdisc its kind. */
		readonly kind: string;
		/** Of another qdisc, or a class of one: `class 1:10`. */
		readonly at?: string;
		readonly name: string;
		readonly id: number;
		readonly link_id?: number;
		readonly pids?: readonly Owner[];
	}[];
	/** Of the network namespace. */
	readonly flow_dissector: readonly { readonly id: number; readonly pids?: readonly Owner[] }[];
}

const CHAINS: readonly (readonly [type: AttachType, kind: string])[] = [
	["tcx_ingress", "tcx/ingress"],
	["tcx_egress", "tcx/egress"],
	["netkit_primary", "netkit/primary"],
	["netkit_peer", "netkit/peer"],
];

/** Programs on the devices of our network namespace, or on one of them, in the order in which they run. @throws BpfError */
export function networkRows(kernel: Kernel, device?: string): NetworkRows {
	const { places } = kernel;
	if (!places) throw new NotSupportedError("net show", `the ${kernel.name} kernel does not list its devices`);
	const listing = places.networkPrograms();
	if (typeof listing === "number")
		throw refuse(kernel, { syscall: "netlink", errno: -listing, what: "list network devices" });
	const devices = listing.devices.filter(({ name }) => device === undefined || name === device);
	if (device !== undefined && devices.length === 0) {
		const names = listing.devices.map(({ name }) => name).join(", ");
		throw new BpfError("ENODEV", `there is no network device ${device}; there are ${names}`);
	}
	const programs = listing.programs.filter((each) => device === undefined || each.device === device);
	const chained = devices.flatMap(({ ifindex, name }) =>
		CHAINS.flatMap(([type, kind]) =>
			query(kernel, { ifindex }, type).map(({ id, linkId }) => ({
				devname: name,
				ifindex,
				kind,
				name: programName(kernel, id),
				id,
				...(linkId === 0 ? {} : { link_id: linkId }),
			})),
		),
	);
	return {
		xdp: programs
			.filter(({ hook }) => hook.startsWith("xdp/"))
			.map(({ device: devname, ifindex, hook, id }) => ({ devname, ifindex, mode: hook.slice(4), id })),
		tc: [
			...chained,
			...programs
				.filter(({ hook }) => !hook.startsWith("xdp/"))
				.map(({ device: devname, ifindex, hook, name, id }) => ({ devname, ifindex, ...kindOf(hook), name, id })),
		],
		flow_dissector: flowDissectors(kernel),
	};
}

/** `class htb 1:10` as bpftool has it, and where exactly. */
function kindOf(hook: string): { readonly kind: string; readonly at?: string } {
	const [what, kind, handle] = hook.split(" ");
	return handle === undefined ? { kind: hook } : { kind: kind!, at: `${what} ${handle}` };
}

/** What is attached to a network namespace as a whole. `path`: a file that it is. */
export function namespacePrograms(
	kernel: Kernel,
	path: string,
): { readonly hook: AttachType; readonly ids: number[] }[] {
	const number = kernel.places?.open(path) ?? -1;
	if (number < 0) return [];
	using fd = new Fd(kernel, number, `network namespace ${path}`);
	return (["flow_dissector", "sk_lookup"] as const)
		.map((hook) => ({ hook, ids: query(kernel, { fd: fd.number }, hook).map(({ id }) => id) }))
		.filter(({ ids }) => ids.length > 0);
}

/** Nothing where a hook is none of this kernel's, or of this device's. */
function query(kernel: Kernel, target: { readonly ifindex: number } | { readonly fd: number }, type: AttachType) {
	try {
		return queryPrograms(kernel, target, type).programs;
	} catch (error) {
		if (error instanceof BpfError && QUIET.has(error.code)) return [];
		throw error;
	}
}

const QUIET: ReadonlySet<string> = new Set(["EINVAL", "ENODEV", "ENOENT", "ENXIO", "EACCES", "EOPNOTSUPP"]);

function programName(kernel: Kernel, id: number): string {
	const number = openById(kernel, "prog", id);
	if (number === undefined) return "";
	using fd = new Fd(kernel, number, `program ${id}`);
	return infoOf(kernel, "prog", fd.number).name;
}

function flowDissectors(kernel: Kernel): { id: number }[] {
	const number = kernel.places!.open("/proc/self/ns/net");
	if (number < 0) throw new BpfError(errnoName(number), `cannot open /proc/self/ns/net: ${errnoName(number)}`);
	using fd = new Fd(kernel, number, "network namespace");
	return query(kernel, { fd: fd.number }, "flow_dissector").map(({ id }) => ({ id }));
}

/** The rows with who holds what. */
export function ownedNetwork(view: View, { xdp, tc, flow_dissector }: NetworkRows): NetworkRows {
	return {
		xdp: xdp.map((row) => withOwners(view, row)),
		tc: tc.map((row) => withOwners(view, row)),
		flow_dissector: flow_dissector.map((row) => withOwners(view, row)),
	};
}

/** As bpftool writes it, and who holds what. */
export function networkText({ xdp, tc, flow_dissector }: NetworkRows): string {
	const held = (pids: readonly Owner[] | undefined) => (pids ? ` pids ${ownerText(pids)}` : "");
	return [
		"xdp:",
		...xdp.map((each) => `${each.devname}(${each.ifindex}) ${each.mode} id ${each.id}${held(each.pids)}`),
		"",
		"tc:",
		...tc.map((each) => {
			const link = each.link_id === undefined ? "" : ` link_id ${each.link_id}`;
			return `${each.devname}(${each.ifindex}) ${each.kind} ${each.name} id ${each.id}${link}${held(each.pids)}`;
		}),
		"",
		"flow_dissector:",
		...flow_dissector.map(({ id, pids }) => `id ${id}${held(pids)}`),
		"",
	]
		.map((line) => `${line}\n`)
		.join("");
}
