// Sends a record for every packet, with fields of several widths, and counts packets by protocol.
import { hash, ntohs, ringbuf, type u16, type u32, type u64, XDP, xdp } from "skep";
import type { ethhdr } from "skep/net";

interface Header {
	length: u32;
	proto: u16;
	nanoseconds: u64;
	ip: boolean;
}
export const headers = ringbuf<Header>(4096);
export const seen = hash<u16, u64>(64);

export const look = xdp({ dev: "nowhere0" }, (packet) => {
	const eth = packet.cursor().next<ethhdr>();
	if (!eth) return XDP.ABORTED;
	const proto = ntohs(eth.proto);
	seen.add(proto, 1n);
	headers.emit((e) => {
		e.length = packet.length;
		e.proto = proto;
		e.nanoseconds = BigInt(packet.length) * 800_000_000n;
		e.ip = proto === 0x0800;
	});
	return proto === 0x0800 ? XDP.TX : XDP.PASS;
});
