/** `skep/net`: what the user half sees of it. Header types are types only. */
import { BpfError } from "@skep/bpf/base";
import { htonl, htons } from "./numbers.ts";

export { formatIp4, formatIp6 } from "#output";

export const ETH = {
	IPV4: htons(0x0800),
	IPV6: htons(0x86dd),
	ARP: htons(0x0806),
	VLAN: htons(0x8100),
	QINQ: htons(0x88a8),
} as const;
export const IPPROTO = { ICMP: 1, TCP: 6, UDP: 17, ICMPV6: 58 } as const;

/** `192.0.2.1` as a be32. @throws BpfError ERR_ADDRESS */
export function ip4(address: string): number {
	const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address)?.slice(1).map(Number);
	if (!parts?.every((p) => p <= 255))
		throw new BpfError("ERR_ADDRESS", `"${address}" is not an IPv4 address like 192.0.2.1`);
	return htonl(parts.reduce((all, part) => ((all << 8) | part) >>> 0, 0));
}

/** `10.0.0.0/8`; the bits after the prefix are zeroed. @throws BpfError ERR_ADDRESS */
export function cidr4(prefix: string): { readonly prefixlen: number; readonly addr: number } {
	const [address, length, ...more] = prefix.split("/");
	const prefixlen = Number(length);
	if (address === undefined || more.length > 0 || !/^\d{1,2}$/.test(length ?? "") || prefixlen > 32) {
		throw new BpfError("ERR_ADDRESS", `"${prefix}" is not an IPv4 prefix like 10.0.0.0/8`);
	}
	const mask = prefixlen === 0 ? 0 : (0xffffffff << (32 - prefixlen)) >>> 0;
	return { prefixlen, addr: (ip4(address) & htonl(mask)) >>> 0 };
}
