import { Btf, BtfBuilder } from "./index.ts";

/** One of every kind, with every form that changes how it is written. */
export function allKinds(): Btf {
	const b = new BtfBuilder();
	const linkages = ["static", "global", "extern"] as const;
	const plain = { offset: 0, char: false, bool: false };
	const int = b.add({ kind: "int", name: "int", size: 4, bits: 32, signed: true, ...plain });
	const char = b.add({ kind: "int", name: "char", size: 1, bits: 8, signed: false, ...plain, char: true });
	const bool = b.add({ kind: "int", name: "_Bool", size: 1, bits: 8, signed: false, ...plain, bool: true });
	b.add({ kind: "int", name: "signed char", size: 1, bits: 8, signed: true, ...plain, char: true });
	b.add({ kind: "int", name: "unsigned int", size: 4, bits: 5, offset: 3, signed: false, char: false, bool: false });
	const u64 = b.add({ kind: "int", name: "__Poly64_t", size: 8, bits: 64, signed: false, ...plain });
	const voidPointer = b.add({ kind: "ptr", type: 0 });
	const constInt = b.add({ kind: "const", type: int });
	const volatile = b.add({ kind: "volatile", type: constInt });
	const pointer = b.add({ kind: "ptr", type: volatile });
	const restrict = b.add({ kind: "restrict", type: pointer });
	const array = b.add({ kind: "array", type: char, index: int, length: 16 });
	const proto = b.add({
		kind: "func_proto",
		ret: int,
		params: [
			{ name: "x", type: restrict },
			{ name: "", type: 0 },
		],
	});
	const call = b.add({ kind: "ptr", type: proto });
	const calls = b.add({ kind: "array", type: call, index: int, length: 2 });
	const toArray = b.add({ kind: "ptr", type: array });
	const at = (name: string, type: number, bitOffset: number, bitSize = 0) => ({ name, type, bitOffset, bitSize });
	const inner = b.add({ kind: "union", name: "", size: 8, members: [at("whole", u64, 0), at("low", int, 0)] });
	const mode = b.add({
		kind: "enum",
		name: "",
		size: 4,
		signed: true,
		values: [
			{ name: "OFF", value: -1 },
			{ name: "ON", value: 1 },
		],
	});
	b.add({
		kind: "struct",
		name: "all",
		size: 120,
		members: [
			at("a", int, 0, 3),
			at("b", int, 5, 4),
			at("flag", bool, 32),
			at("next", voidPointer, 64),
			at("name", array, 128),
			at("calls", calls, 256),
			at("", inner, 384),
			at("mode", mode, 448),
			at("row", toArray, 512),
			at("late", int, 832),
			at("r", restrict, 896 - 320),
		].sort((x, y) => x.bitOffset - y.bitOffset),
	});
	b.add({ kind: "struct", name: "tight", size: 9, members: [at("c", char, 0), at("v", u64, 8)] });
	b.add({ kind: "struct", name: "all", size: 4, members: [at("other", int, 0)] });
	b.add({ kind: "enum", name: "wide", size: 4, signed: false, values: [{ name: "ALL", value: 0xffffffff }] });
	b.add({ kind: "enum", name: "narrow", size: 1, signed: false, values: [{ name: "ON", value: 1 }] });
	b.add({ kind: "enum64", name: "big", size: 8, signed: false, values: [{ name: "MAX", value: 0xffffffffffffffffn }] });
	b.add({ kind: "enum64", name: "bigneg", size: 8, signed: true, values: [{ name: "MIN", value: -5n }] });
	b.add({ kind: "fwd", name: "elsewhere", union: false });
	b.add({ kind: "fwd", name: "overlaid", union: true });
	b.add({ kind: "typedef", name: "number", type: int });
	for (const linkage of linkages) b.add({ kind: "func", name: `f_${linkage}`, type: proto, linkage });
	const vars = linkages.map((linkage) => b.add({ kind: "var", name: `v_${linkage}`, type: int, linkage }));
	b.add({ kind: "datasec", name: ".data", size: 12, vars: vars.map((type, i) => ({ type, offset: i * 4, size: 4 })) });
	b.add({ kind: "float", name: "double", size: 8 });
	b.add({ kind: "decl_tag", name: "a tag", type: int, component: -1 });
	b.add({ kind: "decl_tag", name: "noinline", type: vars[0]!, component: -1, attribute: true });
	const user = b.add({ kind: "type_tag", name: "user", type: int });
	const userPointer = b.add({ kind: "ptr", type: user });
	b.add({ kind: "typedef", name: "uptr", type: userPointer });
	const address = b.add({ kind: "type_tag", name: "address_space(1)", type: int, attribute: true });
	b.add({ kind: "typedef", name: "aptr", type: b.add({ kind: "ptr", type: address }) });
	return b.finish();
}

/** The same in the other byte order. */
export function swapped(btf: Btf): Btf {
	const bytes = btf.bytes.slice();
	const view = new DataView(bytes.buffer);
	view.setUint16(0, view.getUint16(0, true), false);
	const [typesEnd, stringsAt] = [24 + view.getUint32(12, true), view.getUint32(16, true)];
	if (stringsAt !== typesEnd - 24) throw new Error("strings do not follow the types");
	for (let at = 4; at < typesEnd; at += 4) view.setUint32(at, view.getUint32(at, true), false);
	return Btf.decode(bytes);
}
