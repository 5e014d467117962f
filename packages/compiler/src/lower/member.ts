import { didYouMean } from "#declare";
import type { Node } from "#frontend";
import { type Field, sizeOf, type Type, type Variable } from "#ir";
import { knownObject, MAP_MEMBERS, MEMBER_REMEDIES } from "#language";
import { boundedIndex } from "./bounds.ts";
import { contextMember } from "./context.ts";
import { currentMember } from "./current.ts";
import { enumerator } from "./enumerator.ts";
import { keyOf } from "./fact-key.ts";
import { sharedPlace } from "./global.ts";
import { sequenceMember } from "./iterator.ts";
import { kernelElement, kernelMember } from "./kernel.ts";
import { listElement } from "./list.ts";
import type { Lowering, Want } from "./lowering.ts";
import { arms } from "./merge.ts";
import { integerOperand } from "./operand.ts";
import { optionMember } from "./option.ts";
import { branchOnPresence, mayBeMissing, present, requirePresent } from "./optional.ts";
import { elementAt, part, readField, readPlace } from "./place.ts";
import { isText, textLength } from "./text.ts";
import { constant, describe, int, literal, type PlaceValue, POISON, typeName, UNDEFINED, type Value } from "./value.ts";

/** `a.b`, `a[i]`, `a?.b`. `object`: the value of `a` where it is known already. */
export function member(l: Lowering, node: Node, want: Want, known?: Value): Value {
	const objectNode: Node = node["object"];
	const object = known ?? l.expression(objectNode);
	if (object.kind === "poison") return POISON;
	if (mayBeMissing(object) && endsEarly(node, objectNode))
		return optionalChain(l, node, object, (v) => memberOf(l, node, v, want));
	return memberOf(l, node, object, want);
}

/** Whether `?.` here, or before in the same chain, ends it where something is missing. */
export function endsEarly(node: Node, objectNode: Node): boolean {
	if (node["optional"]) return true;
	if (objectNode.type === "MemberExpression") return endsEarly(objectNode, objectNode["object"]);
	return objectNode.type === "CallExpression" && endsEarly(objectNode, objectNode["callee"]);
}

/** `x?.…`: the rest where x is there, else undefined. */
export function optionalChain(l: Lowering, node: Node, object: Value, rest: (v: Value) => Value): Value {
	const there = l.join();
	const missing = l.join();
	branchOnPresence(l, object, there, missing, keyOf(l, node["object"] ?? node["callee"]?.object));
	return arms(l, node, [
		{ join: there, value: () => rest(present(object)), node },
		{ join: missing, value: () => UNDEFINED, node },
	]);
}

function memberOf(l: Lowering, node: Node, raw: Value, want: Want): Value {
	const computed: boolean = node["computed"];
	const property: Node = node["property"];
	if (property.type === "PrivateIdentifier")
		return l.error("SK1001", node, "private names do not exist in kernel code");
	const name: string = computed ? "" : property["name"];
	const object = requirePresent(l, raw, node["object"]);
	if (object.kind === "poison") return POISON;
	if (computed && property.type === "Literal" && typeof property["value"] === "string")
		return memberOf(l, { ...node, computed: false, property: { ...property, name: property["value"] } }, object, want);
	switch (object.kind) {
		case "place": {
			const at = placeMember(l, node, object, name, computed);
			if (!at) return POISON;
			if ("value" in at) return at.value;
			return at.field?.bits ? readField(l, object, at.field, node) : readPlace(l, at.place, node);
		}
		case "text":
			if (name === "length") return literal(BigInt(object.text.length), false);
			break;
		case "list":
			if (name === "length") return literal(BigInt(object.elements.length), false);
			if (computed) {
				const i = integerOperand(l, l.expression(property), property, "index");
				if (!i) return POISON;
				if (i.constant === undefined) return listElement(l, object, i, node);
				return (
					object.elements[Number(i.constant)] ??
					l.error("SK3003", node, `index ${i.constant} of an array of ${object.elements.length}`)
				);
			}
			break;
		case "record": {
			const v = object.members.get(name);
			if (v && mayBeMissing(v) && l.facts.known.get(keyOf(l, node) ?? "")?.present === true) return present(v);
			return v ?? l.error("SK1009", property, `there is no member ${name}`, near(name, object.members.keys()));
		}
		case "kernel":
			if (computed) break;
			return kernelMember(l, object, name, node);
		case "kernel-array":
			if (name === "length") return object.text ? textLength(l, object, node) : constant(object.length, 32, false);
			if (computed) return kernelElement(l, object, l.expression(property), node);
			break;
		case "kernel-pointer":
		case "user-pointer":
			if (name === "addr") return int(64, false, object.inst);
			break;
		case "context":
			return contextMember(l, name, node);
		case "cursor":
			if (name === "offset") return cursorOffset(l, object.at);
			break;
		case "sequence":
			return sequenceMember(l, object, name, node);
		case "shared": {
			l.at(node);
			const at = sharedPlace(l, object.shared, name, node);
			return at ? readPlace(l, at, node) : POISON;
		}
		case "options":
			return optionMember(l, object.options, name, node);
		case "word":
			return wordMember(l, object.name, object.module, name, node, want);
		case "map": {
			const half = MAP_MEMBERS[object.map.word]?.[name];
			if (!half)
				return l.error(
					"SK1009",
					property,
					`${object.map.word} has no member ${name}`,
					near(name, Object.keys(MAP_MEMBERS[object.map.word] ?? {})),
				);
			if (half === "U")
				return l.error(
					"SK5002",
					property,
					`${object.map.name}.${name} belongs to the user half`,
					MEMBER_REMEDIES[name],
				);
			if (name === "length") return constant(object.map.maxEntries, 32, false);
			if (name === "pending") {
				l.at(node);
				return int(64, false, l.helper(134, "bpf_ringbuf_query", [l.map(object.map.name), l.constant(0, 64)]));
			}
			return l.error("SK1007", node, `${object.map.name}.${name} is a function; it can only be called`);
		}
		case "optional":
			return POISON;
	}
	return l.error(
		"SK1009",
		node,
		computed
			? `${describe(object, l.target.kernel)} has no elements`
			: `${describe(object, l.target.kernel)} has no member ${name}`,
	);
}

const near = (name: string, all: Iterable<string>): string | undefined => {
	const n = didYouMean(name, all);
	return n === undefined ? undefined : `did you mean ${n}?`;
};

function cursorOffset(l: Lowering, at: Variable): Value {
	const data = l.b.emit({ op: "load", size: 4, signed: false, offset: 0 }, [l.context], 64, "packet");
	return int(32, false, l.b.emit({ op: "truncate" }, [l.binary("sub", l.b.read(at), data, 64)], 32), { max: 0xffffn });
}

type Found = { place: PlaceValue; field?: Field } | { value: Value };

/** A part of a place by name or index. */
function placeMember(l: Lowering, node: Node, object: PlaceValue, name: string, computed: boolean): Found | undefined {
	const t = object.type;
	if (object.boxed) {
		if (!computed && name === "value") return { place: { ...object, boxed: false } };
		l.error(
			"SK1009",
			node,
			`a reference to ${typeName(t)} has its value behind .value`,
			`write ${l.text(node["object"])}.value`,
		);
		return undefined;
	}
	if (t.kind === "struct" && !computed) {
		const field = t.fields.find((f) => f.name === name);
		if (!field) {
			l.error(
				"SK1009",
				node["property"],
				`${t.name} has no member ${name}`,
				near(
					name,
					t.fields.map((f) => f.name),
				),
			);
			return undefined;
		}
		return {
			place: field.bits
				? { ...part(object, field.type, field.offset), writable: false }
				: part(object, field.type, field.offset),
			field,
		};
	}
	if (t.kind === "array") {
		if (!computed) {
			if (name === "length") return { value: literal(BigInt(t.length), false) };
			l.error(
				name === "push" || name === "map" || name === "filter" ? "SK1004" : "SK1009",
				node,
				`arr has no ${name} in kernel code`,
				"write a loop",
			);
			return undefined;
		}
		return element(l, node, object, t.element, t.length);
	}
	if (isText(object) && !computed && name === "length") return { value: textLength(l, object, node) };
	if (isText(object) && computed) {
		l.error("SK1009", node, "text has no elements", `write charCodeAt(${l.text(node["property"])})`);
		return undefined;
	}
	l.error("SK1009", node, `${typeName(t)} has no ${computed ? "elements" : `member ${name}`}`);
	return undefined;
}

function element(l: Lowering, node: Node, object: PlaceValue, type: Type, length: number): Found | undefined {
	const property: Node = node["property"];
	const i = boundedIndex(l, property, l.expression(property), length, node, l.text(node["object"]));
	if (!i) return undefined;
	if ("constant" in i) return { place: part(object, type, i.constant * sizeOf(type)) };
	if (object.space === "ctx" || object.space === "packet") {
		l.error(
			"SK3003",
			node,
			`${object.space === "ctx" ? "the context" : "a packet header"} is only read at constant places`,
			"copy the array into a local first, or unroll the loop: for (const i of unroll(n))",
		);
		return undefined;
	}
	return { place: elementAt(l, object, type, i.inst) };
}

/** The memory that a member expression names, to be written; undefined after a report. */
export function memberPlace(l: Lowering, node: Node): PlaceValue | undefined {
	const objectNode: Node = node["object"];
	const raw = l.expression(objectNode);
	if (raw.kind === "poison") return undefined;
	const object = requirePresent(l, raw, objectNode);
	const name: string = node["computed"] ? "" : node["property"]["name"];
	if (object.kind === "place") {
		const found = placeMember(l, node, object, name, node["computed"]);
		if (!found) return undefined;
		if ("value" in found) {
			l.error("SK1009", node, `${l.text(node)} is read-only`);
			return undefined;
		}
		return found.place;
	}
	switch (object.kind) {
		case "poison":
			return undefined;
		case "shared":
			l.at(node);
			return sharedPlace(l, object.shared, name, node);
		case "kernel":
		case "kernel-array":
		case "context":
			l.error("SK1009", node, `${object.kind === "context" ? "the context" : "kernel memory"} is read-only`);
			return undefined;
		case "record":
			l.error("SK1006", node, "an object literal without a type has no memory", "annotate it: const x: T = { … }");
			return undefined;
		default:
			l.error("SK1009", node, `${l.text(node)} cannot be assigned`);
			return undefined;
	}
}

const WORDS_WITH_MEMBERS: Record<string, string> = {
	"Math.random": "random()",
	"Date.now": "ktime()",
	"JSON.stringify": "emit a record and format it in the user half",
	"Number.parseInt": "numbers come from options or memory",
	"Object.keys": "structs have fixed members",
};

function wordMember(l: Lowering, word: string, module: string, name: string, node: Node, want: Want): Value {
	if (module === "js") {
		const full = `${word}.${name}`;
		if (word === "Math" && ["min", "max", "abs", "trunc", "imul", "clz32"].includes(name))
			return { kind: "word", module, name: full };
		if (word === "Math" && name !== "random")
			return l.error(
				"SK2001",
				node,
				`${full} does not exist in kernel code: there are integers only`,
				"min max abs trunc imul clz32 exist",
			);
		if (word === "Number" && name === "MAX_SAFE_INTEGER")
			return l.error("SK2003", node, `${full} does not fit 32 bits`, "write 0xffff_ffff, or a bigint");
		return l.error(
			"SK1004",
			node,
			`${full} does not exist in kernel code`,
			WORDS_WITH_MEMBERS[full] ? `write ${WORDS_WITH_MEMBERS[full]}` : undefined,
		);
	}
	const constants = knownObject(module, word);
	if (constants) {
		const v = constants.get(name);
		if (!v) return l.error("SK1009", node["property"], `${word} has no member ${name}`, near(name, constants.keys()));
		if (v.kind === "be") return { kind: "be", bits: v.bits, constant: v.value };
		return v.value < 0n ? constant(v.value, 32, true) : literal(v.value, false);
	}
	if (word === "current" || word === "cpu") return currentMember(l, word, name, node, want);
	if (word === "enums") return { kind: "word", module, name: `enums.${name}` };
	if (word.startsWith("enums.")) {
		return enumerator(l, word.slice(6), name, node);
	}
	return l.error("SK1009", node, `${word} has no member ${name}`);
}
