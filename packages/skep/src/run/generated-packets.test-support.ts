// Made-up packets: the same for the same seed. Most are well formed up to some point, because garbage alone never gets far.

/** Numbers from a seed: xorshift, 32 bit. */
class Random {
	#state: number;

	constructor(seed: number) {
		this.#state = seed | 0 || 1;
	}

	/** From 0 up to, not including, `end`. */
	below(end: number): number {
		let x = this.#state;
		x ^= x << 13;
		x ^= x >>> 17;
		x ^= x << 5;
		this.#state = x;
		return (x >>> 0) % end;
	}

	between(low: number, high: number): number {
		return low + this.below(high - low + 1);
	}

	/** True once in `n` times. */
	once(n: number): boolean {
		return this.below(n) === 0;
	}

	pick<T>(list: readonly T[]): T {
		return list[this.below(list.length)]!;
	}

	bytes(length: number): number[] {
		return Array.from({ length }, () => this.below(256));
	}
}

const be16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];

const TCP = 6;
const UDP = 17;
const PORTS = [53, 53, 53, 54, 0x3500, 5353, 123, 443, 0, 0xffff];

function udp(random: Random): number[] {
	const payload = random.bytes(random.below(40));
	const length = random.once(20) ? random.below(0x10000) : 8 + payload.length;
	return [...be16(random.pick(PORTS)), ...be16(random.pick(PORTS)), ...be16(length), ...random.bytes(2), ...payload];
}

const tcp = (random: Random): number[] => [
	...be16(random.pick(PORTS)),
	...be16(random.pick(PORTS)),
	...random.bytes(8),
	...[random.between(0, 15) << 4, random.below(256)],
	...random.bytes(random.between(6, 30)),
];

/** What follows a network header, and its protocol number. */
function transport(random: Random): [protocol: number, bytes: number[]] {
	switch (random.below(8)) {
		case 0:
			return [TCP, tcp(random)];
		case 1:
			return [random.pick([1, 58]), [random.below(256), 0, ...random.bytes(random.between(2, 30))]];
		case 2:
			return [random.below(256), random.bytes(random.below(30))];
		default:
			return [UDP, udp(random)];
	}
}

function ipv4(random: Random): number[] {
	const [protocol, rest] = transport(random);
	// Header lengths below 20 bytes are lies, and some tell of options that are not there.
	const words = random.once(3) ? random.between(5, 15) : random.once(12) ? random.below(16) : 5;
	const options = random.once(8) ? [] : random.bytes(Math.max(0, words - 5) * 4);
	const fragment = random.once(6) ? random.pick([0x2000, 0x2001, 0x00b9, 0x1fff]) : random.pick([0, 0x4000]);
	const version = random.once(30) ? random.below(16) : 4;
	return [
		...[(version << 4) | words, random.below(256)],
		...be16(words * 4 + rest.length),
		...random.bytes(2),
		...be16(fragment),
		...[random.below(256), protocol],
		...random.bytes(10),
		...options,
		...rest,
	];
}

/** Hop-by-hop, routing, fragment, destination options, authentication: headers that name the next one. */
const EXTENSIONS = [0, 43, 44, 60, 51];

function ipv6(random: Random): number[] {
	let [next, rest] = transport(random);
	for (let left = random.once(2) ? 0 : random.between(1, 3); left > 0; left--) {
		const type = random.pick(EXTENSIONS);
		const units = type === 44 ? 0 : random.below(3);
		// The authentication header counts words, and from two.
		const length = type === 51 ? units * 2 : units;
		rest = [next, length, ...random.bytes(6 + units * 8), ...rest];
		next = type;
	}
	return [0x60, ...random.bytes(3), ...be16(rest.length), next, random.below(256), ...random.bytes(32), ...rest];
}

function network(random: Random): [type: number, bytes: number[]] {
	switch (random.below(12)) {
		case 0:
			return [0x0806, [0, 1, 8, 0, 6, 4, 0, random.between(1, 2), ...random.bytes(20)]];
		case 1:
			return [random.below(0x10000), random.bytes(random.below(60))];
		case 2:
			// The type says one thing, the header another.
			return [random.pick([0x0800, 0x86dd]), random.once(2) ? ipv4(random) : ipv6(random)];
		case 3:
		case 4:
		case 5:
		case 6:
			return [0x86dd, ipv6(random)];
		default:
			return [0x0800, ipv4(random)];
	}
}

function packet(random: Random): Uint8Array {
	if (random.once(25)) return Uint8Array.from(random.bytes(random.below(120)));
	let [type, bytes] = network(random);
	for (let tags = random.once(3) ? random.between(1, 4) : 0; tags > 0; tags--) {
		bytes = [...random.bytes(2), ...be16(type), ...bytes];
		type = random.pick([0x8100, 0x8100, 0x88a8, 0x9100]);
	}
	bytes = [...random.bytes(12), ...be16(type), ...bytes];
	// Ethernet fills up to 60 bytes; captures cut off.
	if (random.once(4)) while (bytes.length < 60) bytes.push(0);
	if (random.once(6)) bytes.length = random.below(bytes.length + 1);
	else if (random.once(60)) bytes.push(...random.bytes(random.pick([1400, 3000, 3480, 9000])));
	return Uint8Array.from(bytes);
}

/** `count` packets: VLAN and QinQ, IPv4 options, fragments, IPv6 extension headers, truncations, garbage. */
export function generatePackets(seed: number, count: number): Uint8Array[] {
	const random = new Random(seed);
	return Array.from({ length: count }, () => packet(random));
}

/** Lengths at the edges of what a test run takes, each filled with the beginning of one good packet. */
export function packetsOfLengths(lengths: readonly number[]): Uint8Array[] {
	const random = new Random(1);
	const good = Uint8Array.from([
		...random.bytes(12),
		...be16(0x0800),
		0x45,
		...random.bytes(8),
		UDP,
		...random.bytes(12),
		0,
		53,
	]);
	return lengths.map((length) => {
		const bytes = new Uint8Array(length);
		bytes.set(good.subarray(0, length));
		return bytes;
	});
}
