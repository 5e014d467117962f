import { didYouMean } from "#declare";
import type { MapDeclaration, Node } from "#frontend";
import { type Inst, type StructType, sizeOf, type Type, type Variable } from "#ir";
import { MAP_MEMBERS, MEMBER_REMEDIES } from "#language";
import { histogramAdd } from "./histogram.ts";
import { assign, instOf } from "./integer.ts";
import { addInPlace, branchOnFound, isPerCpu, lookup, scalar } from "./lookup.ts";
import type { Join, Lowering, Want } from "./lowering.ts";
import { arms } from "./merge.ts";
import { argument } from "./operand.ts";
import { requirePresent } from "./optional.ts";
import { part, place, readPlace } from "./place.ts";
import { emit } from "./ringbuf.ts";
import { storeValue } from "./store.ts";
import { hasPadding, sameType } from "./type-of.ts";
import {
	type BeValue,
	type BoolValue,
	describe,
	type IntValue,
	int,
	type PlaceValue,
	POISON,
	typeName,
	UNDEFINED,
	type Value,
	VOID,
} from "./value.ts";

/** A value in memory that a helper can read: what stands there already, else a stack slot with all bytes set. */
export function inMemory(l: Lowering, type: Type, node: Node, name: string): PlaceValue | undefined {
	const composite = type.kind === "struct" || type.kind === "array" || type.kind === "chars";
	const lazy =
		composite &&
		node.type !== "ObjectExpression" &&
		node.type !== "ArrayExpression" &&
		node.type !== "CallExpression" &&
		node.type !== "MemberExpression";
	if (lazy) {
		const v = requirePresent(l, l.expression(node, { type }), node);
		if (v.kind === "poison") return undefined;
		if (v.kind === "place" && (v.space === "stack" || v.space === "map_value") && sameType(v.type, type) && !v.shared)
			return v;
		const slot = l.temporary(name, type, hasPadding(type));
		storeValue(l, slot, v, node);
		return slot;
	}
	l.at(node);
	const slot = l.temporary(name, type, hasPadding(type));
	const v = l.expression(node, { type, into: slot });
	if (v.kind === "poison") return undefined;
	storeValue(l, slot, v, node);
	return slot;
}

/** Methods of maps in kernel code. */
export function mapMethod(l: Lowering, map: MapDeclaration, name: string, node: Node, want: Want): Value {
	const args: Node[] = node["arguments"];
	const property: Node = node["callee"]["property"];
	const half = MAP_MEMBERS[map.word]?.[name];
	if (!half) {
		const near = didYouMean(name, Object.keys(MAP_MEMBERS[map.word] ?? {}));
		return l.error("SK1009", property, `${map.word} has no member ${name}`, near ? `did you mean ${near}?` : undefined);
	}
	if (half === "U")
		return l.error("SK5002", property, `${map.name}.${name} belongs to the user half`, MEMBER_REMEDIES[name]);
	if (map.word === "ringbuf" && name === "emit") return emit(l, map, node);
	if (map.word === "histogram" && name === "add") return histogramAdd(l, map, node);
	if (!map.key || !map.value) return l.error("SK1009", node, `${map.name} has no keys`);
	const wanted = name === "set" || name === "add" || name === "refOrInsert" || name === "refOn" ? 2 : 1;
	if (args.length < wanted || args.length > wanted + (name === "set" ? 1 : 0))
		return l.error("SK1009", node, `${name} takes ${wanted} arguments`);
	const keyNode = name === "refOn" ? args[1]! : args[0]!;
	const cpu = name === "refOn" ? l.expression(args[0]!) : undefined;
	const key = inMemory(l, map.key, keyNode, "key");
	const value = map.value;
	const shared = !isPerCpu(map);
	if (!key) {
		for (const a of args.slice(1)) l.expression(a, name === "add" ? {} : { type: value });
		return POISON;
	}
	l.at(node);
	const keyAddress = () => l.address(key);
	switch (name) {
		case "ref":
			return lookup(l, map.name, keyAddress(), value, shared);
		case "refOn": {
			if (cpu?.kind !== "int") return POISON;
			const p = l.helper(
				195,
				"bpf_map_lookup_percpu_elem",
				[l.map(map.name), keyAddress(), argument(l, cpu)],
				"map_value",
			);
			return place(value, p, 0, "map_value", 8, { nullable: true, boxed: scalar(value), shared: true });
		}
		case "get":
			return copyOut(l, map, keyAddress, value, node, false, want.members);
		case "take":
			return copyOut(l, map, keyAddress, value, node, true, want.members);
		case "delete":
			return int(
				32,
				true,
				l.b.emit({ op: "truncate" }, [l.helper(3, "bpf_map_delete_elem", [l.map(map.name), keyAddress()])], 32),
			);
		case "set": {
			const stored = inMemory(l, value, args[1]!, "value");
			const mode = args[2] ? l.expression(args[2]) : undefined;
			if (!stored) return POISON;
			const flags = mode === undefined ? 0 : mode.kind === "text" ? ["any", "noexist", "exist"].indexOf(mode.text) : -1;
			if (flags < 0)
				return mode?.kind === "poison"
					? POISON
					: l.error("SK1009", args[2]!, "the mode is one of the constants any, noexist, exist");
			l.at(node);
			return update(l, map.name, keyAddress(), l.address(stored), flags);
		}
		case "add":
			return add(l, map, key, args[1]!, node);
		case "refOrInsert":
			return refOrInsert(l, map, key, args[1]!, node);
		default:
			return l.notYet(node, `${map.word}.${name}`);
	}
}

const update = (l: Lowering, map: string, key: Inst, value: Inst, flags: number): IntValue =>
	int(
		32,
		true,
		l.b.emit(
			{ op: "truncate" },
			[l.helper(2, "bpf_map_update_elem", [l.map(map), key, value, l.constant(flags, 64)])],
			32,
		),
	);

const register = (t: Type): boolean => scalar(t) && t.kind !== "chars";

/** `get`, `take`: a copy, or undefined; take removes the entry after copying. */
function copyOut(
	l: Lowering,
	map: MapDeclaration,
	key: () => Inst,
	type: Type,
	node: Node,
	remove: boolean,
	members: ReadonlySet<string> | undefined,
): Value {
	const p = lookup(l, map.name, key(), type, !isPerCpu(map), "entry");
	if (type.kind === "struct" && members && [...members].every((m) => type.fields.some((f) => f.name === m)))
		return copyMembers(l, p, type, members, node, () => {
			if (remove) l.helper(3, "bpf_map_delete_elem", [l.map(map.name), key()]);
		});
	const found = l.join();
	const missing = l.join();
	const copied = register(type) ? undefined : l.temporary(map.name, type, false);
	branchOnFound(l, p, found, missing);
	const drop = () => {
		if (remove) l.helper(3, "bpf_map_delete_elem", [l.map(map.name), key()]);
	};
	if (!copied)
		return arms(l, node, [
			{
				join: found,
				value: () => {
					const v = readPlace(l, { ...p, nullable: false, boxed: false, shared: true }, node);
					drop();
					return v;
				},
				node,
			},
			{ join: missing, value: () => UNDEFINED, node },
		]);
	const flag = { name: "found", width: 32, space: "scalar" } as const;
	const end = l.join();
	l.enter(found);
	storeValue(l, copied, { ...p, nullable: false, boxed: false }, node);
	drop();
	l.b.write(flag, l.constant(1, 32));
	l.goto(end);
	l.enter(missing);
	l.b.write(flag, l.constant(0, 32));
	l.goto(end);
	l.enter(end);
	return { kind: "optional", flag: l.b.read(flag), value: { ...copied, temporary: false }, copied: true };
}

/** `add(key, n)`: add in place; where the key is missing insert n; where another CPU was faster, add after all. */
function add(l: Lowering, map: MapDeclaration, key: PlaceValue, amountNode: Node, node: Node): Value {
	const type = map.value!;
	if (type.kind !== "int")
		return l.error("SK1009", node, `add works on integers; the values are ${typeName(type)}`, "use ref and +=");
	if (type.bits < 32)
		return l.error("SK2011", node, "add is atomic, which 8 and 16 bit do not have", "make the values u32 or u64");
	const raw = requirePresent(l, l.expression(amountNode), amountNode);
	if (raw.kind !== "int")
		return raw.kind === "poison"
			? POISON
			: l.error("SK1009", amountNode, `${describe(raw, l.target.kernel)} is no number`);
	const amount = assign(l, raw, type, amountNode);
	if (amount.kind !== "int") return POISON;
	l.at(node);
	const size = (type.bits / 8) as 4 | 8;
	const inst = instOf(l, amount);
	const end = l.join();
	const tryAdd = (missing: Join) => {
		const p = lookup(l, map.name, l.address(key), type, !isPerCpu(map));
		const found = l.join();
		branchOnFound(l, p, found, missing);
		l.enter(found);
		addInPlace(l, p, inst, size);
		l.goto(end);
	};
	const missing = l.join();
	tryAdd(missing);
	l.enter(missing);
	if (map.type === "array" || map.type === "percpu_array") l.goto(end);
	else {
		const slot = l.temporary("first", type, false);
		l.store(slot.base, 0, size, inst);
		const result = l.helper(2, "bpf_map_update_elem", [
			l.map(map.name),
			l.address(key),
			l.address(slot),
			l.constant(1, 64),
		]);
		const again = l.join();
		l.branch("eq", 64, result, l.constant(0, 64), end, again);
		l.enter(again);
		tryAdd(end);
	}
	l.enter(end);
	return VOID;
}

function refOrInsert(l: Lowering, map: MapDeclaration, key: PlaceValue, valueNode: Node, node: Node): Value {
	const type = map.value!;
	const shared = !isPerCpu(map);
	const p = lookup(l, map.name, l.address(key), type, shared);
	const found = l.join();
	const missing = l.join();
	branchOnFound(l, p, found, missing);
	return arms(l, node, [
		{ join: found, value: () => ({ ...p, nullable: false }), node },
		{
			join: missing,
			value: () => {
				const initial = inMemory(l, type, valueNode, "initial");
				if (!initial) return POISON;
				l.at(node);
				l.helper(2, "bpf_map_update_elem", [l.map(map.name), l.address(key), l.address(initial), l.constant(1, 64)]);
				return lookup(l, map.name, l.address(key), type, shared);
			},
			node,
		},
	]);
}

/** As `copyOut`, of the members that are read: numbers into registers, the rest each on the stack. */
function copyMembers(
	l: Lowering,
	p: PlaceValue,
	type: StructType,
	names: ReadonlySet<string>,
	node: Node,
	drop: () => void,
): Value {
	const [found, missing, end] = [l.join(), l.join(), l.join()];
	const flag: Variable = { name: "found", width: 32, space: "scalar" };
	const fields = type.fields.filter((f) => names.has(f.name));
	const members = new Map<string, Value>();
	const numbers: { name: string; shape: IntValue | BoolValue | BeValue; variable: Variable }[] = [];
	// Slots belong to the whole function, not to one way.
	for (const f of fields)
		if (!register(f.type)) members.set(f.name, { ...l.temporary(f.name, f.type, false), temporary: false });
	branchOnFound(l, p, found, missing);
	l.enter(found);
	const entry = { ...p, nullable: false, boxed: false };
	for (const f of fields) {
		const from = part(entry, f.type, f.offset);
		const to = members.get(f.name);
		if (to?.kind === "place") {
			storeValue(l, to, from, node);
			continue;
		}
		const v = readPlace(l, { ...from, shared: true }, node);
		if (v.kind !== "int" && v.kind !== "bool" && v.kind !== "be") continue;
		const variable: Variable = { name: f.name, width: sizeOf(f.type) === 8 ? 64 : 32, space: "scalar" };
		l.b.write(variable, v.inst!);
		numbers.push({ name: f.name, shape: v, variable });
	}
	drop();
	l.b.write(flag, l.constant(1, 32));
	l.goto(end);
	l.enter(missing);
	for (const { variable } of numbers) l.b.write(variable, l.constant(0, variable.width));
	l.b.write(flag, l.constant(0, 32));
	l.goto(end);
	l.enter(end);
	for (const { name, shape, variable } of numbers) members.set(name, { ...shape, inst: l.b.read(variable) });
	return { kind: "optional", flag: l.b.read(flag), value: { kind: "record", members, of: type.name }, copied: true };
}
