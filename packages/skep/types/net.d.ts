// Packet headers, protocol numbers and addresses.

declare module "skep/net" {
	import type { arr, be16, be32, Prefix, u8 } from "skep";
	export interface ethhdr {
		dst: arr<u8, 6>;
		src: arr<u8, 6>;
		proto: be16;
	}
	export interface vlanhdr {
		tci: be16;
		proto: be16;
	}
	export interface iphdr {
		readonly version: u8;
		readonly ihl: u8;
		tos: u8;
		len: be16;
		id: be16;
		frag: be16;
		ttl: u8;
		proto: u8;
		csum: be16;
		saddr: be32;
		daddr: be32;
	}
	export interface ipv6hdr {
		readonly version: u8;
		readonly priority: u8;
		payloadLen: be16;
		nexthdr: u8;
		hopLimit: u8;
		saddr: arr<be32, 4>;
		daddr: arr<be32, 4>;
	}
	export interface tcphdr {
		sport: be16;
		dport: be16;
		seq: be32;
		ack: be32;
		readonly doff: u8;
		readonly syn: u8;
		readonly fin: u8;
		readonly rst: u8;
		window: be16;
		csum: be16;
		urgent: be16;
	}
	export interface udphdr {
		sport: be16;
		dport: be16;
		len: be16;
		csum: be16;
	}
	export const ETH: {
		readonly IPV4: be16;
		readonly IPV6: be16;
		readonly ARP: be16;
		readonly VLAN: be16;
		readonly QINQ: be16;
	};
	export const IPPROTO: { readonly ICMP: 1; readonly TCP: 6; readonly UDP: 17; readonly ICMPV6: 58 };
	/** KU constant when the argument is. */
	export function ip4(address: string): be32;
	export function cidr4(prefix: string): Prefix<be32>;
	export function formatIp4(a: be32): string;
	export function formatIp6(a: arr<be32, 4>): string;
}
