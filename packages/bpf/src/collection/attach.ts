import { BpfError, NotSupportedError } from "#base";
import type { Kernel } from "#kernel";
import {
	attachCgroup,
	attachClassifier,
	attachIterator,
	attachKprobe,
	attachKprobeMulti,
	attachKsyscall,
	attachLirc,
	attachNetfilter,
	attachNetkit,
	attachNetns,
	attachPerfEvent,
	attachRawTracepoint,
	attachReplacement,
	attachRoute,
	attachSocket,
	attachSockmap,
	attachTc,
	attachTcx,
	attachTracepoint,
	attachTracing,
	attachUprobe,
	attachUprobeMulti,
	attachUsdt,
	attachXdp,
	type BpfMap,
	type IteratorTarget,
	type Link,
	type Program,
	refuse,
} from "#live";
import type { AttachPlan, AttachTarget } from "./plan.ts";

/** Maps that `usdt.bpf.h` brings. */
const USDT_SPECS = "__bpf_usdt_specs";
const USDT_IPS = "__bpf_usdt_ip_to_spec_id";

/** Does what a plan says. `maps` are those of the program's collection. @throws what attaching throws; BpfError ERR_NO_TARGET */
export function attachPlanned(
	program: Program,
	plan: AttachPlan,
	target: AttachTarget,
	maps: ReadonlyMap<string, BpfMap>,
): Link {
	const { name } = program;
	const cookie = target.cookie === undefined ? {} : { cookie: target.cookie };
	switch (plan.way) {
		case "tracepoint":
			return attachTracepoint(program, plan.category, plan.name, cookie);
		case "raw_tracepoint":
			return attachRawTracepoint(program, plan.name, cookie);
		case "tracing":
			return attachTracing(program, { target: plan.target, ...cookie });
		case "replacement":
			return attachReplacement(program, { target: plan.target });
		case "kprobe":
			return attachKprobe(program, plan.at);
		case "ksyscall":
			return attachKsyscall(program, plan.name, { return: plan.return, ...cookie });
		case "kprobe_multi":
			return attachKprobeMulti(program, plan.at);
		case "uprobe":
			return attachUprobe(program, plan.at);
		case "uprobe_multi":
			return attachUprobeMulti(program, plan.at);
		case "usdt": {
			const specs = maps.get(USDT_SPECS);
			const ipToSpecId = maps.get(USDT_IPS);
			return attachUsdt(program, { ...plan.at, ...(specs ? { specs } : {}), ...(ipToSpecId ? { ipToSpecId } : {}) });
		}
		case "perf_event":
			return attachPerfEvent(program, plan.sampling);
		case "iterator":
			return attachOverTarget(program, plan.name, target, maps);
		case "cgroup":
			return attachCgroup(program, plan.cgroup, {
				...position(target),
				...(plan.attachType ? { attachType: plan.attachType } : {}),
				...(target.way === "netlink" || target.way === undefined ? {} : { way: target.way }),
				...(target.share ? { share: target.share } : {}),
				...(target.replace ? { replace: target.replace } : {}),
			});
		case "netns":
			return attachNetns(program, plan.namespace);
		case "sockmap": {
			const map = mapOf(name, target, maps);
			return attachSockmap(program, map, {
				...(plan.attachType ? { attachType: plan.attachType } : {}),
				...(target.way === "netlink" || target.way === undefined ? {} : { way: target.way }),
			});
		}
		case "netfilter":
			return attachNetfilter(program, plan.at);
		case "socket":
			return attachSocket(program, plan.socket);
		case "lirc":
			return attachLirc(program, plan.device);
		case "xdp":
		case "tc":
		case "tcx":
		case "netkit":
		case "route":
			return attachToDevice(program, plan, target);
		case "none":
			if (plan.wants) throw new BpfError("ERR_NO_TARGET", `cannot attach ${name}: ${plan.why}; say the ${plan.wants}`);
			throw new NotSupportedError(`attaching ${name}`, plan.why);
	}
}

type DevicePlan = Extract<AttachPlan, { way: "xdp" | "tc" | "tcx" | "netkit" | "route" }>;

function attachToDevice(program: Program, plan: DevicePlan, target: AttachTarget): Link {
	const device = typeof plan.device === "number" ? `ifindex ${plan.device}` : plan.device;
	const ifindex = interfaceIndex(program.kernel, program.name, plan.device);
	switch (plan.way) {
		case "xdp":
			return attachXdp(program, ifindex, {
				device,
				...(plan.mode ? { mode: plan.mode } : {}),
				...(target.way === "prog_attach" || target.way === undefined ? {} : { way: target.way }),
			});
		case "tcx": {
			const options = { direction: plan.direction, device, ...position(target) };
			return target.way === "bpf_link"
				? attachTcx(program, ifindex, options)
				: attachClassifier(program, ifindex, options);
		}
		case "tc":
			return attachTc(program, ifindex, {
				direction: plan.direction,
				device,
				...(target.priority === undefined ? {} : { priority: target.priority }),
				...(target.handle === undefined ? {} : { handle: target.handle }),
			});
		case "netkit":
			return attachNetkit(program, ifindex, { side: plan.side, device, ...position(target) });
		case "route":
			return attachRoute(program, {
				destination: plan.destination,
				ifindex,
				...(plan.gateway === undefined ? {} : { gateway: plan.gateway }),
			});
	}
}

const position = ({ before, after, revision }: AttachTarget) => ({
	...(before === undefined ? {} : { before }),
	...(after === undefined ? {} : { after }),
	...(revision === undefined ? {} : { revision }),
});

function interfaceIndex(kernel: Kernel, name: string, device: number | string): number {
	if (typeof device === "number") return device;
	const ifindex = kernel.interfaceIndex(device);
	if (ifindex >= 0) return ifindex;
	const what = `attach ${name} to network device ${device}`;
	throw refuse(kernel, { syscall: "if_nametoindex", errno: -ifindex, what });
}

function mapOf(name: string, { map }: AttachTarget, maps: ReadonlyMap<string, BpfMap>): BpfMap {
	const found = typeof map === "string" ? maps.get(map) : map;
	if (found) return found;
	const known = [...maps.keys()].join(", ") || "none";
	throw new BpfError("ERR_NO_TARGET", `cannot attach ${name}: no map ${map} is loaded; there are: ${known}`);
}

function attachOverTarget(
	program: Program,
	name: string,
	target: AttachTarget,
	maps: ReadonlyMap<string, BpfMap>,
): Link {
	const over = (more: IteratorTarget) => attachIterator(program, more, name);
	if (target.map !== undefined) return over({ map: mapOf(program.name, target, maps) });
	if (target.task) return over({ task: target.task });
	if (target.cgroup === undefined) return over({});
	return over({ cgroup: { container: target.cgroup, ...(target.order ? { order: target.order } : {}) } });
}
