import { didYouMean, type Tracepoint, type TracepointType } from "#declare";
import type { Node, TypeRef } from "#frontend";
import { kernelTypes } from "./kernel.ts";
import type { Lowering } from "./lowering.ts";
import { packetMember } from "./packet.ts";
import { place, readPlace } from "./place.ts";
import type { Value } from "./value.ts";

/** `ctx.name`: a field of the tracepoint, or a member of the packet. */
export function contextMember(l: Lowering, name: string, node: Node): Value {
	if (l.program.word === "xdp") return packetMember(l, name, node);
	const tracepoint = l.target.tracepoints.find(l.programTarget);
	const field = tracepoint?.fields.find((f) => f.name === name);
	if (!tracepoint || !field) {
		const near =
			tracepoint &&
			didYouMean(
				name,
				tracepoint.fields.map((f) => f.name),
			);
		return l.error(
			"SK4002",
			node["property"],
			`${l.programTarget} has no field ${name}`,
			near ? `did you mean ${near}?` : tracepoint ? `it has ${list(tracepoint)}` : undefined,
		);
	}
	for (const other of l.program.targets) {
		const o = l.target.tracepoints.find(other)?.fields.find((f) => f.name === name);
		if (!o || o.type.kind !== field.type.kind)
			return l.error(
				"SK4002",
				node["property"],
				`${other} has no such field ${name}; of several tracepoints only fields that all have are visible`,
			);
	}
	l.at(node);
	const t = field.type;
	switch (t.kind) {
		case "dynstr":
			return { kind: "dynamic-text", word: l.load(l.context, field.offset, 4) };
		case "cstr":
			return { kind: "kernel-pointer", inst: l.load(l.context, field.offset, 8), to: undefined, text: true };
		case "user-ptr":
			return { kind: "user-pointer", inst: l.load(l.context, field.offset, 8), to: userTarget(t.to) };
		case "kernel-ptr": {
			const inst = l.load(l.context, field.offset, 8);
			const struct = t.struct === undefined ? undefined : kernelTypes(l).struct(t.struct);
			if (struct)
				return {
					kind: "kernel",
					type: struct.id,
					base: inst,
					root: struct.id,
					path: [],
					offset: 0,
					trusted: false,
					nullable: false,
					embedded: false,
				};
			return { kind: "kernel-pointer", inst, to: t.to, text: false };
		}
		case "dynarr":
		case "opaque":
			return l.notYet(node, `a field of the kernel's type ${field.ctype}`);
		default:
			return readPlace(l, place(t, l.context, field.offset, "ctx", 8, { writable: false }), node);
	}
}

const list = (t: Tracepoint): string => t.fields.map((f) => f.name).join(", ");

const userTarget = (t: TracepointType | undefined): TypeRef | undefined => {
	if (!t) return undefined;
	if (t.kind === "user-ptr") return { kind: "user-ptr", to: userTarget(t.to) ?? { kind: "void" } };
	if (t.kind === "dynstr" || t.kind === "dynarr" || t.kind === "cstr" || t.kind === "kernel-ptr" || t.kind === "opaque")
		return undefined;
	return t;
};
