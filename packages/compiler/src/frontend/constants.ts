import type { Type } from "#ir";
import { KNOWN_CONSTANTS, knownObject } from "#language";
import type { Binding, Constant } from "./analysis.ts";
import { type Node, propertyName, unwrap } from "./tree.ts";

type Int = Extract<Constant, { kind: "int" }>;
type Lookup = (name: string) => Binding | undefined;

const int = (value: bigint | number, big: boolean, type?: Type): Int => ({
	kind: "int",
	value: BigInt(value),
	big,
	...(type ? { type } : {}),
});
const bool = (value: boolean): Constant => ({ kind: "bool", value });
const MIN32 = -(1n << 31n);
const MAX32 = (1n << 32n) - 1n;
const MIN64 = -(1n << 63n);
const MAX64 = (1n << 64n) - 1n;

/** Network order: the bytes of `value`, most significant first, read as a little-endian number. */
export function networkOrder(bits: 16 | 32 | 64, value: bigint): Constant {
	let stored = 0n;
	for (let i = 0; i < bits; i += 8) stored = (stored << 8n) | ((value >> BigInt(i)) & 0xffn);
	return { kind: "be", bits, value: stored };
}

/** Range check: whether `value` can be held by the type without wrapping. */
export const fits = (value: bigint, type: Extract<Type, { kind: "int" }>): boolean =>
	type.signed ? BigInt.asIntN(type.bits, value) === value : BigInt.asUintN(type.bits, value) === value;

/** Compile-time value of an expression; undefined: it has none. Names are those of the module's top. */
export function evaluate(node: Node, lookup: Lookup): Constant | undefined {
	const go = (n: Node): Constant | undefined => evaluate(n, lookup);
	switch (node.type) {
		case "Literal": {
			if (typeof node["bigint"] === "string") return int(BigInt(node["bigint"].replaceAll("_", "")), true);
			const v: unknown = node["value"];
			if (typeof v === "number") return Number.isInteger(v) && Number.isSafeInteger(v) ? int(v, false) : undefined;
			if (typeof v === "string") return { kind: "string", value: v };
			if (typeof v === "boolean") return bool(v);
			return undefined;
		}
		case "TemplateLiteral": {
			let text = "";
			for (const [i, q] of (node["quasis"] as Node[]).entries()) {
				text += q["value"].cooked ?? "";
				const e = (node["expressions"] as Node[])[i];
				if (!e) continue;
				const c = go(e);
				if (c?.kind === "string") text += c.value;
				else if (c?.kind === "int" || c?.kind === "bool") text += String(c.value);
				else return undefined;
			}
			return { kind: "string", value: text };
		}
		case "Identifier": {
			if (node["name"] === "undefined") return { kind: "undefined" };
			return bindingValue(lookup(node["name"]));
		}
		case "UnaryExpression":
			return unary(node["operator"], go(node["argument"]));
		case "BinaryExpression": {
			const a = go(node["left"]);
			const b = a && go(node["right"]);
			return a && b && binary(node["operator"], a, b);
		}
		case "LogicalExpression": {
			const a = go(node["left"]);
			if (!a) return undefined;
			if (node["operator"] === "??") return a.kind === "undefined" ? go(node["right"]) : a;
			const t = truth(a);
			if (t === undefined) return undefined;
			return t === (node["operator"] === "&&") ? go(node["right"]) : a;
		}
		case "ConditionalExpression": {
			const c = go(node["test"]);
			const t = c && truth(c);
			return t === undefined ? undefined : go(t ? node["consequent"] : node["alternate"]);
		}
		case "MemberExpression": {
			const object = node["object"] as Node;
			const base = go(object);
			if (!base) return undefined;
			if (node["computed"]) {
				const index = go(node["property"]);
				if (base.kind === "array" && index?.kind === "int") return base.elements[Number(index.value)];
				if (base.kind === "object" && index?.kind === "string") return base.members.get(index.value);
				return undefined;
			}
			const name: string = node["property"].name;
			if (base.kind === "object") return base.members.get(name);
			if (name === "length" && base.kind === "array") return int(base.elements.length, false);
			if (name === "length" && base.kind === "string") return int(base.value.length, false);
			return undefined;
		}
		case "ArrayExpression": {
			const elements: Constant[] = [];
			for (const e of node["elements"] as (Node | null)[]) {
				if (!e) return undefined;
				const c = go(e.type === "SpreadElement" ? e["argument"] : e);
				if (!c) return undefined;
				if (e.type !== "SpreadElement") elements.push(c);
				else if (c.kind === "array") elements.push(...c.elements);
				else return undefined;
			}
			return { kind: "array", elements };
		}
		case "ObjectExpression": {
			const members = new Map<string, Constant>();
			for (const p of node["properties"] as Node[]) {
				if (p.type === "SpreadElement") {
					const c = go(p["argument"]);
					if (c?.kind !== "object") return undefined;
					for (const [k, v] of c.members) members.set(k, v);
					continue;
				}
				const name = propertyName(p);
				const c = name !== undefined && p["kind"] === "init" && !p["method"] ? go(p["value"]) : undefined;
				if (name === undefined || !c) return undefined;
				members.set(name, c);
			}
			return { kind: "object", members };
		}
		case "CallExpression":
			return call(node, lookup);
		default: {
			const inner = unwrap(node);
			return inner === node ? undefined : go(inner);
		}
	}
}

function bindingValue(binding: Binding | undefined): Constant | undefined {
	if (binding?.kind === "constant") return binding.value;
	if (binding?.kind !== "vocabulary") return undefined;
	const members = knownObject(binding.module, binding.name);
	if (members) return { kind: "object", members };
	if (binding.module === "skep/uapi") {
		const v = KNOWN_CONSTANTS[binding.name];
		return v === undefined ? undefined : int(v, false);
	}
	return undefined;
}

/** Truthiness; of strings and numbers as in JavaScript, undefined for what has none here. */
function truth(c: Constant): boolean | undefined {
	switch (c.kind) {
		case "bool":
			return c.value;
		case "int":
			return c.value !== 0n;
		case "string":
			return c.value !== "";
		case "undefined":
			return false;
		default:
			return undefined;
	}
}

/** Wraps a result to its ALU; open signs stay open as long as the value fits either way. */
function result(value: bigint, big: boolean, type: Type | undefined): Constant | undefined {
	if (type?.kind === "int")
		return int(type.signed ? BigInt.asIntN(type.bits, value) : BigInt.asUintN(type.bits, value), big, type);
	if (big)
		return int(
			value >= MIN64 && value <= MAX64 ? value : value < 0n ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value),
			true,
		);
	return value >= MIN32 && value <= MAX32 ? int(value, false) : undefined;
}

const alu = (signed: boolean, big: boolean): Type => ({ kind: "int", bits: big ? 64 : 32, signed });

function unary(operator: string, a: Constant | undefined): Constant | undefined {
	if (!a) return undefined;
	if (operator === "!") {
		const t = truth(a);
		return t === undefined ? undefined : bool(!t);
	}
	if (a.kind !== "int") return undefined;
	const type = a.type?.kind === "int" ? alu(a.type.signed, a.big) : undefined;
	switch (operator) {
		case "-":
			return result(-a.value, a.big, type);
		case "+":
			return a.big ? undefined : a;
		case "~":
			return result(a.big || type ? ~a.value : BigInt.asIntN(32, ~a.value), a.big, type);
		default:
			return undefined;
	}
}

function binary(operator: string, a: Constant, b: Constant): Constant | undefined {
	if (operator === "===" || operator === "!==") {
		const same = equal(a, b);
		return same === undefined ? undefined : bool(same === (operator === "==="));
	}
	if (a.kind === "string" && b.kind === "string" && operator === "+")
		return { kind: "string", value: a.value + b.value };
	if (a.kind !== "int" || b.kind !== "int" || a.big !== b.big) return undefined;
	const [x, y, big] = [a.value, b.value, a.big];
	switch (operator) {
		case "<":
			return bool(x < y);
		case "<=":
			return bool(x <= y);
		case ">":
			return bool(x > y);
		case ">=":
			return bool(x >= y);
	}
	const signs = [a.type, b.type].map((t) => (t?.kind === "int" ? t.signed : undefined));
	if (signs[0] !== undefined && signs[1] !== undefined && signs[0] !== signs[1]) return undefined;
	const sign = signs[0] ?? signs[1];
	const type = sign === undefined ? undefined : alu(sign, big);
	const bits = big ? 64n : 32n;
	const at32 = (v: bigint): bigint => (big ? v : BigInt.asIntN(32, v));
	switch (operator) {
		case "+":
			return result(x + y, big, type);
		case "-":
			return result(x - y, big, type);
		case "*":
			return result(x * y, big, type);
		case "/":
			return result(y === 0n ? 0n : x / y, big, type);
		case "%":
			return result(y === 0n ? x : x % y, big, type);
		case "**":
			return y < 0n || y > 64n ? undefined : result(x ** y, big, type);
		case "&":
			return result(at32(x) & at32(y), big, type);
		case "|":
			return result(at32(x) | at32(y), big, type);
		case "^":
			return result(at32(x) ^ at32(y), big, type);
		case "<<":
			return result(type || big ? x << (y & (bits - 1n)) : BigInt.asIntN(32, x << (y & 31n)), big, type);
		case ">>":
			return result(at32(x) >> (y & (bits - 1n)), big, type);
		case ">>>":
			return big ? undefined : result(BigInt.asUintN(32, x) >> (y & 31n), false, type);
		default:
			return undefined;
	}
}

function equal(a: Constant, b: Constant): boolean | undefined {
	if (a.kind === "undefined" || b.kind === "undefined") return a.kind === b.kind;
	if (a.kind === "int" && b.kind === "int") return a.value === b.value && a.big === b.big;
	if (a.kind === "be" && b.kind === "be") return a.bits === b.bits && a.value === b.value;
	if (a.kind === "bool" && b.kind === "bool") return a.value === b.value;
	if (a.kind === "string" && b.kind === "string") return a.value === b.value;
	return undefined;
}

const CONVERSIONS = /^([ui])(8|16|32|64)$/;
const NANOSECONDS: Readonly<Record<string, bigint>> = { us: 1_000n, ms: 1_000_000n, seconds: 1_000_000_000n };

function call(node: Node, lookup: Lookup): Constant | undefined {
	const callee = node["callee"] as Node;
	const args = node["arguments"] as Node[];
	if (
		callee.type === "MemberExpression" &&
		callee["object"].type === "Identifier" &&
		callee["object"].name === "Math" &&
		!lookup("Math")
	)
		return math(
			callee["property"].name,
			args.map((a) => evaluate(a, lookup)),
		);
	if (callee.type !== "Identifier" || !args[0]) return undefined;
	const word = lookup(callee["name"]);
	if (word?.kind !== "vocabulary") return undefined;
	const a = evaluate(args[0], lookup);
	if (!a) return undefined;
	if (word.module === "skep/net") return word.name === "ip4" && a.kind === "string" ? ip4(a.value) : undefined;
	if (word.module !== "skep") return undefined;
	const conversion = CONVERSIONS.exec(word.name);
	if (conversion && (a.kind === "int" || a.kind === "bool")) {
		const bits = Number(conversion[2]) as 8 | 16 | 32 | 64;
		const value = a.kind === "bool" ? (a.value ? 1n : 0n) : a.value;
		const signed = conversion[1] === "i";
		return int(signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value), bits === 64, {
			kind: "int",
			bits,
			signed,
		});
	}
	const u64: Type = { kind: "int", bits: 64, signed: false };
	const unit = NANOSECONDS[word.name];
	if (unit !== undefined)
		return a.kind === "int" && a.value >= 0n ? int(BigInt.asUintN(64, a.value * unit), true, u64) : undefined;
	switch (word.name) {
		case "htons":
			return a.kind === "int" ? networkOrder(16, BigInt.asUintN(16, a.value)) : undefined;
		case "htonl":
			return a.kind === "int" ? networkOrder(32, BigInt.asUintN(32, a.value)) : undefined;
		case "cpuToBe64":
			return a.kind === "int" ? networkOrder(64, BigInt.asUintN(64, a.value)) : undefined;
		case "ntohs":
		case "ntohl":
		case "be64ToCpu": {
			if (a.kind !== "be") return undefined;
			const host = networkOrder(a.bits, a.value);
			return host.kind === "be"
				? int(host.value, a.bits === 64, { kind: "int", bits: a.bits, signed: false })
				: undefined;
		}
		case "chars":
			return a.kind === "string" ? a : undefined;
		default:
			return undefined;
	}
}

const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

function math(name: string, args: readonly (Constant | undefined)[]): Constant | undefined {
	const values: bigint[] = [];
	for (const a of args) {
		if (a?.kind !== "int" || a.big || a.type) return undefined;
		values.push(a.value);
	}
	if (values.length === 0) return undefined;
	switch (name) {
		case "min":
			return int([...values].sort(ascending)[0]!, false);
		case "max":
			return int([...values].sort(ascending).at(-1)!, false);
		case "abs":
			return int(values[0]! < 0n ? -values[0]! : values[0]!, false);
		case "trunc":
			return int(values[0]!, false);
		default:
			return undefined;
	}
}

function ip4(text: string): Constant | undefined {
	const parts = text.split(".");
	if (parts.length !== 4 || !parts.every((p) => /^(?:0|[1-9]\d{0,2})$/.test(p) && Number(p) <= 255)) return undefined;
	return networkOrder(
		32,
		parts.reduce((n, p) => (n << 8n) | BigInt(p), 0n),
	);
}

/** `10.0.0.1` of a be32. */
export const formatIp4 = (c: Extract<Constant, { kind: "be" }>): string =>
	[0n, 8n, 16n, 24n].map((s) => String((c.value >> s) & 0xffn)).join(".");
