import { BpfError } from "@skep/bpf/base";
import { ERRNO, type Kernel } from "@skep/bpf/kernel";
import { type Fd, queryPrograms, refuse } from "@skep/bpf/live";
import { ATTACH_TYPES, type AttachType, XDP_FLAGS } from "@skep/bpf/uapi";
import type { Words } from "#cli";
import { infoOf, namesObject, openOne, programType, takeSelector } from "#inspect";
import { type Desk, done, type Task } from "./desk.ts";

/** Where a program hangs on a device: XDP in a mode, or a chain of programs. */
type Hook = { readonly flags: number } | { readonly chain: AttachType };

/** bpftool's words, and netkit's chains. */
export const NET_HOOKS: Readonly<Record<string, Hook>> = {
	xdp: { flags: 0 },
	xdpgeneric: { flags: XDP_FLAGS.XDP_FLAGS_SKB_MODE },
	xdpdrv: { flags: XDP_FLAGS.XDP_FLAGS_DRV_MODE },
	xdpoffload: { flags: XDP_FLAGS.XDP_FLAGS_HW_MODE },
	tcx_ingress: { chain: "tcx_ingress" },
	tcx_egress: { chain: "tcx_egress" },
	netkit_primary: { chain: "netkit_primary" },
	netkit_peer: { chain: "netkit_peer" },
};

/** `attach ATTACH_TYPE PROG dev NAME [overwrite]`. */
export const attach: Task = (words, desk) => {
	const type = words.choice(Object.keys(NET_HOOKS), "attach type");
	const selector = takeSelector("prog", words);
	const device = takeDevice(words, desk.kernel);
	const overwrite = words.skip("overwrite");
	words.end();
	using program = openOne(desk.kernel, "prog", selector);
	const what = `attach ${program.what} to ${device.name} (${type})`;
	const hook = NET_HOOKS[type]!;
	if ("chain" in hook) attachToChain(desk, program, device, hook.chain, overwrite, what);
	else attachXdp(desk.kernel, program, device, hook.flags, overwrite, what);
	return done(desk);
};

/** `detach ATTACH_TYPE [PROG] dev NAME`. */
export const detach: Task = (words, desk) => {
	const type = words.choice(Object.keys(NET_HOOKS), "attach type");
	const selector = namesObject("prog", words) ? takeSelector("prog", words) : undefined;
	const device = takeDevice(words, desk.kernel);
	words.end();
	const { kernel } = desk;
	using program = selector && openOne(kernel, "prog", selector);
	const hook = NET_HOOKS[type]!;
	if ("chain" in hook) detachFromChain(kernel, program, device, hook.chain);
	else detachXdp(kernel, program, device, hook.flags, type);
	return done(desk);
};

interface Device {
	readonly name: string;
	readonly ifindex: number;
}

function takeDevice(words: Words, kernel: Kernel): Device {
	words.oneOf(["dev"], "word before the device");
	const name = words.next("the device");
	const ifindex = kernel.interfaceIndex(name);
	if (ifindex > 0) return { name, ifindex };
	const listing = kernel.places?.networkPrograms();
	const names = typeof listing === "object" ? listing.devices.map((each) => each.name).join(", ") : "";
	throw new BpfError("ENODEV", `there is no network device ${name}${names === "" ? "" : `; there are ${names}`}`);
}

/** What netlink says of an XDP program; links are no business of it. */
function attachXdp(
	kernel: Kernel,
	program: Fd,
	{ ifindex, name }: Device,
	mode: number,
	overwrite: boolean,
	what: string,
): void {
	const flags = mode | (overwrite ? 0 : XDP_FLAGS.XDP_FLAGS_UPDATE_IF_NOEXIST);
	const result = askNetwork(kernel, { kind: "xdp", ifindex, program: program.number, flags });
	if (result === -ERRNO.EBUSY) {
		const there = xdpAt(kernel, ifindex).map(({ id, mode }) => `program ${id} (${mode})`);
		const next = overwrite
			? "a link holds it there: skep link show; skep link detach"
			: "say overwrite to take its place, or detach it first";
		throw new BpfError("EBUSY", `cannot ${what}: ${there.join(", ") || "another program"} is there; ${next}`);
	}
	if (result === -ERRNO.EEXIST) {
		const there = xdpAt(kernel, ifindex).map(({ id, mode }) => `program ${id} (${mode})`);
		throw new BpfError(
			"EEXIST",
			`cannot ${what}: ${there.join(", ")} runs on ${name} in another mode; detach it first`,
		);
	}
	if (result === -ERRNO.EOPNOTSUPP || (mode === XDP_FLAGS.XDP_FLAGS_HW_MODE && result === -ERRNO.EINVAL)) {
		const why =
			mode === XDP_FLAGS.XDP_FLAGS_HW_MODE
				? `${name} has no hardware that runs programs, or the program was not loaded for it (prog load … offload_dev ${name})`
				: `the driver of ${name} has no XDP: xdpgeneric runs on any device`;
		throw new BpfError("EOPNOTSUPP", `cannot ${what}: ${why}`);
	}
	refuseType(kernel, program, result, what, "xdp");
	if (result < 0) throw refuse(kernel, { syscall: "netlink", errno: -result, programType: "xdp", what });
}

function detachXdp(
	kernel: Kernel,
	program: Fd | undefined,
	{ ifindex, name }: Device,
	mode: number,
	type: string,
): void {
	const there = xdpAt(kernel, ifindex);
	const named = program && infoOf(kernel, "prog", program.number).id;
	const [first] = there.filter((each) => mode === 0 || each.flag === mode);
	const list = there.map(({ id, mode }) => `${id} (${mode})`).join(", ");
	if (!first || (named !== undefined && first.id !== named)) {
		const what = named === undefined ? "no program" : `program ${named} does not hang`;
		throw new BpfError("ENOENT", `${what} on ${name} (${type})${list === "" ? "" : `; there is ${list}`}`);
	}
	using own = program ? undefined : openOne(kernel, "prog", { by: "id", word: String(first.id) });
	// With the mode and the program that are there: what took its place meanwhile is not touched.
	const flags = first.flag | XDP_FLAGS.XDP_FLAGS_REPLACE;
	const expected = (program ?? own!).number;
	const result = askNetwork(kernel, { kind: "xdp", ifindex, program: -1, flags, expected });
	const what = `detach program ${first.id} from ${name} (${type})`;
	if (result === -ERRNO.EBUSY || result === -ERRNO.EINVAL)
		throw new BpfError("EBUSY", `cannot ${what}: a link holds it there: skep link show; skep link detach id N`);
	if (result < 0) throw refuse(kernel, { syscall: "netlink", errno: -result, programType: "xdp", what });
}

const MODES: Readonly<Record<string, number>> = {
	driver: XDP_FLAGS.XDP_FLAGS_DRV_MODE,
	generic: XDP_FLAGS.XDP_FLAGS_SKB_MODE,
	offload: XDP_FLAGS.XDP_FLAGS_HW_MODE,
};

function xdpAt(
	kernel: Kernel,
	ifindex: number,
): { readonly id: number; readonly mode: string; readonly flag: number }[] {
	const listing = kernel.places?.networkPrograms() ?? -ERRNO.EOPNOTSUPP;
	if (typeof listing === "number") return [];
	return listing.programs
		.filter((each) => each.ifindex === ifindex && each.hook.startsWith("xdp/"))
		.map(({ id, hook }) => ({ id, mode: hook.slice(4), flag: MODES[hook.slice(4)] ?? 0 }));
}

function askNetwork(kernel: Kernel, request: Parameters<NonNullable<Kernel["places"]>["network"]>[0]): number {
	const result = kernel.places?.network(request) ?? -ERRNO.EOPNOTSUPP;
	return typeof result === "number" ? result : 0;
}

function attachToChain(
	desk: Desk,
	program: Fd,
	{ ifindex, name }: Device,
	type: AttachType,
	overwrite: boolean,
	what: string,
): void {
	const { kernel } = desk;
	if (overwrite)
		throw new BpfError(
			"ERR_USAGE",
			`cannot ${what}: programs of a chain stand beside each other, nothing is overwritten; net detach takes one off`,
		);
	const attr = { target_ifindex: ifindex, attach_bpf_fd: program.number, attach_type: ATTACH_TYPES[type] };
	const result = kernel.bpf("PROG_ATTACH", attr);
	if (result === -ERRNO.EEXIST) throw new BpfError("EEXIST", `cannot ${what}: it is there already`);
	refuseType(kernel, program, result, what, "sched_cls");
	if (type.startsWith("netkit_") && (result === -ERRNO.EINVAL || result === -ERRNO.ENXIO))
		throw new BpfError("EINVAL", `cannot ${what}: ${name} is no netkit device, or this kernel has none (since 6.7)`);
	if (result < 0)
		throw refuse(kernel, { syscall: "bpf", command: "PROG_ATTACH", errno: -result, programType: "sched_cls", what });
}

/** bpftool takes the last one off, whichever that is; here a program is named where there are several. */
function detachFromChain(kernel: Kernel, program: Fd | undefined, { ifindex, name }: Device, type: AttachType): void {
	const { programs } = queryPrograms(kernel, { ifindex }, type);
	const named = program && infoOf(kernel, "prog", program.number).id;
	const list = programs.map(({ id }) => id).join(", ");
	if (programs.length === 0) throw new BpfError("ENOENT", `no program hangs on ${name} (${type})`);
	if (named === undefined && programs.length > 1)
		throw new BpfError(
			"ERR_AMBIGUOUS",
			`${programs.length} programs hang on ${name} (${type}): say one by id (${list})`,
		);
	const found = programs.find(({ id }) => named === undefined || id === named);
	if (!found) throw new BpfError("ENOENT", `program ${named} does not hang on ${name} (${type}); there are ${list}`);
	const what = `detach program ${found.id} from ${name} (${type})`;
	if (found.linkId !== 0)
		throw new BpfError(
			"EBUSY",
			`cannot ${what}: link ${found.linkId} holds it there: skep link detach id ${found.linkId}`,
		);
	using own = program ? undefined : openOne(kernel, "prog", { by: "id", word: String(found.id) });
	const attach_bpf_fd = (program ?? own!).number;
	const attr = { target_ifindex: ifindex, attach_bpf_fd, attach_type: ATTACH_TYPES[type] };
	const result = kernel.bpf("PROG_DETACH", attr);
	if (result < 0)
		throw refuse(kernel, { syscall: "bpf", command: "PROG_DETACH", errno: -result, programType: "sched_cls", what });
}

/** @throws BpfError where the kernel refused a program that is of another type than the hook takes */
function refuseType(kernel: Kernel, program: Fd, result: number, what: string, wanted: string): void {
	if (result !== -ERRNO.EINVAL) return;
	const type = programType(infoOf(kernel, "prog", program.number).type);
	if (type !== wanted)
		throw new BpfError("EINVAL", `cannot ${what}: it is a program of type ${type}, ${wanted} is expected`);
}
