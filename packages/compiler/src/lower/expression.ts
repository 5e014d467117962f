import type { Binding, Constant, Node } from "#frontend";
import type { Type } from "#ir";
import { KNOWN_CONSTANTS, wordOf } from "#language";
import { assignment, update } from "./assignment.ts";
import { call } from "./call.ts";
import { conditional, logical, relational } from "./condition.ts";
import { readVariable } from "./global.ts";
import { arithmetic, assign, instOf, type Operator } from "./integer.ts";
import { literalArray, literalObject } from "./literal.ts";
import { readLocal } from "./local.ts";
import type { Lowering } from "./lowering.ts";
import { member } from "./member.ts";
import { requirePresent } from "./optional.ts";
import { concatenation } from "./text.ts";
import {
	boolConstant,
	constant,
	describe,
	type IntValue,
	int,
	type Local,
	literal,
	type PlaceValue,
	POISON,
	UNDEFINED,
	type Value,
} from "./value.ts";

/** What the place of an expression asks of it. */
export interface Want {
	/** Type of the place the value goes to. */
	readonly type?: Type;
	/** Text, structs and arrays may be written right here; the result is then this place. */
	readonly into?: PlaceValue;
	/** The value is not used: `++` need not fetch. */
	readonly unused?: true;
}

/** Types and lowers an expression. Every error is reported; what cannot be lowered gives poison. */
export function expression(l: Lowering, node: Node, want: Want = {}): Value {
	switch (node.type) {
		case "Literal":
			return literalValue(l, node);
		case "TemplateLiteral":
			return concatenation(l, node, want);
		case "Identifier":
			return identifier(l, node);
		case "MemberExpression":
			return member(l, node, want);
		case "ChainExpression":
		case "ParenthesizedExpression":
		case "TSSatisfiesExpression":
			return expression(l, node["expression"], want);
		case "CallExpression":
			return call(l, node, want);
		case "BinaryExpression":
			return binary(l, node);
		case "LogicalExpression":
			return logical(l, node, want);
		case "ConditionalExpression":
			return conditional(l, node, want);
		case "UnaryExpression":
			return unary(l, node);
		case "UpdateExpression":
			return update(l, node, want);
		case "AssignmentExpression":
			return assignment(l, node, want);
		case "ObjectExpression":
			return literalObject(l, node, want);
		case "ArrayExpression":
			return literalArray(l, node, want);
		case "SequenceExpression": {
			const list: Node[] = node["expressions"];
			for (const e of list.slice(0, -1)) expression(l, e, { unused: true });
			return expression(l, list[list.length - 1]!, want);
		}
		case "ArrowFunctionExpression":
		case "FunctionExpression":
			if (node["async"] || node["generator"])
				return l.error(
					"SK1001",
					node,
					"async functions and generators do not exist in kernel code",
					"write an ordinary function",
				);
			return { kind: "closure", node, module: l.module, scope: l.scope, name: node["id"]?.name ?? "a function" };
		case "TSAsExpression":
		case "TSTypeAssertion":
			return cast(l, node, want);
		case "TSNonNullExpression": {
			const v = expression(l, node["expression"], want);
			return requirePresent(l, v, node["expression"]);
		}
		case "ThisExpression":
			return l.error("SK1001", node, "`this` does not exist in kernel code", "use names");
		case "NewExpression":
			return l.error(
				"SK1001",
				node,
				`new ${l.text(node["callee"])}() does not exist in kernel code: there is no heap`,
				"declare a map at the top of the module, or a local struct",
			);
		case "AwaitExpression":
		case "YieldExpression":
			return l.error(
				"SK1001",
				node,
				`${node.type === "AwaitExpression" ? "await" : "yield"} does not exist in kernel code`,
				"the kernel half runs to its end; wait in the user half",
			);
		case "ClassExpression":
			return l.error("SK1001", node, "classes do not exist in kernel code", "use interfaces and functions");
		case "TaggedTemplateExpression":
			return l.error("SK1001", node, "tagged templates do not exist in kernel code");
		case "ImportExpression":
		case "MetaProperty":
			return l.error("SK1001", node, `${l.text(node)} does not exist in kernel code`);
		case "SpreadElement":
			return l.error("SK1001", node, "`...` is only known in object literals here");
		default:
			return l.error("SK1001", node, `${node.type} is not in the subset of kernel code`);
	}
}

function literalValue(l: Lowering, node: Node): Value {
	if (node["regex"])
		return l.error(
			"SK1005",
			node,
			"regular expressions do not exist in kernel code",
			"use startsWith, endsWith, includes or ===",
		);
	if (typeof node["bigint"] === "string") {
		const value = BigInt(node["bigint"].replaceAll("_", ""));
		if (value >= 1n << 64n)
			return l.error("SK2003", node, `${value}n does not fit 64 bits`, "the largest is 18446744073709551615n");
		return literal(value, true);
	}
	const value: unknown = node["value"];
	if (typeof value === "bigint") return literal(value, true);
	if (typeof value === "number") {
		if (!Number.isInteger(value))
			return l.error(
				"SK2001",
				node,
				`${node["raw"]} is a fraction; kernel code has integers only`,
				"scale it: thousandths, nanoseconds",
			);
		if (value > 0xffff_ffff)
			return l.error(
				"SK2003",
				node,
				`${node["raw"]} does not fit 32 bits, which number has`,
				`write ${BigInt(value)}n (64 bit)`,
			);
		return literal(BigInt(value), false);
	}
	if (typeof value === "boolean") return boolConstant(value);
	if (typeof value === "string") return { kind: "text", text: value };
	if (value === null) return l.error("SK1009", node, "null has no value in kernel code", "write undefined");
	return l.error("SK1001", node, "this literal does not exist in kernel code");
}

/** A constant of module level as a value. */
export function fromConstant(c: Constant): Value {
	switch (c.kind) {
		case "int":
			if (c.type?.kind === "int") return { ...constant(c.value, c.type.bits, c.type.signed) };
			return c.value >= 0n ? literal(c.value, c.big) : constant(c.value, c.big ? 64 : 32, true);
		case "be":
			return { kind: "be", bits: c.bits, constant: c.value };
		case "bool":
			return boolConstant(c.value);
		case "string":
			return { kind: "text", text: c.value };
		case "undefined":
			return UNDEFINED;
		case "array":
			return { kind: "list", elements: c.elements.map(fromConstant) };
		case "object":
			return { kind: "record", members: new Map([...c.members].map(([k, v]) => [k, fromConstant(v)])) };
	}
}

const USER_GLOBALS: Record<string, string> = {
	console: "printk(`…`) writes to the trace pipe",
	process: "use current, or options({…}) for the command line",
	fetch: "send a record to the user half: ringbuf and emit",
	setTimeout: "wait in the user half",
	setInterval: "use every() in the user half",
	require: "import at the top of the module",
	globalThis: "there are no global objects here",
	Buffer: "use chars<N> or arr<u8, N>",
	document: "there is no page here",
	window: "there is no page here",
	performance: "ktime() gives nanoseconds",
	queueMicrotask: "the kernel half runs to its end",
	structuredClone: "`{ ...x }` copies a struct",
};
const JS_OBJECTS = new Set([
	"Math",
	"Number",
	"BigInt",
	"Boolean",
	"String",
	"Date",
	"JSON",
	"Object",
	"Array",
	"Map",
	"Set",
	"WeakMap",
	"Promise",
	"Symbol",
	"RegExp",
	"Error",
	"Reflect",
	"parseInt",
	"parseFloat",
	"isNaN",
	"isFinite",
	"Uint8Array",
	"DataView",
	"Atomics",
	"Intl",
	"eval",
]);

function identifier(l: Lowering, node: Node): Value {
	const name: string = node["name"];
	const found = l.lookup(name);
	if (!found) {
		if (name === "undefined") return UNDEFINED;
		if (name === "NaN" || name === "Infinity")
			return l.error("SK2001", node, `${name} is no integer`, "kernel code has integers only");
		if (USER_GLOBALS[name]) return l.error("SK5005", node, `${name} belongs to the user half`, USER_GLOBALS[name]);
		if (JS_OBJECTS.has(name)) return { kind: "word", module: "js", name };
		return l.error("SK1004", node, `${name} is not declared`, "declare or import it");
	}
	if (!("kind" in found)) return readLocal(l, found as Local, node);
	return fromBinding(l, found, node);
}

function fromBinding(l: Lowering, b: Binding | Value, node: Node): Value {
	switch (b.kind) {
		case "vocabulary": {
			if (b.module === "skep/uapi") {
				const value = KNOWN_CONSTANTS[b.name];
				if (value !== undefined) return literal(BigInt(value), false);
			}
			const word = wordOf(b.module, b.name);
			if (word?.half === "U")
				return l.error("SK5005", node, `${b.name} belongs to the user half`, "use it outside of programs' functions");
			if (word && !word.compiled) return l.notYet(node, b.name);
			return { kind: "word", module: b.module, name: b.name };
		}
		case "map":
			return { kind: "map", map: (b as Extract<Binding, { kind: "map" }>).map };
		case "program":
			return l.error(
				"SK5002",
				node,
				`${(b as Extract<Binding, { kind: "program" }>).program.name} is a program: its members belong to the user half`,
				"move this to the user half",
			);
		case "options":
			return "options" in b ? { kind: "options", options: b.options } : POISON;
		case "function":
			if (b.subprogram) return l.notYet(node, "subprogram()", "write an ordinary function: it is inlined");
			return { kind: "closure", node: b.node, module: b.module, scope: undefined, name: b.name };
		case "constant":
			return "value" in b ? fromConstant(b.value as Constant) : POISON;
		case "variable":
			return readVariable(l, b, node);
		case "type":
			return l.error("SK1001", node, `${b.name} is a type, not a value`);
		case "shared":
			return { kind: "shared", shared: b.shared };
		case "broken":
			return POISON;
		case "user":
			return l.error(
				"SK5005",
				node,
				`${b.name} belongs to the user half`,
				"only functions, constants, handles and the vocabulary reach kernel code",
			);
		default:
			return b;
	}
}

/** An integer operand; undefined after a report. */
export function integerOperand(l: Lowering, v: Value, node: Node, what: string): IntValue | undefined {
	const p = requirePresent(l, v, node);
	if (p.kind === "int") return p;
	if (p.kind === "poison") return undefined;
	if (p.kind === "text" || (p.kind === "place" && p.type.kind === "chars")) {
		if (what === "+")
			l.error(
				"SK1008",
				node,
				"`+` on strings does not exist in kernel code",
				"write a template: `${a}${b}` where text is assigned",
			);
		else l.error("SK1009", node, `${describe(p)} is no number`);
		return undefined;
	}
	if (p.kind === "be") {
		l.error(
			"SK1009",
			node,
			`be${p.bits} is in network order: no arithmetic`,
			p.bits === 16 ? "write ntohs(…)" : p.bits === 32 ? "write ntohl(…)" : "write be64ToCpu(…)",
		);
		return undefined;
	}
	l.error(
		"SK1009",
		node,
		`${describe(p, l.target.kernel)} is no number`,
		p.kind === "bool" ? "write u32(…)" : undefined,
	);
	return undefined;
}

const ARITHMETIC = new Set(["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", ">>>"]);

export function binary(l: Lowering, node: Node): Value {
	const op: string = node["operator"];
	if (!ARITHMETIC.has(op)) {
		if (op === "**" || op === "in" || op === "instanceof")
			return l.error(
				"SK1001",
				node,
				`\`${op}\` does not exist in kernel code`,
				op === "**" ? "multiply, or shift" : undefined,
			);
		return relational(l, node);
	}
	const a = expression(l, node["left"]);
	const b = expression(l, node["right"]);
	return arithmeticOf(l, op as Operator, a, b, node);
}

/** `a op b` on values. */
export function arithmeticOf(l: Lowering, op: Operator, a: Value, b: Value, node: Node): Value {
	const left = node["left"] ?? node["argument"] ?? node;
	const right = node["right"] ?? node;
	if (a.kind === "poison" || b.kind === "poison") return POISON;
	const x = integerOperand(l, a, left, op);
	const y = x && integerOperand(l, b, right, op);
	return x && y ? arithmetic(l, op, x, y, node) : POISON;
}

function unary(l: Lowering, node: Node): Value {
	const op: string = node["operator"];
	const argument: Node = node["argument"];
	switch (op) {
		case "!":
			return relational(l, node);
		case "-": {
			const v = expression(l, argument);
			if (v.kind === "int" && v.constant !== undefined && v.open) {
				const value = -v.constant;
				if (value < (v.bits === 64 ? -(1n << 63n) : -(1n << 31n)))
					return l.error("SK2003", node, `${value} does not fit ${v.bits === 64 ? "i64" : "i32"}`);
				return value === 0n ? v : constant(value, v.bits, true);
			}
			const i = integerOperand(l, v, argument, "-");
			if (!i) return POISON;
			const zero = constant(0, i.bits === 64 ? 64 : 32, true, true);
			return arithmetic(
				l,
				"-",
				zero,
				i.bits < 32 && !i.signed ? int(32, true, instOf(l, i), { min: 0n, max: (1n << BigInt(i.bits)) - 1n }) : i,
				node,
			);
		}
		case "~": {
			const i = integerOperand(l, expression(l, argument), argument, "~");
			if (!i) return POISON;
			if (i.constant !== undefined && i.open) return constant(~i.constant, i.bits, true);
			return arithmetic(
				l,
				"^",
				i,
				constant(
					i.bits === 64 ? (i.signed ? -1n : (1n << 64n) - 1n) : i.signed ? -1n : 0xffff_ffffn,
					i.bits === 64 ? 64 : 32,
					i.signed,
				),
				node,
			);
		}
		case "+": {
			const v = expression(l, argument);
			const i = integerOperand(l, v, argument, "unary +");
			if (i?.bits === 64) return l.error("SK1009", node, "unary + on a bigint", "leave the + out, or write u32(…)");
			return i ?? POISON;
		}
		case "void":
			expression(l, argument, { unused: true });
			return UNDEFINED;
		default:
			return l.error(
				"SK1001",
				node,
				`\`${op}\` does not exist in kernel code`,
				op === "typeof" ? "types are known when compiling" : op === "delete" ? "write map.delete(key)" : undefined,
			);
	}
}

function cast(l: Lowering, node: Node, want: Want): Value {
	const annotation: Node = node["typeAnnotation"];
	const v = expression(l, node["expression"], want);
	if (annotation.type === "TSTypeReference" && annotation["typeName"]?.name === "const") return v;
	const type = l.analysis.resolveType(l.module, annotation);
	if (!type || v.kind === "poison") return v;
	if (v.kind === "int" && type.kind === "int") return assign(l, v, type, node);
	if (v.kind === "kernel" || v.kind === "place" || v.kind === "user-pointer" || v.kind === "kernel-pointer") {
		const same =
			(v.kind === "place" &&
				type.kind === v.type.kind &&
				(type.kind !== "struct" || (v.type.kind === "struct" && v.type.name === type.name))) ||
			(v.kind === "kernel" &&
				type.kind === "kernel" &&
				l.target.kernel.name(v.type) === type.name.replace(/___.*/, "")) ||
			(v.kind === "user-pointer" && type.kind === "user-ptr") ||
			(v.kind === "kernel-pointer" && (type.kind === "kernel-ptr" || type.kind === "vocabulary"));
		if (!same && type.kind !== "optional")
			return l.error("SK3007", node, "`as` never changes what a pointer points to", "write cast<T>(pointer)");
	}
	return v;
}
