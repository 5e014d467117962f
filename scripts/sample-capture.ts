// Writes examples/xdp-filter/packets.pcapng: one packet of each kind that the example tells apart, with what is expected of
// it as the packet's comment. `node scripts/sample-capture.ts`; the test beside it compares.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { OPTION, PcapngWriter, textOption } from "@skep/bpf/capture";

const root = fileURLToPath(new URL("..", import.meta.url));
export const SAMPLE = `${root}examples/xdp-filter/packets.pcapng`;

const be16 = (value: number): number[] => [value >> 8, value & 0xff];
const text = (value: string): number[] => [...new TextEncoder().encode(value)];

/** Locally administered addresses, and those that documents use (192.0.2.0/24, 2001:db8::/32). */
const MACS = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
const ethernet = (type: number, rest: readonly number[]): number[] => [...MACS, ...be16(type), ...rest];
const tag = (vlan: number, type: number, rest: readonly number[]): number[] => [...be16(vlan), ...be16(type), ...rest];

function ipv4(protocol: number, rest: readonly number[], options: readonly number[] = []): number[] {
	const words = 5 + options.length / 4;
	// biome-ignore format: a header
	const header = [
		0x40 | words, 0, ...be16(words * 4 + rest.length), 0, 1, 0x40, 0,
		64, protocol, 0, 0, 192, 0, 2, 1,
		192, 0, 2, 53, ...options,
	];
	header.splice(10, 2, ...be16(checksum(header)));
	return [...header, ...rest];
}

function checksum(bytes: readonly number[]): number {
	let sum = 0;
	for (let i = 0; i < bytes.length; i += 2) sum += bytes[i]! * 256 + (bytes[i + 1] ?? 0);
	while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
	return ~sum & 0xffff;
}

const host = (last: number): number[] => [0x20, 1, 0xd, 0xb8, ...new Array<number>(11).fill(0), last];
const ipv6 = (next: number, rest: readonly number[]): number[] => [
	...[0x60, 0, 0, 0, ...be16(rest.length), next, 64],
	...host(1),
	...host(0x53),
	...rest,
];

/** Without a checksum, which IPv4 permits. */
const udp = (port: number, rest: readonly number[]): number[] => [
	...be16(40_000),
	...be16(port),
	...be16(8 + rest.length),
	...[0, 0],
	...rest,
];
// A question for the A record of example.com.
const question = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 7, ...text("example"), 3, ...text("com"), 0, 0, 1, 0, 1];
const dns = udp(53, question);
const tcp = [...be16(40_001), ...be16(443), 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0];

const PACKETS: readonly (readonly [comment: string, bytes: readonly number[]])[] = [
	["DNS over IPv4: DROP", ethernet(0x0800, ipv4(17, dns))],
	["NTP over IPv4: PASS", ethernet(0x0800, ipv4(17, udp(123, [])))],
	["TCP over IPv4: PASS", ethernet(0x0800, ipv4(6, tcp))],
	["DNS behind IPv4 options: DROP", ethernet(0x0800, ipv4(17, dns, [0x94, 4, 0, 0, 1, 1, 1, 0]))],
	["DNS in a VLAN: DROP", ethernet(0x8100, tag(7, 0x0800, ipv4(17, dns)))],
	["DNS in QinQ: DROP", ethernet(0x88a8, tag(5, 0x8100, tag(7, 0x0800, ipv4(17, dns))))],
	[
		"DNS behind three tags, one more than are looked behind: PASS",
		ethernet(0x88a8, tag(5, 0x8100, tag(6, 0x8100, tag(7, 0x0800, ipv4(17, dns))))),
	],
	["DNS over IPv6: DROP", ethernet(0x86dd, ipv6(17, dns))],
	[
		"DNS behind an IPv6 hop-by-hop header, which is not looked behind: PASS",
		ethernet(0x86dd, ipv6(0, [17, 0, 1, 4, 0, 0, 0, 0, ...dns])),
	],
	["ICMP over IPv4: PASS", ethernet(0x0800, ipv4(1, [8, 0, 0xf7, 0xfd, 0, 1, 0, 1]))],
	[
		"ARP: PASS",
		ethernet(0x0806, [0, 1, 8, 0, 6, 4, 0, 1, ...MACS.slice(6), 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 53]),
	],
	["cut off within the UDP header: PASS", ethernet(0x0800, ipv4(17, dns)).slice(0, 38)],
	["ten bytes, less than an Ethernet header: refused", MACS.slice(0, 10)],
];

/** The capture's bytes: the same each time. */
export function sampleCapture(): Uint8Array {
	const writer = new PcapngWriter({ application: "skep, scripts/sample-capture.ts" });
	writer.interface({ name: "eth0" });
	PACKETS.forEach(([comment, bytes], i) => {
		const timestamp = 1_790_000_000_000_000_000n + BigInt(i) * 1_000_000n;
		writer.packet({ data: Uint8Array.from(bytes), timestamp, options: [textOption(OPTION.COMMENT, comment)] });
	});
	return writer.take();
}

if (import.meta.main) writeFileSync(SAMPLE, sampleCapture());
