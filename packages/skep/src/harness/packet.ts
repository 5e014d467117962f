import { BpfError } from "@skep/bpf/base";

/** What stands behind a header: its number in IP, and its bytes once the pseudo header's sum is known. */
interface Transport {
	readonly protocol: number;
	readonly header: Uint8Array;
	/** Where its checksum stands. */
	readonly sumAt: number;
}

interface Network {
	readonly type: number;
	/** The whole header around so many bytes of such a protocol. */
	header(length: number, protocol: number): Uint8Array;
	/** Source and destination. */
	readonly addresses: Uint8Array;
}

interface Parts {
	readonly tags: readonly number[];
	readonly network?: Network;
	readonly transport?: Transport;
	readonly payload: Uint8Array;
	/** Bytes that are left of the packet. */
	readonly length?: number;
}

const UDP = 17;
const TCP = 6;
/** For experiments, RFC 3692: an IPv4 packet has no number for "nothing follows". */
const EXPERIMENT = 253;
const NO_NEXT_HEADER = 59;
const ETHER = { ipv4: 0x0800, ipv6: 0x86dd, tag: 0x8100, outerTag: 0x88a8 } as const;
/** Locally administered addresses: 02:00:00:00:00:02 from 02:00:00:00:00:01. */
const MACS = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1] as const;

/** A packet in the making. Each step gives another one, so that one packet can be the beginning of several. */
export class PacketBuilder {
	readonly #parts: Parts;
	constructor(parts: Parts = { tags: [], payload: new Uint8Array(0) }) {
		this.#parts = parts;
	}

	#with(more: Partial<Parts>): PacketBuilder {
		return new PacketBuilder({ ...this.#parts, ...more });
	}

	/** A VLAN tag, 0 to 4095. The outer one of two is 802.1ad's. */
	vlan(id: number): PacketBuilder {
		return this.#with({ tags: [...this.#parts.tags, within("vlan", id, 4095)] });
	}

	ipv4(fields: { readonly src?: string; readonly dst?: string; readonly ttl?: number } = {}): PacketBuilder {
		const addresses = Uint8Array.from([...ipv4(fields.src ?? "10.0.0.1"), ...ipv4(fields.dst ?? "10.0.0.2")]);
		const ttl = within("ttl", fields.ttl ?? 64, 255);
		const header = (length: number, protocol: number) => {
			const bytes = new Uint8Array(20);
			const view = new DataView(bytes.buffer);
			bytes[0] = 0x45;
			view.setUint16(2, within("the length of an IPv4 packet", 20 + length, 0xffff));
			bytes[8] = ttl;
			bytes[9] = protocol || EXPERIMENT;
			bytes.set(addresses, 12);
			view.setUint16(10, checksum(bytes));
			return bytes;
		};
		return this.#with({ network: { type: ETHER.ipv4, header, addresses } });
	}

	ipv6(fields: { readonly src?: string; readonly dst?: string } = {}): PacketBuilder {
		const addresses = Uint8Array.from([...ipv6(fields.src ?? "fd00::1"), ...ipv6(fields.dst ?? "fd00::2")]);
		const header = (length: number, protocol: number) => {
			const bytes = new Uint8Array(40);
			bytes[0] = 0x60;
			new DataView(bytes.buffer).setUint16(4, within("the length of an IPv6 packet", length, 0xffff));
			bytes[6] = protocol || NO_NEXT_HEADER;
			bytes[7] = 64;
			bytes.set(addresses, 8);
			return bytes;
		};
		return this.#with({ network: { type: ETHER.ipv6, header, addresses } });
	}

	udp(fields: { readonly sport?: number; readonly dport?: number } = {}): PacketBuilder {
		this.#needsNetwork("udp");
		const header = new Uint8Array(8);
		ports(header, fields);
		return this.#with({ transport: { protocol: UDP, header, sumAt: 6 } });
	}

	tcp(fields: { readonly sport?: number; readonly dport?: number; readonly syn?: boolean } = {}): PacketBuilder {
		this.#needsNetwork("tcp");
		const header = new Uint8Array(20);
		ports(header, fields);
		header[12] = 5 << 4;
		header[13] = fields.syn ? 0x02 : 0x10;
		new DataView(header.buffer).setUint16(14, 0xffff);
		return this.#with({ transport: { protocol: TCP, header, sumAt: 16 } });
	}

	/** What follows the last header; again: more of it. Text is UTF-8. */
	payload(data: string | Uint8Array): PacketBuilder {
		const more = typeof data === "string" ? new TextEncoder().encode(data) : data;
		return this.#with({ payload: joined(this.#parts.payload, more) });
	}

	/** The packet is cut behind its first `length` bytes; headers still say what it was before. */
	truncate(length: number): PacketBuilder {
		return this.#with({ length });
	}

	bytes(): Uint8Array<ArrayBuffer> {
		const { tags, network, transport, payload, length } = this.#parts;
		const inner = transport ? finished(transport, network!, payload) : payload;
		const ip = network?.header(inner.length, transport?.protocol ?? 0) ?? new Uint8Array(0);
		const link = new Uint8Array(14 + tags.length * 4);
		link.set(MACS);
		const view = new DataView(link.buffer);
		tags.forEach((tag, i) => {
			view.setUint16(12 + i * 4, i < tags.length - 1 ? ETHER.outerTag : ETHER.tag);
			view.setUint16(14 + i * 4, tag);
		});
		view.setUint16(link.length - 2, network?.type ?? 0);
		return joined(link, ip, inner).slice(0, length);
	}

	#needsNetwork(word: string): void {
		if (this.#parts.network === undefined)
			throw new BpfError("ERR_ARGUMENT", `packet: ${word}() wants ipv4() or ipv6() before it`);
	}
}

/** `packet.eth()…bytes()` */
export const packet = { eth: (): PacketBuilder => new PacketBuilder() };

function ports(header: Uint8Array, fields: { readonly sport?: number; readonly dport?: number }): void {
	const view = new DataView(header.buffer);
	view.setUint16(0, within("sport", fields.sport ?? 40000, 0xffff));
	view.setUint16(2, within("dport", fields.dport ?? 9, 0xffff));
}

/** Header and payload, with the header's checksum over both and the addresses. */
function finished({ protocol, header, sumAt }: Transport, network: Network, payload: Uint8Array): Uint8Array {
	const bytes = joined(header, payload);
	const view = new DataView(bytes.buffer);
	if (protocol === UDP) view.setUint16(4, within("the length of a UDP packet", bytes.length, 0xffff));
	const pseudo = new Uint8Array(8);
	const head = new DataView(pseudo.buffer);
	head.setUint32(0, bytes.length);
	head.setUint32(4, protocol);
	const sum = checksum(joined(network.addresses, pseudo, bytes));
	view.setUint16(sumAt, protocol === UDP && sum === 0 ? 0xffff : sum);
	return bytes;
}

/** The Internet's checksum (RFC 1071). */
function checksum(bytes: Uint8Array): number {
	let sum = 0;
	for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
	while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
	return ~sum & 0xffff;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
	const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
	let at = 0;
	for (const part of parts) {
		bytes.set(part, at);
		at += part.length;
	}
	return bytes;
}

function within(what: string, value: number, most: number): number {
	if (Number.isInteger(value) && value >= 0 && value <= most) return value;
	throw new BpfError("ERR_ARGUMENT", `packet: ${what} is a number from 0 to ${most}, not ${value}`);
}

function ipv4(text: string): number[] {
	const bytes = text.split(".").map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : 256));
	if (bytes.length === 4 && bytes.every((byte) => byte <= 255)) return bytes;
	throw new BpfError("ERR_ARGUMENT", `packet: "${text}" is no IPv4 address (10.0.0.1)`);
}

function ipv6(text: string): number[] {
	const wrong = () => new BpfError("ERR_ARGUMENT", `packet: "${text}" is no IPv6 address (fd00::1)`);
	const halves = text.split("::");
	if (halves.length > 2) throw wrong();
	const [before = [], after = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
	const missing = 8 - before.length - after.length;
	if (halves.length === 2 ? missing < 1 : missing !== 0) throw wrong();
	const groups = [...before, ...Array<string>(missing).fill("0"), ...after];
	return groups.flatMap((group) => {
		if (!/^[0-9a-f]{1,4}$/i.test(group)) throw wrong();
		const value = Number.parseInt(group, 16);
		return [value >> 8, value & 255];
	});
}
