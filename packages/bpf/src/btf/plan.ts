import type { Btf } from "./btf.ts";
import { memberBits } from "./layout.ts";
import { MAX_DEPTH } from "./wire.ts";

/** How the bytes of a type become a value; what both the interpreter (`value`) and the generator (`decoder`) follow. */
export type Plan =
	/** size 8 and 16: bigint. */
	| { readonly op: "int"; readonly size: 1 | 2 | 4 | 8 | 16; readonly signed: boolean }
	| { readonly op: "bool" }
	| { readonly op: "float"; readonly size: 4 | 8 }
	/** `start`: first byte; `shift`: from its low end; big: bigint. */
	| {
			readonly op: "bits";
			readonly shift: number;
			readonly bits: number;
			readonly signed: boolean;
			readonly as: "number" | "bigint" | "boolean";
	  }
	| { readonly op: "text"; readonly size: number }
	| { readonly op: "array"; readonly element: Plan; readonly stride: number; readonly length: number }
	| { readonly op: "struct"; readonly fields: readonly PlanField[]; readonly size: number };

export interface PlanField {
	readonly name: string;
	/** In bytes from the start of the struct; of a bit-field the byte that holds its lowest bit. */
	readonly offset: number;
	readonly plan: Plan;
}

/** Most fields and elements in one plan's tree (an array counts its element once). */
const MAX_FIELDS = 1 << 16;

/** Bytes that a plan reads, from its start. */
export const planSize = (p: Plan): number => {
	switch (p.op) {
		case "int":
		case "float":
		case "text":
		case "struct":
			return p.size;
		case "bool":
			return 1;
		case "bits":
			return Math.ceil((p.shift + p.bits) / 8);
		case "array":
			return p.stride * p.length;
	}
};

/**
 * The plan of a type. Members that have no bytes (functions, `struct x[]` of length 0 stays `[]`) and bit-fields without
 * name are left out; of members with the same name the first stays.
 * @throws FormatError for a type without a value (void, function, forward declaration), for one that holds itself, for
 * a member outside its struct, for more fields than anybody has.
 */
function planOf(btf: Btf, id: number): Plan {
	let fields = 0;
	const plan = (type: number, depth: number): Plan => {
		if (depth > MAX_DEPTH) throw btf.malformed(`Type[${id}]`, `types nested more than ${MAX_DEPTH} deep`);
		const real = btf.resolve(type);
		const t = btf.type(real);
		switch (t.kind) {
			case "int":
				if (t.bool && t.size === 1) return { op: "bool" };
				if (t.bits > 0 && (t.bits !== t.size * 8 || t.offset !== 0))
					return { op: "bits", shift: t.offset, bits: t.bits, signed: t.signed, as: t.size > 4 ? "bigint" : "number" };
				return { op: "int", size: t.size as 1 | 2 | 4 | 8 | 16, signed: t.signed };
			case "enum":
			case "enum64":
				return { op: "int", size: t.size as 1 | 2 | 4 | 8, signed: t.signed };
			case "ptr":
				return { op: "int", size: 8, signed: false };
			case "float":
				if (t.size !== 4 && t.size !== 8)
					throw btf.malformed(`Type[${real}]`, `a floating-point number of ${t.size} bytes, only 4 and 8 can be read`);
				return { op: "float", size: t.size };
			case "array": {
				const stride = btf.sizeOf(t.type);
				// An element that has no bytes says nothing, however many there are.
				const length = stride === 0 ? 0 : t.length;
				btf.sizeOf(real);
				const element = btf.type(btf.resolve(t.type));
				if (element.kind === "int" && element.size === 1 && element.name === "char")
					return { op: "text", size: length };
				return { op: "array", element: plan(t.type, depth + 1), stride, length };
			}
			case "struct":
			case "union": {
				const out: PlanField[] = [];
				const names = new Set<string>();
				const collect = (from: number, base: number, level: number): void => {
					if (level > MAX_DEPTH) throw btf.malformed(`Type[${real}]`, `types nested more than ${MAX_DEPTH} deep`);
					const s = btf.type(from);
					if (s.kind !== "struct" && s.kind !== "union") return;
					s.members.forEach((m, i) => {
						if (++fields > MAX_FIELDS) throw btf.malformed(`Type[${id}]`, `more than ${MAX_FIELDS} fields`);
						const where = () => `Type[${from}]/members[${i}]`;
						const target = btf.resolve(m.type);
						const kind = btf.kind(target);
						if (m.name === "") {
							if (kind !== "struct" && kind !== "union") return;
							if (m.bitOffset % 8 !== 0)
								throw btf.malformed(where(), `a struct at bit ${m.bitOffset}, expected whole bytes`);
							if (base + m.bitOffset + btf.sizeOf(target) * 8 > t.size * 8)
								throw btf.malformed(where(), "the member reaches beyond its struct");
							collect(target, base + m.bitOffset, level + 1);
							return;
						}
						if (names.has(m.name)) return;
						const bits = memberBits(btf, m);
						const at = base + bits.bitOffset;
						if (at + (bits.bitSize || btf.sizeOf(target) * 8) > t.size * 8)
							throw btf.malformed(
								where(),
								`member ${m.name} ends at bit ${at + (bits.bitSize || btf.sizeOf(target) * 8)}, its struct at ${t.size * 8}`,
							);
						names.add(m.name);
						if (bits.bitSize === 0) {
							if (at % 8 !== 0) throw btf.malformed(where(), `member ${m.name} at bit ${at}, expected whole bytes`);
							out.push({ name: m.name, offset: at / 8, plan: plan(target, depth + 1) });
							return;
						}
						const type = btf.type(target);
						if (type.kind !== "int" && type.kind !== "enum" && type.kind !== "enum64")
							throw btf.malformed(where(), `a bit-field of kind ${type.kind}, expected an integer`);
						if (bits.bitSize > 64 || bits.bitSize > type.size * 8)
							throw btf.malformed(where(), `a bit-field of ${bits.bitSize} bits in a type of ${type.size} bytes`);
						const as = type.kind === "int" && type.bool ? "boolean" : type.size > 4 ? "bigint" : "number";
						out.push({
							name: m.name,
							offset: Math.floor(at / 8),
							plan: { op: "bits", shift: at % 8, bits: bits.bitSize, signed: type.signed, as },
						});
					});
				};
				collect(real, 0, 0);
				return { op: "struct", fields: out, size: t.size };
			}
			default:
				throw btf.malformed(`Type[${real}]`, `a ${t.kind} has no value`);
		}
	};
	const result = plan(id, 0);
	const reads = weight(result);
	if (reads > MAX_FIELDS + 64 * planSize(result))
		throw btf.malformed(`Type[${id}]`, `${reads} values in ${planSize(result)} bytes: members lie over each other`);
	return result;
}

/** How many values are made when the plan is followed. */
const weight = (p: Plan): number => {
	switch (p.op) {
		case "struct":
			return p.fields.reduce((n, f) => n + weight(f.plan), 1);
		case "array":
			return p.length * weight(p.element);
		case "text":
			return p.size;
		default:
			return 1;
	}
};

const plans = new WeakMap<Btf, Map<number, Plan>>();

/** `planOf`, made once a type. */
export function cachedPlan(btf: Btf, id: number): Plan {
	let known = plans.get(btf);
	if (!known) {
		known = new Map();
		plans.set(btf, known);
	}
	let p = known.get(id);
	if (!p) {
		p = planOf(btf, id);
		known.set(id, p);
	}
	return p;
}
