import type { Btf } from "@skep/bpf/btf";
import { type KernelMember, type KernelType, KernelTypes } from "#declare";
import type { Node } from "#frontend";
import type { CoreAccess, Inst, Size, Type } from "#ir";
import { keyOf } from "./fact-key.ts";
import { instOf } from "./integer.ts";
import type { Lowering } from "./lowering.ts";
import { integerOperand } from "./operand.ts";
import { alignmentAt } from "./place.ts";
import {
	bool,
	type IntValue,
	int,
	type KernelArrayValue,
	type KernelValue,
	type PlaceValue,
	POISON,
	type Value,
} from "./value.ts";

const types = new WeakMap<Btf, KernelTypes>();

/** The target kernel's types; kept per BTF. */
export function kernelTypes(l: Lowering): KernelTypes {
	const known = types.get(l.target.kernel);
	if (known) return known;
	const made = new KernelTypes(l.target.kernel);
	types.set(l.target.kernel, made);
	return made;
}

export const HELPERS = {
	probeReadUser: [112, "bpf_probe_read_user"],
	probeReadKernel: [113, "bpf_probe_read_kernel"],
	probeReadUserStr: [114, "bpf_probe_read_user_str"],
	probeReadKernelStr: [115, "bpf_probe_read_kernel_str"],
} as const;

/** Where a member is: root struct, indexes, bytes. */
interface Access {
	readonly base: Inst;
	readonly root: number;
	readonly path: readonly number[];
	readonly offset: number;
	readonly trusted: boolean;
}

const core = (a: Access): CoreAccess => ({ kind: "field_byte_offset", root: a.root, path: [0, ...a.path] });

/** Address of a member; relocated. */
const addressOfAccess = (l: Lowering, a: Access): Inst =>
	a.path.length === 0
		? a.base
		: l.b.emit({ op: "offset", offset: a.offset, core: core(a) }, [a.base], 64, a.trusted ? "btf" : "scalar");

export const arrayAddress = (l: Lowering, v: KernelArrayValue): Inst => addressOfAccess(l, v);

export const kernelAddressOf = (l: Lowering, v: KernelValue): Inst => addressOfAccess(l, v);

/** Reads `size` bytes: directly through typed pointers, else by probe_read_kernel. A fault reads zero. */
function read(l: Lowering, a: Access, size: Size, signed: boolean): Inst {
	const width = size === 8 ? 64 : 32;
	if (a.trusted && !l.tested)
		return l.b.emit(
			{ op: "load", size, signed, offset: a.offset, ...(a.path.length > 0 ? { core: core(a) } : {}) },
			[a.base],
			width,
		);
	return probe(l, addressOfAccess(l, a), size, signed);
}

/** probe_read_kernel into a stack slot; zero where it faulted (the helper zeroes). */
export function probe(l: Lowering, address: Inst, size: Size, signed: boolean, user = false): Inst {
	const { address: to } = l.slot("read", 8, 8);
	const [id, name] = user ? HELPERS.probeReadUser : HELPERS.probeReadKernel;
	// The verifier wants the bytes initialised where it does not trust the helper to write them all.
	l.store(to, 0, 8, l.constant(0, 64));
	const result = l.helper(id, name, [to, l.constant(size, 64), address]);
	if (l.tested) l.tested.result = result;
	return l.load(to, 0, size, signed && size < 4);
}

/** A typed pointer as a number: the verifier adds no variables to the one, and reads through the other by helpers. */
export function plainAddress(l: Lowering, pointer: Inst): Inst {
	const { address: from } = l.slot("pointer", 8, 8);
	const { address: to } = l.slot("address", 8, 8);
	l.store(from, 0, 8, pointer);
	l.store(to, 0, 8, l.constant(0, 64));
	l.helper(...HELPERS.probeReadKernel, [to, l.constant(8, 64), from]);
	return l.load(to, 0, 8);
}

/** `value.name` of a kernel struct. */
export function kernelMember(l: Lowering, v: KernelValue, name: string, node: Node): Value {
	const known = kernelTypes(l);
	const m = known.member(v.type, name);
	if (!m) {
		const near = known.suggestMember(v.type, name);
		return l.error(
			"SK4002",
			node["property"] ?? node,
			`${l.target.kernel.name(v.type) || "the struct"} has no member ${name} in the kernel's BTF`,
			near ? `did you mean ${near}?` : "ask first: if (exists(…))",
		);
	}
	if (m.kernels && l.facts.known.get(keyOf(l, node) ?? "")?.present !== true)
		return l.error(
			"SK3008",
			node,
			`not every kernel has ${name} (${m.kernels.join(", ")})`,
			`ask first: if (exists(${l.text(node)}))`,
		);
	l.at(node);
	const a: Access = {
		base: v.base,
		root: v.root,
		path: [...v.path, ...m.path],
		offset: v.offset + m.offset,
		trusted: v.trusted,
	};
	if (m.bitSize > 0) return bitField(l, a, v, m);
	return readKernel(l, a, m.type, node, name);
}

function bitField(l: Lowering, a: Access, v: KernelValue, m: KernelMember): Value {
	const bits = m.type.kind === "int" || m.type.kind === "enum" ? m.type.bits : m.type.kind === "bool" ? 8 : 32;
	const signed = (m.type.kind === "int" || m.type.kind === "enum") && m.type.signed;
	const bitOffset = v.offset * 8 + m.bitOffset;
	let size = bits / 8;
	const unit = () => Math.floor(bitOffset / 8 / size) * size;
	while (bitOffset + m.bitSize - unit() * 8 > size * 8 && size < 8) size *= 2;
	const loaded = read(l, { ...a, offset: unit() }, size as Size, false);
	const wide = size === 8 ? loaded : l.b.emit({ op: "extend", from: 32, signed: false }, [loaded], 64);
	const shift = (kind: "field_lshift_u64" | "field_rshift_u64", value: number) =>
		l.b.emit(
			{ op: "extend", from: 32, signed: false },
			[l.b.emit({ op: "core", core: { ...core(a), kind }, value: BigInt(value) }, [], 32)],
			64,
		);
	const up = l.binary("shl", wide, shift("field_lshift_u64", 64 - (bitOffset + m.bitSize - unit() * 8)), 64);
	const down = l.binary(signed ? "ashr" : "lshr", up, shift("field_rshift_u64", 64 - m.bitSize), 64);
	if (m.type.kind === "bool") return bool(l.b.emit({ op: "truncate" }, [down], 32));
	const high = (1n << BigInt(m.bitSize - (signed ? 1 : 0))) - 1n;
	return int(bits as IntValue["bits"], signed, bits === 64 ? down : l.b.emit({ op: "truncate" }, [down], 32), {
		min: signed ? -high - 1n : 0n,
		max: high,
	});
}

/** What stands at an address of the kernel, as a value: scalars are read, structs and arrays stay. */
function readKernel(l: Lowering, a: Access, t: KernelType, node: Node, name: string): Value {
	switch (t.kind) {
		case "int":
		case "enum":
			return int(t.bits, t.signed, read(l, a, (t.bits / 8) as Size, t.signed));
		case "bool":
			return bool(read(l, a, 1, false));
		case "be":
			return { kind: "be", bits: t.bits, inst: read(l, a, (t.bits / 8) as Size, false) };
		case "struct":
			return { kind: "kernel", type: t.id, ...a, nullable: false, embedded: true };
		case "chars":
			return { kind: "kernel-array", element: 0, elementSize: 1, length: t.size, text: true, ...a };
		case "array":
			return {
				kind: "kernel-array",
				element: t.elementId,
				elementSize: l.target.kernel.sizeOf(t.elementId),
				length: t.length,
				text: false,
				...a,
			};
		case "pointer": {
			if (t.target === "struct" && t.struct && !t.user) {
				const trusted = a.trusted && !l.tested;
				const loaded = read(l, a, 8, false);
				if (trusted) loaded.space = "btf";
				loaded.name ??= name;
				return {
					kind: "kernel",
					type: t.struct.id,
					base: loaded,
					root: t.struct.id,
					path: [],
					offset: 0,
					trusted,
					nullable: false,
					embedded: false,
				};
			}
			const loaded = read(l, a, 8, false);
			if (t.user) return { kind: "user-pointer", inst: loaded, to: undefined };
			return {
				kind: "kernel-pointer",
				inst: loaded,
				to: t.target === "scalar" ? scalarType(kernelTypes(l).classify(t.to)) : undefined,
				text: t.target === "char",
			};
		}
		case "opaque":
			return l.error("SK1009", node, `${name} is ${t.what}, which has no value`);
	}
}

const scalarType = (t: KernelType): Type | undefined =>
	t.kind === "int" || t.kind === "enum"
		? { kind: "int", bits: t.bits, signed: t.signed }
		: t.kind === "be"
			? { kind: "be", bits: t.bits }
			: t.kind === "bool"
				? { kind: "bool" }
				: undefined;

/** `array[index]` in kernel memory. */
export function kernelElement(l: Lowering, v: KernelArrayValue, index: Value, node: Node): Value {
	const i = integerOperand(l, index, node["property"], "index");
	if (!i) return POISON;
	const t: KernelType = v.text
		? { kind: "int", bits: 8, signed: true, char: true }
		: kernelTypes(l).classify(v.element);
	if (i.constant !== undefined) {
		if (i.constant < 0n || (v.length > 0 && i.constant >= BigInt(v.length)))
			return l.error("SK3003", node, `index ${i.constant} of an array of ${v.length}`);
		const access: Access = {
			base: v.base,
			root: v.root,
			path: [...v.path, Number(i.constant)],
			offset: v.offset + Number(i.constant) * v.elementSize,
			trusted: v.trusted,
		};
		return readKernel(l, access, t, node, "element");
	}
	l.at(node);
	const wide =
		i.bits === 64 ? instOf(l, i) : l.b.emit({ op: "extend", from: 32, signed: i.signed }, [instOf(l, i)], 64);
	const start = v.trusted ? plainAddress(l, addressOfAccess(l, v)) : addressOfAccess(l, v);
	const base = l.binary("add", start, l.binary("mul", wide, l.constant(v.elementSize, 64), 64), 64);
	const struct = t.kind === "struct" ? t.id : 0;
	return readKernel(l, { base, root: struct, path: [], offset: 0, trusted: false }, t, node, "element");
}

/** A kernel array into memory of ours: one probe_read_kernel. */
export function readArrayInto(l: Lowering, v: KernelArrayValue, to: PlaceValue, node: Node): void {
	const bytes = v.length * v.elementSize;
	const size =
		to.type.kind === "chars" ? to.type.size : to.type.kind === "array" ? to.type.length * v.elementSize : bytes;
	if (v.text && bytes > size) {
		l.error("SK2201", node, `chars<${bytes}> into chars<${size}>`, `write chars(text, ${size}) to cut it`);
		return;
	}
	l.at(node);
	const n = Math.min(bytes, size);
	if (n < size) l.zero(to.base, to.offset + n, size - n, alignmentAt(to.align, n) as Size);
	const [id, name] = HELPERS.probeReadKernel;
	const result = l.helper(id, name, [l.address(to), l.constant(n, 64), addressOfAccess(l, v)]);
	if (l.tested) l.tested.result = result;
}

/** Text of a kernel char array as a place of ours. */
export function copyArray(l: Lowering, v: KernelArrayValue, node: Node): PlaceValue {
	const t = l.temporary("text", { kind: "chars", size: v.length }, false);
	readArrayInto(l, v, t, node);
	return t;
}

/** An argument of a BTF or raw tracepoint. */
export function kernelArgument(l: Lowering, t: KernelType, index: number, trusted: boolean, name: string): Value {
	const raw = l.b.emit({ op: "load", size: 8, signed: false, offset: index * 8 }, [l.context], 64);
	raw.name = name;
	switch (t.kind) {
		case "int":
		case "enum":
			if (t.bits === 64) return int(64, t.signed, raw);
			return int(t.bits, t.signed, narrow(l, raw, t.bits, t.signed));
		case "bool":
			return bool(narrow(l, raw, 8, false));
		case "be":
			return { kind: "be", bits: t.bits, inst: t.bits === 64 ? raw : narrow(l, raw, t.bits, false) };
		case "pointer":
			if (t.target === "struct" && t.struct) {
				if (trusted) raw.space = "btf";
				return {
					kind: "kernel",
					type: t.struct.id,
					base: raw,
					root: t.struct.id,
					path: [],
					offset: 0,
					trusted,
					nullable: false,
					embedded: false,
				};
			}
			if (t.user) return { kind: "user-pointer", inst: raw, to: undefined };
			return {
				kind: "kernel-pointer",
				inst: raw,
				to: t.target === "scalar" ? scalarType(kernelTypes(l).classify(t.to)) : undefined,
				text: t.target === "char",
			};
		default:
			return int(64, false, raw);
	}
}

function narrow(l: Lowering, raw: Inst, bits: number, signed: boolean): Inst {
	const low = l.b.emit({ op: "truncate" }, [raw], 32);
	return bits < 32 ? l.b.emit({ op: "extend", from: bits as 8 | 16, signed }, [low], 32) : low;
}

/** The current task as a typed pointer. */
export function currentTask(l: Lowering, node: Node): Value {
	const struct = kernelTypes(l).struct("task_struct");
	if (!struct) return l.error("SK4002", node, "the kernel's BTF has no task_struct");
	const base = l.helper(158, "bpf_get_current_task_btf", [], "btf");
	base.name = "task";
	return {
		kind: "kernel",
		type: struct.id,
		base,
		root: struct.id,
		path: [],
		offset: 0,
		trusted: true,
		nullable: false,
		embedded: false,
	};
}
