import type { Node } from "#frontend";
import type { BinaryOp, Condition, Inst, IntType, Width } from "#ir";
import type { Lowering } from "./lowering.ts";
import {
	type BoolValue,
	constant,
	describe,
	type IntValue,
	int,
	knownRange,
	least,
	literal,
	POISON,
	rangeOf,
	type Value,
} from "./value.ts";

export const widthOf = (v: { readonly bits: number }): Width => (v.bits === 64 ? 64 : 32);

/** The register of an integer; constants get theirs here. */
export const instOf = (l: Lowering, v: IntValue): Inst => v.inst ?? l.constant(v.constant ?? 0n, widthOf(v));

export const boolInst = (l: Lowering, v: BoolValue): Inst => v.inst ?? l.constant(v.constant ? 1 : 0, 32);

/** `v` as a constant wrapped to `bits`. */
export const wrap = (value: bigint, bits: number, signed: boolean): bigint =>
	signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);

export const fits = (v: IntValue, bits: number, signed: boolean): boolean => {
	const [low, high] = rangeOf(bits, signed);
	const [a, b] = knownRange(v);
	return a >= low && b <= high;
};

const name = (bits: number, signed: boolean) => `${signed ? "i" : "u"}${bits}`;

const COMPARISON = "the comparison";

/** Gives an open local the sign of the operand it met. */
function settle(v: IntValue, signed: boolean): void {
	if (v.open && v.local && v.local.sign === "open") v.local.sign = signed ? "signed" : "unsigned";
}

/**
 * The common type of two operands. `signMatters`: comparing, dividing.
 * undefined after a report.
 */
function common(
	l: Lowering,
	a: IntValue,
	b: IntValue,
	signMatters: boolean,
	node: Node,
	what: string,
): { bits: 32 | 64; signed: boolean; open: boolean } | undefined {
	if ((a.bits === 64) !== (b.bits === 64)) {
		const [big, small] = a.bits === 64 ? [a, b] : [b, a];
		l.error(
			what === COMPARISON ? "SK2004" : "SK1009",
			node,
			`bigint and number are mixed: ${describe(big)} is 64 bit, ${describe(small)} is ${small.bits} bit`,
			small.constant !== undefined
				? `write ${small.constant}n`
				: "write u64(…) around the number, or u32(…) around the bigint",
		);
		return undefined;
	}
	const bits = a.bits === 64 ? 64 : 32;
	if (a.open && b.open) return { bits, signed: a.signed && b.signed, open: true };
	if (a.open || b.open) {
		const [open, closed] = a.open ? [a, b] : [b, a];
		if (open.constant !== undefined && signMatters && !fits(open, bits, closed.signed))
			return mixed(l, a, b, node, what);
		settle(open, closed.signed);
		return { bits, signed: closed.signed, open: false };
	}
	if (a.signed === b.signed) return { bits, signed: a.signed, open: false };
	const [signed, unsigned] = a.signed ? [a, b] : [b, a];
	// A narrower unsigned value, or one known to be small, is the same number in the signed type.
	if (fits(unsigned, bits, true)) return { bits, signed: true, open: false };
	if (knownRange(signed)[0] >= 0n) return { bits, signed: false, open: false };
	if (signMatters) return mixed(l, a, b, node, what);
	return { bits, signed: false, open: false };
}

function mixed(l: Lowering, a: IntValue, b: IntValue, node: Node, what: string): undefined {
	const [signed, unsigned] = a.signed && !a.open ? [a, b] : [b, a];
	l.error(
		"SK2005",
		node,
		`${what} mixes signed and unsigned: ${describe(signed)} and ${describe(unsigned)}`,
		`convert one side: ${name(unsigned.bits, false)}(…) or ${name(unsigned.bits, true)}(…)`,
	);
	return undefined;
}

export type Operator = "+" | "-" | "*" | "/" | "%" | "&" | "|" | "^" | "<<" | ">>" | ">>>";

/** The value of `a op b` on exact integers, before wrapping; division as in RFC 9669. */
function exact(op: Operator, a: bigint, b: bigint, bits: number): bigint {
	const mask = BigInt(bits - 1);
	switch (op) {
		case "+":
			return a + b;
		case "-":
			return a - b;
		case "*":
			return a * b;
		case "/":
			return b === 0n ? 0n : a / b;
		case "%":
			return b === 0n ? a : a % b;
		case "&":
			return a & b;
		case "|":
			return a | b;
		case "^":
			return a ^ b;
		case "<<":
			return bits === 64 ? (b > 63n ? 0n : a << b) : a << (b & mask);
		case ">>":
			return bits === 64 ? (b > 63n ? (a < 0n ? -1n : 0n) : a >> b) : a >> (b & mask);
		case ">>>":
			return bits === 64 && b > 63n ? 0n : BigInt.asUintN(bits, a) >> (b & mask);
	}
}

/** Range of the result where it is known without wrapping. */
function resultRange(
	op: Operator,
	a: IntValue,
	b: IntValue,
	bits: number,
	signed: boolean,
): { min?: bigint; max?: bigint } {
	const [al, ah] = knownRange(a);
	const [bl, bh] = knownRange(b);
	const [low, high] = rangeOf(bits, signed);
	const within = (min: bigint, max: bigint) => (min >= low && max <= high ? { min, max } : {});
	switch (op) {
		case "+":
			return within(al + bl, ah + bh);
		case "-":
			return within(al - bh, ah - bl);
		case "*":
			return al >= 0n && bl >= 0n ? within(al * bl, ah * bh) : {};
		case "/":
			return al >= 0n && bl > 0n ? { min: al / bh, max: ah / bl } : al >= 0n && bl >= 0n ? { min: 0n, max: ah } : {};
		case "%":
			if (al < 0n) return {};
			return bl > 0n ? { min: 0n, max: bh - 1n < ah ? bh - 1n : ah } : { min: 0n, max: ah };
		case "&":
			if (bl >= 0n && al >= 0n) return { min: 0n, max: least(ah, bh) };
			if (bl >= 0n) return { min: 0n, max: bh };
			if (al >= 0n) return { min: 0n, max: ah };
			return {};
		case "|":
		case "^": {
			if (al < 0n || bl < 0n) return {};
			let m = 1n;
			while (m <= ah || m <= bh) m <<= 1n;
			return within(0n, m - 1n);
		}
		case ">>":
			return b.constant !== undefined && al >= 0n
				? { min: al >> (b.constant & BigInt(bits - 1)), max: ah >> (b.constant & BigInt(bits - 1)) }
				: al >= 0n
					? { min: 0n, max: ah }
					: {};
		case ">>>":
			if (b.constant !== undefined && b.constant > 0n)
				return { min: 0n, max: (al < 0n ? (1n << BigInt(bits)) - 1n : ah) >> (b.constant & BigInt(bits - 1)) };
			return al >= 0n ? { min: 0n, max: ah } : {};
		case "<<":
			return b.constant !== undefined && al >= 0n && b.constant < BigInt(bits)
				? within(al << b.constant, ah << b.constant)
				: {};
	}
}

const OPERATORS: Record<Operator, [BinaryOp, BinaryOp]> = {
	"+": ["add", "add"],
	"-": ["sub", "sub"],
	"*": ["mul", "mul"],
	"/": ["udiv", "sdiv"],
	"%": ["umod", "smod"],
	"&": ["and", "and"],
	"|": ["or", "or"],
	"^": ["xor", "xor"],
	"<<": ["shl", "shl"],
	">>": ["lshr", "ashr"],
	">>>": ["lshr", "lshr"],
};

/** `a op b` of two integers: 32-bit ALU for numbers, 64-bit for bigints, wrapped. */
export function arithmetic(l: Lowering, op: Operator, a: IntValue, b: IntValue, node: Node): Value {
	const shift = op === "<<" || op === ">>" || op === ">>>";
	let type: { bits: 32 | 64; signed: boolean; open: boolean } | undefined;
	if (shift) {
		if ((a.bits === 64) !== (b.bits === 64)) {
			common(l, a, b, false, node, "the shift");
			return POISON;
		}
		if (b.constant !== undefined && b.constant < 0n)
			return l.error("SK2003", node, `a shift by ${b.constant} has no meaning`, "shift the other way");
		type = { bits: widthOf(a), signed: op === ">>>" ? false : a.signed, open: a.open && op !== ">>>" };
	} else {
		type = common(
			l,
			a,
			b,
			op === "/" || op === "%",
			node,
			op === "/" ? "the division" : op === "%" ? "the remainder" : `"${op}"`,
		);
	}
	if (!type) return POISON;
	const { bits } = type;
	if (a.constant !== undefined && b.constant !== undefined) {
		const value = exact(op, wrap(a.constant, bits, shift ? a.signed : type.signed), b.constant, bits);
		if (type.open) {
			// Open operands: the exact result if it has a type, else wrapped as signed, as JavaScript's operators do.
			if (value >= 0n && value <= rangeOf(bits, false)[1])
				return bits === 32 &&
					(op === "<<" || op === "|" || op === "^") &&
					value > rangeOf(32, true)[1] &&
					a.constant <= rangeOf(32, true)[1] &&
					b.constant <= rangeOf(32, true)[1]
					? constant(BigInt.asIntN(32, value), 32, true)
					: literal(value, bits === 64);
			return constant(wrap(value, bits, true), bits, true);
		}
		return { ...constant(wrap(value, bits, type.signed), bits, type.signed), computed: true };
	}
	l.at(node);
	const x = instOf(l, a);
	let y = instOf(l, b);
	const range = resultRange(op, a, b, bits, type.signed);
	const more: Partial<IntValue> = { computed: true, open: type.open, ...range };
	const operator = OPERATORS[op][type.signed && !(type.open && knownRange(a)[0] >= 0n) ? 1 : 0];
	if (shift && bits === 64 && b.constant === undefined && knownRange(b)[1] > 63n) {
		// A bigint shifted by 64 or more is 0 (or all sign); the instruction would mask the count.
		const cell = { name: "shifted", width: 64, space: "scalar" } as const;
		const far = l.join();
		const near = l.join();
		const end = l.join();
		l.branch("ugt", 64, y, l.constant(63, 64), far, near);
		l.enter(far);
		l.b.write(cell, operator === "ashr" ? l.binary("ashr", x, l.constant(63, 64), 64) : l.constant(0, 64));
		l.goto(end);
		l.enter(near);
		l.b.write(cell, l.binary(operator, x, y, 64));
		l.goto(end);
		l.enter(end);
		return int(64, type.signed, l.b.read(cell), more);
	}
	if (shift && bits === 64 && b.constant !== undefined && b.constant > 63n) {
		if (operator !== "ashr") return int(64, type.signed, l.constant(0, 64), more);
		y = l.constant(63, 64);
	}
	return int(bits, type.signed, l.binary(operator, x, y, bits), more);
}

export type Relation = "===" | "!==" | "<" | "<=" | ">" | ">=";

const UNSIGNED: Record<Relation, Condition> = {
	"===": "eq",
	"!==": "ne",
	"<": "ult",
	"<=": "ule",
	">": "ugt",
	">=": "uge",
};

const SIGNED: Record<Relation, Condition> = {
	"===": "eq",
	"!==": "ne",
	"<": "slt",
	"<=": "sle",
	">": "sgt",
	">=": "sge",
};

export const holds = (op: Relation, a: bigint, b: bigint): boolean =>
	op === "==="
		? a === b
		: op === "!=="
			? a !== b
			: op === "<"
				? a < b
				: op === "<="
					? a <= b
					: op === ">"
						? a > b
						: a >= b;

/** What a comparison of two integers is as a branch: condition, width and operands; a boolean where it is known. */
export function relation(
	l: Lowering,
	op: Relation,
	a: IntValue,
	b: IntValue,
	node: Node,
): { condition: Condition; on: Width; a: Inst; b: Inst } | boolean | undefined {
	const type = common(l, a, b, true, node, COMPARISON);
	if (!type) return undefined;
	if (a.constant !== undefined && b.constant !== undefined) return holds(op, a.constant, b.constant);
	l.at(node);
	const signed = type.signed && !(knownRange(a)[0] >= 0n && knownRange(b)[0] >= 0n && !type.open);
	return { condition: (signed ? SIGNED : UNSIGNED)[op], on: type.bits, a: instOf(l, a), b: instOf(l, b) };
}

/** `u8(x)` … `i64(x)`: truncates, or extends by the sign of the source. */
export function convert(l: Lowering, v: IntValue, bits: 8 | 16 | 32 | 64, signed: boolean, node: Node): IntValue {
	if (v.constant !== undefined) return constant(wrap(v.constant, bits, signed), bits, signed);
	l.at(node);
	const range = fits(v, bits, signed)
		? { ...(v.min === undefined ? {} : { min: v.min }), ...(v.max === undefined ? {} : { max: v.max }) }
		: {};
	let inst = instOf(l, v);
	if (bits === 64) {
		if (v.bits !== 64)
			inst = l.b.emit({ op: "extend", from: 32, signed: v.signed && knownRange(v)[0] < 0n }, [inst], 64);
		return int(64, signed, inst, range);
	}
	if (v.bits === 64) inst = l.b.emit({ op: "truncate" }, [inst], 32);
	if (bits < 32 && !fits(v, bits, signed)) inst = l.b.emit({ op: "extend", from: bits as 8 | 16, signed }, [inst], 32);
	return int(bits, signed, inst, range);
}

/** An integer into a place, parameter or local of an integer type: widening is implicit, narrowing is not. */
export function assign(l: Lowering, v: IntValue, type: IntType, node: Node): Value {
	if ((v.bits === 64) !== (type.bits === 64)) {
		return l.error(
			"SK1009",
			node,
			v.bits === 64
				? `a bigint (${describe(v)}) into ${name(type.bits, type.signed)}`
				: `a number (${describe(v)}) into ${name(type.bits, type.signed)}`,
			v.bits === 64
				? `write ${name(type.bits, type.signed)}(…)`
				: v.constant !== undefined
					? `write ${v.constant}n`
					: `write ${name(type.bits, type.signed)}(…)`,
		);
	}
	if (v.constant !== undefined) {
		// A converted value keeps its bits between u32 and i32; a literal must be one of the type's numbers.
		if (
			!fits(v, type.bits, type.signed) &&
			(v.open || !(v.bits === type.bits && v.computed) || (v.constant < 0n && v.signed && !v.computed))
		)
			return l.error(
				"SK2003",
				node,
				`${v.constant}${type.bits === 64 ? "n" : ""} is not in the range of ${name(type.bits, type.signed)} (${rangeOf(type.bits, type.signed).join(" to ")})`,
				`write ${name(type.bits, type.signed)}(…) to keep the low ${type.bits} bits`,
			);
		return constant(wrap(v.constant, type.bits, type.signed), type.bits, type.signed);
	}
	settle(v, type.signed);
	const range = fits(v, type.bits, type.signed)
		? { ...(v.min === undefined ? {} : { min: v.min }), ...(v.max === undefined ? {} : { max: v.max }) }
		: {};
	const inst = instOf(l, v);
	if (v.bits <= type.bits || fits(v, type.bits, type.signed)) {
		if (
			v.bits === type.bits ||
			v.signed === type.signed ||
			!v.signed ||
			type.bits >= 32 ||
			fits(v, type.bits, type.signed)
		) {
			if (v.bits === type.bits && v.signed !== type.signed && type.bits < 32 && !fits(v, type.bits, type.signed))
				return int(
					type.bits,
					type.signed,
					l.b.emit({ op: "extend", from: type.bits as 8 | 16, signed: type.signed }, [inst], 32),
				);
			return int(type.bits, type.signed, inst, range);
		}
		return int(
			type.bits,
			type.signed,
			l.b.emit({ op: "extend", from: type.bits as 8 | 16, signed: type.signed }, [inst], 32),
		);
	}
	// A local that was never an operator's result and whose width is open takes the place's width.
	if (v.local && v.local.bits <= type.bits && !v.local.computed && v.local.type === undefined) {
		v.local.narrowed ??= { bits: type.bits as 8 | 16, node };
		return int(type.bits, type.signed, inst, range);
	}
	return l.error(
		"SK2007",
		node,
		v.computed
			? `the result of an operator is ${v.signed ? "i32" : "u32"}; it does not fit ${name(type.bits, type.signed)}`
			: `${describe(v)} does not fit ${name(type.bits, type.signed)}`,
		`write ${name(type.bits, type.signed)}(…) to keep the low ${type.bits} bits`,
	);
}

export function swapBytes(value: bigint, bits: number): bigint {
	let out = 0n;
	for (let i = 0; i < bits; i += 8) out = (out << 8n) | ((value >> BigInt(i)) & 0xffn);
	return out;
}
