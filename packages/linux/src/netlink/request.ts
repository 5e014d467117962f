import { ERRNO, type FilterReply, type NetworkRequest, type TrialDevice } from "@skep/bpf/kernel";
import { MessageWriter, type Received } from "./message.ts";

// biome-ignore-start format: table
const RTM = {
	NEWLINK: 16,
	SETLINK: 19,
	NEWROUTE: 24,
	DELROUTE: 25,
	NEWQDISC: 36,
	DELQDISC: 37,
	NEWTFILTER: 44,
	DELTFILTER: 45,
} as const;
const NLM_F = { REQUEST: 1, ACK: 4, ECHO: 8, REPLACE: 0x100, EXCL: 0x200, CREATE: 0x400 } as const;
const IFLA_IFNAME = 3;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const IFLA_XDP = 43;
const XDP_ATTRIBUTE = { FD: 1, FLAGS: 3, EXPECTED_FD: 8 } as const;
const TCA = { KIND: 1, OPTIONS: 2 } as const;
const TCA_BPF = { FD: 6, NAME: 7, FLAGS: 8 } as const;
const TCA_BPF_FLAG_ACT_DIRECT = 1;
const TC_H = { CLSACT: 0xffff_fff1, CLSACT_HANDLE: 0xffff_0000, ingress: 0xffff_fff2, egress: 0xffff_fff3 } as const;
/** ETH_P_ALL in network byte order. */
const ALL_PROTOCOLS = 0x0300;
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, ENCAP_TYPE: 21, ENCAP: 22 } as const;
const LWTUNNEL_ENCAP_BPF = 6;
const LWT_BPF = { in: 1, out: 2, xmit: 3 } as const;
const LWT_BPF_PROG = { FD: 1, NAME: 2 } as const;
const ROUTE = { TABLE_MAIN: 254, PROTOCOL_STATIC: 4, SCOPE_UNIVERSE: 0, SCOPE_LINK: 253, UNICAST: 1 } as const;
const FAMILY = { unspecified: 0, ipv4: 2, ipv6: 10 } as const;
// biome-ignore-end format: table
const ASK = NLM_F.REQUEST | NLM_F.ACK;

/** The netlink message for a request; -EINVAL for addresses that are none. Pure. */
export function encodeRequest(request: NetworkRequest): Uint8Array<ArrayBuffer> | number {
	switch (request.kind) {
		case "xdp":
			return xdp(request);
		case "clsact":
			return clsact(request);
		case "filter":
			return filter(request);
		case "route":
			return route(request);
	}
}

/** RTM_NEWLINK: makes a device of a type; the other end of a pair gets a name from the kernel. */
export function encodeDevice(type: TrialDevice, name: string): Uint8Array<ArrayBuffer> {
	const message = new MessageWriter().fixed([1, 0], [1, 0], [2, 0], [4, 0], [4, 0], [4, 0]).text(IFLA_IFNAME, name);
	message.nested(IFLA_LINKINFO, (each) => void each.text(IFLA_INFO_KIND, type));
	return message.finish(RTM.NEWLINK, ASK | NLM_F.CREATE | NLM_F.EXCL);
}

/** RTM_NEWLINK: brings a device up. */
export function encodeUp(ifindex: number): Uint8Array<ArrayBuffer> {
	const UP = 1;
	return new MessageWriter().fixed([1, 0], [1, 0], [2, 0], [4, ifindex], [4, UP], [4, UP]).finish(RTM.NEWLINK, ASK);
}

type Request<K extends NetworkRequest["kind"]> = Extract<NetworkRequest, { kind: K }>;

function xdp(request: Request<"xdp">): Uint8Array<ArrayBuffer> {
	const message = new MessageWriter().fixed([1, 0], [1, 0], [2, 0], [4, request.ifindex], [4, 0], [4, 0]);
	message.nested(IFLA_XDP, (each) => {
		each.u32(XDP_ATTRIBUTE.FD, request.program);
		if (request.flags !== 0) each.u32(XDP_ATTRIBUTE.FLAGS, request.flags);
		if (request.expected !== undefined) each.u32(XDP_ATTRIBUTE.EXPECTED_FD, request.expected);
	});
	return message.finish(RTM.SETLINK, ASK);
}

/** `struct tcmsg`. */
const traffic = (ifindex: number, handle: number, parent: number, info: number): MessageWriter =>
	new MessageWriter().fixed([1, 0], [1, 0], [2, 0], [4, ifindex], [4, handle], [4, parent], [4, info]);

function clsact(request: Request<"clsact">): Uint8Array<ArrayBuffer> {
	const message = traffic(request.ifindex, TC_H.CLSACT_HANDLE, TC_H.CLSACT, 0).text(TCA.KIND, "clsact");
	if (request.change === "delete") return message.finish(RTM.DELQDISC, ASK);
	return message.finish(RTM.NEWQDISC, ASK | NLM_F.CREATE | NLM_F.EXCL);
}

function filter(request: Request<"filter">): Uint8Array<ArrayBuffer> {
	const info = ((request.priority << 16) | ALL_PROTOCOLS) >>> 0;
	const message = traffic(request.ifindex, request.handle, TC_H[request.direction], info).text(TCA.KIND, "bpf");
	if (request.change === "delete") return message.finish(RTM.DELTFILTER, ASK);
	message.nested(TCA.OPTIONS, (each) => {
		each.u32(TCA_BPF.FD, request.program).text(TCA_BPF.NAME, request.name).u32(TCA_BPF.FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	});
	const how = request.change === "replace" ? NLM_F.REPLACE : NLM_F.EXCL;
	return message.finish(RTM.NEWTFILTER, ASK | NLM_F.ECHO | NLM_F.CREATE | how);
}

/** What the kernel says about a filter that it made; undefined for other messages. */
export function filterReply({ type, payload }: Received): FilterReply | undefined {
	if (type !== RTM.NEWTFILTER || payload.byteLength < 20) return undefined;
	return { handle: payload.getUint32(8, true), priority: payload.getUint16(18, true) };
}

function route(request: Request<"route">): Uint8Array<ArrayBuffer> | number {
	const [text = "", length] = request.destination.split("/");
	const destination = addressBytes(text);
	const gateway = request.gateway === undefined ? undefined : addressBytes(request.gateway);
	if (!destination || (request.gateway !== undefined && gateway?.length !== destination.length)) return -ERRNO.EINVAL;
	const bits = length === undefined ? destination.length * 8 : Number(length);
	if (!Number.isInteger(bits) || bits < 0 || bits > destination.length * 8) return -ERRNO.EINVAL;
	const removes = request.change === "delete";
	const scope = gateway || destination.length === 16 ? ROUTE.SCOPE_UNIVERSE : ROUTE.SCOPE_LINK;
	const message = new MessageWriter().fixed(
		[1, destination.length === 4 ? FAMILY.ipv4 : FAMILY.ipv6],
		[1, bits],
		[1, 0],
		[1, 0],
		[1, ROUTE.TABLE_MAIN],
		[1, ROUTE.PROTOCOL_STATIC],
		[1, scope],
		[1, ROUTE.UNICAST],
		[4, 0],
	);
	message.bytes(RTA.DST, destination).u32(RTA.OIF, request.ifindex);
	if (gateway) message.bytes(RTA.GATEWAY, gateway);
	if (removes) return message.finish(RTM.DELROUTE, ASK);
	message.u16(RTA.ENCAP_TYPE, LWTUNNEL_ENCAP_BPF).nested(RTA.ENCAP, (encap) => {
		for (const { hook, program, name } of request.programs) {
			encap.nested(LWT_BPF[hook], (each) => void each.u32(LWT_BPF_PROG.FD, program).text(LWT_BPF_PROG.NAME, name));
		}
	});
	return message.finish(RTM.NEWROUTE, ASK | NLM_F.CREATE | NLM_F.EXCL);
}

/** 4 or 16 bytes; undefined: no address. */
function addressBytes(text: string): Uint8Array | undefined {
	// Loaded here: every start of the command would pay for it.
	const { isIPv4, isIPv6 } = process.getBuiltinModule("node:net");
	if (isIPv4(text)) return Uint8Array.from(text.split("."), Number);
	if (!isIPv6(text) || text.includes("%")) return undefined;
	// The last 32 bits may be written as IPv4.
	const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
	const whole = dotted
		? `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`
		: text;
	const [head = "", tail] = whole.split("::");
	const words = (part: string) =>
		part
			.split(":")
			.filter(Boolean)
			.map((word) => Number.parseInt(word, 16));
	const first = words(head);
	const last = tail === undefined ? [] : words(tail);
	const all = [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
	return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 255]));
}
