import assert from "node:assert/strict";
import { test } from "node:test";
import { Report } from "#diagnostics";
import type { StructType, Type } from "#ir";
import type { TypeRef } from "./analysis.ts";
import { analyze } from "./analyze.ts";

function show(t: TypeRef | undefined): string {
	if (!t) return "none";
	switch (t.kind) {
		case "int":
			return `${t.signed ? "i" : "u"}${t.bits}`;
		case "be":
			return `be${t.bits}`;
		case "chars":
			return `chars${t.size}`;
		case "array":
			return `${show(t.element)}[${t.length}]`;
		case "struct":
			return t.name;
		case "kernel":
			return `kernel ${t.name}`;
		case "user-ptr":
		case "kernel-ptr":
			return `${t.kind} ${show(t.to)}`;
		case "vocabulary":
			return `${t.name}(${t.args.map(show).join(", ")})`;
		case "optional":
			return `${show(t.type)}?`;
		default:
			return t.kind;
	}
}
const layoutOf = (t: Type | undefined): string => {
	assert.equal(t?.kind, "struct");
	const s = t as StructType;
	return `${s.name} ${s.size}/${s.align}: ${s.fields.map((f) => `${f.name}@${f.offset} ${show(f.type)}`).join(", ")}`;
};

const MODULE = `import type { arr, be16, chars, Cursor, KernelPtr, packed, Ref, u8, u16, u32, u64, UserPtr, XdpAction } from "skep";
import type { iphdr } from "skep/net";
import type { task_struct } from "skep/kernel";
import type { Other as Renamed } from "./lib.ts";
const SIZE = 8 * 4;
type Bytes = arr<u8, 6>;
type Length = 12;
export interface Base { a: u8; b: u64 }
export interface Derived extends Base { c: u16; b: u32 }
export interface Pair<A, B = u8> { first: A; second: B }
export interface Parts { x: u8 }
export interface Parts { y: u32 }
export interface All {
	n: number; big: bigint; flag: boolean; text: chars<typeof SIZE>; mac: Bytes; readonly deep: arr<arr<u16, 2>, 3>; port: be16;
	inner: { x: u8; y: u32 }; pair: Pair<u32>; other: Renamed; tight: packed<Base>; "quoted": 1 | 2; named: chars<Length>; member: Base["b"];
}
`;
const LIB =
	'import type { u8 } from "skep";\nexport interface Hidden { h: u8 }\nexport interface Other { hidden: Hidden }\n';

function resolve(type: string): { type: TypeRef | undefined; found: string[] } {
	const text = `${MODULE}declare const probe: ${type};\nexport { probe };\n`;
	const report = new Report();
	const files = new Map([
		["a.ts", text],
		["lib.ts", LIB],
	]);
	const analysis = analyze({ entry: "a.ts", read: (p) => files.get(p) }, report);
	const module = analysis.modules[0]!;
	const statement = (module.program["body"] as { declarations?: { id: { typeAnnotation: never } }[] }[]).find(
		(s) => s.declarations?.[0]?.id.typeAnnotation,
	);
	return {
		type: analysis.resolveType(module, statement!.declarations![0]!.id.typeAnnotation),
		found: report.list().map((d) => `${d.code} ${d.message}`),
	};
}

// biome-ignore format: table
const TYPES: readonly (readonly [string, string])[] = [
	["number", "i32"], ["bigint", "i64"], ["boolean", "bool"], ["u16", "u16"], ["be16", "be16"], ["XdpAction", "i32"], ["void", "void"], ["5", "i32"], ["5n", "i64"], ["0 | 1", "i32"],
	["u32 | undefined", "u32?"], ["(u32)", "u32"], ["readonly u8[]", "none"], ["arr<u8, 6>", "u8[6]"], ["chars<16>", "chars16"], ["task_struct", "kernel task_struct"],
	["UserPtr<UserPtr<u8>>", "user-ptr user-ptr u8"], ["KernelPtr<u32>", "kernel-ptr u32"], ["Cursor", "Cursor()"], ["Ref<u32> | undefined", "Ref(u32)?"], ["Readonly<Base>", "Base"], ["Pair<u8, u16>", "Pair_u8_u16"], ["iphdr", "iphdr"],
];
for (const [source, expected] of TYPES)
	test(`${source} is ${expected}`, () => assert.equal(show(resolve(source).type), expected));

test("layouts are C's", () => {
	assert.equal(layoutOf(resolve("Base").type as Type), "Base 16/8: a@0 u8, b@8 u64");
	assert.equal(layoutOf(resolve("Derived").type as Type), "Derived 12/4: a@0 u8, b@4 u32, c@8 u16");
	assert.equal(layoutOf(resolve("Parts").type as Type), "Parts 8/4: x@0 u8, y@4 u32");
	assert.equal(layoutOf(resolve("packed<Base>").type as Type), "Base_packed 9/1: a@0 u8, b@1 u64");
	assert.equal(
		layoutOf(resolve("Pair<chars<3>, u16>").type as Type),
		"Pair_chars3_u16 6/2: first@0 chars3, second@4 u16",
	);
	assert.equal(
		layoutOf(resolve("All").type as Type),
		"All 128/8: n@0 i32, big@8 i64, flag@16 bool, text@17 chars32, mac@49 u8[6], deep@56 u16[2][3], port@68 be16, inner@72 All_inner, pair@80 Pair_u32_u8, other@88 Other, tight@89 Base_packed, quoted@100 i32, named@104 chars12, member@120 u64",
	);
});

test("names of structs are unique, one struct has one name", () => {
	const text =
		'import { hash, type u32 } from "skep";\nimport { b } from "./lib.ts";\ninterface S { a: u32 }\nconst one = hash<S, S>(1);\nconst two = hash<u32, S>(1);\nexport { one, two, b };\n';
	const lib =
		'import { hash, type u32 } from "skep";\ninterface S { b: u32 }\nexport const b = hash<u32, S>(1);\nexport const c = hash<u32, { x: u32 }>(1);\n';
	const analysis = analyze(
		{ entry: "a.ts", read: (p) => (p === "a.ts" ? text : p === "lib.ts" ? lib : undefined) },
		new Report(),
	);
	const name = (t: Type | undefined): string | undefined => (t?.kind === "struct" ? t.name : undefined);
	assert.deepEqual(
		analysis.maps.map((m) => [m.name, name(m.value)]),
		[
			["one", "S"],
			["two", "S"],
			["b", "S_2"],
			["c", "c_value"],
		],
	);
	assert.equal(analysis.maps[0]!.key, analysis.maps[1]!.value);
});
