// Random kernel programs that know their own meaning. Each construct is made as text and, beside it, as a function that
// computes what the language says (§2–§5 of docs/language.md) on bigints. Nothing here looks at the compiler.

/** Numbers below `n`, from a seed or from fast-check; 0 is always the simplest choice. */
export type Choose = (n: number) => number;

export interface Kind {
	readonly name: string;
	readonly bits: 8 | 16 | 32 | 64;
	readonly signed: boolean;
}
export const K = (name: string): Kind => ({
	name,
	bits: Number(name.slice(1)) as Kind["bits"],
	signed: name.startsWith("i"),
});
export const U8 = K("u8");
export const U32 = K("u32");
export const I32 = K("i32");
export const U64 = K("u64");
export const I64 = K("i64");
export const ALL: readonly Kind[] = [U32, I32, U64, I64, U8, K("i8"), K("u16"), K("i16")];
export const WIDE: readonly Kind[] = [U32, I32, U64, I64];
/** The type that arithmetic on a kind happens in. */
export const aluOf = (k: Kind): Kind => (k.bits === 64 ? (k.signed ? I64 : U64) : k.signed ? I32 : U32);

export const wrap = (v: bigint, k: Kind): bigint => (k.signed ? BigInt.asIntN(k.bits, v) : BigInt.asUintN(k.bits, v));

export type Scalar = bigint | boolean | string;
export interface Struct {
	[field: string]: Scalar | Struct | bigint[];
}
export type Slot = Scalar | Struct | bigint[] | undefined;

/** What a program sees and leaves: one for all runs of one loaded program. */
export class World {
	readonly variables = new Map<string, Slot>();
	readonly out: bigint[] = [];
	readonly array: Struct[] = Array.from({ length: 4 }, () => zeroOf(POINT));
	readonly cpu: Struct[] = Array.from({ length: 4 }, () => zeroOf(POINT));
	readonly hash = new Map<bigint, bigint>();
	readonly named = new Map<string, bigint>();
	records: Struct[] = [];
	input: Struct = zeroOf(INPUT);
	packet: Uint8Array = new Uint8Array(64);
}

export interface Expression<T> {
	readonly text: string;
	readonly run: (w: World) => T;
}
export interface Int extends Expression<bigint> {
	readonly kind: Kind;
	/** A bare literal: its sign is open. */
	readonly bare?: boolean;
}
export type Bool = Expression<boolean>;
export type Text = Expression<string>;

export type Signal =
	| undefined
	| { readonly way: "break" | "continue"; readonly label?: string }
	| { readonly value: Slot };
export interface Statement {
	readonly text: string;
	readonly run: (w: World) => Signal;
}

export interface Member {
	readonly name: string;
	readonly type: Kind | "boolean" | "chars8" | "cells" | readonly Member[];
	readonly struct?: string;
}
export const INNER: readonly Member[] = [
	{ name: "p", type: U32 },
	{ name: "q", type: I64 },
];
export const POINT: readonly Member[] = [
	{ name: "a", type: U8 },
	{ name: "b", type: I32 },
	{ name: "c", type: U64 },
	{ name: "d", type: K("i16") },
	{ name: "t", type: "chars8" },
	{ name: "s", type: "cells" },
	{ name: "n", type: INNER, struct: "Inner" },
	{ name: "y", type: "boolean" },
];
export const INPUT: readonly Member[] = [
	...ALL.map((type, i) => ({ name: `f${i}`, type })),
	{ name: "text", type: "chars8" as const },
	{ name: "s", type: "cells" as const },
];
/** Lengths of `cells` and `chars8`. */
export const CELLS = 4;
export const CHARS = 8;

export const zeroOf = (members: readonly Member[]): Struct => {
	const s: Struct = {};
	for (const m of members)
		s[m.name] = Array.isArray(m.type)
			? zeroOf(m.type as readonly Member[])
			: m.type === "cells"
				? new Array<bigint>(CELLS).fill(0n)
				: m.type === "chars8"
					? ""
					: m.type === "boolean"
						? false
						: 0n;
	return s;
};
export const copy = (s: Struct): Struct => structuredClone(s);

/** The bytes of a struct in C layout. */
export function bytesOf(members: readonly Member[], s: Struct): Uint8Array {
	const list: number[] = [];
	const pad = (align: number): void => {
		while (list.length % align !== 0) list.push(0);
	};
	let most = 1;
	const number = (v: bigint, bytes: number): void => {
		pad(bytes);
		most = Math.max(most, bytes);
		for (let n = 0; n < bytes; n++) list.push(Number((v >> BigInt(8 * n)) & 255n));
	};
	for (const m of members) {
		const v = s[m.name]!;
		if (m.type === "chars8") for (let n = 0; n < CHARS; n++) list.push((v as string).charCodeAt(n) || 0);
		else if (m.type === "cells") for (const c of v as bigint[]) number(c, 2);
		else if (m.type === "boolean") number(v ? 1n : 0n, 1);
		else if (Array.isArray(m.type)) {
			pad(8);
			most = 8;
			list.push(...bytesOf(m.type as readonly Member[], v as Struct));
		} else number(v as bigint, (m.type as Kind).bits / 8);
	}
	pad(most);
	return Uint8Array.from(list);
}
export const inputBytes = (s: Struct): Uint8Array => bytesOf(INPUT, s);
export const recordBytes = (s: Struct): Uint8Array => bytesOf(POINT, s);

export const EDGES = [
	0n,
	1n,
	2n,
	3n,
	7n,
	-1n,
	8n,
	127n,
	128n,
	255n,
	256n,
	0x7fffn,
	0x8000n,
	0xffffn,
	0x7fffffffn,
].concat([0x80000000n, 0xffffffffn, 0x100000000n, (1n << 63n) - 1n, 1n << 63n, 31n, 32n, 63n, 64n, -2n, -128n]);
export const TEXTS = ["", "a", "ab", "abc", "abcdefg", "b", "xyz", "sshd"];

/** Values to run a program on. */
export function randomInput(choose: Choose): Struct {
	const s = zeroOf(INPUT);
	for (const m of INPUT)
		if (m.type === "chars8") s[m.name] = TEXTS[choose(TEXTS.length)]!;
		else if (m.type === "cells") s[m.name] = [0, 0, 0, 0].map(() => BigInt(choose(65536)));
		else
			s[m.name] = wrap(EDGES[choose(EDGES.length)]! + (choose(3) === 2 ? BigInt(choose(1 << 16)) : 0n), m.type as Kind);
	return s;
}

export const typeText = (m: Member): string =>
	m.struct ??
	(m.type === "chars8"
		? "chars<8>"
		: m.type === "cells"
			? "arr<u16, 4>"
			: m.type === "boolean"
				? "boolean"
				: (m.type as Kind).name);
export const interfaceText = (name: string, members: readonly Member[]): string =>
	`interface ${name} { ${members.map((m) => `${m.name}: ${typeText(m)}`).join("; ")} }`;

/** Arithmetic as §2 has it, operands already in `k`, which is 32 or 64 bit. */
export function evaluate(op: string, a: bigint, b: bigint, k: Kind): bigint {
	const count = k.bits === 64 ? b : BigInt.asUintN(32, b) & 31n;
	switch (op) {
		case "+":
			return wrap(a + b, k);
		case "-":
			return wrap(a - b, k);
		case "*":
			return wrap(a * b, k);
		case "/":
			return b === 0n ? 0n : wrap(a / b, k);
		case "%":
			return b === 0n ? a : wrap(a % b, k);
		case "&":
			return wrap(a & b, k);
		case "|":
			return wrap(a | b, k);
		case "^":
			return wrap(a ^ b, k);
		case "<<":
			return count > 63n ? 0n : wrap(a << count, k);
		case ">>":
			return count > 63n ? (a < 0n ? -1n : 0n) : a >> count;
		default:
			return BigInt.asUintN(k.bits, a) >> count;
	}
}
export const related = (op: string, a: bigint, b: bigint): boolean =>
	op === "<"
		? a < b
		: op === "<="
			? a <= b
			: op === ">"
				? a > b
				: op === ">="
					? a >= b
					: op === "==="
						? a === b
						: a !== b;

export function reach(s: Struct, path: string): Slot {
	let v: Slot = s;
	for (const name of path.split(".")) v = (v as Struct)[name];
	return v;
}
export function put(s: Struct, path: string, value: Scalar | Struct | bigint[]): void {
	const names = path.split(".");
	const last = names.pop()!;
	let v = s;
	for (const name of names) v = v[name] as Struct;
	v[last] = value;
}
export function arrayAt(w: World, path: string): bigint[] {
	if (path === "given.s") return w.input["s"] as bigint[];
	const [name, member] = path.split(".");
	const v = w.variables.get(name!);
	return (member ? (v as Struct)[member] : v) as bigint[];
}
