import { encodeUtf8 } from "@skep/bpf/base";
import { didYouMean } from "#declare";
import type { Node } from "#frontend";
import { type Inst, type StructType, sizeOf } from "#ir";
import { kernelArgument, kernelMember, kernelTypes } from "./kernel.ts";
import type { Lowering } from "./lowering.ts";
import { requirePresent } from "./optional.ts";
import { storeValue } from "./store.ts";
import { argumentArray, messageOf } from "./template.ts";
import { hasPadding, typeArgument } from "./type-of.ts";
import {
	describe,
	isStruct,
	type KernelValue,
	POISON,
	type RecordValue,
	type SequenceValue,
	type Value,
	VOID,
} from "./value.ts";

/** Values in one line: what bpf_seq_printf takes. */
const MOST_VALUES = 12;

/**
 * What one call of an iterator's program gets: the members of `struct bpf_iter__TARGET`, of which the kernel's pointers may
 * be missing, and `seq`, where its output goes. undefined: the kernel's types have no such iterator.
 */
export function iteratorArguments(l: Lowering, target: string): RecordValue | undefined {
	const known = kernelTypes(l);
	const struct = known.struct(`bpf_iter__${target}`);
	if (!struct) return undefined;
	const members = new Map<string, Value>();
	for (const m of known.members(struct.id)) {
		const v = kernelArgument(l, m.type, m.offset / 8, true, m.name);
		if (m.name === "meta") {
			if (v.kind === "kernel") members.set("seq", { kind: "sequence", meta: v });
		} else if (v.kind === "kernel") members.set(m.name, { ...v, nullable: true });
		// What is behind the other pointers is memory without a type.
		else if (v.kind !== "kernel-pointer") members.set(m.name, v);
	}
	return { kind: "record", members, of: `iterator ${target}` };
}

/** `seq.num`. */
export function sequenceMember(l: Lowering, seq: SequenceValue, name: string, node: Node): Value {
	if (name === "num") return kernelMember(l, seq.meta, "seq_num", node);
	return unknown(l, name, node["property"]);
}

function unknown(l: Lowering, name: string, node: Node): Value {
	const near = didYouMean(name, ["print", "write", "num"]);
	return l.error("SK1009", node, `seq has no member ${name}`, near ? `did you mean ${near}?` : "print write num");
}

/** `seq.print(…)`, `seq.write(…)`. */
export function sequenceMethod(l: Lowering, seq: SequenceValue, name: string, node: Node): Value {
	if (name === "print") return print(l, seq.meta, node);
	if (name === "write") return write(l, seq.meta, node);
	return unknown(l, name, node["callee"]["property"]);
}

/** The kernel's `struct seq_file` that a run of the iterator writes to. */
function fileOf(l: Lowering, meta: KernelValue, node: Node): Inst | undefined {
	const file = kernelMember(l, meta, "seq", node);
	return file.kind === "kernel" ? file.base : undefined;
}

/** A line of text, or a part of one. */
function print(l: Lowering, meta: KernelValue, node: Node): Value {
	const t = messageOf(l, node, "seq.print");
	if (!t) return POISON;
	if (!agrees(l, "text", node)) return POISON;
	if (t.args.length > MOST_VALUES)
		return l.error(
			"SK3004",
			node,
			`${t.args.length} values in a line; bpf_seq_printf takes ${MOST_VALUES}`,
			"print it in parts",
		);
	l.at(node);
	const file = fileOf(l, meta, node);
	if (!file) return POISON;
	const format = l.constantText(t.format);
	const size = l.constant(encodeUtf8(t.format).length + 1, 64);
	const data = t.args.length > 0 ? argumentArray(l, t.args) : l.constant(0, 64);
	l.helper(126, "bpf_seq_printf", [file, format, size, data, l.constant(t.args.length * 8, 64)]);
	return VOID;
}

/** A record: the bytes of a struct, which the user half reads by its type. */
function write(l: Lowering, meta: KernelValue, node: Node): Value {
	const argument: Node | undefined = node["arguments"][0];
	if (!argument) return l.error("SK1009", node, "seq.write takes a record");
	const typed = ((node["typeArguments"] ?? node["typeParameters"])?.params?.length ?? 0) > 0;
	const wanted = typed ? typeArgument(l, node) : undefined;
	if (typed && !wanted) return POISON;
	if (wanted && !isStruct(wanted)) return l.error("SK1009", node, "a record is a struct", "write an interface");
	const into = wanted && l.temporary(wanted.name, wanted, hasPadding(wanted));
	const v = requirePresent(l, l.expression(argument, wanted && into ? { type: wanted, into } : {}), argument);
	if (v.kind === "poison") return POISON;
	if (wanted && into) storeValue(l, into, v, argument);
	const record = into ?? v;
	if (record.kind !== "place" || !isStruct(record.type) || (record.space !== "stack" && record.space !== "map_value"))
		return l.error(
			"SK1006",
			argument,
			`${describe(v, l.target.kernel)} is no record`,
			"name its type: seq.write<T>({ … })",
		);
	const { type } = record;
	if (!agrees(l, type, argument)) return POISON;
	l.at(node);
	const file = fileOf(l, meta, node);
	if (!file) return POISON;
	l.helper(127, "bpf_seq_write", [file, l.address(record), l.constant(sizeOf(type), 64)]);
	return VOID;
}

/** Whether a program's output is of one kind: lines of text, or records of one type. Who reads it knows no more than that. */
function agrees(l: Lowering, what: StructType | "text", node: Node): boolean {
	const { name } = l.b.func;
	const before = l.outputs.get(name) ?? what;
	l.outputs.set(name, before);
	const spell = (of: StructType | "text") => (of === "text" ? "text" : `records of ${of.name}`);
	if (spell(before) === spell(what)) return true;
	l.error(
		"SK1009",
		node,
		`${name} writes ${spell(before)}, and here ${spell(what)}`,
		"write a second iterator for it: both may call the same functions",
	);
	return false;
}
