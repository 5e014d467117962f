import type { Field, StructType, Type } from "#ir";

const u8: Type = { kind: "int", bits: 8, signed: false };
const be16: Type = { kind: "be", bits: 16 };
const be32: Type = { kind: "be", bits: 32 };
const arr = (element: Type, length: number): Type => ({ kind: "array", element, length });
const at = (name: string, type: Type, offset: number): Field => ({ name, type, offset });
const bit = (name: string, offset: number, shift: number, size: number): Field => ({ name, type: u8, offset, bits: { shift, size } });
const struct = (name: string, size: number, align: number, fields: readonly Field[]): StructType => ({ kind: "struct", name, fields, size, align });

/** Packet headers of skep/net as they stand on the wire. Bit-fields count from the low end of their byte. */
export const HEADERS: Readonly<Record<string, StructType>> = {
	ethhdr: struct("ethhdr", 14, 2, [at("dst", arr(u8, 6), 0), at("src", arr(u8, 6), 6), at("proto", be16, 12)]),
	vlanhdr: struct("vlanhdr", 4, 2, [at("tci", be16, 0), at("proto", be16, 2)]),
	iphdr: struct("iphdr", 20, 4, [
		bit("version", 0, 4, 4),
		bit("ihl", 0, 0, 4),
		at("tos", u8, 1),
		at("len", be16, 2),
		at("id", be16, 4),
		at("frag", be16, 6),
		at("ttl", u8, 8),
		at("proto", u8, 9),
		at("csum", be16, 10),
		at("saddr", be32, 12),
		at("daddr", be32, 16),
	]),
	ipv6hdr: struct("ipv6hdr", 40, 4, [
		bit("version", 0, 4, 4),
		bit("priority", 0, 0, 4),
		at("payloadLen", be16, 4),
		at("nexthdr", u8, 6),
		at("hopLimit", u8, 7),
		at("saddr", arr(be32, 4), 8),
		at("daddr", arr(be32, 4), 24),
	]),
	tcphdr: struct("tcphdr", 20, 4, [
		at("sport", be16, 0),
		at("dport", be16, 2),
		at("seq", be32, 4),
		at("ack", be32, 8),
		bit("doff", 12, 4, 4),
		bit("fin", 13, 0, 1),
		bit("syn", 13, 1, 1),
		bit("rst", 13, 2, 1),
		at("window", be16, 14),
		at("csum", be16, 16),
		at("urgent", be16, 18),
	]),
	udphdr: struct("udphdr", 8, 2, [at("sport", be16, 0), at("dport", be16, 2), at("len", be16, 4), at("csum", be16, 6)]),
};
