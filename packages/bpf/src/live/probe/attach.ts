import { BpfError, NotSupportedError, PermissionError } from "#base";
import { ERRNO, errnoName, type Kernel } from "#kernel";
import { type AttachType, attachTypeSince, PROG_FLAGS, PROGRAM_TYPES, type ProgramType } from "#uapi";
import { attachCgroup } from "../link/cgroup.ts";
import { attachIterator } from "../link/iterator.ts";
import { attachKprobe, attachKsyscall } from "../link/kprobe.ts";
import { attachKprobeMulti } from "../link/kprobe-multi.ts";
import type { Link } from "../link/link.ts";
import { attachRoute } from "../link/lwt.ts";
import { attachNetfilter } from "../link/netfilter.ts";
import { attachNetns } from "../link/netns.ts";
import { attachPerfEvent } from "../link/perf-event.ts";
import { attachRawTracepoint } from "../link/raw-tracepoint.ts";
import { attachSocket } from "../link/socket.ts";
import { attachSockmap } from "../link/sockmap.ts";
import { attachTc } from "../link/tc.ts";
import { attachNetkit, attachTcx } from "../link/tcx.ts";
import { attachTracepoint } from "../link/tracepoint.ts";
import { attachTracing } from "../link/tracing.ts";
import { attachUprobe, attachUprobeMulti } from "../link/uprobe.ts";
import { attachXdp } from "../link/xdp.ts";
import { BpfMap } from "../map.ts";
import { Program, type ProgramBlueprint } from "../program.ts";
import { IteratorReader } from "../reader/iterator.ts";
import { kernelId, slot } from "./ask.ts";
import { tryCongestionControl, tryReplacement, tryRun } from "./attach-special.ts";

/**
 * What came of really attaching. `refused`: the kernel has it, but not for this process (privilege, lockdown, a policy);
 * `silent`: it is attached and never runs; `unknown`: nothing is here to try it on.
 */
export type AttachAnswer = "yes" | "no" | "refused" | "silent" | "unknown";

export interface AttachTrial {
	readonly answer: AttachAnswer;
	/** Of `yes`: what was done otherwise than by a bpf_link. */
	readonly note?: string | undefined;
	/** Of the others: what the kernel said, in skep's words. */
	readonly why?: string;
	/** Code of the refusal: `EPERM`, `ERR_NOT_SUPPORTED`. */
	readonly code?: string;
}

/** Where a trial takes place. */
interface Place {
	readonly kernel: Kernel;
	/** A loopback device of a namespace of its own; on kernels without namespaces, the first device. */
	readonly ifindex: number;
	/** A cgroup of its own. */
	readonly cgroup: number;
}

interface Kind {
	readonly type: ProgramType;
	readonly attachType?: AttachType;
	/** First mainline kernel, where the attach type does not tell. */
	readonly since?: string;
	/** What the program returns. Default 0. */
	readonly result?: number;
	readonly flags?: number;
	/** What it names at load, by BTF: the first of these that the kernel has. */
	readonly target?: readonly [kind: "typedef" | "func", ...names: string[]];
	readonly where?: "network" | "cgroup";
	attach?(program: Program, place: Place): Link;
	/** Instead of `attach`: loads its programs itself, and closes what it attached. */
	alone?(kernel: Kernel): void;
	/** Makes the program run. A program that does not run then is `silent`. */
	fire?(program: Program, link: Link): void;
}

/** Called by nobody but the kernel's own tests. */
const QUIET = "bpf_fentry_test1";
const SLEEPABLE = PROG_FLAGS.BPF_F_SLEEPABLE;
/** Opens a file in the calling thread: system calls, LSM hooks. */
const opens = ({ kernel }: Program): void => {
	const fd = kernel.host?.open("/") ?? -1;
	if (fd >= 0) kernel.close(fd);
};
/** A test run of a tracing program calls what those of the kernel's own tests hang on. */
const testRun = ({ kernel, fd }: Program): void => void kernel.bpf("PROG_TEST_RUN", { prog_fd: fd.number });
const onCgroup = (program: Program, { cgroup }: Place): Link => attachCgroup(program, cgroup);
const tracing = (program: Program): Link => attachTracing(program);

/** Kinds of attaching, named as sections are. One row a kind. */
// biome-ignore format: table
const KINDS = {
	tracepoint: { type: "tracepoint", attach: (program) => attachTracepoint(program, "syscalls", "sys_enter_openat"), fire: opens },
	raw_tp: { type: "raw_tracepoint", attach: (program) => attachRawTracepoint(program, "sys_enter"), fire: opens },
	tp_btf: { type: "tracing", attachType: "trace_raw_tp", target: ["typedef", "btf_trace_sys_enter"], attach: tracing, fire: opens },
	fentry: { type: "tracing", attachType: "trace_fentry", target: ["func", QUIET], attach: tracing, fire: testRun },
	"fentry.s": { type: "tracing", attachType: "trace_fentry", since: "5.10", flags: SLEEPABLE, target: ["func", QUIET], attach: tracing, fire: testRun },
	fexit: { type: "tracing", attachType: "trace_fexit", target: ["func", QUIET], attach: tracing, fire: testRun },
	fmod_ret: { type: "tracing", attachType: "modify_return", target: ["func", "security_file_open"], attach: tracing, fire: opens },
	fsession: { type: "tracing", attachType: "trace_fsession", target: ["func", QUIET], attach: tracing, fire: testRun },
	freplace: { type: "ext", alone: tryReplacement },
	lsm: { type: "lsm", attachType: "lsm_mac", target: ["func", "bpf_lsm_file_open"], attach: tracing, fire: opens },
	"lsm.s": { type: "lsm", attachType: "lsm_mac", since: "5.11", flags: SLEEPABLE, target: ["func", "bpf_lsm_file_open"], attach: tracing, fire: opens },
	lsm_cgroup: { type: "lsm", attachType: "lsm_cgroup", target: ["func", "bpf_lsm_socket_bind"], where: "cgroup", result: 1, attach: onCgroup },
	kprobe: { type: "kprobe", attach: (program) => attachKprobe(program, { function: QUIET }) },
	kretprobe: { type: "kprobe", attach: (program) => attachKprobe(program, { function: QUIET, return: true }) },
	ksyscall: { type: "kprobe", attach: (program) => attachKsyscall(program, "openat"), fire: opens },
	"kprobe.multi": { type: "kprobe", attachType: "trace_kprobe_multi", attach: (program) => attachKprobeMulti(program, { functions: [QUIET] }) },
	"kprobe.session": { type: "kprobe", attachType: "trace_kprobe_session", attach: (program) => attachKprobeMulti(program, { functions: [QUIET] }) },
	uprobe: { type: "kprobe", since: "4.3", attach: (program) => attachUprobe(program, { binary: "libc.so.6", function: "getppid" }) },
	uretprobe: { type: "kprobe", since: "4.3", attach: (program) => attachUprobe(program, { binary: "libc.so.6", function: "getppid", return: true }) },
	"uprobe.s": { type: "kprobe", since: "6.0", flags: SLEEPABLE, attach: (program) => attachUprobe(program, { binary: "libc.so.6", function: "getppid" }) },
	"uprobe.multi": { type: "kprobe", attachType: "trace_uprobe_multi", attach: (program) => attachUprobeMulti(program, { binary: "libc.so.6", functions: ["getppid"] }) },
	"uprobe.session": { type: "kprobe", attachType: "trace_uprobe_session", attach: (program) => attachUprobeMulti(program, { binary: "libc.so.6", functions: ["getppid"] }) },
	"perf_event (software)": { type: "perf_event", attach: (program) => attachPerfEvent(program, { event: "cpu-clock", cpus: [0] }) },
	"perf_event (hardware)": { type: "perf_event", attach: (program) => attachPerfEvent(program, { event: "cycles", cpus: [0] }) },
	iter: { type: "tracing", attachType: "trace_iter", target: ["func", "bpf_iter_task"], attach: (program) => attachIterator(program), fire: (_program, link) => readOnce(link) },
	"iter.s": { type: "tracing", attachType: "trace_iter", since: "5.18", flags: SLEEPABLE, target: ["func", "bpf_iter_task"], attach: (program) => attachIterator(program), fire: (_program, link) => readOnce(link) },
	"xdp (generic)": { type: "xdp", since: "4.12", where: "network", attach: (program, { ifindex }) => attachXdp(program, ifindex, { mode: "generic" }) },
	"xdp (native)": { type: "xdp", where: "network", attach: (program, place) => attachXdp(program, device(place, "veth"), { mode: "native" }) },
	tcx: { type: "sched_cls", since: "6.6", where: "network", attach: (program, { ifindex }) => attachTcx(program, ifindex, { direction: "ingress" }) },
	tc: { type: "sched_cls", since: "4.5", where: "network", attach: (program, { ifindex }) => attachTc(program, ifindex, { direction: "ingress" }) },
	netkit: { type: "sched_cls", attachType: "netkit_primary", where: "network", attach: (program, place) => attachNetkit(program, device(place, "netkit"), { side: "primary" }) },
	netfilter: { type: "netfilter", attachType: "netfilter", where: "network", result: 1, attach: (program) => attachNetfilter(program, { family: "ipv4", hook: "input" }) },
	flow_dissector: { type: "flow_dissector", attachType: "flow_dissector", where: "network", attach: (program) => attachNetns(program) },
	sk_lookup: { type: "sk_lookup", attachType: "sk_lookup", where: "network", result: 1, attach: (program) => attachNetns(program) },
	lwt_xmit: { type: "lwt_xmit", where: "network", attach: (program, { ifindex }) => attachRoute(program, { destination: "10.255.255.0/24", ifindex }) },
	socket: { type: "socket_filter", where: "network", attach: (program, place) => onSocket(program, place, "udp") },
	sk_reuseport: { type: "sk_reuseport", attachType: "sk_reuseport_select", since: "4.19", where: "network", attach: (program, place) => onSocket(program, place, "tcp") },
	"sk_skb/stream_verdict": { type: "sk_skb", attachType: "sk_skb_stream_verdict", where: "network", attach: onSockmap },
	sk_msg: { type: "sk_msg", attachType: "sk_msg_verdict", where: "network", attach: onSockmap },
	"cgroup_skb/egress": { type: "cgroup_skb", attachType: "cgroup_inet_egress", where: "cgroup", result: 1, attach: onCgroup },
	"cgroup/sock_create": { type: "cgroup_sock", attachType: "cgroup_inet_sock_create", where: "cgroup", result: 1, attach: onCgroup },
	"cgroup/connect4": { type: "cgroup_sock_addr", attachType: "cgroup_inet4_connect", where: "cgroup", result: 1, attach: onCgroup },
	"cgroup/connect_unix": { type: "cgroup_sock_addr", attachType: "cgroup_unix_connect", where: "cgroup", result: 1, attach: onCgroup },
	"cgroup/getsockopt": { type: "cgroup_sockopt", attachType: "cgroup_getsockopt", where: "cgroup", result: 1, attach: onCgroup },
	"cgroup/sysctl": { type: "cgroup_sysctl", attachType: "cgroup_sysctl", where: "cgroup", result: 1, attach: onCgroup },
	"cgroup/dev": { type: "cgroup_device", attachType: "cgroup_device", where: "cgroup", result: 1, attach: onCgroup },
	sockops: { type: "sock_ops", attachType: "cgroup_sock_ops", where: "cgroup", result: 1, attach: onCgroup },
	struct_ops: { type: "struct_ops", alone: tryCongestionControl },
	"syscall (test run)": { type: "syscall", alone: tryRun },
} as const satisfies Readonly<Record<string, Kind>>;

/** What `probeAttach` can be asked. */
export type AttachKind = keyof typeof KINDS;

/** Every kind: its program's type, and the first mainline kernel. */
export const ATTACH_KINDS: readonly {
	readonly name: AttachKind;
	readonly type: ProgramType;
	readonly since: string;
}[] = (Object.keys(KINDS) as AttachKind[]).map((name) => {
	const row: Kind = KINDS[name];
	const since = row.since ?? (row.attachType ? attachTypeSince(row.attachType) : PROGRAM_TYPES[row.type].since);
	return { name, type: row.type, since };
});

/**
 * Whether programs of a kind can be attached: by attaching one that only counts, to something that was made for it where there is
 * such a thing, and taking it off at once. Leaves nothing. A kind whose hook is the whole system's runs for that moment.
 */
export function probeAttach(kernel: Kernel, kind: AttachKind): AttachTrial {
	const row: Kind = KINDS[kind];
	try {
		const came = inPlace(kernel, row, (place) => attempt(row, place));
		if (typeof came !== "number") return came;
		const code = errnoName(-came);
		const what = row.where === "network" ? "a network namespace" : "a cgroup (version 2)";
		return { answer: "unknown", code, why: `${what} to try it in cannot be made: ${code}` };
	} catch (error) {
		if (!(error instanceof BpfError)) throw error;
		return refusalOf(error);
	}
}

function refusalOf(error: BpfError): AttachTrial {
	const { code } = error;
	const why = error.message;
	if (error instanceof PermissionError) return { answer: "refused", code, why };
	return { answer: code === NOTHING_HERE ? "unknown" : "no", code, why };
}

/** Nothing to try it on. */
const NOTHING_HERE = "ERR_NO_BINARY";

function inPlace(kernel: Kernel, row: Kind, body: (place: Place) => AttachTrial): AttachTrial | number {
	const sandbox = kernel.host?.sandbox;
	if (row.where === undefined) return body({ kernel, ifindex: 0, cgroup: -1 });
	if (row.where === "network") {
		// A kernel without namespaces is one that nobody else uses.
		const inside = () => body({ kernel, ifindex: kernel.interfaceIndex("lo"), cgroup: -1 });
		return sandbox ? sandbox.network(inside) : inside();
	}
	if (sandbox) return sandbox.cgroup((cgroup) => body({ kernel, ifindex: 0, cgroup }));
	const found = kernel.places?.cgroups();
	const root = typeof found === "object" ? found[0] : undefined;
	if (!kernel.places || root === undefined)
		throw new NotSupportedError("attaching to cgroups", `the ${kernel.name} kernel has none`);
	const cgroup = kernel.places.open(root);
	if (cgroup < 0) return cgroup;
	try {
		return body({ kernel, ifindex: 0, cgroup });
	} finally {
		kernel.close(cgroup);
	}
}

function attempt(row: Kind, place: Place): AttachTrial {
	const { kernel } = place;
	if (row.alone) {
		row.alone(kernel);
		return { answer: "yes" };
	}
	using seen = row.fire
		? BpfMap.create(kernel, { name: "trial", type: "array", keySize: 4, valueSize: 8, maxEntries: 1 })
		: undefined;
	using program = Program.load(kernel, blueprint(kernel, row, seen));
	using link = row.attach?.(program, place);
	if (!link) return { answer: "unknown" };
	// On a kernel of its own nothing happens that nobody makes happen.
	if (!row.fire || !seen || !kernel.host) return { answer: "yes", note: link.note };
	row.fire(program, link);
	const count = seen.lookup(new Uint8Array(4));
	if (count?.some((byte) => byte !== 0)) return { answer: "yes", note: link.note };
	return { answer: "silent", why: "it is attached, and does not run when what it hangs on happens" };
}

/** Counts its runs where there is a map, and returns. */
function blueprint(kernel: Kernel, row: Kind, seen: BpfMap | undefined): ProgramBlueprint {
	const id = row.target && named(kernel, row.target);
	const count = seen
		? [...slot(0x18, 1, 2, 0, seen.fd.number), ...slot(0), ...slot(0xb7, 2, 0, 0, 1), ...slot(0xdb, 1, 2, 0, 0)]
		: [];
	return {
		name: "skep_trial",
		type: row.type,
		license: "GPL",
		insns: new Uint8Array([...count, ...slot(0xb7, 0, 0, 0, row.result ?? 0), ...slot(0x95)]),
		...(row.attachType === undefined ? {} : { attachType: row.attachType }),
		...(row.flags === undefined ? {} : { flags: row.flags }),
		...(id === undefined ? {} : { attachBtfId: id }),
	};
}

/** @throws NotSupportedError where the kernel has none of them, or shows no types */
function named(kernel: Kernel, [kind, ...names]: NonNullable<Kind["target"]>): number {
	for (const name of names) {
		const id = kernelId(kernel, name, kind);
		if (id !== undefined) return id;
	}
	throw new NotSupportedError(names.join(", "), "the kernel's types (BTF) do not name it");
}

function readOnce(link: Link): void {
	using reader = new IteratorReader(link);
	reader.read();
}

/** @throws NotSupportedError where such a device cannot be made */
function device({ kernel }: Place, type: "veth" | "netkit"): number {
	const made = kernel.host?.sandbox.device(type) ?? -ERRNO.EOPNOTSUPP;
	if (made === -ERRNO.EPERM) throw new PermissionError(`a ${type} device cannot be made: EPERM`, ["CAP_NET_ADMIN"]);
	if (made >= 0) return made;
	throw new NotSupportedError(`${type} devices`, `none can be made: ${errnoName(-made)}`);
}

function onSocket(program: Program, { kernel }: Place, type: "tcp" | "udp"): Link {
	const socket = kernel.host?.sandbox.socket(type) ?? -ERRNO.EOPNOTSUPP;
	if (socket < 0) throw new NotSupportedError("sockets", `none can be made: ${errnoName(-socket)}`);
	try {
		// The socket goes with its last descriptor, and the program with the socket.
		const link = attachSocket(program, socket);
		link.close();
		return link;
	} finally {
		kernel.close(socket);
	}
}

function onSockmap(program: Program, { kernel }: Place): Link {
	using map = BpfMap.create(kernel, { name: "trial", type: "sockmap", keySize: 4, valueSize: 4, maxEntries: 1 });
	const link = attachSockmap(program, map);
	link.close();
	return link;
}
