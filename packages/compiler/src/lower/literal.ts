import type { Node } from "#frontend";
import { type Slot, type StructType, sizeOf } from "#ir";
import type { Lowering, Want } from "./lowering.ts";
import { requirePresent } from "./optional.ts";
import { part } from "./place.ts";
import { storeValue } from "./store.ts";
import { hasPadding } from "./type-of.ts";
import { boolConstant, literal as literalInt, type PlaceValue, type Value } from "./value.ts";

/** What only names a value is copied as a whole; all else may read one part after another is written. */
const COPIED = new Set(["Identifier", "MemberExpression", "Literal"]);

/** Whether an expression may read what stands at `left`, by this name or another: then it cannot be built in place. */
export function mentions(l: Lowering, right: Node, left: Node, goal: PlaceValue): boolean {
	if (COPIED.has(right.type)) return false;
	let root = left;
	while (root.type === "MemberExpression") root = root["object"];
	const name = root.type === "Identifier" ? root["name"] : undefined;
	const walk = (n: unknown): boolean => {
		if (Array.isArray(n)) return n.some(walk);
		if (!n || typeof n !== "object" || typeof (n as Node).type !== "string") return false;
		const x = n as Node;
		if (x.type === "Identifier") return x["name"] === name || mayBe(l, x["name"], goal);
		return Object.keys(x).some(
			(key) =>
				key !== "type" &&
				!(x.type === "Property" && key === "key" && !x["shorthand"]) &&
				!(x.type === "MemberExpression" && key === "property" && !x["computed"]) &&
				walk(x[key]),
		);
	};
	return name === undefined || walk(right);
}

/** Whether a name may lead to the goal's bytes: memory of its kind, a map where the goal is a map's value, a function. */
function mayBe(l: Lowering, name: string, goal: PlaceValue): boolean {
	const found = l.lookup(name);
	if (!found) return false;
	if ("kind" in found && found.kind === "function") return true;
	if ("kind" in found && found.kind === "map") return goal.space === "map_value";
	const v = "kind" in found ? (found as Value) : (found.value ?? found.cell?.shape);
	const inner = v?.kind === "optional" ? v.value : v;
	if (inner?.kind === "closure") return true;
	if (inner?.kind === "map") return goal.space === "map_value";
	if (inner?.kind !== "place" || inner.space !== goal.space) return false;
	const [a, b] = [slotOf(inner.base), slotOf(goal.base)];
	return !a || !b || a === b;
}

function slotOf(base: PlaceValue["base"]): Slot | undefined {
	let i = base;
	while (i.op === "offset") i = i.args[0]!;
	return i.op === "slot" ? i.slot : undefined;
}

/** The name of a property; undefined after a report. */
export function propertyName(l: Lowering, p: Node): string | undefined {
	const key: Node = p["key"];
	if (p["computed"]) {
		l.error("SK1001", key, "computed member names do not exist in kernel code");
		return undefined;
	}
	return key.type === "Identifier" ? key["name"] : String(key["value"]);
}

/** `{ … }`: into the struct that is wanted, else a bundle of values that only known members read. */
export function literalObject(l: Lowering, node: Node, want: Want): Value {
	const type = want.type;
	if (type?.kind === "struct") {
		const to = want.into ?? l.temporary(type.name, type, hasPadding(type));
		// The bytes at a destination may be another value's: what no member covers is zeroed.
		if (want.into && hasPadding(type) && to.space !== "ringbuf") {
			l.at(node);
			l.zero(to.base, to.offset, sizeOf(type), to.align as 1 | 2 | 4 | 8);
		}
		fillStruct(l, node, type, to);
		return to;
	}
	const members = new Map<string, Value>();
	for (const p of node["properties"] as Node[]) {
		if (p.type === "SpreadElement") {
			const v = l.expression(p["argument"]);
			if (v.kind === "record") for (const [k, m] of v.members) members.set(k, m);
			else if (v.kind === "place" && v.type.kind === "struct" && node["properties"].length === 1) {
				const copy = l.temporary("copy", v.type, false);
				l.at(node);
				storeValue(l, copy, requirePresent(l, v, p), p);
				return copy;
			} else if (v.kind !== "poison")
				l.error("SK1006", node, "an object literal without a type", "annotate it: const x: T = { … }");
			continue;
		}
		if (p["method"] || p["kind"] !== "init") {
			l.error("SK1001", p, "methods and accessors do not exist in kernel code", "write a function");
			continue;
		}
		const name = propertyName(l, p);
		if (name !== undefined) members.set(name, l.expression(p["value"]));
	}
	return { kind: "record", members };
}

function fillStruct(l: Lowering, node: Node, type: StructType, to: PlaceValue): void {
	const missing = new Set(type.fields.map((f) => f.name));
	for (const p of node["properties"] as Node[]) {
		if (p.type === "SpreadElement") {
			const v = l.expression(p["argument"], { type });
			l.at(p);
			if (v.kind === "record") {
				for (const f of type.fields) {
					const m = v.members.get(f.name);
					if (m) storeValue(l, part(to, f.type, f.offset), m, p);
					if (m) missing.delete(f.name);
				}
				continue;
			}
			if (v.kind !== "poison") storeValue(l, to, v, p["argument"]);
			missing.clear();
			continue;
		}
		if (p["method"] || p["kind"] !== "init") {
			l.error("SK1001", p, "methods and accessors do not exist in kernel code", "write a function");
			continue;
		}
		const name = propertyName(l, p);
		if (name === undefined) continue;
		const field = type.fields.find((f) => f.name === name);
		if (!field) {
			l.error("SK1009", p, `${type.name} has no member ${name}`);
			continue;
		}
		missing.delete(name);
		const at = part(to, field.type, field.offset);
		const v = l.expression(p["value"], { type: field.type, into: at });
		l.at(p);
		storeValue(l, at, v, p["value"]);
	}
	if (missing.size > 0)
		l.error(
			"SK1009",
			node,
			`${[...missing].join(", ")} ${missing.size === 1 ? "is" : "are"} missing`,
			`write { ...zero<${type.name}>(), … }`,
		);
}

/** `[ … ]`: into the array that is wanted, else a list of values. */
export function literalArray(l: Lowering, node: Node, want: Want): Value {
	const elements = node["elements"] as (Node | null)[];
	const type = want.type;
	if (type?.kind === "array") {
		if (elements.length !== type.length)
			return l.error("SK1009", node, `${elements.length} elements where arr has ${type.length}`);
		const to = want.into ?? l.temporary("array", type, false);
		for (const [i, e] of elements.entries()) {
			if (!e || e.type === "SpreadElement") {
				l.error("SK1001", e ?? node, "every element is written out in kernel code");
				continue;
			}
			const at = part(to, type.element, i * sizeOf(type.element));
			const v = l.expression(e, { type: type.element, into: at });
			l.at(e);
			storeValue(l, at, v, e);
		}
		return to;
	}
	return {
		kind: "list",
		elements: elements.map((e) => {
			if (!e || e.type === "SpreadElement")
				return l.error("SK1001", e ?? node, "every element is written out in kernel code");
			return l.expression(e);
		}),
	};
}

/** `1`, `1n`, `true`, `"text"`. */
export function literal(l: Lowering, node: Node): Value {
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
		return literalInt(value, true);
	}
	const value: unknown = node["value"];
	if (typeof value === "bigint") return literalInt(value, true);
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
				`the largest is 4294967295; a u64 holds ${BigInt(value)}n`,
			);
		return literalInt(BigInt(value), false);
	}
	if (typeof value === "boolean") return boolConstant(value);
	if (typeof value === "string") return { kind: "text", text: value };
	if (value === null) return l.error("SK1009", node, "null has no value in kernel code", "write undefined");
	return l.error("SK1001", node, "this literal does not exist in kernel code");
}
