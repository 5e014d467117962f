import type {
	Container,
	Direction,
	KprobeMultiTarget,
	KprobeTarget,
	NetfilterTarget,
	NetkitSide,
	PerfSampling,
	UprobeMultiTarget,
	UprobeTarget,
	UsdtTarget,
	XdpMode,
} from "#live";
import type { ProgramSpec } from "#spec";
import { type AttachType, sectionMeaning } from "#uapi";
import type { AttachTarget } from "./attach-target.ts";

export type { AttachTarget } from "./attach-target.ts";

type Device = number | string;

/** How a program would be attached, and why so. `wants`: what of `AttachTarget` must be said first. */
export type AttachPlan = { readonly why: string } & (
	| { readonly way: "tracepoint"; readonly category: string; readonly name: string }
	| { readonly way: "raw_tracepoint"; readonly name: string }
	| { readonly way: "tracing"; readonly target: string }
	| { readonly way: "replacement"; readonly target: string }
	| { readonly way: "xdp"; readonly device: Device; readonly mode: XdpMode | undefined }
	| { readonly way: "kprobe"; readonly at: KprobeTarget }
	| { readonly way: "ksyscall"; readonly name: string; readonly return: boolean }
	| { readonly way: "kprobe_multi"; readonly at: KprobeMultiTarget }
	| { readonly way: "uprobe"; readonly at: UprobeTarget }
	| { readonly way: "uprobe_multi"; readonly at: UprobeMultiTarget }
	| { readonly way: "usdt"; readonly at: UsdtTarget }
	| { readonly way: "perf_event"; readonly sampling: PerfSampling }
	| { readonly way: "iterator"; readonly name: string }
	| { readonly way: "tcx" | "tc"; readonly device: Device; readonly direction: Direction }
	| { readonly way: "netkit"; readonly device: Device; readonly side: NetkitSide }
	| { readonly way: "cgroup"; readonly cgroup: Container; readonly attachType: AttachType | undefined }
	| { readonly way: "netns"; readonly namespace: Container | undefined }
	| { readonly way: "sockmap"; readonly attachType: AttachType | undefined }
	| { readonly way: "netfilter"; readonly at: NetfilterTarget }
	| {
			readonly way: "route";
			readonly device: Device;
			readonly destination: string;
			readonly gateway: string | undefined;
	  }
	| { readonly way: "socket"; readonly socket: number }
	| { readonly way: "lirc"; readonly device: Container }
	| { readonly way: "none"; readonly wants: string | undefined }
);

/** Pure: the same spec and target give the same plan. A plan of way `none` says in `why` what stands in the way. */
export function planAttach(program: ProgramSpec, target: AttachTarget = {}): AttachPlan {
	const says = `section ${program.section}`;
	const event = target.event ?? program.attachTo;
	const wants = (what: string, why: string): AttachPlan => ({ way: "none", wants: what, why: `${says} ${why}` });
	const never = (why: string): AttachPlan => ({ way: "none", wants: undefined, why: `${says}: ${why}` });
	switch (program.type) {
		case "tracepoint": {
			const [category, name, ...rest] = (event ?? "").split("/");
			if (!category || !name || rest.length > 0) return wants("event", "names no tracepoint as category/name");
			return { way: "tracepoint", category, name, why: `${says}: a perf event of the tracepoint` };
		}
		case "raw_tracepoint":
		case "raw_tracepoint_writable":
			if (!event) return wants("event", "names no tracepoint");
			return { way: "raw_tracepoint", name: event, why: `${says}: the tracepoint itself, arguments raw` };
		case "tracing":
			if (program.attachType === "trace_iter") {
				const name = program.attachTo ?? program.name;
				if (OVER_MAPS.has(name) && target.map === undefined) return wants("map", "names no map to walk over");
				if (name === "cgroup" && target.cgroup === undefined) return wants("cgroup", "names no cgroup to begin at");
				return { way: "iterator", name, why: `${says}: an iterator runs when its link is read` };
			}
			return { way: "tracing", target: program.section, why: `${says}: the target was fixed when it was loaded` };
		case "lsm":
			if (program.attachType === "lsm_cgroup") return planCgroup(program, target);
			return { way: "tracing", target: program.section, why: `${says}: the hook was fixed when it was loaded` };
		case "ext":
			return { way: "replacement", target: program.section, why: `${says}: the function was fixed when it was loaded` };
		case "xdp":
			if (program.attachType === "xdp_devmap" || program.attachType === "xdp_cpumap") {
				return never("it runs from entries of a devmap or cpumap: put its descriptor into the map's values");
			}
			if (target.device === undefined) return wants("device", "names no network device");
			return { way: "xdp", device: target.device, mode: target.mode, why: `${says}: a bpf_link on the device` };
		case "kprobe":
			return planProbe(program, target);
		case "perf_event":
			if (!target.sampling)
				return wants("sampling", 'names no event that samples, as { sampling: { event: "cpu-clock", frequency: 99 } }');
			return { way: "perf_event", sampling: sampled(target.sampling, target), why: `${says}: perf events, one a CPU` };
		case "sched_cls":
			return planClassifier(program, target);
		case "sched_act":
			return never(
				"an action hangs in a filter of tc: tc filter add … action bpf pinned PATH; or build it as a classifier (tcx/ingress)",
			);
		case "sk_lookup":
		case "flow_dissector":
			return { way: "netns", namespace: target.namespace, why: `${says}: a bpf_link on the network namespace` };
		case "sk_msg":
		case "sk_skb":
			if (target.map === undefined) return wants("map", "names no sockmap");
			return { way: "sockmap", attachType: target.attachType, why: `${says}: on the map of sockets` };
		case "netfilter":
			if (!target.netfilter)
				return wants("netfilter", 'names no hook, as { netfilter: { family: "ipv4", hook: "input", priority: 0 } }');
			return { way: "netfilter", at: target.netfilter, why: `${says}: a bpf_link on the hook` };
		case "lwt_in":
		case "lwt_out":
		case "lwt_xmit":
			return planRoute(program, target);
		case "lwt_seg6local":
			return never(
				"it is an action of a route: ip -6 route add … encap seg6local action End.BPF endpoint object FILE section NAME dev DEV",
			);
		case "socket_filter":
		case "sk_reuseport":
			if (target.socket === undefined) return wants("socket", "names no socket");
			return { way: "socket", socket: target.socket, why: `${says}: setsockopt on the socket` };
		case "lirc_mode2":
			if (target.receiver === undefined) return wants("receiver", "names no infrared receiver, as /dev/lirc0");
			return { way: "lirc", device: target.receiver, why: `${says}: BPF_PROG_ATTACH on the device` };
		case "syscall":
			return never("it runs when it is asked to (testRun), and is attached to nothing");
		case "struct_ops":
			return never("its map is what is attached: attach the map by its name");
		case "cgroup_skb":
		case "cgroup_sock":
		case "cgroup_sock_addr":
		case "cgroup_sockopt":
		case "cgroup_sysctl":
		case "cgroup_device":
		case "sock_ops":
			return planCgroup(program, target);
	}
}

/** Iterators over the entries of one map. */
const OVER_MAPS: ReadonlySet<string> = new Set(["bpf_map_elem", "bpf_sk_storage_map"]);

const sampled = (sampling: PerfSampling, { pid, cookie }: AttachTarget): PerfSampling => ({
	...(pid === undefined ? {} : { pid }),
	...(cookie === undefined ? {} : { cookie }),
	...sampling,
});

function planCgroup(program: ProgramSpec, target: AttachTarget): AttachPlan {
	const says = `section ${program.section}`;
	if (target.cgroup === undefined) return { way: "none", wants: "cgroup", why: `${says} names no cgroup` };
	const attachType = target.attachType ?? program.attachType;
	if (program.type === "cgroup_skb" && attachType === undefined) {
		const why = `${says} does not say whether it sees what comes in or goes out (cgroup_inet_ingress, cgroup_inet_egress)`;
		return { way: "none", wants: "attachType", why };
	}
	return { way: "cgroup", cgroup: target.cgroup, attachType, why: `${says}: on the cgroup and those below it` };
}

function planRoute(program: ProgramSpec, { route, device }: AttachTarget): AttachPlan {
	const says = `section ${program.section}`;
	if (!route)
		return {
			way: "none",
			wants: "route",
			why: `${says} names no route, as { route: { destination: "10.1.0.0/16" }, device: "eth0" }`,
		};
	if (device === undefined) return { way: "none", wants: "device", why: `${says} names no network device` };
	return {
		way: "route",
		device,
		destination: route.destination,
		gateway: route.gateway,
		why: `${says}: a route through the program`,
	};
}

/** Attach types of classifiers: where they go. One row a type. */
// biome-ignore format: table
const DIRECTIONS: Readonly<Partial<Record<AttachType, Direction>>> = { tcx_ingress: "ingress", tcx_egress: "egress" };
// biome-ignore format: table
const SIDES: Readonly<Partial<Record<AttachType, NetkitSide>>> = { netkit_primary: "primary", netkit_peer: "peer" };

function planClassifier(program: ProgramSpec, target: AttachTarget): AttachPlan {
	const says = `section ${program.section}`;
	const { device } = target;
	if (device === undefined) return { way: "none", wants: "device", why: `${says} names no network device` };
	const said = program.attachType ?? sectionMeaning(program.section)?.attachType;
	const side = target.side ?? (said && SIDES[said]);
	if (side) return { way: "netkit", device, side, why: `${says}: a bpf_link on the netkit device` };
	const direction = target.direction ?? (said && DIRECTIONS[said]);
	if (!direction)
		return {
			way: "none",
			wants: "direction",
			why: `${says} does not say whether it sees what comes in or goes out (ingress, egress)`,
		};
	const filters = target.way === "netlink" || target.priority !== undefined || target.handle !== undefined;
	if (filters) return { way: "tc", device, direction, why: `${says}: a classifier in the qdisc clsact, as asked` };
	return { way: "tcx", device, direction, why: `${says}: a bpf_link on the device (clsact where the kernel has none)` };
}

/** kprobe, uprobe and usdt programs have one type: the section tells them apart. */
function planProbe(program: ProgramSpec, target: AttachTarget): AttachPlan {
	const says = `section ${program.section}`;
	const hook = program.hook ?? sectionMeaning(program.section)?.name ?? "kprobe";
	const kind = hook.replace(/\.s$/, "");
	const returns = kind.startsWith("kret") || kind.startsWith("uret");
	const cookie = target.cookie === undefined ? {} : { cookie: target.cookie };
	switch (kind) {
		case "kprobe":
		case "kretprobe": {
			const said = splitOffset(program.attachTo ?? "");
			const name = target.function ?? said.name;
			if (!name) return { way: "none", wants: "function", why: `${says} names no kernel function` };
			const offset = target.offset ?? (target.function === undefined ? said.offset : 0);
			const at = { function: name, offset, return: returns, ...cookie };
			if (returns && offset !== 0) return { way: "none", wants: "function", why: `${says}: a return has no offset` };
			return { way: "kprobe", at, why: `${says}: a perf event of the kernel function` };
		}
		case "ksyscall":
		case "kretsyscall": {
			const name = target.function ?? program.attachTo;
			if (!name) return { way: "none", wants: "function", why: `${says} names no system call` };
			return { way: "ksyscall", name, return: returns, why: `${says}: a perf event of the system call's function` };
		}
		case "kprobe.multi":
		case "kretprobe.multi":
		case "kprobe.session": {
			const pattern = target.pattern ?? (target.functions ? undefined : program.attachTo);
			if (!pattern && !target.functions)
				return { way: "none", wants: "pattern", why: `${says} names no kernel functions` };
			const at = {
				...(pattern ? { pattern } : {}),
				...(target.functions ? { functions: target.functions } : {}),
				...(target.cookies ? { cookies: target.cookies } : {}),
				return: returns,
			};
			return { way: "kprobe_multi", at, why: `${says}: one bpf_link on all of them` };
		}
		case "usdt":
			return planUsdt(program, target);
		default:
			return planUprobe(program, target, kind, returns);
	}
}

function planUsdt(program: ProgramSpec, target: AttachTarget): AttachPlan {
	const says = `section ${program.section}`;
	const [binary, provider, name] = lastColons(program.attachTo ?? "", 2);
	const at = {
		binary: target.binary ?? binary ?? "",
		provider: target.provider ?? provider ?? "",
		name: target.probe ?? name ?? "",
		...(target.pid === undefined ? {} : { pid: target.pid }),
		...(target.cookie === undefined ? {} : { cookie: target.cookie }),
	};
	if (!at.binary) return { way: "none", wants: "binary", why: `${says} names no program file` };
	if (!at.provider || !at.name) {
		const missing = at.provider ? "probe" : "provider";
		return { way: "none", wants: missing, why: `${says} names no probe as BINARY:PROVIDER:NAME` };
	}
	return { way: "usdt", at, why: `${says}: uprobes at every place of the probe` };
}

function planUprobe(program: ProgramSpec, target: AttachTarget, kind: string, returns: boolean): AttachPlan {
	const says = `section ${program.section}`;
	const [path, place = ""] = lastColons(program.attachTo ?? "", 1);
	const binary = target.binary ?? path;
	if (!binary) return { way: "none", wants: "binary", why: `${says} names no program file` };
	const pid = target.pid === undefined ? {} : { pid: target.pid };
	if (kind.endsWith(".multi") || kind.endsWith(".session")) {
		const pattern = target.pattern ?? (target.functions ? undefined : place);
		if (!pattern && !target.functions)
			return { way: "none", wants: "pattern", why: `${says} names no functions of ${binary}` };
		const at = {
			binary,
			...(pattern ? { pattern } : {}),
			...(target.functions ? { functions: target.functions } : {}),
			...(target.cookies ? { cookies: target.cookies } : {}),
			...pid,
			return: returns,
		};
		return { way: "uprobe_multi", at, why: `${says}: one bpf_link on all of them` };
	}
	const said = splitOffset(place);
	const name = target.function ?? (target.offset === undefined ? said.name : "");
	const offset = target.offset ?? (target.function === undefined ? said.offset : 0);
	if (!name && offset === 0) return { way: "none", wants: "function", why: `${says} names no function of ${binary}` };
	const at = {
		binary,
		...(name ? { function: name } : {}),
		offset,
		return: returns,
		...pid,
		...(target.cookie === undefined ? {} : { cookie: target.cookie }),
	};
	return { way: "uprobe", at, why: `${says}: a perf event of the place in the file` };
}

/** `vfs_read+0x10`: a name and bytes from there; `0x1234` and `1234` alone: bytes from the beginning. */
function splitOffset(text: string): { readonly name: string; readonly offset: number } {
	if (/^(0x[0-9a-fA-F]+|\d+)$/.test(text)) return { name: "", offset: Number(text) };
	const [, name = text, offset = "0"] = /^(.+)\+(0x[0-9a-fA-F]+|\d+)$/.exec(text) ?? [];
	return { name, offset: Number(offset) };
}

/** Splits at the last `count` colons: paths may have some. */
function lastColons(text: string, count: number): string[] {
	const parts = text.split(":");
	return [
		parts.slice(0, Math.max(1, parts.length - count)).join(":"),
		...parts.slice(Math.max(1, parts.length - count)),
	];
}
