/** A member of a context struct: where, how many bytes, and how many of them in a row. */
type Member = readonly [offset: number, size: 1 | 2 | 4 | 8, count?: number, bigEndian?: true];

/** What a test run takes of `struct __sk_buff`; the kernel refuses anything else that is not 0. */
// biome-ignore format: table
const SK_BUFF = {
	mark: [8, 4],
	priority: [32, 4],
	ingress_ifindex: [36, 4],
	ifindex: [40, 4],
	cb: [48, 4, 5],
	tstamp: [152, 8],
	wire_len: [160, 4],
	gso_segs: [164, 4],
	gso_size: [176, 4],
	hwtstamp: [184, 8],
} as const satisfies Readonly<Record<string, Member>>;
const SK_BUFF_BYTES = 192;

/** `struct xdp_md`: `data` is the length of the metadata in front of the packet, `data_end` where the linear part ends. */
// biome-ignore format: table
const XDP_MD = {
	data: [0, 4],
	data_end: [4, 4],
	ingress_ifindex: [12, 4],
	rx_queue_index: [16, 4],
} as const satisfies Readonly<Record<string, Member>>;
const XDP_MD_BYTES = 24;

/** `struct bpf_sk_lookup`. Addresses and the remote port are in network order: bytes, or a number as one writes it. */
// biome-ignore format: table
const SK_LOOKUP = {
	family: [8, 4],
	protocol: [12, 4],
	remote_ip4: [16, 4, 1, true],
	remote_ip6: [20, 1, 16],
	remote_port: [36, 2, 1, true],
	local_ip4: [40, 4, 1, true],
	local_ip6: [44, 1, 16],
	local_port: [60, 4],
	ingress_ifindex: [64, 4],
} as const satisfies Readonly<Record<string, Member>>;
const SK_LOOKUP_BYTES = 72;

type Fields<T extends Readonly<Record<string, Member>>> = {
	readonly [K in keyof T]?: T[K] extends readonly [number, 8]
		? bigint
		: T[K] extends readonly [number, number, 5 | 16]
			? ArrayLike<number>
			: number;
};
export type SkBuff = Fields<typeof SK_BUFF>;
export type XdpMd = Fields<typeof XDP_MD>;
export type SkLookup = Fields<typeof SK_LOOKUP>;

/** Context of a test run of programs that see an skb. 192 bytes. @throws RangeError */
export function skBuff(fields: SkBuff): Uint8Array<ArrayBuffer> {
	return encode(SK_BUFF_BYTES, SK_BUFF, fields);
}

/** Context of a test run of XDP programs. 24 bytes. @throws RangeError */
export function xdpMd(fields: XdpMd): Uint8Array<ArrayBuffer> {
	return encode(XDP_MD_BYTES, XDP_MD, fields);
}

/** Context of a test run of sk_lookup programs; `family` (2 or 10) must be there. 72 bytes. @throws RangeError */
export function skLookup(fields: SkLookup): Uint8Array<ArrayBuffer> {
	return encode(SK_LOOKUP_BYTES, SK_LOOKUP, fields);
}

function encode(
	size: number,
	members: Readonly<Record<string, Member>>,
	fields: Readonly<Record<string, unknown>>,
): Uint8Array<ArrayBuffer> {
	const view = new DataView(new ArrayBuffer(size));
	for (const [name, value] of Object.entries(fields)) {
		const member = members[name];
		if (!member) throw new RangeError(`no member ${name}; there are ${Object.keys(members).join(", ")}`);
		if (value === undefined) continue;
		const [offset, width, count = 1, bigEndian] = member;
		const list =
			typeof value === "object" && value !== null ? Array.from(value as ArrayLike<number>) : [value as number | bigint];
		if (list.length > count) throw new RangeError(`${name} has room for ${count}, not ${list.length}`);
		for (const [i, each] of list.entries()) {
			const number = BigInt(each);
			if (number < 0n || number >= 1n << BigInt(width * 8))
				throw new RangeError(`${name}: ${each} does not fit into ${width} bytes`);
			const at = offset + i * width;
			if (width === 8) view.setBigUint64(at, number, !bigEndian);
			else if (width === 4) view.setUint32(at, Number(number), !bigEndian);
			else if (width === 2) view.setUint16(at, Number(number), !bigEndian);
			else view.setUint8(at, Number(number));
		}
	}
	return new Uint8Array(view.buffer);
}
