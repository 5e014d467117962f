import { encodeUtf8 } from "@skep/bpf/base";
import type { Binding, Constant, Node, SharedDeclaration } from "#frontend";
import { alignOf, type Global, sizeOf, type Type } from "#ir";
import type { Lowering } from "./lowering.ts";
import { place, readPlace } from "./place.ts";
import { sized } from "./type-of.ts";
import { type PlaceValue, POISON, type Value } from "./value.ts";

/** A module-level `let` that only kernel code uses: private, in `.data` or `.bss`. */
export interface GlobalVariable {
	readonly name: string;
	readonly type: Type;
	place(l: Lowering): PlaceValue;
}

type Variable = Extract<Binding, { kind: "variable" }>;

/** The variable behind the binding; undefined after a report. */
export function findVariable(l: Lowering, b: Variable, node: Node): GlobalVariable | undefined {
	// The node is the declarator, or the declaration that holds it.
	const declarator: Node | undefined =
		b.node.type === "VariableDeclaration"
			? b.node["declarations"].find((d: Node) => d["id"]["name"] === b.name)
			: b.node;
	const annotation: Node | undefined = declarator?.["id"]?.typeAnnotation?.typeAnnotation;
	const init: Node | undefined = declarator?.["init"] ?? undefined;
	const value = init && l.analysis.evaluate(b.module, init);
	const ref = annotation && l.analysis.resolveType(b.module, annotation);
	const type: Type | undefined = sized(ref)
		? ref
		: value?.kind === "int"
			? (value.type ?? { kind: "int", bits: value.big ? 64 : 32, signed: true })
			: value?.kind === "bool"
				? { kind: "bool" }
				: undefined;
	if (!type || (init && !value)) {
		l.error(
			"SK5003",
			node,
			`${b.name} has no constant value to begin with, so it belongs to the user half`,
			"use shared({ … }), or a local",
		);
		return undefined;
	}
	if (type.kind !== "int" && type.kind !== "bool" && type.kind !== "be") {
		l.notYet(node, `a module-level variable of ${type.kind}`, "keep it in an array map");
		return undefined;
	}
	const name = b.module.index === 0 ? b.name : `${b.name}_${b.module.index}`;
	if (!l.globals.has(name)) {
		const size = sizeOf(type);
		const initial = new Uint8Array(size);
		let number =
			value?.kind === "int" || value?.kind === "be" ? value.value : value?.kind === "bool" && value.value ? 1n : 0n;
		const zero = number === 0n;
		number = BigInt.asUintN(64, number);
		for (let i = 0; i < size; i++) initial[i] = Number((number >> BigInt(8 * i)) & 0xffn);
		const global: Global = {
			name,
			section: zero ? ".bss" : ".data",
			type,
			initial: zero ? new Uint8Array(0) : initial,
		};
		l.globals.set(name, global);
	}
	return {
		name,
		type,
		place: (at) =>
			place(type, at.b.emit({ op: "global", variable: name }, [], 64, "map_value"), 0, "map_value", sizeOf(type), {
				shared: true,
			}),
	};
}

/** A constant as it stands in memory. */
export function constantBytes(type: Type, c: Constant): Uint8Array {
	const bytes = new Uint8Array(sizeOf(type));
	const number = (n: bigint, at: number, size: number): void => {
		for (let i = 0; i < size; i++) bytes[at + i] = Number((BigInt.asUintN(64, n) >> BigInt(8 * i)) & 0xffn);
	};
	const write = (t: Type, v: Constant, at: number): void => {
		if (v.kind === "int" || v.kind === "be") number(v.value, at, sizeOf(t));
		else if (v.kind === "bool") bytes[at] = v.value ? 1 : 0;
		else if (v.kind === "string" && t.kind === "chars") bytes.set(encodeUtf8(v.value).subarray(0, t.size - 1), at);
		else if (v.kind === "array" && t.kind === "array")
			for (const [i, e] of v.elements.entries()) write(t.element, e, at + i * sizeOf(t.element));
		else if (v.kind === "object" && t.kind === "struct")
			for (const f of t.fields) {
				const m = v.members.get(f.name);
				if (m) write(f.type, m, at + f.offset);
			}
	};
	write(type, c, 0);
	return bytes;
}

/** Puts the variables of `shared({ … })` into `.data` or `.bss`. */
export function declareShared(l: Lowering, shared: SharedDeclaration): void {
	for (const m of shared.members) {
		if (l.globals.has(m.variable)) continue;
		const initial = constantBytes(m.type, m.initial);
		const zero = initial.every((b) => b === 0);
		l.globals.set(m.variable, {
			name: m.variable,
			section: zero ? ".bss" : ".data",
			type: m.type,
			initial: zero ? new Uint8Array(0) : initial,
		});
	}
}

/** The place of a shared variable; undefined after a report. */
export function sharedPlace(l: Lowering, shared: SharedDeclaration, name: string, node: Node): PlaceValue | undefined {
	const m = shared.members.find((v) => v.name === name);
	if (!m) {
		l.error("SK1009", node["property"] ?? node, `${shared.name} has no variable ${name}`);
		return undefined;
	}
	return place(
		m.type,
		l.b.emit({ op: "global", variable: m.variable }, [], 64, "map_value"),
		0,
		"map_value",
		Math.min(8, alignOf(m.type)),
		{ shared: true },
	);
}

export function readVariable(l: Lowering, b: Binding | Value, node: Node): Value {
	const variable = b.kind === "variable" ? findVariable(l, b, node) : undefined;
	return variable ? readPlace(l, variable.place(l), node) : POISON;
}
