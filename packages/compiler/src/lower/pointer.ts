import type { Node, TypeRef } from "#frontend";
import { type Inst, type Size, sizeOf, type Type } from "#ir";
import { instOf } from "./integer.ts";
import { HELPERS, kernelAddressOf } from "./kernel.ts";
import type { Lowering, Want } from "./lowering.ts";
import { integerOperand } from "./operand.ts";
import { requirePresent } from "./optional.ts";
import { readPlace } from "./place.ts";
import { storeValue } from "./store.ts";
import { hasPadding, sized } from "./type-of.ts";
import {
	type DynamicTextValue,
	describe,
	int,
	type KernelPointerValue,
	type PlaceValue,
	POISON,
	type UserPointerValue,
	type Value,
} from "./value.ts";

type Pointer = KernelPointerValue | UserPointerValue | DynamicTextValue;

/** Where text is read to: the place that wants it, else the stack. All bytes are zero before. */
export function textPlace(l: Lowering, size: number, want: Want): PlaceValue {
	const into = want.into;
	if (
		into &&
		into.type.kind === "chars" &&
		into.type.size >= size &&
		(into.space === "stack" || into.space === "ringbuf" || into.space === "map_value")
	) {
		l.zero(into.base, into.offset, into.type.size, into.align as Size);
		return into;
	}
	return l.temporary("text", { kind: "chars", size }, true);
}

/** `readString(n) read() at(i) add(n) tryRead() write(v)`. */
export function pointerMethod(l: Lowering, p: Pointer, name: string, node: Node, want: Want): Value {
	const args: Node[] = node["arguments"];
	if (name === "readString") {
		if (p.kind === "kernel-pointer" && !p.text && !(p.to?.kind === "int" && p.to.bits === 8))
			return l.error("SK1009", node, "this pointer is not known to point to text");
		const n = args[0] ? l.expression(args[0]) : undefined;
		if (n?.kind === "poison") return POISON;
		if (n?.kind !== "int" || n.constant === undefined || n.constant < 1n || n.constant > 4096n)
			return l.error("SK1009", node, "readString takes the size as a constant, 1 to 4096", "write readString(64)");
		const size = Number(n.constant);
		l.at(node);
		const to = textPlace(l, size, want);
		const [id, helper] = p.kind === "user-pointer" ? HELPERS.probeReadUserStr : HELPERS.probeReadKernelStr;
		const from = p.kind === "dynamic-text" ? textStart(l, p) : p.inst;
		const result = l.helper(id, helper, [l.address(to), l.constant(size, 64), from]);
		if (l.tested) l.tested.result = result;
		return to;
	}
	if (p.kind === "dynamic-text")
		return l.error("SK1009", node["callee"]["property"], `dynstr has no member ${name}`, "readString(n) reads it");
	const to: TypeRef | undefined =
		p.to ?? (p.kind === "kernel-pointer" && p.text ? { kind: "int", bits: 8, signed: true } : undefined);
	switch (name) {
		case "read":
			return readThrough(l, p, to, node);
		case "tryRead":
			return readThrough(l, p, to, node, true);
		case "at":
		case "add": {
			const i = args[0] ? integerOperand(l, l.expression(args[0]), args[0], "index") : undefined;
			if (!i) return POISON;
			const size = to && (sized(to) ? sizeOf(to) : to.kind === "user-ptr" ? 8 : 0);
			if (!size) return l.error("SK2101", node, "what this points to has no size");
			l.at(node);
			let moved: Inst;
			if (i.constant !== undefined) moved = l.binary("add", p.inst, l.constant(i.constant * BigInt(size), 64), 64);
			else {
				const wide =
					i.bits === 64 ? instOf(l, i) : l.b.emit({ op: "extend", from: 32, signed: i.signed }, [instOf(l, i)], 64);
				moved = l.binary("add", p.inst, l.binary("mul", wide, l.constant(size, 64), 64), 64);
			}
			if (name === "add") return { ...p, inst: moved };
			return readThrough(l, { ...p, inst: moved }, to, node);
		}
		case "write":
			return writeThrough(l, p, to, node);
		default:
			return l.error(
				"SK1009",
				node["callee"]["property"],
				`${describe(p)} has no member ${name}`,
				p.kind === "user-pointer" ? "read() tryRead() at(i) readString(n)" : "read() at(i) readString(n)",
			);
	}
}

/** `ctx + (word & 0xffff)`. */
function textStart(l: Lowering, p: DynamicTextValue): Inst {
	const offset = l.b.emit(
		{ op: "extend", from: 32, signed: false },
		[l.binary("and", p.word, l.constant(0xffff, 32), 32)],
		64,
	);
	return l.b.emit({ op: "offset", offset: 0 }, [l.context, offset], 64, "mem");
}

/** Copies what the pointer points to; zero where it faults. `test`: undefined where it faults. */
function readThrough(
	l: Lowering,
	p: KernelPointerValue | UserPointerValue,
	to: TypeRef | undefined,
	node: Node,
	test = false,
): Value {
	l.at(node);
	const type: Type | undefined = sized(to)
		? to
		: to?.kind === "user-ptr"
			? { kind: "int", bits: 64, signed: false }
			: undefined;
	if (!type) return l.error("SK2101", node, "what this points to has no size");
	const slot = l.temporary("read", type, true);
	const [id, name] = p.kind === "user-pointer" ? HELPERS.probeReadUser : HELPERS.probeReadKernel;
	const result = l.helper(id, name, [slot.base, l.constant(sizeOf(type), 64), p.inst]);
	if (l.tested) l.tested.result = result;
	const read = readPlace(l, slot, node);
	const value: Value =
		to?.kind === "user-ptr" && read.kind === "int" ? { kind: "user-pointer", inst: instOf(l, read), to: to.to } : read;
	if (!test) return value;
	const fine = l.b.emit({ op: "compare", condition: "eq", on: 64 }, [result, l.constant(0, 64)], 32);
	return { kind: "optional", flag: fine, value, copied: value.kind !== "place" };
}

/** `userPointer.write(value)`: 0 or -errno. */
function writeThrough(
	l: Lowering,
	p: KernelPointerValue | UserPointerValue,
	to: TypeRef | undefined,
	node: Node,
): Value {
	const value: Node | undefined = node["arguments"][0];
	if (p.kind !== "user-pointer")
		return l.error("SK1009", node, "kernel memory is read-only", "only user memory can be written");
	if (!value) return l.error("SK1009", node, "write takes the value");
	if (!sized(to)) return l.error("SK2101", node, "what this points to has no size");
	const slot = l.temporary("written", to, hasPadding(to));
	const v = l.expression(value, { type: to, into: slot });
	if (v.kind === "poison") return POISON;
	storeValue(l, slot, v, value);
	l.at(node);
	const result = l.helper(36, "bpf_probe_write_user", [p.inst, slot.base, l.constant(sizeOf(to), 64)]);
	return int(32, true, l.b.emit({ op: "truncate" }, [result], 32));
}

/** `dPath(path, n)`: where a file is, as text; empty where the kernel does not say. */
export function pathText(l: Lowering, node: Node, want: Want): Value {
	const [of, size]: Node[] = node["arguments"];
	const path = of ? requirePresent(l, l.expression(of), of) : POISON;
	const n = size ? l.expression(size) : undefined;
	if (path.kind === "poison" || n?.kind === "poison") return POISON;
	if (path.kind !== "kernel" || l.target.kernel.name(path.type) !== "path" || !path.trusted)
		return l.error(
			"SK1009",
			of ?? node,
			`dPath takes a path of the kernel by a typed pointer, not ${describe(path, l.target.kernel)}`,
			"write dPath(file.f_path, 256)",
		);
	if (n?.kind !== "int" || n.constant === undefined || n.constant < 1n || n.constant > 4096n)
		return l.error("SK1009", node, "dPath takes the size as a constant, 1 to 4096", "write dPath(file.f_path, 256)");
	l.at(node);
	const to = textPlace(l, Number(n.constant), want);
	// A chain through NULL reads zero, but this helper follows what it is given.
	const there = l.join();
	const end = l.join();
	l.branch("ne", 64, path.base, l.constant(0, 64), there, end);
	l.enter(there);
	l.helper(147, "bpf_d_path", [kernelAddressOf(l, path), l.address(to), l.constant(n.constant, 64)]);
	l.goto(end);
	l.enter(end);
	return to;
}
