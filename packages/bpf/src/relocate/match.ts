import type { Btf, BtfMember, BtfType } from "#btf";

/** Deepest nesting that is compared; as in libbpf. */
const MAX_DEPTH = 32;

/** Steps that one comparison may take: types that hold themselves twice would take 2 to the depth. */
class Effort {
	#left = 1_000_000;

	/** @throws RangeError where it is spent */
	spend(): void {
		if (--this.#left < 0) throw new RangeError("its types are too entangled to be compared");
	}
}

/** `name___flavour` → `name`: what follows three underscores is for the author, not for matching. */
export const essentialName = (name: string): string => {
	for (let i = name.length - 5; i >= 0; i--)
		// x___y: the underscores stand between two other characters.
		if (name[i] !== "_" && name.startsWith("___", i + 1) && name[i + 4] !== "_") return name.slice(0, i + 1);
	return name;
};

export const isEnum = (t: BtfType): t is BtfType & { kind: "enum" | "enum64" } =>
	t.kind === "enum" || t.kind === "enum64";
export const isComposite = (t: BtfType): t is BtfType & { kind: "struct" | "union" } =>
	t.kind === "struct" || t.kind === "union";
export const nameOf = (t: BtfType): string => ("name" in t ? t.name : "");

/** Same kind; enums of both widths are one. */
export const kindsCompatible = (a: BtfType, b: BtfType): boolean => a.kind === b.kind || (isEnum(a) && isEnum(b));

const sameNames = (a: string, b: string): boolean => essentialName(a) === essentialName(b);

/** May a program that was compiled for a field of the one type read a field of the other? Names of structs are free. */
function fieldsCompatible(local: Btf, localId: number, target: Btf, targetId: number, depth = 0): boolean {
	if (depth > MAX_DEPTH) return false;
	const a = local.type(local.resolve(localId));
	const b = target.type(target.resolve(targetId));
	if (isComposite(a) && isComposite(b)) return true;
	if (!kindsCompatible(a, b)) return false;
	switch (a.kind) {
		case "ptr":
		case "float":
			return true;
		case "fwd":
		case "enum":
		case "enum64":
			return nameOf(a) === "" || nameOf(b) === "" || sameNames(nameOf(a), nameOf(b));
		case "int":
			return a.offset === 0 && b.kind === "int" && b.offset === 0;
		case "array":
			return b.kind === "array" && fieldsCompatible(local, a.type, target, b.type, depth + 1);
		default:
			return false;
	}
}

/**
 * For type_exists, type_size and type_id_target: same kinds all the way down; members and names do not count. `forward`: a
 * struct that is only declared on one side fits any.
 */
export function typesCompatible(
	local: Btf,
	localId: number,
	target: Btf,
	targetId: number,
	depth = 0,
	effort: Effort = new Effort(),
	forward = false,
): boolean {
	if (depth > MAX_DEPTH) return false;
	effort.spend();
	const a = local.type(local.resolve(localId));
	const b = target.type(target.resolve(targetId));
	const again = (x: number, y: number) => typesCompatible(local, x, target, y, depth + 1, effort, forward);
	if (!kindsCompatible(a, b)) return forward && (declares(a, b) || declares(b, a));
	switch (a.kind) {
		case "void":
		case "struct":
		case "union":
		case "enum":
		case "enum64":
		case "fwd":
			return true;
		case "int":
			return a.offset === 0 && b.kind === "int" && b.offset === 0;
		case "ptr":
			return b.kind === "ptr" && again(a.type, b.type);
		case "array":
			return b.kind === "array" && again(a.type, b.type);
		case "func_proto":
			return (
				b.kind === "func_proto" &&
				a.params.length === b.params.length &&
				a.params.every((p, i) => again(p.type, b.params[i]!.type)) &&
				again(a.ret, b.ret)
			);
		default:
			return false;
	}
}

const declares = (a: BtfType, b: BtfType): boolean => a.kind === "fwd" && b.kind === (a.union ? "union" : "struct");

/** For type_matches: what the local type says must be found in the target by name and shape; the target may have more. */
export function typesMatch(
	local: Btf,
	localId: number,
	target: Btf,
	targetId: number,
	behindPointer = false,
	depth = 0,
	effort: Effort = new Effort(),
): boolean {
	if (depth > MAX_DEPTH) return false;
	effort.spend();
	const a = local.type(local.resolve(localId));
	const b = target.type(target.resolve(targetId));
	if (!sameNames(nameOf(a), nameOf(b))) return false;
	const again = (x: number, y: number, behind: boolean) => typesMatch(local, x, target, y, behind, depth + 1, effort);
	switch (a.kind) {
		case "void":
			return b.kind === "void";
		case "fwd":
			if (b.kind === "fwd") return a.union === b.union;
			return behindPointer && b.kind === (a.union ? "union" : "struct");
		case "enum":
		case "enum64": {
			if (!isEnum(b) || a.size !== b.size) return false;
			const known = new Set(b.values.map((v) => essentialName(v.name)));
			return a.values.every((v) => known.has(essentialName(v.name)));
		}
		case "struct":
		case "union":
			if (b.kind === "fwd") return behindPointer && b.union === (a.kind === "union");
			if (b.kind !== a.kind) return false;
			return behindPointer || a.members.every((m) => memberMatches(local, m, target, b.members, depth, effort));
		case "int":
			return b.kind === "int" && a.size === b.size && a.signed === b.signed && a.offset === 0 && b.offset === 0;
		case "ptr":
			return b.kind === "ptr" && again(a.type, b.type, true);
		case "array":
			return b.kind === "array" && a.length === b.length && again(a.type, b.type, behindPointer);
		case "func_proto":
			return (
				b.kind === "func_proto" &&
				a.params.length === b.params.length &&
				a.params.every((p, i) => again(p.type, b.params[i]!.type, behindPointer)) &&
				again(a.ret, b.ret, behindPointer)
			);
		default:
			return false;
	}
}

/** A member of the local type among the target's, whose anonymous members are looked into. */
function memberMatches(
	local: Btf,
	member: BtfMember,
	target: Btf,
	candidates: readonly BtfMember[],
	depth: number,
	effort: Effort,
): boolean {
	if (depth > MAX_DEPTH) return false;
	effort.spend();
	if (member.name === "") {
		const inner = local.type(local.resolve(member.type));
		return (
			!isComposite(inner) || inner.members.every((m) => memberMatches(local, m, target, candidates, depth + 1, effort))
		);
	}
	return candidates.some((c) => {
		if (c.name === "") {
			const inner = target.type(target.resolve(c.type));
			return isComposite(inner) && memberMatches(local, member, target, inner.members, depth + 1, effort);
		}
		return c.name === member.name && typesMatch(local, member.type, target, c.type, false, depth + 1, effort);
	});
}

/** One step of an access: an index (of the root, or of an array), or a named member. */
export interface Step {
	/** The struct that the member is of; of an index the element's type. */
	readonly type: number;
	readonly index: number;
	readonly member: BtfMember | undefined;
}

/** An access string, understood in one BTF. */
export interface Access {
	readonly btf: Btf;
	readonly root: number;
	/** Steps through anonymous members are left out. */
	readonly steps: readonly Step[];
	readonly bitOffset: number;
}

/**
 * What an access string means in the object's BTF.
 * @throws RangeError with the reason, where it does not fit the types
 */
export function parseAccess(btf: Btf, root: number, access: string): Access {
	if (!/^\d+(:\d+)*$/.test(access))
		throw new RangeError(`access string ${JSON.stringify(access)}, expected numbers with colons`);
	const [first, ...rest] = access.split(":").map(Number) as [number, ...number[]];
	let id = btf.resolve(root);
	let bitOffset = first === 0 ? 0 : first * btf.sizeOf(id) * 8;
	const steps: Step[] = [{ type: id, index: first, member: undefined }];
	for (const [depth, index] of rest.entries()) {
		const t = btf.type(id);
		if (isComposite(t)) {
			const member = t.members[index];
			if (!member)
				throw new RangeError(`access ${access}: ${t.kind} ${t.name} has ${t.members.length} members, not ${index + 1}`);
			bitOffset += member.bitOffset;
			if (member.name !== "") steps.push({ type: id, index, member });
			id = btf.resolve(member.type);
		} else if (t.kind === "array") {
			if (index >= t.length && !isFlexible(steps, btf))
				throw new RangeError(`access ${access}: element ${index} of an array of ${t.length}`);
			id = btf.resolve(t.type);
			steps.push({ type: id, index, member: undefined });
			bitOffset += index * btf.sizeOf(id) * 8;
		} else throw new RangeError(`access ${access}: step ${depth + 1} goes into a ${t.kind}`);
	}
	return { btf, root, steps, bitOffset };
}

/** The array just reached is a struct's last member and has no length of its own: `x[]`, or `x[0]`. */
function isFlexible(steps: readonly Step[], btf: Btf): boolean {
	const last = steps.at(-1)!;
	if (!last.member) return false;
	const t = btf.type(last.type);
	if (!isComposite(t) || last.index !== t.members.length - 1) return false;
	const array = btf.type(btf.resolve(last.member.type));
	return array.kind === "array" && array.length === 0;
}

/** The same access in another BTF, from the candidate type `root`. undefined: a name is missing or its type is another. */
export function matchAccess(local: Access, target: Btf, root: number): Access | undefined {
	let id = target.resolve(root);
	const first = local.steps[0]!;
	const effort = new Effort();
	let bitOffset = first.index === 0 ? 0 : first.index * target.sizeOf(id) * 8;
	const steps: Step[] = [{ type: id, index: first.index, member: undefined }];
	for (const step of local.steps.slice(1)) {
		if (step.member) {
			const found = matchMember(local.btf, step.member, target, id, 0, effort);
			if (!found) return undefined;
			bitOffset += found.bitOffset;
			steps.push({ type: found.type, index: found.index, member: found.member });
			id = target.resolve(found.member.type);
		} else {
			const t = target.type(id);
			if (t.kind !== "array") return undefined;
			if (step.index >= t.length && !isFlexible(steps, target)) return undefined;
			id = target.resolve(t.type);
			steps.push({ type: id, index: step.index, member: undefined });
			bitOffset += step.index * target.sizeOf(id) * 8;
		}
	}
	return { btf: target, root, steps, bitOffset };
}

interface FoundStep {
	readonly type: number;
	readonly index: number;
	readonly member: BtfMember;
	readonly bitOffset: number;
}

function matchMember(
	local: Btf,
	member: BtfMember,
	target: Btf,
	id: number,
	depth: number,
	effort: Effort,
): FoundStep | undefined {
	if (depth > MAX_DEPTH) return undefined;
	effort.spend();
	const t = target.type(id);
	if (!isComposite(t)) return undefined;
	for (const [index, m] of t.members.entries()) {
		if (m.name === "") {
			const inner = matchMember(local, member, target, target.resolve(m.type), depth + 1, effort);
			if (inner) return { ...inner, bitOffset: inner.bitOffset + m.bitOffset };
		} else if (m.name === member.name)
			return fieldsCompatible(local, member.type, target, m.type)
				? { type: id, index, member: m, bitOffset: m.bitOffset }
				: undefined;
	}
	return undefined;
}
