import { encodeUtf8 } from "@skep/bpf/base";
import type { Node } from "#frontend";
import type { Block, Inst, Space, Variable, Width } from "#ir";
import { boolInst, instOf } from "./integer.ts";
import type { Facts, Join, Lowering } from "./lowering.ts";
import { copyToTemporary } from "./store.ts";
import { sameType } from "./type-of.ts";
import { describe, type IntValue, least, most, POISON, UNDEFINED, type Value, VOID } from "./value.ts";

/** One way to a value: where it ends, what is known there. */
export interface Arm {
	readonly block: Block;
	readonly facts: Facts;
	readonly value: Value;
	readonly node: Node;
}

interface Part {
	readonly width: Width;
	readonly space: Space;
}

/** The registers a value of this shape is made of. */
function partsOf(shape: Value): Part[] {
	switch (shape.kind) {
		case "int":
			return [{ width: shape.bits === 64 ? 64 : 32, space: "scalar" }];
		case "bool":
			return [{ width: 32, space: "scalar" }];
		case "be":
			return [{ width: shape.bits === 64 ? 64 : 32, space: "scalar" }];
		case "place":
			return [{ width: 64, space: shape.space }];
		case "kernel":
			return [{ width: 64, space: shape.trusted ? "btf" : "scalar" }];
		case "kernel-pointer":
		case "user-pointer":
			return [{ width: 64, space: "scalar" }];
		case "dynamic-text":
			return [{ width: 32, space: "scalar" }];
		case "optional":
			return [{ width: 32, space: "scalar" }, ...partsOf(shape.value)];
		default:
			return [];
	}
}

/** The registers of `value`, which fits `shape`. */
function pack(l: Lowering, value: Value, shape: Value): Inst[] {
	switch (shape.kind) {
		case "int":
			return [value.kind === "int" ? instOf(l, value) : l.constant(0, shape.bits === 64 ? 64 : 32)];
		case "bool":
			return [value.kind === "bool" ? boolInst(l, value) : l.constant(0, 32)];
		case "be": {
			const width = shape.bits === 64 ? 64 : 32;
			if (value.kind !== "be") return [l.constant(0, width)];
			return [value.inst ?? l.constant(value.constant ?? 0n, width)];
		}
		case "place":
			return [value.kind === "place" ? l.address(value) : l.constant(0, 64)];
		case "kernel":
			return [value.kind === "kernel" ? kernelAddress(l, value) : l.constant(0, 64)];
		case "kernel-pointer":
		case "user-pointer":
			return [value.kind === "kernel-pointer" || value.kind === "user-pointer" ? value.inst : l.constant(0, 64)];
		case "dynamic-text":
			return [value.kind === "dynamic-text" ? value.word : l.constant(0, 32)];
		case "optional":
			if (value.kind === "optional") return [value.flag, ...pack(l, value.value, shape.value)];
			if (value.kind === "undefined") return [l.constant(0, 32), ...pack(l, UNDEFINED, shape.value)];
			return [l.constant(1, 32), ...pack(l, value, shape.value)];
		default:
			return [];
	}
}

/** The value of `shape` whose registers are `parts`. */
function unpack(shape: Value, parts: readonly Inst[]): Value {
	switch (shape.kind) {
		case "int":
			return {
				kind: "int",
				bits: shape.bits,
				signed: shape.signed,
				open: shape.open,
				inst: parts[0]!,
				...(shape.computed ? { computed: true } : {}),
				...(shape.min === undefined ? {} : { min: shape.min }),
				...(shape.max === undefined ? {} : { max: shape.max }),
			};
		case "bool":
			return { kind: "bool", inst: parts[0]! };
		case "be":
			return { kind: "be", bits: shape.bits, inst: parts[0]! };
		case "place":
			return { ...shape, base: parts[0]!, offset: 0, temporary: false };
		case "kernel":
			return { ...shape, base: parts[0]!, root: shape.type, path: [], offset: 0, embedded: false };
		case "kernel-pointer":
		case "user-pointer":
			return { ...shape, inst: parts[0]! };
		case "dynamic-text":
			return { ...shape, word: parts[0]! };
		case "optional":
			return { ...shape, flag: parts[0]!, value: unpack(shape.value, parts.slice(1)) };
		default:
			return shape;
	}
}

const kernelAddress = (l: Lowering, v: Extract<Value, { kind: "kernel" }>): Inst =>
	v.path.length === 0
		? v.base
		: l.b.emit(
				{ op: "offset", offset: v.offset, core: { kind: "field_byte_offset", root: v.root, path: [0, ...v.path] } },
				[v.base],
				64,
				v.trusted ? "btf" : "scalar",
			);

/** A shape that both fit; undefined: none. */
export function unify(a: Value, b: Value): Value | undefined {
	if (a.kind === "poison" || b.kind === "poison") return POISON;
	if (a.kind === "void" || b.kind === "void")
		return a.kind === b.kind || a.kind === "undefined" || b.kind === "undefined" ? VOID : undefined;
	if (a.kind === "undefined" && b.kind === "undefined") return UNDEFINED;
	if (a.kind === "undefined") return unify(b, a);
	if (b.kind === "undefined") {
		if (a.kind === "optional") return a;
		// A value on the stack has an address that is never 0, but a pointer to the stack may not be merged with 0.
		if (a.kind === "place" && a.space !== "stack") return { ...a, nullable: true };
		if (a.kind === "kernel") return { ...a, nullable: true };
		if (partsOf(a).length === 0) return undefined;
		return { kind: "optional", flag: undefined as unknown as Inst, value: a, copied: true };
	}
	if (a.kind === "optional" || b.kind === "optional") {
		const inner = unify(a.kind === "optional" ? a.value : a, b.kind === "optional" ? b.value : b);
		if (!inner) return undefined;
		return {
			kind: "optional",
			flag: undefined as unknown as Inst,
			value: inner,
			copied: (a.kind === "optional" && a.copied) || (b.kind === "optional" && b.copied),
		};
	}
	if (a.kind === "int" && b.kind === "int") {
		if ((a.bits === 64) !== (b.bits === 64)) return undefined;
		const closed = a.open ? b : a;
		const bits = Math.max(a.bits, b.bits) as IntValue["bits"];
		const low = (v: IntValue) => (v.constant !== undefined ? v.constant : v.min);
		const high = (v: IntValue) => (v.constant !== undefined ? v.constant : v.max);
		const [al, bl, ah, bh] = [low(a), low(b), high(a), high(b)];
		const signed = a.open && b.open ? a.signed && b.signed : a.open !== b.open ? closed.signed : a.signed || b.signed;
		return {
			kind: "int",
			bits,
			signed,
			open: a.open && b.open,
			...(a.computed || b.computed ? { computed: true } : {}),
			...(al !== undefined && bl !== undefined ? { min: least(al, bl) } : {}),
			...(ah !== undefined && bh !== undefined ? { max: most(ah, bh) } : {}),
		};
	}
	if (a.kind === "bool" && b.kind === "bool") return a;
	if (a.kind === "be" && b.kind === "be") return a.bits === b.bits ? a : undefined;
	if (a.kind === "place" && b.kind === "place") {
		if (a.space !== b.space || a.boxed !== b.boxed || !sameType(a.type, b.type)) return undefined;
		return {
			...a,
			nullable: a.nullable || b.nullable,
			shared: a.shared || b.shared,
			writable: a.writable && b.writable,
			align: Math.min(a.align, b.align),
		};
	}
	if (a.kind === "kernel" && b.kind === "kernel")
		return a.type === b.type && a.trusted === b.trusted ? { ...a, nullable: a.nullable || b.nullable } : undefined;
	if (a.kind === b.kind && (a.kind === "kernel-pointer" || a.kind === "user-pointer" || a.kind === "dynamic-text"))
		return a;
	return a === b ? a : undefined;
}

/** Goes on where all arms meet, with the value that each of them gave. */
export function merge(l: Lowering, arms: readonly Arm[], node: Node): Value {
	if (arms.length === 0) {
		// Nothing comes here: no value, and nothing to say of it.
		l.b.block = undefined;
		return POISON;
	}
	if (arms.length === 1) {
		l.b.enter(arms[0]!.block);
		l.facts = arms[0]!.facts;
		return arms[0]!.value;
	}
	// Constant text has no address: where arms differ it becomes memory.
	let blocks = arms.map((a) => a.block);
	let values = arms.map((a) => a.value);
	if (
		values.every(
			(v) =>
				v.kind === "text" ||
				v.kind === "undefined" ||
				(v.kind === "kernel-array" && v.text) ||
				(v.kind === "place" && v.type.kind === "chars" && !v.boxed && !v.nullable),
		)
	) {
		const first = values[0]!;
		const same = values.every((v) =>
			v.kind === "text"
				? first.kind === "text" && v.text === first.text
				: v.kind === "place" &&
					first.kind === "place" &&
					v.space === first.space &&
					sameType(v.type, first.type) &&
					v.epoch === undefined,
		);
		if (!same && values.some((v) => v.kind !== "undefined")) {
			const bytes = (v: Value) =>
				v.kind === "text"
					? encodeUtf8(v.text).length + 1
					: v.kind === "place" && v.type.kind === "chars"
						? v.type.size
						: v.kind === "kernel-array"
							? v.length
							: 1;
			const size = Math.max(...values.map(bytes));
			blocks = arms.map((a) => a.block);
			values = values.map((v, i) => {
				if (v.kind === "undefined") return v;
				l.b.enter(arms[i]!.block);
				const copied = copyToTemporary(l, v, { kind: "chars", size }, arms[i]!.node);
				blocks[i] = l.b.block!;
				return copied;
			});
		}
	}
	let shape: Value | undefined = values[0];
	for (const v of values.slice(1)) {
		const next: Value | undefined = shape && unify(shape, v);
		if (!next) {
			shape =
				shape?.kind === "closure" || v.kind === "closure"
					? l.error(
							"SK1007",
							node,
							"a function cannot be chosen at run time",
							"choose by if, and call each by its name",
						)
					: l.error(
							"SK1009",
							node,
							`one value cannot be both ${describe(shape!, l.target.kernel)} and ${describe(v, l.target.kernel)}`,
							"give both the same type",
						);
			break;
		}
		shape = next;
	}
	const variables: Variable[] = partsOf(shape!).map((p, i) => ({
		name: i === 0 ? "result" : `result_${i}`,
		width: p.width,
		space: p.space,
	}));
	const end = l.join();
	for (const [i, a] of arms.entries()) {
		l.b.enter(blocks[i]!);
		l.facts = a.facts;
		if (shape!.kind !== "poison")
			for (const [k, inst] of pack(l, values[i]!, shape!).entries()) l.b.write(variables[k]!, inst);
		l.goto(end);
	}
	l.enter(end);
	return unpack(
		shape!,
		variables.map((v) => l.b.read(v)),
	);
}

/** Variables for a local that is assigned again. */
export function makeCell(name: string, shape: Value): { shape: Value; variables: Variable[] } | undefined {
	const parts = partsOf(shape);
	if (parts.length === 0) return undefined;
	return {
		shape,
		variables: parts.map((p, i) => ({ name: i === 0 ? name : `${name}_${i}`, width: p.width, space: p.space })),
	};
}

export function writeCell(l: Lowering, cell: { shape: Value; variables: Variable[] }, value: Value, node: Node): void {
	if (value.kind === "poison" || cell.shape.kind === "poison") return;
	const shape = unify(cell.shape, value);
	if (!shape || partsOf(shape).length !== cell.variables.length || shape.kind !== cell.shape.kind) {
		l.error(
			"SK1009",
			node,
			`a local that holds ${describe(cell.shape, l.target.kernel)} cannot be given ${describe(value, l.target.kernel)}`,
			"annotate the local with a type that fits both",
		);
		return;
	}
	for (const [k, inst] of pack(l, value, shape).entries()) l.b.write(cell.variables[k]!, inst);
	cell.shape = shape.kind === "int" ? { ...shape, min: undefined as never, max: undefined as never } : shape;
}

export const readCell = (l: Lowering, cell: { shape: Value; variables: Variable[] }): Value =>
	unpack(
		cell.shape,
		cell.variables.map((v) => l.b.read(v)),
	);

/** `c ? a : b` on branches that are made already. */
export function arms(l: Lowering, node: Node, ways: readonly { join: Join; value: () => Value; node: Node }[]): Value {
	const list: Arm[] = [];
	for (const w of ways) {
		l.enter(w.join);
		if (!l.reachable) continue;
		const value = w.value();
		if (l.b.block) list.push({ block: l.b.block, facts: l.facts, value, node: w.node });
	}
	return merge(l, list, node);
}
