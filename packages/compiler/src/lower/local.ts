import { encodeUtf8 } from "@skep/bpf/base";
import type { Node } from "#frontend";
import type { Block, Variable } from "#ir";
import { mayBeCopied } from "./alias.ts";
import { coerce } from "./coercion.ts";
import { localKey } from "./fact-key.ts";
import { assign, convert } from "./integer.ts";
import type { Lowering } from "./lowering.ts";
import { makeCell, readCell, unify, writeCell } from "./merge.ts";
import { present } from "./optional.ts";
import type { Scope } from "./scope.ts";
import { copyToTemporary } from "./store.ts";
import { type IntValue, knownRange, type Local, type PlaceValue, POISON, UNDEFINED, type Value } from "./value.ts";

const assignedNames = new WeakMap<Node, Set<string>>();

/** Names that are assigned anywhere below the node: `=`, `+=`, `++`, patterns. */
export function assignedIn(node: Node): Set<string> {
	const known = assignedNames.get(node);
	if (known) return known;
	const names = new Set<string>();
	const pattern = (p: Node | null): void => {
		if (!p) return;
		if (p.type === "Identifier") names.add(p["name"]);
		else if (p.type === "ObjectPattern") for (const m of p["properties"]) pattern(m.value ?? m.argument);
		else if (p.type === "ArrayPattern") for (const e of p["elements"]) pattern(e);
		else if (p.type === "AssignmentPattern") pattern(p["left"]);
	};
	const walk = (n: unknown): void => {
		if (Array.isArray(n)) {
			n.forEach(walk);
			return;
		}
		if (!n || typeof n !== "object" || typeof (n as Node).type !== "string") return;
		const x = n as Node;
		if (x.type === "AssignmentExpression") pattern(x["left"]);
		else if (x.type === "UpdateExpression") pattern(x["argument"]);
		else if ((x.type === "ForOfStatement" || x.type === "ForInStatement") && x["left"].type !== "VariableDeclaration")
			pattern(x["left"]);
		for (const key of Object.keys(x)) if (key !== "type" && key !== "loc" && key !== "parent") walk(x[key]);
	};
	walk(node);
	assignedNames.set(node, names);
	return names;
}

/** Declares a name with a value. `body`: where assignments to it may stand. */
export function declare(
	l: Lowering,
	scope: Scope,
	name: string,
	value: Value,
	node: Node,
	isConst: boolean,
	type: Local["type"],
	body: Node,
): void {
	const mutable = !isConst && assignedIn(body).has(name);
	if (value.kind === "place" && value.type.kind === "chars" && !value.boxed && !value.nullable)
		value = ownText(l, value, node, name);
	const open = value.kind === "int" && value.open && type === undefined && mutable;
	const local = l.local(name, node, mutable, {
		type,
		sign: open ? "open" : value.kind === "int" ? (value.signed ? "signed" : "unsigned") : "signed",
		bits: value.kind === "int" ? assignedBits(value) : 32,
		computed: value.kind === "int" && value.computed === true,
	});
	scope.declare(name, local);
	if (!mutable) {
		local.value = value;
		if (value.kind === "int" && value.inst) value.inst.name ??= name;
		if (value.kind === "place" && value.offset === 0) value.base.name ??= name;
		return;
	}
	// Structs and text on the stack: assigning copies into the same bytes, as long as they are only named here.
	let held = value;
	if (value.kind === "text")
		held =
			type?.kind === "chars"
				? copyToTemporary(l, value, type, node, name)
				: copyToTemporary(l, value, { kind: "chars", size: encodeUtf8(value.text).length + 1 }, node, name);
	const shape: Value =
		held.kind === "int"
			? { kind: "int", bits: held.bits === 64 ? 64 : type ? held.bits : 32, signed: held.signed, open }
			: held;
	const cell = makeCell(name, value.kind === "undefined" ? missingOf(type) : shape);
	if (!cell) {
		if (value.kind === "poison") local.value = POISON;
		else if (value.kind === "undefined") {
			local.cell = { shape: value, variables: [] };
			if (l.b.block) local.declared = l.b.block;
		} else local.value = value;
		return;
	}
	local.cell = cell;
	writeCell(l, cell, held, node);
	if (value.kind === "int" && (value.constant !== undefined || value.min !== undefined || value.max !== undefined)) {
		const [min, max] = knownRange(value);
		l.learn(localKey(local), { min, max });
	}
}

/** The shape of `let x: u32 | undefined`, where the type alone tells it. */
function missingOf(type: Local["type"]): Value {
	const inner = type?.kind === "optional" ? type.type : undefined;
	const value: Value | undefined =
		inner?.kind === "int"
			? { kind: "int", bits: inner.bits, signed: inner.signed, open: false }
			: inner?.kind === "bool"
				? { kind: "bool" }
				: inner?.kind === "be"
					? { kind: "be", bits: inner.bits }
					: undefined;
	return value ? (unify(UNDEFINED, value) ?? UNDEFINED) : UNDEFINED;
}

/** Text is a value in JavaScript: a name for text in memory that may change gets bytes of its own. */
const ownText = (l: Lowering, v: PlaceValue, node: Node, name: string): PlaceValue =>
	v.temporary || !v.writable ? v : copyToTemporary(l, v, v.type, node, name);

const assignedBits = (v: IntValue): IntValue["bits"] => {
	if (v.bits === 64) return 64;
	if (v.constant === undefined) return v.bits;
	const [low, high] = knownRange(v);
	return low >= 0n && high < 256n ? 8 : low >= 0n && high < 65536n ? 16 : 32;
};

/** The value of a local, with what is known of it here. */
export function readLocal(l: Lowering, local: Local, node: Node): Value {
	const fact = l.facts.known.get(localKey(local));
	let v: Value;
	if (local.cell && local.cell.variables.length > 0) {
		v = readCell(l, local.cell);
		if (v.kind === "int")
			v = { ...v, signed: local.sign !== "unsigned", open: local.sign === "open", computed: local.computed, local };
	} else v = local.cell ? local.cell.shape : (local.value ?? POISON);
	if (local.early && local.cell?.variables.length === 0)
		return l.notYet(
			node,
			`${local.name}, read in a loop above its first assignment`,
			`give it its first value before the loop, or read it after the assignment`,
		);
	if (!fact) return v;
	if (fact.present) v = present(v);
	if (v.kind === "int" && (fact.min !== undefined || fact.max !== undefined) && v.constant === undefined) {
		const [low, high] = knownRange(v);
		return {
			...v,
			min: fact.min !== undefined && fact.min > low ? fact.min : low,
			max: fact.max !== undefined && fact.max < high ? fact.max : high,
		};
	}
	return v;
}

/** What a local that is assigned again holds of memory: text by value; in loops, literals outlive the turn that made them. */
function keptPlace(l: Lowering, v: PlaceValue, node: Node, name: string): Value {
	const looping = l.frames.some((f) => f.breakables.some((b) => b.onContinue !== undefined));
	if (v.type.kind === "chars") return v.temporary && !looping ? v : copyToTemporary(l, v, v.type, node, name);
	if (v.space !== "stack" || !looping) return v;
	if (mayBeCopied(l, node, name)) return copyToTemporary(l, v, v.type, node, name);
	return l.notYet(
		node,
		"a reference to a local struct, kept from one turn of a loop to the next",
		`copy it: ${name} = { ...${l.text(node)} }`,
	);
}

/** Where a declaration stands in a loop, each turn begins without a value. */
function writeMissing(l: Lowering, variables: readonly Variable[], declared: Block): void {
	const here = l.b.block;
	l.b.enter(declared);
	for (const v of variables) l.b.write(v, l.constant(0, v.width));
	l.b.block = here;
}

/** `local = value`. */
export function writeLocal(l: Lowering, local: Local, value: Value, node: Node): Value {
	if (value.kind === "poison") return POISON;
	if (!local.mutable || (!local.cell && local.value?.kind !== "poison")) {
		if (local.value?.kind === "poison") return POISON;
		return l.error("SK1009", node, `${local.name} is a constant`, "declare it with let");
	}
	l.forget(localKey(local));
	let v: Value = value;
	if (local.type) v = coerce(l, value, local.type, node);
	else if (v.kind === "int" && local.cell?.shape.kind === "int") {
		const shape = local.cell.shape;
		if ((v.bits === 64) !== (shape.bits === 64))
			return assign(l, v, { kind: "int", bits: shape.bits, signed: shape.signed }, node);
		if (!v.open && local.sign === "open")
			local.sign = v.signed && knownRange(v)[0] < 0n ? "signed" : v.signed ? "signed" : "unsigned";
		else if (local.sign === "unsigned" && v.constant !== undefined && v.constant < 0n)
			return l.error(
				"SK2003",
				node,
				`${v.constant} into ${local.name}, which is unsigned`,
				`annotate it: let ${local.name}: i32`,
			);
		if (v.computed) local.computed = true;
		const bits = assignedBits(v);
		if (bits > local.bits) local.bits = bits;
		if (local.narrowed && (local.bits > local.narrowed.bits || local.computed)) {
			const w = local.narrowed;
			l.error(
				"SK2007",
				w.node,
				`${local.name} holds more than ${w.bits} bits elsewhere`,
				`write u${w.bits}(${local.name})`,
			);
		}
		if (v.bits < 32) v = { ...convert(l, v, 32, v.signed, node), ...(v.computed ? { computed: true } : {}) };
	}
	if (v.kind === "place" && !v.nullable && !v.boxed) v = keptPlace(l, v, node, local.name);
	if (v.kind === "poison") return v;
	if (!local.cell || local.cell.variables.length === 0) {
		// Declared without a value, or with undefined: the first assignment gives the shape.
		const before = local.cell?.shape;
		if (before?.kind === "undefined" && v.kind === "undefined") return v;
		const shape = before?.kind === "undefined" ? unify(before, v) : v;
		const cell = shape && makeCell(local.name, shape);
		if (!cell) return l.error("SK1007", node, `${local.name} cannot be chosen at run time`, "use a const");
		local.cell = cell;
		if (local.declared) writeMissing(l, cell.variables, local.declared);
	}
	writeCell(l, local.cell, v, node);
	if (v.kind !== "optional" && v.kind !== "undefined" && !((v.kind === "place" || v.kind === "kernel") && v.nullable))
		l.learn(localKey(local), { present: true });
	if (v.kind === "int") {
		const [min, max] = knownRange(v);
		if (v.constant !== undefined || v.min !== undefined || v.max !== undefined) l.learn(localKey(local), { min, max });
	}
	return v;
}
