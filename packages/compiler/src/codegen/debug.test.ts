import assert from "node:assert/strict";
import { test } from "node:test";
import { type Btf, BtfBuilder, type BtfMember } from "@skep/bpf/btf";
import fc from "fast-check";
import type { CoreAccess } from "#ir";
import { DebugTypes, KernelTypes, SourceLines } from "./debug.ts";

const INT = { kind: "int", offset: 0, char: false, bool: false } as const;
const member = (name: string, type: number, bitOffset: number, bitSize = 0): BtfMember => ({
	name,
	type,
	bitOffset,
	bitSize,
});

/** A small kernel: a named struct with an anonymous union, a typedef without a struct name, bit-fields, enums, a flexible array. */
function kernelBtf() {
	const b = new BtfBuilder();
	const u32 = b.add({ ...INT, name: "unsigned int", size: 4, bits: 32, signed: false });
	const u64 = b.add({ ...INT, name: "unsigned long", size: 8, bits: 64, signed: false });
	const counter = b.add({ kind: "struct", name: "", size: 4, members: [member("counter", u32, 0)] });
	const atomic = b.add({ kind: "typedef", name: "atomic_t", type: counter });
	const hue = b.add({
		kind: "enum",
		name: "hue",
		size: 4,
		signed: false,
		values: [
			{ name: "RED", value: 0 },
			{ name: "GREEN", value: 7 },
		],
	});
	const wide = b.add({
		kind: "enum64",
		name: "wide",
		size: 8,
		signed: false,
		values: [{ name: "HIGH", value: 1n << 40n }],
	});
	const task = b.reserve();
	const taskPtr = b.add({ kind: "ptr", type: b.add({ kind: "const", type: task }) });
	const other = b.add({ kind: "struct", name: "other", size: 8, members: [member("x", u64, 0)] });
	const otherPtr = b.add({ kind: "ptr", type: other });
	const anonymous = b.add({
		kind: "union",
		name: "",
		size: 8,
		members: [member("wide", u64, 0), member("narrow", u32, 0)],
	});
	const index = u32;
	const table = b.add({ kind: "array", type: atomic, index, length: 4 });
	const flexible = b.add({ kind: "array", type: u32, index, length: 0 });
	b.set(task, {
		kind: "struct",
		name: "task",
		size: 64,
		members: [
			member("unused", u64, 0),
			member("", anonymous, 64),
			member("parent", taskPtr, 128),
			member("usage", atomic, 192),
			member("flag", u32, 224, 1),
			member("level", u32, 225, 3),
			member("table", table, 256),
			member("other", otherPtr, 384),
			member("hue", hue, 448),
			member("tail", flexible, 512),
		],
	});
	return { btf: b.finish(), task, atomic, hue, wide };
}

/** Offset in bits and the type that a path leads to. */
function follow(btf: Btf, root: number, path: readonly number[]): { bits: number; names: string[] } {
	let id = root;
	let bits = 0;
	const names: string[] = [];
	for (const i of path.slice(1)) {
		const t = btf.type(btf.resolve(id));
		if (t.kind === "array") {
			bits += i * btf.sizeOf(t.type) * 8;
			id = t.type;
			names.push(`[${i}]`);
		} else {
			assert.ok(t.kind === "struct" || t.kind === "union");
			const m = t.members[i]!;
			bits += m.bitOffset;
			id = m.type;
			names.push(m.name);
		}
	}
	return { bits, names };
}

function translate(kernel: Btf, accesses: readonly CoreAccess[]) {
	const builder = new BtfBuilder();
	const types = new KernelTypes(builder, kernel);
	for (const a of accesses) types.use(a);
	types.write();
	const relocations = accesses.map((a, slot) => types.relocation(slot, a));
	return { local: builder.finish(), relocations };
}

const offset = (root: number, ...path: number[]): CoreAccess => ({ kind: "field_byte_offset", root, path });

test("a path keeps its names and its offset, and nothing unused is copied", () => {
	const { btf, task } = kernelBtf();
	const paths = [
		[0, 1, 0],
		[0, 1, 1],
		[0, 2],
		[0, 3, 0],
		[0, 4],
		[0, 5],
		[0, 6, 3, 0],
		[0, 7],
		[0, 8],
		[0, 9, 2],
	];
	fc.assert(
		fc.property(fc.subarray(paths, { minLength: 1 }), (chosen) => {
			const { local, relocations } = translate(
				btf,
				chosen.map((p) => offset(task, ...p)),
			);
			for (const [i, r] of relocations.entries()) {
				const path = r.access.split(":").map(Number);
				assert.deepEqual(follow(local, r.type, path), follow(btf, task, chosen[i]!));
				assert.equal(local.name(r.type), "task");
				assert.equal(local.sizeOf(r.type), 64);
			}
			const t = local.type(relocations[0]!.type);
			assert.ok(t.kind === "struct");
			assert.equal(t.members.length, new Set(chosen.map((p) => p[1])).size);
			for (const [i, m] of t.members.entries()) assert.ok(i === 0 || m.bitOffset >= t.members[i - 1]!.bitOffset);
		}),
		{ numRuns: 200, seed: 1 },
	);
});

test("pointers lead to the copy where there is one, else to a forward declaration", () => {
	const { btf, task } = kernelBtf();
	const { local, relocations } = translate(btf, [offset(task, 0, 2), offset(task, 0, 7)]);
	const t = local.type(relocations[0]!.type);
	assert.ok(t.kind === "struct");
	const target = (i: number) => {
		const p = local.type(t.members[i]!.type);
		assert.ok(p.kind === "ptr");
		return p.type;
	};
	assert.equal(target(0), relocations[0]!.type);
	assert.deepEqual(local.type(target(1)), { kind: "fwd", name: "other", union: false });
});

test("a struct without a name is found by its typedef", () => {
	const { btf, atomic } = kernelBtf();
	const { local, relocations } = translate(btf, [offset(atomic, 0, 0)]);
	const r = relocations[0]!;
	assert.equal(r.access, "0:0");
	const t = local.type(r.type);
	assert.ok(t.kind === "typedef" && t.name === "atomic_t");
	assert.equal(local.type(t.type).kind, "struct");
});

test("types, enumerators and flavours", () => {
	const { btf, task, hue, wide } = kernelBtf();
	const { local, relocations } = translate(btf, [
		{ kind: "type_size", root: task, path: [] },
		{ kind: "enumval_value", root: hue, path: [1] },
		{ kind: "enumval_exists", root: wide, path: [0] },
		{ kind: "field_exists", root: task, path: [0, 7], flavour: "old" },
		{ kind: "field_exists", root: task, path: [0, 2], flavour: "task___v2" },
	]);
	assert.deepEqual(
		relocations.map((r) => r.access),
		["0", "0", "0", "0:0", "0:0"],
	);
	assert.deepEqual(
		relocations.map((r) => local.name(r.type)),
		["task", "hue", "wide", "task___old", "task___v2"],
	);
	const e = local.type(relocations[1]!.type);
	assert.ok(e.kind === "enum");
	assert.deepEqual(e.values, [{ name: "GREEN", value: 7 }]);
	const w = local.type(relocations[2]!.type);
	assert.ok(w.kind === "enum64" && w.values[0]!.value === 1n << 40n);
});

test("accesses that cannot be described are LinkErrors", () => {
	const { btf, task } = kernelBtf();
	const bad: readonly (readonly [CoreAccess, RegExp])[] = [
		[offset(task, 0, 99), /has no member 99/],
		[offset(task, 0, 2, 0), /goes on through a ptr/],
		[offset(task, 0, 1), /last member has no name/],
	];
	for (const [a, message] of bad) assert.throws(() => translate(btf, [a]), { code: "ERR_LINK", message });
});

test("types of the source have the names that C gives them, each once", () => {
	const builder = new BtfBuilder();
	const types = new DebugTypes(builder);
	const u64 = types.type({ kind: "int", bits: 64, signed: false });
	assert.equal(types.type({ kind: "int", bits: 64, signed: false }), u64);
	const be = types.type({ kind: "be", bits: 32 });
	const chars = types.type({ kind: "chars", size: 16 });
	const bool = types.type({ kind: "bool" });
	const btf = builder.finish();
	assert.equal(btf.name(u64), "__u64");
	assert.equal(btf.name(btf.resolve(u64)), "unsigned long long");
	assert.equal(btf.name(be), "__be32");
	const array = btf.type(chars);
	assert.ok(array.kind === "array" && array.length === 16 && btf.name(array.type) === "char");
	const flag = btf.type(btf.resolve(bool));
	assert.ok(flag.kind === "int" && flag.bool && flag.size === 1);
});

test("lines: in order of slots, one for each, none that repeats the one before", () => {
	const lines = new SourceLines([{ path: "a.ts", text: "one\r\ntwo\n\tthree" }]);
	const at = (slot: number, line: number, column = 1) => ({ slot, position: { file: 0, line, column } });
	assert.deepEqual(
		lines.of([at(4, 3, 2), at(0, 1), at(1, 1), at(2, 2), at(2, 3)]).map((l) => [l.slot, l.line, l.column, l.text]),
		[
			[0, 1, 1, "one"],
			[2, 3, 1, "\tthree"],
			[4, 3, 2, "\tthree"],
		],
	);
	assert.equal(lines.of([at(0, 99)])[0]!.text, "");
});
