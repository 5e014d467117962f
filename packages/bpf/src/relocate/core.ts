import { decodeUtf8, FormatError, LinkError } from "#base";
import { type Btf, type BtfType, memberBits } from "#btf";
import type { CoreKind, CoreRelocation } from "#spec";
import {
	type Access,
	essentialName,
	isEnum,
	kindsCompatible,
	matchAccess,
	nameOf,
	parseAccess,
	typesCompatible,
	typesMatch,
} from "./match.ts";

/** What a relocation comes to on the target. */
export interface CoreResult {
	/** What the object was compiled with. undefined: not to be compared. */
	readonly original: bigint | undefined;
	/** undefined: the target lacks it, `missing` says what. */
	readonly value: bigint | undefined;
	readonly missing?: string;
	/** Of byte offsets: bytes of the field here and there, for the width of a load or store. */
	readonly size?: { readonly original: number; readonly value: number };
	/** The width may not be adapted: the reason. */
	readonly fixedSize?: string;
}

/** A type of the target that a relocation may mean. */
export interface Candidate {
	readonly btf: Btf;
	readonly id: number;
}

const flavours = new WeakMap<Btf, ReadonlyMap<string, readonly string[]>>();
const UNDERSCORE = 0x5f;

/** Names of the target that have a flavour of their own (`nf_conn___init`), by what stands before it. Looked for once. */
function flavoursOf(btf: Btf): ReadonlyMap<string, readonly string[]> {
	const known = flavours.get(btf);
	if (known) return known;
	const found = new Map<string, string[]>();
	const { bytes } = btf;
	for (let at = bytes.indexOf(UNDERSCORE); at >= 0; at = bytes.indexOf(UNDERSCORE, at + 1)) {
		if (bytes[at + 1] !== UNDERSCORE || bytes[at + 2] !== UNDERSCORE || bytes[at + 3] === UNDERSCORE) continue;
		if (at === 0 || bytes[at - 1] === UNDERSCORE) continue;
		const start = bytes.lastIndexOf(0, at) + 1;
		const end = bytes.indexOf(0, at);
		if (end < 0) break;
		// On from its end: no byte is looked at twice, whatever the names are like.
		at = end;
		if (end - start > MAX_NAME) continue;
		const name = decodeUtf8(bytes.subarray(start, end));
		const essential = essentialName(name);
		if (essential === name) continue;
		const others = found.get(essential);
		if (others) others.push(name);
		else found.set(essential, [name]);
	}
	flavours.set(btf, found);
	return found;
}
/** Longer things are no names: the scan also goes over types, whose bytes may look so. */
const MAX_NAME = 512;

/** Finds, for each CO-RE relocation of one object, what the target kernel says. Answers are kept. */
export class CoreResolver {
	readonly #local: Btf;
	readonly #target: Btf | undefined;
	readonly #results = new Map<string, CoreResult>();
	readonly #modules: () => readonly Btf[];
	readonly #candidates = new Map<number, readonly Candidate[]>();

	/** `modules`: BTF that continues the target's, looked into where the target has no type of a name. */
	constructor(local: Btf, target: Btf | undefined, modules: () => readonly Btf[] = () => []) {
		this.#local = local;
		this.#target = target;
		this.#modules = modules;
	}

	/** @throws LinkError for a malformed relocation, an ambiguous one, or where there is no target to ask */
	resolve(relocation: CoreRelocation, place: { readonly symbol: string; readonly insn: number }): CoreResult {
		const key = `${relocation.kind} ${relocation.type} ${relocation.access}`;
		let result = this.#results.get(key);
		if (!result) {
			try {
				result = this.#compute(relocation);
			} catch (error) {
				if (!(error instanceof RangeError || error instanceof FormatError)) throw error;
				throw new LinkError(
					`CO-RE relocation of ${place.symbol} at instruction ${place.insn}: ${error.message}`,
					place,
				);
			}
			this.#results.set(key, result);
		}
		return result;
	}

	#compute({ kind, type, access }: CoreRelocation): CoreResult {
		const local = this.#local;
		if (type < 1 || type > local.count) throw new RangeError(`type id ${type}, the object's highest is ${local.count}`);
		if (kind === "type_id_local") return { original: undefined, value: BigInt(type) };
		const what = describe(local, type);
		if (nameOf(local.type(type)) === "") throw new RangeError(`it starts from an unnamed ${local.kind(type)}`);
		if (!this.#target) throw new RangeError(`${what} is looked up in the kernel's BTF, and there is none`);
		switch (kind) {
			case "type_id_target":
			case "type_exists":
			case "type_size":
			case "type_matches":
				return this.#typeRelocation(kind, type, access);
			case "enumval_exists":
			case "enumval_value":
				return this.#enumRelocation(kind, type, access);
			default:
				return this.#fieldRelocation(kind, type, access);
		}
	}

	/** Target types of that name (flavours aside on both sides) and kind; a module's only where the kernel itself has none. */
	candidatesOf(type: number): readonly Candidate[] {
		let found = this.#candidates.get(type);
		if (!found) {
			const t = this.#local.type(type);
			const name = essentialName(nameOf(t));
			const inside = (btf: Btf): Candidate[] =>
				[name, ...(flavoursOf(btf).get(name) ?? [])]
					.flatMap((each) => btf.findAll(each))
					.filter((id) => id >= btf.firstId && kindsCompatible(t, btf.type(id)))
					.map((id) => ({ btf, id }));
			found = inside(this.#target!);
			if (!found.length) found = this.#modules().flatMap(inside);
			this.#candidates.set(type, found);
		}
		return found;
	}

	#typeRelocation(
		kind: "type_id_target" | "type_exists" | "type_size" | "type_matches",
		type: number,
		access: string,
	): CoreResult {
		if (access !== "0") throw new RangeError(`access string ${JSON.stringify(access)} of a type, expected "0"`);
		const fits = kind === "type_matches" ? typesMatch : typesCompatible;
		const found = this.candidatesOf(type).filter(({ btf, id }) => fits(this.#local, type, btf, id));
		const values = found.map(({ btf, id }) =>
			kind === "type_id_target" ? BigInt(id) : kind === "type_size" ? BigInt(btf.sizeOf(id)) : 1n,
		);
		const value = agreed(values, describe(this.#local, type)) ?? 0n;
		const original =
			kind === "type_id_target" ? undefined : kind === "type_size" ? BigInt(this.#local.sizeOf(type)) : 1n;
		return { original, value };
	}

	#enumRelocation(kind: "enumval_exists" | "enumval_value", type: number, access: string): CoreResult {
		const t = this.#local.type(this.#local.resolve(type));
		if (!isEnum(t)) throw new RangeError(`an enumerator of a ${t.kind}`);
		const own = t.values[Number(access)];
		if (!/^\d+$/.test(access) || !own)
			throw new RangeError(`access string ${JSON.stringify(access)} of an enum with ${t.values.length} values`);
		const name = essentialName(own.name);
		const values: bigint[] = [];
		for (const { btf, id } of this.candidatesOf(type)) {
			const candidate = btf.type(btf.resolve(id));
			const v = isEnum(candidate) ? candidate.values.find((x) => essentialName(x.name) === name) : undefined;
			if (v) values.push(kind === "enumval_exists" ? 1n : BigInt(v.value));
		}
		const value = agreed(values, `enumerator ${name} of ${describe(this.#local, type)}`);
		if (kind === "enumval_exists") return { original: 1n, value: value ?? 0n };
		const original = BigInt(own.value);
		return value !== undefined
			? { original, value }
			: {
					original,
					value,
					missing: `enumerator ${name} of ${describe(this.#local, type)} does not exist on this kernel`,
				};
	}

	#fieldRelocation(kind: CoreKind, type: number, access: string): CoreResult {
		const local = parseAccess(this.#local, type, access);
		const candidates = this.candidatesOf(type);
		const matches = candidates.flatMap(({ btf, id }) => matchAccess(local, btf, id) ?? []);
		const what = fieldName(local);
		// Even a question of existence has two answers then: which of the types does the program mean?
		if (matches.some((m) => m.bitOffset !== matches[0]!.bitOffset))
			throw new RangeError(
				`${what} is ambiguous: the kernel has ${matches.length} types of that name with other offsets`,
			);
		if (kind === "field_exists") return { original: 1n, value: matches.length > 0 ? 1n : 0n };
		const own = fieldFact(kind, local);
		if (matches.length === 0) {
			const missing =
				candidates.length === 0
					? `${describe(this.#local, type)} does not exist on this kernel`
					: (this.#whyNot(local, candidates[0]!) ?? `${what} does not exist on this kernel`);
			return { original: own.compared ? own.value : undefined, value: undefined, missing };
		}
		const facts = matches.map((m) => fieldFact(kind, m));
		const value = agreed(
			facts.map((f) => f.value),
			what,
		)!;
		const result: CoreResult = { original: own.compared ? own.value : undefined, value };
		const theirs = facts[0]!;
		if (own.field === undefined || theirs.field === undefined) {
			// Both bit-fields, or nothing that is read in place.
			if (own.field === theirs.field) return result;
			const [here, there] = theirs.field ? ["plain", "a bit-field"] : ["a bit-field", "plain"];
			return { ...result, fixedSize: `${what} is ${here} on this kernel, the program was compiled for ${there}` };
		}
		const size = { original: own.field.size, value: theirs.field.size };
		if (size.original === size.value) return { ...result, size };
		const a = own.field.type;
		const b = theirs.field.type;
		const adaptable =
			(a.kind === "ptr" && b.kind === "ptr") || (a.kind === "int" && b.kind === "int" && !a.signed && !b.signed);
		return adaptable
			? { ...result, size }
			: {
					...result,
					size,
					fixedSize: `${what} has ${size.value} bytes on this kernel, the program was compiled for ${size.original}`,
				};
	}

	/** A field that is there, but with a type the program cannot use. */
	#whyNot(local: Access, candidate: Candidate): string | undefined {
		for (let n = local.steps.length - 1; n > 1; n--) {
			const shorter = { ...local, steps: local.steps.slice(0, n) };
			if (matchAccess(shorter, candidate.btf, candidate.id)) {
				const step = local.steps[n]!;
				const outer = this.#local.type(step.type);
				return step.member && nameOf(outer) !== ""
					? `field ${step.member.name} of ${outer.kind} ${essentialName(nameOf(outer))} does not exist on this kernel`
					: undefined;
			}
		}
		return undefined;
	}
}

/** `struct task_struct` */
const describe = (btf: Btf, id: number): string => {
	const t = btf.type(id);
	const kind = t.kind === "enum64" ? "enum" : t.kind === "typedef" ? "type" : t.kind;
	return `${kind} ${essentialName(nameOf(t))}`;
};

/** `field mm.exe_file of struct task_struct` */
const fieldName = (a: Access): string => {
	let text = "";
	for (const s of a.steps.slice(1)) text += s.member ? `${text === "" ? "" : "."}${s.member.name}` : `[${s.index}]`;
	return text === "" ? describe(a.btf, a.root) : `field ${text} of ${describe(a.btf, a.root)}`;
};

/** The one value that all candidates give. @throws RangeError where they differ */
function agreed(values: readonly bigint[], what: string): bigint | undefined {
	if (values.some((v) => v !== values[0]))
		throw new RangeError(
			`${what} is ambiguous: the kernel's types of that name give ${[...new Set(values)].join(", ")}`,
		);
	return values[0];
}

interface FieldFact {
	readonly value: bigint;
	/** May be held against the instruction: bit-fields are read in words that the compiler chose. */
	readonly compared: boolean;
	readonly field: { readonly size: number; readonly type: BtfType } | undefined;
}

function fieldFact(kind: CoreKind, access: Access): FieldFact {
	const { btf, bitOffset } = access;
	const last = access.steps.at(-1)!;
	if (!last.member) {
		// The struct itself or an array's element.
		const size = btf.sizeOf(last.type);
		if (kind === "field_byte_offset")
			return { value: BigInt(bitOffset / 8), compared: true, field: { size, type: btf.type(last.type) } };
		if (kind === "field_byte_size") return { value: BigInt(size), compared: true, field: undefined };
		throw new RangeError(`${kind} of something that is not a member`);
	}
	const type = btf.type(btf.resolve(last.member.type));
	const bits = memberBits(btf, last.member);
	const firstBit = bitOffset - last.member.bitOffset + bits.bitOffset;
	let size = btf.sizeOf(last.member.type);
	let offset = Math.floor(firstBit / 8);
	let bitSize = size * 8;
	if (bits.bitSize > 0) {
		// The aligned word that holds all bits; twice as wide where they cross its end.
		bitSize = bits.bitSize;
		const word = () => Math.floor(firstBit / 8 / size) * size;
		offset = word();
		while (firstBit + bitSize - offset * 8 > size * 8) {
			if (size >= 8)
				throw new RangeError(`${fieldName(access)}: ${bitSize} bits at bit ${firstBit} lie in no word of 8 bytes`);
			size *= 2;
			offset = word();
		}
	}
	const compared = bits.bitSize === 0;
	const fact = (value: number, always = false): FieldFact => ({
		value: BigInt(value),
		compared: compared || always,
		field: undefined,
	});
	switch (kind) {
		case "field_byte_offset":
			return { ...fact(offset), field: bits.bitSize === 0 ? { size, type } : undefined };
		case "field_byte_size":
			return fact(size);
		case "field_signed":
			if (type.kind !== "int" && !isEnum(type))
				throw new RangeError(`sign of ${fieldName(access)}, which is a ${type.kind}`);
			return fact(type.signed ? 1 : 0, true);
		case "field_lshift_u64":
			return fact(
				btf.byteOrder === "little" ? 64 - (firstBit + bitSize - offset * 8) : (8 - size) * 8 + (firstBit - offset * 8),
			);
		case "field_rshift_u64":
			return fact(64 - bitSize, true);
		default:
			throw new RangeError(`relocation kind ${kind} of a field`);
	}
}
