/**
 * The shape of a value as output needs it: what a reader made of BTF, without BTF. Integers of 64 bit are bigint, others
 * number; network order is the stored bits (a be16 read as this machine reads a u16), shown in host order.
 */
export type Shape =
	| { readonly kind: "int"; readonly bits: number; readonly signed: boolean }
	| { readonly kind: "be"; readonly bits: 16 | 32 | 64 }
	| { readonly kind: "bool" }
	/** A NUL-padded text of at most `length` bytes. */
	| { readonly kind: "chars"; readonly length: number }
	| { readonly kind: "array"; readonly of: Shape; readonly length: number }
	| {
			readonly kind: "struct";
			readonly name: string;
			readonly members: readonly { readonly name: string; readonly shape: Shape }[];
	  }
	/** Bytes that nothing is known about; values are arrays of numbers. */
	| { readonly kind: "opaque"; readonly size: number };

/** A value as people and JSON readers see it: network order becomes numbers in host order. */
export function present(shape: Shape, value: unknown): unknown {
	switch (shape.kind) {
		case "be":
			return typeof value === "bigint"
				? swap64(value)
				: shape.bits === 16
					? swap16(Number(value))
					: swap32(Number(value));
		case "array":
			return holdsNetworkOrder(shape.of) && Array.isArray(value) ? value.map((v) => present(shape.of, v)) : value;
		case "struct": {
			if (!holdsNetworkOrder(shape) || typeof value !== "object" || value === null) return value;
			const members = value as Readonly<Record<string, unknown>>;
			return Object.fromEntries(shape.members.map((m) => [m.name, present(m.shape, members[m.name])]));
		}
		default:
			return value;
	}
}

function holdsNetworkOrder(shape: Shape): boolean {
	if (shape.kind === "be") return true;
	if (shape.kind === "array") return holdsNetworkOrder(shape.of);
	return shape.kind === "struct" && shape.members.some((m) => holdsNetworkOrder(m.shape));
}

/** Order of presented values: numbers by size, texts by code unit, structs member by member, false before true. */
export function compareValues(a: unknown, b: unknown): number {
	if (Array.isArray(a) && Array.isArray(b)) {
		for (let i = 0; i < Math.min(a.length, b.length); i++) {
			const order = compareValues(a[i], b[i]);
			if (order !== 0) return order;
		}
		return a.length - b.length;
	}
	if (typeof a === "object" && typeof b === "object" && a !== null && b !== null) {
		const other = b as Readonly<Record<string, unknown>>;
		for (const [name, value] of Object.entries(a)) {
			const order = compareValues(value, other[name]);
			if (order !== 0) return order;
		}
		return 0;
	}
	const x = a as number | bigint | string | boolean;
	const y = b as number | bigint | string | boolean;
	return x < y ? -1 : x > y ? 1 : 0;
}

const swap16 = (x: number): number => ((x & 0xff) << 8) | ((x >>> 8) & 0xff);
const swap32 = (x: number): number => ((swap16(x & 0xffff) << 16) | swap16(x >>> 16)) >>> 0;
function swap64(x: bigint): bigint {
	const low = BigInt(swap32(Number(x & 0xffffffffn)));
	const high = BigInt(swap32(Number((x >> 32n) & 0xffffffffn)));
	return (low << 32n) | high;
}
