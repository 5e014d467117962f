import { BpfError } from "@skep/bpf/base";
import { errnoName, type Kernel, type LinkInfo } from "@skep/bpf/kernel";
import { Fd, openById, queryPrograms } from "@skep/bpf/live";
import { type AttachType, MAP_TYPES } from "@skep/bpf/uapi";
import { type CgroupRow, cgroupRows, cgroupsBelow } from "./cgroups.ts";
import { type View, withOwners } from "./context.ts";
import { attachType, netfilterHook, programType } from "./names.ts";
import type { NetworkNamespace } from "./namespaces.ts";
import { type NetworkRows, namespacePrograms, networkRows } from "./network.ts";
import { everyObject, infoOf } from "./objects.ts";
import type { Owner } from "./owners.ts";
import { programInfo } from "./programs.ts";

/** A program where it hangs. */
export interface HungProgram {
	readonly id: number;
	readonly type?: string | number;
	readonly name: string;
	readonly maps: readonly { readonly id: number; readonly name: string }[];
	readonly link_id?: number;
	/** Cgroups: it hangs on one above. */
	readonly inherited?: true;
	readonly pids?: readonly Owner[];
}

/** Programs of one hook, in the order in which they run. */
export interface HookPrograms {
	readonly hook: string;
	readonly programs: readonly HungProgram[];
}

/** What hangs where packets pass. */
export interface NetOverview {
	readonly namespaces: readonly {
		readonly inode?: number;
		readonly names: readonly string[];
		readonly processes: readonly { readonly pid: number; readonly comm: string }[];
		readonly process_count: number;
		readonly own: boolean;
		/** Why it could not be looked into. */
		readonly error?: string;
		readonly devices: readonly {
			readonly devname: string;
			readonly ifindex: number;
			readonly hooks: readonly HookPrograms[];
		}[];
		/** Of the namespace as a whole. */
		readonly hooks: readonly HookPrograms[];
	}[];
	/** Links of netfilter, by hook and priority: the kernel does not tell of which namespace. */
	readonly netfilter: readonly HookPrograms[];
	/** Sockets that were put into maps. */
	readonly sockmaps: readonly { readonly id: number; readonly name: string; readonly hooks: readonly HookPrograms[] }[];
	readonly cgroups: readonly { readonly cgroup: string; readonly hooks: readonly HookPrograms[] }[];
}

/** The way of a packet: what comes in, then what goes out. */
const ORDER = [
	"xdp/offload",
	"xdp/driver",
	"xdp/generic",
	"netkit/peer",
	"tcx/ingress",
	"clsact/ingress",
	"netkit/primary",
	"tcx/egress",
	"clsact/egress",
];

/** Gathers everything. Namespaces that we may not enter say so. @throws BpfError where the kernel lists nothing at all */
export function netOverview(view: View): NetOverview {
	const programs = new Programs(view);
	const links = netLinks(view.kernel);
	const own: NetworkNamespace = { inode: 0, path: "", names: [], processes: [], process_count: 0, own: true };
	const listed = view.machine.networks();
	const namespaces = (listed.length === 0 ? [own] : listed).map((each) => {
		const { inode, names, processes, process_count, path } = each;
		const head = { ...(inode === 0 ? {} : { inode }), names, processes, process_count, own: each.own };
		const inside = gatherInside(view.kernel, each);
		if (typeof inside === "string") return { ...head, error: inside, devices: [], hooks: [] };
		return {
			...head,
			devices: devicesOf(inside, programs, each.own ? links.xdp : new Map()),
			hooks:
				path === ""
					? []
					: namespacePrograms(view.kernel, path).map(({ hook, ids }) => ({
							hook,
							programs: ids.map((id) => programs.of(id)),
						})),
		};
	});
	return {
		namespaces,
		netfilter: netfilterOf(links.netfilter, programs),
		sockmaps: sockmapsOf(view.kernel, programs),
		cgroups: cgroupsOf(view.kernel, programs, links.cgroup),
	};
}

/** What hangs on the devices of a namespace, or why that is not known. */
function gatherInside(kernel: Kernel, { own, path }: NetworkNamespace): NetworkRows | string {
	if (own) return networkRows(kernel);
	const inside = kernel.places?.inNetwork?.(path, () => networkRows(kernel));
	return typeof inside === "object" ? inside : errnoName(inside ?? -95);
}

function devicesOf({ xdp, tc }: NetworkRows, programs: Programs, links: ReadonlyMap<string, number>) {
	const devices = new Map<number, { devname: string; ifindex: number; hooks: Map<string, HungProgram[]> }>();
	const add = (devname: string, ifindex: number, hook: string, program: HungProgram) => {
		const device = devices.get(ifindex) ?? { devname, ifindex, hooks: new Map<string, HungProgram[]>() };
		devices.set(ifindex, device);
		const known = device.hooks.get(hook);
		if (known) known.push(program);
		else device.hooks.set(hook, [program]);
	};
	for (const { devname, ifindex, mode, id } of xdp)
		add(devname, ifindex, `xdp/${mode}`, programs.of(id, links.get(`${ifindex} ${id}`)));
	for (const { devname, ifindex, kind, at, id, link_id } of tc)
		add(devname, ifindex, at === undefined ? kind : `${kind} ${at}`, programs.of(id, link_id));
	const place = (hook: string) => (ORDER.includes(hook) ? ORDER.indexOf(hook) : ORDER.length);
	return [...devices.values()]
		.sort((a, b) => a.ifindex - b.ifindex)
		.map(({ devname, ifindex, hooks }) => ({
			devname,
			ifindex,
			hooks: [...hooks].sort(([a], [b]) => place(a) - place(b)).map(([hook, all]) => ({ hook, programs: all })),
		}));
}

/** Looks each program up once. */
class Programs {
	readonly #view: View;
	readonly #known = new Map<number, Omit<HungProgram, "link_id" | "inherited">>();
	readonly #maps = new Map<number, string>();

	constructor(view: View) {
		this.#view = view;
	}

	of(id: number, link?: number, inherited?: boolean): HungProgram {
		let known = this.#known.get(id);
		if (!known) {
			known = this.#look(id);
			this.#known.set(id, known);
		}
		return withOwners(this.#view, {
			...known,
			...(link ? { link_id: link } : {}),
			...(inherited ? { inherited: true } : {}),
		});
	}

	#look(id: number): Omit<HungProgram, "link_id" | "inherited"> {
		const { kernel } = this.#view;
		const number = openById(kernel, "prog", id);
		if (number === undefined) return { id, name: "", maps: [] };
		using fd = new Fd(kernel, number, `program ${id}`);
		const { info, maps } = programInfo(kernel, fd.number);
		const { type, name } = info;
		return { id, type: programType(type), name, maps: maps.map((map) => ({ id: map, name: this.#mapName(map) })) };
	}

	#mapName(id: number): string {
		const known = this.#maps.get(id);
		if (known !== undefined) return known;
		const { kernel } = this.#view;
		const number = openById(kernel, "map", id);
		if (number === undefined) return "";
		using fd = new Fd(kernel, number, `map ${id}`);
		const { name } = infoOf(kernel, "map", fd.number);
		this.#maps.set(id, name);
		return name;
	}
}

/** Links by what they hang on. */
interface NetLinks {
	/** `ifindex program`: of our own namespace, for others count from 1 too. */
	readonly xdp: ReadonlyMap<string, number>;
	/** `attach_type program`: on which cgroups. */
	readonly cgroup: ReadonlyMap<string, readonly { readonly id: number; readonly cgroup: bigint }[]>;
	readonly netfilter: readonly LinkInfo[];
}

function netLinks(kernel: Kernel): NetLinks {
	const xdp = new Map<string, number>();
	const cgroup = new Map<string, { id: number; cgroup: bigint }[]>();
	const netfilter: LinkInfo[] = [];
	for (const fd of everyObject(kernel, "link")) {
		const info = infoOf(kernel, "link", fd);
		if (info.xdp) xdp.set(`${info.xdp.ifindex} ${info.prog_id}`, info.id);
		else if (info.cgroup) {
			const key = `${attachType(info.cgroup.attach_type)} ${info.prog_id}`;
			cgroup.set(key, [...(cgroup.get(key) ?? []), { id: info.id, cgroup: info.cgroup.cgroup_id }]);
		} else if (info.netfilter) netfilter.push(info);
	}
	return { xdp, cgroup, netfilter };
}

function netfilterOf(links: readonly LinkInfo[], programs: Programs): HookPrograms[] {
	const hooks = new Map<string, { priority: number; program: HungProgram }[]>();
	for (const { id, prog_id, netfilter } of links) {
		const { pf, hooknum, priority } = netfilter!;
		const hook = netfilterHook(pf, hooknum);
		hooks.set(hook, [...(hooks.get(hook) ?? []), { priority, program: programs.of(prog_id, id) }]);
	}
	return [...hooks].sort().map(([hook, all]) => ({
		hook,
		programs: all.sort((a, b) => a.priority - b.priority).map(({ program }) => program),
	}));
}

const SOCKMAP_HOOKS = ["sk_skb_stream_parser", "sk_skb_stream_verdict", "sk_skb_verdict", "sk_msg_verdict"] as const;

function sockmapsOf(kernel: Kernel, programs: Programs): NetOverview["sockmaps"] {
	const found: { id: number; name: string; hooks: HookPrograms[] }[] = [];
	for (const fd of everyObject(kernel, "map")) {
		const { type, id, name } = infoOf(kernel, "map", fd);
		if (type !== MAP_TYPES.sockmap.value && type !== MAP_TYPES.sockhash.value) continue;
		const hooks = SOCKMAP_HOOKS.flatMap((hook): HookPrograms[] => {
			const ids = attached(kernel, fd, hook);
			return ids.length === 0 ? [] : [{ hook, programs: ids.map((each) => programs.of(each)) }];
		});
		if (hooks.length > 0) found.push({ id, name, hooks });
	}
	return found;
}

/** Nothing where the kernel does not tell: sockmaps do since 5.18. */
function attached(kernel: Kernel, fd: number, hook: AttachType): number[] {
	try {
		return queryPrograms(kernel, { fd }, hook).programs.map(({ id }) => id);
	} catch (error) {
		if (error instanceof BpfError) return [];
		throw error;
	}
}

/** Cgroups on which something hangs, with all that runs there. */
function cgroupsOf(kernel: Kernel, programs: Programs, links: NetLinks["cgroup"]): NetOverview["cgroups"] {
	let folders: readonly string[];
	try {
		folders = cgroupsBelow(kernel);
	} catch (error) {
		// No cgroups of version 2 here: then nothing hangs on them.
		if (error instanceof BpfError) return [];
		throw error;
	}
	return folders.flatMap((cgroup) => {
		try {
			const own = cgroupRows(kernel, cgroup, false);
			if (own.length === 0) return [];
			const path = folders.filter((each) => cgroup === each || cgroup.startsWith(`${each}/`)).reverse();
			return [{ cgroup, hooks: cgroupHooks(kernel, programs, links, path, own) }];
		} catch (error) {
			// Gone since it was listed.
			if (error instanceof BpfError && error.code === "ERR_NO_TARGET") return [];
			throw error;
		}
	});
}

/** What runs in the first cgroup of a path up to the root, on which `own` hang. */
function cgroupHooks(
	kernel: Kernel,
	programs: Programs,
	links: NetLinks["cgroup"],
	path: readonly string[],
	own: readonly CgroupRow[],
): HookPrograms[] {
	const ids = path.map((each) => kernel.places?.cgroupId(each));
	const hooks = new Map<string, HungProgram[]>();
	const met = new Map<string, number>();
	for (const { id, attach_type } of cgroupRows(kernel, path[0]!, true)) {
		// One program may hang on several cgroups of the path; what hangs on the first comes first.
		const key = `${attach_type} ${id}`;
		const before = met.get(key) ?? 0;
		met.set(key, before + 1);
		const here = own.filter((row) => row.id === id && row.attach_type === attach_type).length;
		const inherited = before >= here;
		const held = (links.get(key) ?? [])
			.filter(({ cgroup }) => (inherited ? ids.indexOf(cgroup) > 0 : cgroup === ids[0]))
			.sort((a, b) => ids.indexOf(a.cgroup) - ids.indexOf(b.cgroup));
		const link = held[inherited ? before - here : before];
		hooks.set(attach_type, [...(hooks.get(attach_type) ?? []), programs.of(id, link?.id, inherited)]);
	}
	return [...hooks].map(([hook, all]) => ({ hook, programs: all }));
}
