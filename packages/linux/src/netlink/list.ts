import type { DeviceProgram, NetworkListing } from "@skep/bpf/kernel";
import { addressOf, syscall, syscallNumbers } from "#sys";
import { attributesOf, MessageWriter, messagesOf, type Received } from "./message.ts";

const NR = syscallNumbers(process.arch);
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2_000_000;
const NLMSG = { ERROR: 2, DONE: 3 } as const;
// biome-ignore format: table
const RTM = { NEWLINK: 16, GETLINK: 18, NEWQDISC: 36, GETQDISC: 38, NEWTCLASS: 40, GETTCLASS: 42, NEWTFILTER: 44, GETTFILTER: 46 } as const;
/** NLM_F_REQUEST | NLM_F_DUMP. */
const DUMP = 0x301;
const IFLA = { IFNAME: 3, XDP: 43 } as const;
const IFLA_XDP = { DRV: 5, SKB: 6, HW: 7 } as const;
const TCA = { KIND: 1, OPTIONS: 2 } as const;
const TCA_BPF = { NAME: 7, ID: 11 } as const;
/** `struct ifinfomsg`, `struct tcmsg`. */
const IFINFO_BYTES = 16;
const TCMSG_BYTES = 20;
const TC_H = { CLSACT: 0xffff_fff1, INGRESS: 0xffff_fff2, EGRESS: 0xffff_fff3 } as const;
const ROOM = 64 * 1024;
const UTF8 = new TextDecoder();

/** Devices of the calling thread's network namespace and their XDP programs and classifiers; -errno. */
export function networkPrograms(): NetworkListing | number {
	const links = dump(new MessageWriter().fixed([4, 0], [4, 0], [4, 0], [4, 0]).finish(RTM.GETLINK, DUMP));
	if (typeof links === "number") return links;
	const devices = links.filter(({ type }) => type === RTM.NEWLINK).map(readLink);
	const qdiscs = dump(tcMessage(RTM.GETQDISC, 0, 0));
	if (typeof qdiscs === "number") return qdiscs;
	const programs: DeviceProgram[] = devices.flatMap((device) => device.xdp);
	const queues = qdiscs.filter(({ type }) => type === RTM.NEWQDISC).map(({ payload }) => payload);
	for (const { ifindex, name } of devices) {
		const own = queues.filter((payload) => payload.getInt32(4, true) === ifindex);
		const kinds = own.map((payload) => textOf(payload, TCMSG_BYTES, TCA.KIND));
		const ends = kinds.some((kind) => kind === "clsact" || kind === "ingress") ? [INGRESS, EGRESS] : [];
		for (const [parent, hook] of [...inner(ifindex, own), ...ends]) {
			const filters = dump(tcMessage(RTM.GETTFILTER, ifindex, parent));
			if (typeof filters === "number") continue; // the qdisc went away meanwhile
			for (const filter of filters) {
				const found = filter.type === RTM.NEWTFILTER ? readFilter(filter) : undefined;
				if (found) programs.push({ ifindex, device: name, hook, ...found });
			}
		}
	}
	return { devices: devices.map(({ ifindex, name }) => ({ ifindex, name })), programs };
}

const INGRESS = [TC_H.INGRESS, "clsact/ingress"] as const;
const EGRESS = [TC_H.EGRESS, "clsact/egress"] as const;

/** Where filters hang besides: qdiscs with handles, and their classes. Most devices have none. */
function inner(
	ifindex: number,
	qdiscs: readonly DataView[],
): (readonly [parent: number, hook: DeviceProgram["hook"]])[] {
	const found: (readonly [number, DeviceProgram["hook"]])[] = [];
	for (const payload of qdiscs) {
		const [handle, parent] = [payload.getUint32(8, true), payload.getUint32(12, true)];
		if (handle !== 0 && parent !== TC_H.CLSACT)
			found.push([handle, `qdisc ${textOf(payload, TCMSG_BYTES, TCA.KIND)} ${handleText(handle)}`]);
	}
	// Only qdiscs that one gave a handle have classes.
	if (found.length === 0) return found;
	const classes = dump(tcMessage(RTM.GETTCLASS, ifindex, 0));
	if (typeof classes === "number") return found;
	for (const { type, payload } of classes) {
		if (type !== RTM.NEWTCLASS) continue;
		const handle = payload.getUint32(8, true);
		found.push([handle, `class ${textOf(payload, TCMSG_BYTES, TCA.KIND)} ${handleText(handle)}`]);
	}
	return found;
}

/** `1:10`, as tc writes it: hex. */
const handleText = (handle: number): string =>
	`${(handle >>> 16).toString(16)}:${(handle & 0xffff) === 0 ? "" : (handle & 0xffff).toString(16)}`;

const tcMessage = (type: number, ifindex: number, parent: number): Uint8Array =>
	new MessageWriter().fixed([4, 0], [4, ifindex], [4, 0], [4, parent], [4, 0]).finish(type, DUMP);

interface Device {
	readonly ifindex: number;
	readonly name: string;
	readonly xdp: readonly DeviceProgram[];
}

function readLink({ payload }: Received): Device {
	const ifindex = payload.getInt32(4, true);
	const name = textOf(payload, IFINFO_BYTES, IFLA.IFNAME);
	const xdp: DeviceProgram[] = [];
	for (const [type, value] of attributesOf(payload, IFINFO_BYTES)) {
		if (type !== IFLA.XDP) continue;
		const told = new Map([...attributesOf(value, 0)]);
		const id = (attribute: number) => told.get(attribute)?.getUint32(0, true) ?? 0;
		const add = (hook: DeviceProgram["hook"], program: number) => {
			if (program !== 0) xdp.push({ ifindex, device: name, hook, id: program, name: "" });
		};
		add("xdp/driver", id(IFLA_XDP.DRV));
		add("xdp/generic", id(IFLA_XDP.SKB));
		add("xdp/offload", id(IFLA_XDP.HW));
	}
	return { ifindex, name, xdp };
}

/** Of a classifier of kind bpf; undefined: another one. */
function readFilter({ payload }: Received): { readonly id: number; readonly name: string } | undefined {
	if (textOf(payload, TCMSG_BYTES, TCA.KIND) !== "bpf") return undefined;
	for (const [type, value] of attributesOf(payload, TCMSG_BYTES)) {
		if (type !== TCA.OPTIONS) continue;
		const told = new Map([...attributesOf(value, 0)]);
		const id = told.get(TCA_BPF.ID)?.getUint32(0, true);
		if (id !== undefined) return { id, name: textOf(value, 0, TCA_BPF.NAME) };
	}
	return undefined;
}

function textOf(payload: DataView, from: number, wanted: number): string {
	for (const [type, value] of attributesOf(payload, from)) {
		if (type !== wanted) continue;
		const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
		const end = bytes.indexOf(0);
		return UTF8.decode(end < 0 ? bytes : bytes.subarray(0, end));
	}
	return "";
}

/** All messages that the kernel answers to a dump; -errno. */
function dump(message: Uint8Array): Received[] | number {
	// A socket of its own for each: it belongs to the network namespace that the thread is in now.
	const socket = syscall(NR.socket, AF_NETLINK, SOCK_RAW_CLOEXEC, 0);
	if (socket < 0) return socket;
	try {
		const sent = syscall(NR.sendto, socket, addressOf(message), message.length);
		// The message is read after the call, so that it is not collected while only its address is known.
		if (sent < 0 || message.length === 0) return sent;
		const all: Received[] = [];
		for (;;) {
			const bytes = new Uint8Array(ROOM);
			const length = syscall(NR.recvfrom, socket, addressOf(bytes), bytes.length);
			if (length < 0) return length;
			for (const received of messagesOf(bytes.subarray(0, length))) {
				if (received.type === NLMSG.DONE) return all;
				if (received.type === NLMSG.ERROR) return received.payload.getInt32(0, true);
				all.push(received);
			}
		}
	} finally {
		syscall(NR.close, socket);
	}
}
