import { encodeUtf8 } from "@skep/bpf/base";
import type { Node } from "#frontend";
import { type Inst, type Size, sizeOf, type Type } from "#ir";
import { coreWord } from "./core.ts";
import { arithmetic, assign, boolInst, convert, instOf, relation, swapBytes } from "./integer.ts";
import { arrayAddress, copyArray, HELPERS } from "./kernel.ts";
import type { Join, Lowering, Want } from "./lowering.ts";
import { arms } from "./merge.ts";
import { integerOperand } from "./operand.ts";
import { requirePresent } from "./optional.ts";
import { alignmentAt, copy, loadBytes } from "./place.ts";
import { pathText } from "./pointer.ts";
import { storeValue } from "./store.ts";
import { printk } from "./template.ts";
import { asValue } from "./truth.ts";
import { tryRead } from "./try-read.ts";
import { rawTypeArgument, sameType, sized } from "./type-of.ts";
import {
	boolConstant,
	constant,
	describe,
	type IntValue,
	int,
	type KernelArrayValue,
	knownRange,
	literal,
	type PlaceValue,
	POISON,
	type Value,
} from "./value.ts";

const CONVERSIONS: Record<string, [8 | 16 | 32 | 64, boolean]> = {
	u8: [8, false],
	u16: [16, false],
	u32: [32, false],
	u64: [64, false],
	i8: [8, true],
	i16: [16, true],
	i32: [32, true],
	i64: [64, true],
};

const SWAPS: Record<string, { bits: 16 | 32 | 64; to: boolean }> = {
	htons: { bits: 16, to: true },
	htonl: { bits: 32, to: true },
	cpuToBe64: { bits: 64, to: true },
	ntohs: { bits: 16, to: false },
	ntohl: { bits: 32, to: false },
	be64ToCpu: { bits: 64, to: false },
};

const TIMES: Record<string, bigint> = { us: 1_000n, ms: 1_000_000n, seconds: 1_000_000_000n };

const CALLS: Record<string, [id: number, name: string, bits: 32 | 64]> = {
	ktime: [5, "bpf_ktime_get_ns", 64],
	bootTime: [125, "bpf_ktime_get_boot_ns", 64],
	jiffies: [118, "bpf_jiffies64", 64],
	random: [7, "bpf_get_prandom_u32", 32],
};

/** A call of a function of the vocabulary. */
export function callWord(l: Lowering, name: string, node: Node, want: Want): Value {
	const args: Node[] = node["arguments"];
	const conversion = CONVERSIONS[name];
	if (conversion) return conversionCall(l, node, ...conversion);
	const swap = SWAPS[name];
	if (swap) return swapCall(l, node, swap.bits, swap.to);
	const direct = CALLS[name];
	if (direct) {
		l.at(node);
		const result = l.helper(direct[0], direct[1], []);
		return int(direct[2], false, direct[2] === 32 ? l.b.emit({ op: "truncate" }, [result], 32) : result);
	}
	const time = TIMES[name];
	if (time !== undefined) {
		const n = args[0] && integerOperand(l, l.expression(args[0]), args[0], name);
		if (!n || !args[0]) return POISON;
		if (n.bits === 64) return l.error("SK1009", args[0], `${name}() takes a number`, `multiply: x * ${time}n`);
		if (n.constant !== undefined) {
			if (n.constant < 0n) return l.error("SK2003", args[0], `${n.constant} is no length of time`);
			return constant(n.constant * time, 64, false);
		}
		return arithmetic(l, "*", convert(l, n, 64, false, node), constant(time, 64, false), node);
	}
	switch (name) {
		case "printk":
			return printk(l, node);
		case "zero": {
			const type = rawTypeArgument(l, node);
			if (!type) return POISON;
			if (!sized(type)) return l.error("SK2101", node, "this type has no size");
			if (type.kind === "int") return constant(0, type.bits, type.signed);
			if (type.kind === "bool") return boolConstant(false);
			if (type.kind === "be") return { kind: "be", bits: type.bits, constant: 0n };
			l.at(node);
			if (want.into && want.type && sameType(want.type, type)) {
				l.zero(want.into.base, want.into.offset, sizeOf(type), want.into.align as Size);
				return want.into;
			}
			return l.temporary("zero", type, true);
		}
		case "equals":
			return asValue(l, node, (yes, no) => equals(l, node, yes, no));
		case "exists":
			return asValue(l, node, (yes, no) => l.condition(node, yes, no));
		case "chars":
			return charsCall(l, node, want);
		case "dPath":
			return pathText(l, node, want);
		case "tryRead":
			return tryRead(l, node);
		case "typeExists":
		case "sizeOf":
		case "offsetOf":
		case "containerOf":
		case "cast":
		case "addressOf":
		case "userPtr":
			return coreWord(l, name, node);
		case "ip4": {
			const v = args[0] && l.expression(args[0]);
			const parts = v?.kind === "text" ? v.text.split(".").map(Number) : [];
			if (parts.length !== 4 || parts.some((p) => !Number.isInteger(p) || p < 0 || p > 255))
				return v?.kind === "poison"
					? POISON
					: l.error("SK1009", node, "ip4 takes a constant address", 'write ip4("10.0.0.1")');
			return {
				kind: "be",
				bits: 32,
				constant:
					BigInt(parts[0]!) | (BigInt(parts[1]!) << 8n) | (BigInt(parts[2]!) << 16n) | (BigInt(parts[3]!) << 24n),
			};
		}
		case "formatIp4":
		case "formatIp6":
			return l.error("SK1008", node, "an address becomes text in a template only", `write \`\${${l.text(node)}}\``);
		case "range":
		case "unroll":
			return l.error("SK1001", node, `${name}() only stands in for (const i of ${name}(n))`);
		case "hash":
		case "lruHash":
		case "perCpuHash":
		case "array":
		case "perCpuArray":
		case "ringbuf":
		case "histogram":
		case "options":
		case "shared":
		case "tracepoint":
		case "rawTracepoint":
		case "tpBtf":
		case "iter":
		case "xdp":
			return l.error(
				"SK5001",
				node,
				`${name}() declares a handle and stands at the top of a module`,
				"move it out of the function",
			);
		default:
			return l.notYet(node, name);
	}
}

function conversionCall(l: Lowering, node: Node, bits: 8 | 16 | 32 | 64, signed: boolean): Value {
	const arg: Node | undefined = node["arguments"][0];
	if (!arg) return l.error("SK1009", node, "a conversion takes a value");
	const v = requirePresent(l, l.expression(arg), arg);
	if (v.kind === "bool") {
		if (v.constant !== undefined) return constant(v.constant ? 1 : 0, bits, signed);
		l.at(node);
		const inst = boolInst(l, v);
		return int(bits, signed, bits === 64 ? l.b.emit({ op: "extend", from: 32, signed: false }, [inst], 64) : inst, {
			min: 0n,
			max: 1n,
		});
	}
	if (v.kind === "int") return { ...convert(l, v, bits, signed, node), computed: false };
	if (v.kind === "poison") return POISON;
	return l.error(
		"SK1009",
		arg,
		`${describe(v, l.target.kernel)} is no number`,
		v.kind === "be" ? "write ntohs(…) or ntohl(…)" : undefined,
	);
}

function swapCall(l: Lowering, node: Node, bits: 16 | 32 | 64, toNetwork: boolean): Value {
	const arg: Node | undefined = node["arguments"][0];
	if (!arg) return l.error("SK1009", node, "a value is missing");
	const v = requirePresent(l, l.expression(arg), arg);
	const width = bits === 64 ? 64 : 32;
	if (v.kind === "poison") return POISON;
	l.at(node);
	if (toNetwork) {
		if (v.kind !== "int") return l.error("SK1009", arg, `${describe(v, l.target.kernel)} is no number in host order`);
		if (v.constant !== undefined) {
			if (v.constant < 0n || v.constant >= 1n << BigInt(bits))
				return l.error("SK2003", arg, `${v.constant} does not fit ${bits} bits`);
			return { kind: "be", bits, constant: swapBytes(v.constant, bits) };
		}
		if ((v.bits === 64) !== (bits === 64)) return assign(l, v, { kind: "int", bits: width, signed: false }, arg);
		return { kind: "be", bits, inst: l.b.emit({ op: "swap", bits }, [instOf(l, v)], width) };
	}
	if (v.kind !== "be") return l.error("SK1009", arg, `${describe(v, l.target.kernel)} is not in network order`);
	if (v.bits !== bits) return l.error("SK1009", arg, `be${v.bits} where be${bits} is wanted`);
	if (v.constant !== undefined) return constant(swapBytes(v.constant, bits), bits, false);
	return int(bits, false, l.b.emit({ op: "swap", bits }, [v.inst!], width));
}

/** `equals(a, b)`: bytes of two structs or arrays. */
function equals(l: Lowering, node: Node, yes: Join, no: Join): void {
	const args: Node[] = node["arguments"];
	const sides = args.map((a) => requirePresent(l, l.expression(a), a));
	const [a, b] = sides;
	if (a?.kind !== "place" || b?.kind !== "place" || !sameType(a.type, b.type)) {
		if (!sides.some((s) => s.kind === "poison"))
			l.error("SK1009", node, "equals takes two structs or arrays of one type");
		l.goto(yes);
		return;
	}
	l.at(node);
	const size = sizeOf(a.type);
	for (let at = 0; at < size; ) {
		let step: Size = 8;
		while (step > 1 && (at + step > size || alignmentAt(Math.min(a.align, b.align), at) < step))
			step = (step / 2) as Size;
		const next = l.join();
		l.branch("eq", step === 8 ? 64 : 32, loadBytes(l, a, at, step), loadBytes(l, b, at, step), next, no);
		l.enter(next);
		at += step;
	}
	l.goto(yes);
}

/** `chars(text, n)`: cut or padded. */
function charsCall(l: Lowering, node: Node, want: Want): Value {
	const args: Node[] = node["arguments"];
	const v = args[0] ? requirePresent(l, l.expression(args[0]), args[0]) : POISON;
	const n = args[1] ? l.expression(args[1]) : POISON;
	if (v.kind === "poison" || n.kind === "poison") return POISON;
	if (n.kind !== "int" || n.constant === undefined || n.constant < 1n || n.constant > 4096n)
		return l.error("SK1009", node, "the size of text is a constant", "write chars(text, 16)");
	const size = Number(n.constant);
	const type = { kind: "chars", size } as const;
	l.at(node);
	if (v.kind === "text") {
		let text = v.text;
		while (encodeUtf8(text).length > size - 1) text = text.slice(0, -1);
		return want.type?.kind === "chars" && want.into
			? { kind: "text", text }
			: (() => {
					const t = l.temporary("text", type, false);
					storeValue(l, t, { kind: "text", text }, node);
					return t;
				})();
	}
	if (v.kind === "kernel-array" && v.text && v.length > size) return cutText(l, v, type);
	if (v.kind === "place" && v.type.kind === "array" && isBytes(v.type.element)) {
		const t = l.temporary("text", type, true);
		copy(l, t, v, Math.min(sizeOf(v.type), size));
		l.store(t.base, t.offset + size - 1, 1, l.constant(0, 32));
		return t;
	}
	const p: PlaceValue | undefined =
		v.kind === "kernel-array" && v.text
			? copyArray(l, v, node)
			: v.kind === "place" && v.type.kind === "chars"
				? v
				: undefined;
	if (p?.type.kind !== "chars") return l.error("SK1009", args[0]!, `${describe(v, l.target.kernel)} is no text`);
	const t = l.temporary("text", type, true);
	if (p.type.size < size) copy(l, t, p, p.type.size);
	else {
		copy(l, t, p, size);
		l.store(t.base, t.offset + size - 1, 1, l.constant(0, 32));
	}
	return t;
}

const isBytes = (t: Type): boolean => t.kind === "int" && t.bits === 8 && !t.signed;

/** The beginning of a kernel's text that is longer than what is wanted of it. */
function cutText(l: Lowering, v: KernelArrayValue, type: { readonly kind: "chars"; readonly size: number }): Value {
	const t = l.temporary("text", type, true);
	const [id, name] = HELPERS.probeReadKernelStr;
	l.helper(id, name, [l.address(t), l.constant(type.size, 64), arrayAddress(l, v)]);
	return t;
}

/** Branches and takes one of two values. */
function choose(l: Lowering, node: Node, test: (yes: Join, no: Join) => void, a: () => Value, b: () => Value): Value {
	const yes = l.join();
	const no = l.join();
	test(yes, no);
	return arms(l, node, [
		{ join: yes, value: a, node },
		{ join: no, value: b, node },
	]);
}

/** `Math.…`, `Number(…)`, `BigInt(…)`, `Boolean(…)`. */
export function mathCall(l: Lowering, name: string, node: Node): Value {
	const args: Node[] = node["arguments"];
	const known = [
		"Math.min",
		"Math.max",
		"Math.abs",
		"Math.trunc",
		"Math.imul",
		"Math.clz32",
		"Number",
		"BigInt",
		"Boolean",
	];
	if (!known.includes(name))
		return l.error(
			"SK1004",
			node,
			`${name}() does not exist in kernel code`,
			name === "String"
				? "text is formatted where it is assigned: `${…}`"
				: name === "parseInt"
					? "numbers come from options or memory"
					: undefined,
		);
	if (name === "Boolean")
		return args[0] ? asValue(l, node, (yes, no) => l.condition(args[0]!, yes, no)) : boolConstant(false);
	if (name === "Math.trunc" && args[0]?.type === "BinaryExpression" && args[0]["operator"] === "/")
		return l.expression(args[0]);
	const values: IntValue[] = [];
	for (const a of args) {
		const raw = requirePresent(l, l.expression(a), a);
		const v =
			raw.kind === "bool" && name === "Number"
				? int(32, false, boolInst(l, raw), { min: 0n, max: 1n })
				: integerOperand(l, raw, a, name);
		if (!v) return POISON;
		if (v.bits === 64 && name !== "Number" && name !== "BigInt")
			return l.error("SK1009", a, `${name} works on number; this is a bigint`, "write a comparison: a < b ? a : b");
		values.push(v);
	}
	const [a, b] = values;
	if (!a) return l.error("SK1009", node, `${name} takes a number`);
	l.at(node);
	switch (name) {
		case "Number":
			return a.bits === 64 ? { ...convert(l, a, 32, a.signed, node), computed: true } : a;
		case "BigInt":
			if (a.bits === 64) return a;
			return a.constant !== undefined && a.open ? literal(a.constant, true) : convert(l, a, 64, a.signed, node);
		case "Math.trunc":
			return a;
		case "Math.abs": {
			if (!a.signed || knownRange(a)[0] >= 0n) return a;
			if (a.constant !== undefined) return constant(a.constant < 0n ? -a.constant : a.constant, 32, true);
			const v = choose(
				l,
				node,
				(yes, no) => l.branch("slt", 32, instOf(l, a), l.constant(0, 32), yes, no),
				() => arithmetic(l, "-", constant(0, 32, true), a, node),
				() => a,
			);
			return v;
		}
		case "Math.imul": {
			if (!b) return l.error("SK1009", node, "Math.imul takes two numbers");
			const v = arithmetic(l, "*", { ...a, signed: true, open: false }, { ...b, signed: true, open: false }, node);
			return v;
		}
		case "Math.clz32": {
			if (a.constant !== undefined) return literal(BigInt(Math.clz32(Number(BigInt.asUintN(32, a.constant)))), false);
			return clz32(l, a);
		}
		default: {
			// min, max of any number of arguments.
			let result: IntValue = a;
			for (const next of values.slice(1)) {
				const r = relation(l, name === "Math.min" ? "<=" : ">=", result, next, node);
				if (r === undefined) return POISON;
				if (typeof r === "boolean") {
					result = r ? result : next;
					continue;
				}
				const before = result;
				const v = choose(
					l,
					node,
					(yes, no) => l.branch(r.condition, r.on, r.a, r.b, yes, no),
					() => before,
					() => next,
				);
				if (v.kind !== "int") return POISON;
				const [x, y] = [knownRange(before), knownRange(next)];
				const low = (p: bigint, q: bigint) => (p < q ? p : q);
				const high = (p: bigint, q: bigint) => (p > q ? p : q);
				result =
					name === "Math.min"
						? { ...v, min: low(x[0], y[0]), max: low(x[1], y[1]) }
						: { ...v, min: high(x[0], y[0]), max: high(x[1], y[1]) };
			}
			return { ...result, computed: true };
		}
	}
}

/** Leading zeros of 32 bits, without branches. */
function clz32(l: Lowering, a: IntValue): Value {
	let v: Inst = l.b.emit({ op: "extend", from: 32, signed: false }, [instOf(l, a)], 64);
	let bits: Inst | undefined;
	for (const step of [16, 8, 4, 2, 1]) {
		const above = l.binary(
			"lshr",
			l.binary("sub", l.constant((1n << BigInt(step)) - 1n, 64), v, 64),
			l.constant(63, 64),
			64,
		);
		const shift = step === 1 ? above : l.binary("shl", above, l.constant(Math.log2(step), 64), 64);
		v = l.binary("lshr", v, shift, 64);
		bits = bits ? l.binary("add", bits, shift, 64) : shift;
	}
	const used = l.binary("add", bits!, v, 64);
	return int(32, true, l.b.emit({ op: "truncate" }, [l.binary("sub", l.constant(32, 64), used, 64)], 32), {
		min: 0n,
		max: 32n,
	});
}
