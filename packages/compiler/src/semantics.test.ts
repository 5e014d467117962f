// Integer semantics, proved by running: every operator, width and sign with constants and variables is compiled, loaded
// into this machine's kernel, run on a packet, and its result compared with an independent reference on bigint.
import { test } from "node:test";
import { type Case, check } from "./kernel-run.test-support.ts";

interface Kind {
	readonly name: string;
	readonly bits: number;
	readonly signed: boolean;
}
const KINDS: readonly Kind[] = [8, 16, 32, 64].flatMap((bits) => [
	{ name: `u${bits}`, bits, signed: false },
	{ name: `i${bits}`, bits, signed: true },
]);

const wrap = (v: bigint, bits: number, signed: boolean) => (signed ? BigInt.asIntN(bits, v) : BigInt.asUintN(bits, v));
const u64 = (v: bigint) => BigInt.asUintN(64, v);
const text = (v: bigint, k: Kind) => (k.bits === 64 ? `${v}n` : `${v}`);

/** What the language says, written without the compiler: operands of one type, the result at ALU width. */
function reference(op: string, a: bigint, b: bigint, k: Kind): bigint {
	const bits = k.bits === 64 ? 64 : 32;
	const count = bits === 64 ? b : BigInt.asUintN(32, b) & 31n;
	switch (op) {
		case "+":
			return wrap(a + b, bits, k.signed);
		case "-":
			return wrap(a - b, bits, k.signed);
		case "*":
			return wrap(a * b, bits, k.signed);
		case "/":
			return b === 0n ? 0n : wrap(a / b, bits, k.signed);
		case "%":
			return b === 0n ? a : wrap(a % b, bits, k.signed);
		case "&":
			return wrap(a & b, bits, k.signed);
		case "|":
			return wrap(a | b, bits, k.signed);
		case "^":
			return wrap(a ^ b, bits, k.signed);
		case "<<":
			return wrap(a << count, bits, k.signed);
		case ">>":
			return wrap(a >> count, bits, k.signed);
		case ">>>":
			return BigInt.asUintN(bits, a) >> count;
		case "<":
			return a < b ? 1n : 0n;
		case "<=":
			return a <= b ? 1n : 0n;
		case ">":
			return a > b ? 1n : 0n;
		case ">=":
			return a >= b ? 1n : 0n;
		case "===":
			return a === b ? 1n : 0n;
		default:
			return a !== b ? 1n : 0n;
	}
}

/** The same numbers on every run. */
function random(seed: number) {
	let state = seed;
	return (below: number) => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return Math.floor((state / 2 ** 32) * below);
	};
}
const pick = random(20261122);

function values(k: Kind): bigint[] {
	const [low, high] = k.signed
		? [-(1n << BigInt(k.bits - 1)), (1n << BigInt(k.bits - 1)) - 1n]
		: [0n, (1n << BigInt(k.bits)) - 1n];
	return [0n, 1n, 2n, 3n, 7n, 10n, low, low + 1n, high, high - 1n, high / 3n, ...(k.signed ? [-1n, -2n, -7n] : [])];
}

let next = 0;
const variable = (k: Kind, v: bigint): [name: string, declaration: string] => {
	const name = `v${next++}`;
	return [name, `let ${name}: ${k.name} = ${text(v, k)};`];
};
const widen = (expression: string) => `u64(${expression})`;

const ARITHMETIC = ["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", ">>>"];
const RELATIONS = ["<", "<=", ">", ">=", "===", "!=="];

function operatorCases(k: Kind, each: number): Case[] {
	const list: Case[] = [];
	const all = values(k);
	for (const op of [...ARITHMETIC, ...RELATIONS]) {
		if (op === ">>>" && k.bits === 64) continue;
		const shift = op.startsWith("<<") || op.startsWith(">>");
		for (const form of ["vv", "vc", "cv", "cc"])
			for (let i = 0; i < each; i++) {
				const a = all[pick(all.length)]!;
				const b = shift ? BigInt(pick(k.bits === 64 ? 70 : 40)) : all[pick(all.length)]!;
				const [x, dx] = variable(k, a);
				const [y, dy] = variable(k, b);
				const left = form[0] === "v" ? x : `${k.name}(${text(a, k)})`;
				// A bare literal has an open sign and must do the same.
				const right =
					form[1] === "v"
						? y
						: i % 2 === 0 || (b < 0n && shift)
							? `${k.name}(${text(b, k)})`
							: b < 0n
								? `(${text(b, k)})`
								: text(b, k);
				list.push({
					variables: [...(form[0] === "v" ? [dx] : []), ...(form[1] === "v" ? [dy] : [])],
					expression: widen(`${left} ${op} ${right}`),
					expected: u64(reference(op, a, b, k)),
				});
			}
	}
	return list;
}

function unaryCases(k: Kind): Case[] {
	const list: Case[] = [];
	const bits = k.bits === 64 ? 64 : 32;
	for (const v of values(k)) {
		const [x, dx] = variable(k, v);
		list.push({ variables: [dx], expression: widen(`~${x}`), expected: u64(wrap(~v, bits, k.signed)) });
		// A narrow unsigned value keeps its value when negated: it fits i32.
		const signed = k.signed || k.bits < 32;
		list.push({ variables: [dx], expression: widen(`-${x}`), expected: u64(wrap(-v, bits, signed)) });
		list.push({ variables: [dx], expression: widen(`!${x}`), expected: v === 0n ? 1n : 0n });
		for (const to of KINDS)
			list.push({ variables: [dx], expression: widen(`${to.name}(${x})`), expected: u64(wrap(v, to.bits, to.signed)) });
	}
	return list;
}

/** Compound assignment, `++` and `--`, before and after, on locals of 32 and 64 bit. */
function assignmentCases(k: Kind): Case[] {
	const list: Case[] = [];
	const all = values(k);
	for (const op of ARITHMETIC) {
		if (op === ">>>" && (k.bits === 64 || k.signed)) continue;
		const a = all[pick(all.length)]!;
		const b = op.includes("<<") || op.includes(">>") ? 5n : all[pick(all.length)]!;
		const [x, dx] = variable(k, a);
		const [y, dy] = variable(k, b);
		list.push({
			variables: [dx, dy],
			before: `let t = ${x}; t ${op}= ${y};`,
			expression: widen("t"),
			expected: u64(reference(op, a, b, k)),
		});
	}
	for (const a of all) {
		const [x, dx] = variable(k, a);
		const up = wrap(a + 1n, k.bits, k.signed);
		const down = wrap(a - 1n, k.bits, k.signed);
		list.push({ variables: [dx], before: `let t = ${x}; t++;`, expression: widen("t"), expected: u64(up) });
		list.push({ variables: [dx], before: `let t = ${x};`, expression: widen("--t"), expected: u64(down) });
		list.push({ variables: [dx], before: `let t = ${x};`, expression: widen("t++"), expected: u64(a) });
		// Shared memory: the fetch variants where the value is used. Each case has a variable of its own.
		for (const [before, expression, expected] of [
			["", (g: string) => `++${g}`, up],
			["", (g: string) => `${g}--`, a],
			[(g: string) => `${g}--;`, (g: string) => g, down],
			[(g: string) => `${g} -= ${text(3n, k)};`, (g: string) => g, wrap(a - 3n, k.bits, k.signed)],
			[(g: string) => `${g} ^= ${text(7n, k)};`, (g: string) => g, wrap(a ^ 7n, k.bits, k.signed)],
			["", (g: string) => `(${g} |= ${text(5n, k)})`, wrap(a | 5n, k.bits, k.signed)],
			["", (g: string) => `(${g} *= ${text(3n, k)})`, wrap(a * 3n, k.bits, k.signed)],
		] as const) {
			const [g, dg] = variable(k, a);
			list.push({
				variables: [dg],
				before: before === "" ? "" : before(g),
				expression: widen(expression(g)),
				expected: u64(expected),
			});
		}
	}
	return list;
}

function mathCases(): Case[] {
	const list: Case[] = [];
	const k: Kind = { name: "i32", bits: 32, signed: true };
	for (const [a, b] of [
		[5n, -3n],
		[-7n, -9n],
		[0n, 1n],
		[2147483647n, -2147483648n],
	] as const) {
		const [x, dx] = variable(k, a);
		const [y, dy] = variable(k, b);
		const at = (expression: string, expected: number) =>
			list.push({ variables: [dx, dy], expression: widen(expression), expected: u64(BigInt(expected)) });
		at(`Math.min(${x}, ${y})`, Math.min(Number(a), Number(b)));
		at(`Math.max(${x}, ${y}, 4)`, Math.max(Number(a), Number(b), 4));
		at(`Math.abs(${y})`, Number(BigInt.asIntN(32, b < 0n ? -b : b)));
		at(`Math.imul(${x}, ${y})`, Math.imul(Number(a), Number(b)));
		at(`Math.clz32(${x})`, Math.clz32(Number(a)));
		at(`Math.trunc(${x} / ${y})`, Number(BigInt.asIntN(32, a / b)));
		at(`BigInt(${x})`, Number(a));
	}
	return list;
}

/** Operands of different types: the narrower unsigned one is a number of the signed type. */
function mixedCases(): Case[] {
	const list: Case[] = [];
	const u8: Kind = KINDS[0]!;
	const u16: Kind = KINDS[2]!;
	const i32: Kind = KINDS[5]!;
	for (const [a, b] of [
		[200n, -3n],
		[255n, 7n],
		[0n, -1n],
	] as const)
		for (const op of [...ARITHMETIC.filter((o) => !o.includes("<<") && !o.includes(">>")), ...RELATIONS]) {
			const [x, dx] = variable(u8, a);
			const [y, dy] = variable(i32, b);
			const [z, dz] = variable(u16, a * 3n);
			if (!["&", "|", "^"].includes(op))
				list.push({
					variables: [dx, dy],
					expression: widen(`${x} ${op} ${y}`),
					expected: u64(reference(op, a, b, i32)),
				});
			list.push({
				variables: [dx, dz],
				expression: widen(`${z} ${op} ${x}`),
				expected: u64(reference(op, a * 3n, a, { name: "u32", bits: 32, signed: false })),
			});
		}
	return list;
}

for (const k of KINDS) test(`operators of ${k.name}`, (t) => check(t, operatorCases(k, 4)));
test("unary operators and conversions", (t) => check(t, KINDS.flatMap(unaryCases)));
test("assignments", (t) => check(t, KINDS.filter((k) => k.bits >= 32).flatMap(assignmentCases)));
test("Math and BigInt", (t) => check(t, mathCases()));
test("operands of different types", (t) => check(t, mixedCases()));
test("the same without the passes", (t) =>
	check(
		t,
		KINDS.flatMap((k) => operatorCases(k, 1)),
		false,
	));
