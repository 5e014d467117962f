import type { Node } from "#frontend";
import { type Inst, sizeOf } from "#ir";
import { kernelAddressOf, kernelTypes, plainAddress } from "./kernel.ts";
import type { Lowering } from "./lowering.ts";
import { requirePresent } from "./optional.ts";
import { rawTypeArgument, sized } from "./type-of.ts";
import { boolConstant, describe, int, literal, POISON, type Value } from "./value.ts";

/** `typeExists sizeOf offsetOf containerOf cast addressOf userPtr`: layout and addresses, which CO-RE knows when loading. */
export function coreWord(l: Lowering, name: string, node: Node): Value {
	l.at(node);
	switch (name) {
		case "typeExists":
			return typeExists(l, node);
		case "sizeOf":
			return node["arguments"].length > 0 ? sizeOfField(l, node) : sizeOfType(l, node);
		case "offsetOf":
			return offsetOf(l, node);
		case "containerOf":
			return containerOf(l, node);
		case "cast":
			return castTo(l, node);
		case "addressOf": {
			const address = addressArgument(l, node);
			return address ? int(64, false, address) : POISON;
		}
		case "userPtr":
			return userPtr(l, node);
		default:
			return l.notYet(node, name);
	}
}

/** A struct of the kernel as type argument. `missing`: the types that this is compiled against have it not. */
function kernelArgument(l: Lowering, node: Node): { id: number; name: string } | "missing" | undefined {
	const type = rawTypeArgument(l, node);
	if (!type) return undefined;
	if (type.kind !== "kernel") {
		l.error("SK1009", node, `${l.text(node["callee"])} takes a struct of skep/kernel`);
		return undefined;
	}
	const struct = kernelTypes(l).struct(type.name);
	return struct ? { id: struct.id, name: type.name } : "missing";
}

function typeExists(l: Lowering, node: Node): Value {
	const struct = kernelArgument(l, node);
	if (!struct) return POISON;
	// What no kernel of the set has cannot be asked about: it is absent.
	if (struct === "missing") return boolConstant(false);
	const inst = l.b.emit({ op: "core", core: { kind: "type_exists", root: struct.id, path: [] }, value: 1n }, [], 32);
	return { kind: "bool", inst };
}

function sizeOfType(l: Lowering, node: Node): Value {
	const type = rawTypeArgument(l, node);
	if (!type) return POISON;
	if (sized(type)) return literal(BigInt(sizeOf(type)), false);
	const struct = type.kind === "kernel" ? kernelTypes(l).struct(type.name) : undefined;
	if (!struct) return l.error("SK2101", node, "this type has no size");
	const core = { kind: "type_size", root: struct.id, path: [] } as const;
	return int(32, false, l.b.emit({ op: "core", core, value: BigInt(struct.size) }, [], 32));
}

/** `sizeOf(task.comm)`: nothing is read. */
function sizeOfField(l: Lowering, node: Node): Value {
	const chain: Node = node["arguments"][0];
	if (chain.type === "MemberExpression" && !chain["computed"]) {
		const object = requirePresent(l, l.expression(chain["object"]), chain["object"]);
		if (object.kind === "poison") return POISON;
		if (object.kind === "kernel") {
			const name: string = chain["property"]["name"];
			const m = kernelTypes(l).member(object.type, name);
			if (!m) return l.error("SK4002", chain["property"], `${describe(object, l.target.kernel)} has no member ${name}`);
			if (m.bitSize > 0) return l.error("SK2101", chain, `${name} is a bit-field, which has no size in bytes`);
			const core = { kind: "field_byte_size", root: object.root, path: [0, ...object.path, ...m.path] } as const;
			const value = BigInt(l.target.kernel.sizeOf(m.typeId));
			return int(32, false, l.b.emit({ op: "core", core, value }, [], 32));
		}
	}
	const v = l.expression(chain);
	if (v.kind === "poison") return POISON;
	if (v.kind === "place") return literal(BigInt(sizeOf(v.type)), false);
	if (v.kind === "int" || v.kind === "be") return literal(BigInt(v.bits / 8), false);
	if (v.kind === "bool") return literal(1n, false);
	if (v.kind === "kernel-array") return literal(BigInt(v.length * v.elementSize), false);
	return l.error("SK2101", chain, `${describe(v, l.target.kernel)} has no size here`);
}

/** The member that a constant text names. */
function memberName(l: Lowering, argument: Node | undefined): string | undefined {
	const v = argument && l.expression(argument);
	if (v?.kind === "text") return v.text;
	if (v?.kind !== "poison" && argument) l.error("SK1009", argument, "the member is named by a constant text");
	return undefined;
}

function offsetOf(l: Lowering, node: Node): Value {
	const type = rawTypeArgument(l, node);
	const name = memberName(l, node["arguments"][0]);
	if (!type || name === undefined) return POISON;
	if (type.kind === "struct") {
		const field = type.fields.find((f) => f.name === name);
		return field
			? literal(BigInt(field.offset), false)
			: l.error("SK1009", node["arguments"][0], `${type.name} has no member ${name}`);
	}
	const offset = type.kind === "kernel" ? memberOffset(l, type.name, name, node) : undefined;
	if (type.kind !== "kernel") return l.error("SK1009", node, "offsetOf takes a struct");
	return offset ? int(32, false, offset) : POISON;
}

/** Bytes from the start of a kernel struct to a member, relocated. */
function memberOffset(l: Lowering, type: string, name: string, node: Node): Inst | undefined {
	const struct = kernelTypes(l).struct(type);
	const m = struct && kernelTypes(l).member(struct.id, name);
	if (!struct || !m || m.bitSize > 0) {
		const missing = struct ? `${type} has no ${m ? "byte offset of the bit-field" : "member"} ${name}` : `no ${type}`;
		l.error("SK4002", node["arguments"].at(-1) ?? node, `${missing} in the kernel's BTF`);
		return undefined;
	}
	const core = { kind: "field_byte_offset", root: struct.id, path: [0, ...m.path] } as const;
	return l.b.emit({ op: "core", core, value: BigInt(m.offset) }, [], 32);
}

/** The first argument as an address: a pointer of the kernel, or a number. */
function addressArgument(l: Lowering, node: Node): Inst | undefined {
	const argument: Node | undefined = node["arguments"][0];
	if (!argument) {
		l.error("SK1009", node, "a pointer is missing");
		return undefined;
	}
	const v = requirePresent(l, l.expression(argument), argument);
	l.at(node);
	switch (v.kind) {
		case "poison":
			return undefined;
		case "kernel":
			return v.trusted ? plainAddress(l, kernelAddressOf(l, v)) : kernelAddressOf(l, v);
		case "kernel-pointer":
		case "user-pointer":
			return v.inst;
		case "int":
			if (v.bits === 64) return v.inst ?? l.constant(v.constant ?? 0n, 64);
	}
	l.error("SK1009", argument, `${describe(v, l.target.kernel)} is no address`, "a pointer of the kernel, or a u64");
	return undefined;
}

/** What stands at an address, as a struct of the kernel that is read by helpers. */
const at = (id: number, base: Inst): Value => ({
	kind: "kernel",
	type: id,
	base,
	root: id,
	path: [],
	offset: 0,
	trusted: false,
	nullable: false,
	embedded: false,
});

function castTo(l: Lowering, node: Node): Value {
	const struct = kernelArgument(l, node);
	const address = addressArgument(l, node);
	if (!struct || !address) return POISON;
	if (struct === "missing") return l.error("SK4002", node, "the kernel's BTF has no such struct");
	return at(struct.id, address);
}

function containerOf(l: Lowering, node: Node): Value {
	const struct = kernelArgument(l, node);
	const address = addressArgument(l, node);
	const name = memberName(l, node["arguments"][1]);
	if (!struct || !address || name === undefined) return POISON;
	if (struct === "missing") return l.error("SK4002", node, "the kernel's BTF has no such struct");
	const offset = memberOffset(l, struct.name, name, node);
	if (!offset) return POISON;
	const wide = l.b.emit({ op: "extend", from: 32, signed: false }, [offset], 64);
	return at(struct.id, l.binary("sub", address, wide, 64));
}

function userPtr(l: Lowering, node: Node): Value {
	const argument: Node | undefined = node["arguments"][0];
	const v = argument ? requirePresent(l, l.expression(argument), argument) : POISON;
	if (v.kind === "poison") return argument ? POISON : l.error("SK1009", node, "userPtr takes an address");
	if (v.kind !== "int" || v.bits !== 64)
		return l.error("SK1009", argument!, `${describe(v, l.target.kernel)} is no address`, "a u64");
	const typed = (node["typeArguments"] ?? node["typeParameters"])?.params?.length === 1;
	const to = typed ? rawTypeArgument(l, node) : ({ kind: "int", bits: 8, signed: false } as const);
	return { kind: "user-pointer", inst: v.inst ?? l.constant(v.constant ?? 0n, 64), to };
}
