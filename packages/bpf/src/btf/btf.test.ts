import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { FormatError } from "#base";
import {
	alignOf,
	Btf,
	BtfBuilder,
	type BtfType,
	decodeExt,
	encodeExt,
	findMember,
	flattenMembers,
	MAX_COLUMN,
	MAX_LINE,
} from "./index.ts";

const data = new URL("../../testdata/btf/", import.meta.url);
const file = (name: string) => new Uint8Array(readFileSync(new URL(name, data)));
const all = (b: Btf): BtfType[] => Array.from({ length: b.count - b.firstId + 1 }, (_, i) => b.type(b.firstId + i));
const vmlinux = "/sys/kernel/btf/vmlinux";

/** fast-check now and then makes objects without prototype, which readers never do. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record<T>(model, { noNullPrototype: true });
const name = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,8}$/);
const anyName = fc.oneof(
	{ weight: 5, arbitrary: name },
	{ weight: 1, arbitrary: fc.constant("") },
	{ weight: 1, arbitrary: fc.string({ minLength: 1, unit: "grapheme" }).filter((s) => !s.includes("\0")) },
);
const u32 = fc.nat(0xffffffff);
/** Types whose references stay within `count`. */
const type = (count: number): fc.Arbitrary<BtfType> => {
	const id = fc.nat(count);
	const linkage = fc.constantFrom("static", "global", "extern" as const);
	const member = record({
		name: anyName,
		type: id,
		bitOffset: fc.nat(0xffffff),
		bitSize: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 64 })),
	});
	const enumSize = fc.constantFrom(1, 2, 4, 8);
	const signedValues = <T>(value: (signed: boolean) => fc.Arbitrary<T>) =>
		fc.boolean().chain((signed) =>
			record({
				signed: fc.constant(signed),
				values: fc.array(record({ name: anyName, value: value(signed) }), { maxLength: 6 }),
			}),
		);
	return fc.oneof(
		record({
			kind: fc.constant("int" as const),
			name: anyName,
			size: fc.constantFrom(1, 2, 4, 8, 16),
			bits: fc.integer({ min: 0, max: 8 }),
			offset: fc.nat(255),
			signed: fc.boolean(),
			char: fc.boolean(),
			bool: fc.boolean(),
		}),
		record({
			kind: fc.constantFrom("ptr" as const, "volatile" as const, "const" as const, "restrict" as const),
			type: id,
		}),
		record({ kind: fc.constant("array" as const), type: id, index: id, length: u32 }),
		record({
			kind: fc.constantFrom("struct" as const, "union" as const),
			name: anyName,
			size: u32,
			members: fc.array(member, { maxLength: 6 }),
		}),
		fc
			.tuple(
				anyName,
				enumSize,
				signedValues((s) => (s ? fc.integer() : u32)),
			)
			.map(([n, size, v]) => ({ kind: "enum" as const, name: n, size, ...v })),
		fc
			.tuple(
				anyName,
				enumSize,
				signedValues((s) =>
					s ? fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }) : fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
				),
			)
			.map(([n, size, v]) => ({ kind: "enum64" as const, name: n, size, ...v })),
		record({ kind: fc.constant("fwd" as const), name, union: fc.boolean() }),
		record({ kind: fc.constantFrom("typedef" as const, "type_tag" as const), name, type: id }),
		record({ kind: fc.constantFrom("func" as const, "var" as const), name, type: id, linkage }),
		record({
			kind: fc.constant("func_proto" as const),
			ret: id,
			params: fc.array(record({ name: anyName, type: id }), { maxLength: 5 }),
		}),
		record({
			kind: fc.constant("datasec" as const),
			name,
			size: u32,
			vars: fc.array(record({ type: id, offset: u32, size: u32 }), { maxLength: 5 }),
		}),
		record({ kind: fc.constant("float" as const), name, size: u32 }),
		record({ kind: fc.constant("decl_tag" as const), name, type: id, component: fc.integer({ min: -1, max: 100 }) }),
	);
};
const types = fc.integer({ min: 1, max: 30 }).chain((n) => fc.array(type(n), { minLength: n, maxLength: n }));

describe("Btf", () => {
	test("what a builder wrote is read back, and found by name", () => {
		fc.assert(
			fc.property(types, (list) => {
				const builder = new BtfBuilder();
				const ids = list.map((t) => builder.add(t));
				assert.deepEqual(
					ids,
					list.map((_, i) => i + 1),
				);
				const btf = builder.finish();
				assert.deepEqual(all(btf), list);
				assert.deepEqual(all(Btf.decode(btf.encode())), list);
				for (const [i, t] of list.entries()) {
					if (!("name" in t) || t.name === "") continue;
					assert.equal(btf.name(i + 1), t.name);
					assert.equal(btf.kind(i + 1), t.kind);
					assert.equal(btf.find(t.name), list.findIndex((x) => "name" in x && x.name === t.name) + 1);
					assert.equal(
						btf.find(t.name, t.kind),
						list.findIndex((x) => "name" in x && x.name === t.name && x.kind === t.kind) + 1,
					);
					assert.deepEqual(
						btf.findAll(t.name),
						list.flatMap((x, j) => ("name" in x && x.name === t.name ? [j + 1] : [])),
					);
				}
				assert.equal(btf.find("no such name"), undefined);
			}),
			{ seed: 1, numRuns: 300 },
		);
	});

	test("split BTF continues its base's ids and strings", () => {
		fc.assert(
			fc.property(types, fc.array(type(1), { minLength: 1, maxLength: 10 }), (first, second) => {
				const b = new BtfBuilder();
				for (const t of first) b.add(t);
				const base = b.finish();
				const s = new BtfBuilder({ base });
				const id = s.add({ kind: "typedef", name: "mine", type: base.count });
				for (const t of second) s.add(t);
				const split = s.finish();
				assert.equal(id, base.count + 1);
				assert.equal(split.firstId, base.count + 1);
				assert.equal(split.count, base.count + 1 + second.length);
				assert.deepEqual(all(split).slice(1), second);
				assert.deepEqual(split.type(1), first[0]);
				assert.equal(
					split.find("mine", "typedef"),
					first.some((t) => t.kind === "typedef" && t.name === "mine") ? base.find("mine", "typedef") : id,
				);
				assert.deepEqual(all(Btf.decode(split.encode(), { base })), all(split));
			}),
			{ seed: 2, numRuns: 100 },
		);
	});

	test("both byte orders of clang say the same", () => {
		const little = Btf.decode(file("types.btf"));
		const big = Btf.decode(file("types-be.btf"));
		assert.equal(little.byteOrder, "little");
		assert.equal(big.byteOrder, "big");
		// clang lays bit-fields out from the other end; the rest is the same.
		const plain = (b: Btf) =>
			all(b).map((t) =>
				"members" in t
					? { ...t, members: t.members.map((m) => ({ ...m, bitOffset: m.bitSize ? 0 : m.bitOffset })) }
					: t,
			);
		assert.deepEqual(plain(big), plain(little));
		assert.deepEqual(all(Btf.decode(big.encode())), all(big));
		assert.equal(Btf.decode(big.encode()).byteOrder, "little");
		const lines = (b: Btf, ext: string) => decodeExt(file(ext), (o) => b.string(o));
		assert.deepEqual(lines(big, "types-be.ext"), lines(little, "types.ext"));
	});

	test("sizes, alignment and members of clang's types", () => {
		const b = Btf.decode(file("types.btf"));
		const id = b.find("all", "struct")!;
		assert.equal(alignOf(b, id), 16);
		assert.equal(b.sizeOf(id) % 16, 0);
		assert.equal(b.sizeOf(b.find("node")!), 16);
		assert.equal(alignOf(b, b.find("node")!), 8);
		assert.equal(b.sizeOf(b.find("__be64")!), 8);
		assert.equal(b.type(b.resolve(b.find("__be16")!)).kind, "int");
		const inner = findMember(b, id, "inner_c")!;
		assert.equal(inner.path.length, 3);
		assert.equal(flattenMembers(b, id).find((m) => m.name === "inner_c")!.bitOffset, inner.bitOffset);
		assert.equal(findMember(b, id, "absent"), undefined);
		assert.equal(findMember(b, b.find("__be64")!, "x"), undefined);
		assert.deepEqual(
			[...b.ofKind("enum64")].map((i) => b.type(i)),
			[
				{
					kind: "enum64",
					name: "big",
					size: 8,
					signed: false,
					values: [
						{ name: "BIG_A", value: 0xcbf29ce484222325n },
						{ name: "BIG_B", value: 1n },
					],
				},
				{
					kind: "enum64",
					name: "bigneg",
					size: 8,
					signed: true,
					values: [{ name: "BIGNEG_A", value: -0x123456789abcn }],
				},
			],
		);
	});

	test("the running kernel's BTF: found lazily, equal after a round trip of everything", (t) => {
		if (!existsSync(vmlinux)) return t.skip(`needs ${vmlinux}`);
		const b = Btf.decode(new Uint8Array(readFileSync(vmlinux)));
		const task = b.type(b.find("task_struct", "struct")!);
		assert.equal(task.kind, "struct");
		const builder = new BtfBuilder();
		for (let id = 1; id <= b.count; id++) builder.add(b.type(id));
		const again = builder.finish();
		assert.equal(again.count, b.count);
		for (let id = 1; id <= b.count; id++) assert.deepStrictEqual(again.type(id), b.type(id));
	});

	test("bpftool reads what we write", (t) => {
		if (spawnSync("bpftool", ["version"]).error) return t.skip("needs bpftool");
		const folder = mkdtempSync(join(tmpdir(), "skep-btf-"));
		try {
			const dump = (bytes: Uint8Array) => {
				writeFileSync(join(folder, "x.btf"), bytes);
				const r = spawnSync("bpftool", ["btf", "dump", "file", join(folder, "x.btf")], { encoding: "utf8" });
				assert.equal(r.status, 0, r.stderr);
				return r.stdout;
			};
			const original = Btf.decode(file("types.btf"));
			const builder = new BtfBuilder();
			for (const type of all(original)) builder.add(type);
			assert.equal(dump(builder.encode()), dump(original.bytes));
		} finally {
			rmSync(folder, { recursive: true });
		}
	});

	test("the golden files are what clang makes of their sources", (t) => {
		const clang = spawnSync("clang-19", ["--version"], { encoding: "utf8" });
		if (clang.error || spawnSync("llvm-objcopy-19", ["--version"]).error)
			return t.skip("needs clang-19 and llvm-objcopy-19");
		if (!/version 19\.1\.7/.test(clang.stdout))
			return t.skip(`made by clang 19.1.7, here is ${clang.stdout.split("\n")[0]}`);
		const folder = mkdtempSync(join(tmpdir(), "skep-golden-"));
		try {
			for (const [script, files] of [
				["btf", ["types.btf", "types-be.btf", "types.ext", "types-be.ext"]],
				["relocate", ["core.o"]],
			] as const) {
				const source = fileURLToPath(new URL(`../../testdata/${script}/`, import.meta.url));
				const built = spawnSync("sh", [join(source, "build.sh"), folder], { encoding: "utf8" });
				assert.equal(built.status, 0, built.stderr);
				for (const f of files) assert.ok(readFileSync(join(folder, f)).equals(readFileSync(join(source, f))), f);
			}
		} finally {
			rmSync(folder, { recursive: true });
		}
	});

	test("reserved ids are filled later, or refused", () => {
		const b = new BtfBuilder();
		const node = b.reserve();
		assert.throws(() => b.encode(), /type 1 was reserved but never set/);
		const pointer = b.add({ kind: "ptr", type: node });
		b.set(node, {
			kind: "struct",
			name: "node",
			size: 8,
			members: [{ name: "next", type: pointer, bitOffset: 0, bitSize: 0 }],
		});
		assert.equal(b.finish().find("node"), node);
		assert.throws(() => b.set(9, { kind: "void" }), RangeError);
		assert.throws(() => new BtfBuilder().string("a\0b"), /cannot hold NUL/);
	});
});

describe(".BTF.ext", () => {
	const section = <T>(one: fc.Arbitrary<T>) =>
		fc.array(record({ section: name, records: fc.array(one, { minLength: 1, maxLength: 5 }) }), { maxLength: 3 });
	const ext = record({
		funcs: section(record({ offset: u32, type: u32 })),
		lines: section(
			record({ offset: u32, file: anyName, text: anyName, line: fc.nat(MAX_LINE), column: fc.nat(MAX_COLUMN) }),
		),
		core: section(record({ offset: u32, type: u32, access: fc.constantFrom("0", "0:1:2"), kind: fc.nat(12) })),
	});

	test("what was written is read back", () => {
		fc.assert(
			fc.property(ext, (e) => {
				const b = new BtfBuilder();
				const bytes = encodeExt(e, (s) => b.string(s));
				const btf = b.finish();
				assert.deepEqual(
					decodeExt(bytes, (o) => btf.string(o)),
					e,
				);
			}),
			{ seed: 3, numRuns: 300 },
		);
	});

	test("longer headers and records are read, shorter records refused", () => {
		const b = new BtfBuilder();
		const bytes = encodeExt(
			{ funcs: [{ section: "s", records: [{ offset: 8, type: 3 }] }], lines: [], core: [] },
			(s) => b.string(s),
		);
		const btf = b.finish();
		const strings = (o: number) => btf.string(o);
		// 8 bytes more header, 4 bytes more in the record.
		const longer = new Uint8Array(bytes.length + 12);
		longer.set(bytes.subarray(0, 32));
		longer.set(bytes.subarray(32), 40);
		const view = new DataView(longer.buffer);
		view.setUint32(4, 40, true);
		view.setUint32(12, view.getUint32(12, true) + 4, true);
		view.setUint32(40, 12, true);
		assert.deepEqual(decodeExt(longer, strings).funcs, [{ section: "s", records: [{ offset: 8, type: 3 }] }]);
		view.setUint32(40, 4, true);
		assert.throws(() => decodeExt(longer, strings), {
			name: "FormatError",
			message: /records of 4 bytes, expected a multiple of 4 from 8.*func_info\/rec_size/,
		});
		view.setUint32(40, 12, true);
		view.setUint32(48, 1000, true);
		assert.throws(() => decodeExt(longer, strings), { message: /1000 records of 12 bytes.*func_info\[0\]\/num_info/ });
		assert.deepEqual(decodeExt(new Uint8Array(), strings), { funcs: [], lines: [], core: [] });
	});

	test("lines and columns past what fits become the highest", () => {
		const b = new BtfBuilder();
		const bytes = encodeExt(
			{
				funcs: [],
				lines: [{ section: "s", records: [{ offset: 0, file: "f", text: "t", line: 1e9, column: 5000 }] }],
				core: [],
			},
			(s) => b.string(s),
		);
		const btf = b.finish();
		assert.deepEqual(decodeExt(bytes, (o) => btf.string(o)).lines[0]!.records[0], {
			offset: 0,
			file: "f",
			text: "t",
			line: MAX_LINE,
			column: MAX_COLUMN,
		});
	});
});

describe("malformed BTF", () => {
	const refused = (bytes: Uint8Array, message: RegExp) =>
		assert.throws(() => all(Btf.decode(bytes)), { name: "FormatError", message });
	const edit = (change: (view: DataView) => void): Uint8Array => {
		const bytes = file("types.btf").slice();
		change(new DataView(bytes.buffer));
		return bytes;
	};

	test("says where, what was there and what was expected", () => {
		refused(new Uint8Array(4), /4 bytes, a BTF header has 24/);
		refused(
			edit((v) => v.setUint16(0, 0x1234, true)),
			/magic 0x1234, expected 0xeb9f/,
		);
		refused(
			edit((v) => v.setUint8(2, 9)),
			/version 9, expected 1/,
		);
		refused(
			edit((v) => v.setUint32(4, 8, true)),
			/header of 8 bytes/,
		);
		refused(
			edit((v) => v.setUint32(12, 1 << 30, true)),
			/types end at/,
		);
		refused(
			edit((v) => v.setUint32(20, 1 << 30, true)),
			/strings end at/,
		);
		refused(
			edit((v) => v.setUint32(28, 31 << 24, true)),
			/kind 31, expected 1 to 19.*Type\[1\]\/kind/,
		);
		refused(
			edit((v) => v.setUint32(24, 0xfffff, true)),
			/string offset 1048575.*Type\[1\]\/name/,
		);
		refused(
			edit((v) => v.setUint32(28, (4 << 24) | 0xffff, true)),
			/struct of 786432 bytes, \d+ are left.*Type\[1\]/,
		);
	});

	test("a reference beyond the last type has a path", () => {
		const b = new BtfBuilder();
		b.add({
			kind: "struct",
			name: "s",
			size: 8,
			members: [
				{ name: "a", type: 0, bitOffset: 0, bitSize: 0 },
				{ name: "b", type: 99, bitOffset: 0, bitSize: 0 },
			],
		});
		assert.throws(() => b.finish().type(1), {
			name: "FormatError",
			message: /type id 99, the highest is 1 \(\.BTF, offset \d+, Type\[1\]\/members\[1\]\)/,
		});
		assert.throws(() => b.finish().type(5), { name: "RangeError", message: /ids go from 1 to 1/ });
	});

	test("cycles end", () => {
		const b = new BtfBuilder();
		b.add({ kind: "typedef", name: "t", type: 2 });
		b.add({ kind: "const", type: 1 });
		b.add({ kind: "array", type: 3, index: 3, length: 2 });
		b.add({ kind: "struct", name: "s", size: 8, members: [{ name: "", type: 4, bitOffset: 0, bitSize: 0 }] });
		const btf = b.finish();
		assert.throws(() => btf.resolve(1), FormatError);
		assert.throws(() => btf.sizeOf(3), FormatError);
		assert.throws(() => alignOf(btf, 4), FormatError);
		assert.throws(() => findMember(btf, 4, "x"), FormatError);
		assert.throws(() => flattenMembers(btf, 4), FormatError);
	});

	test("types that fan out end too", () => {
		const b = new BtfBuilder();
		let layer = b.add({
			kind: "int",
			name: "u8",
			size: 1,
			bits: 8,
			offset: 0,
			signed: false,
			char: false,
			bool: false,
		});
		// Two ways from every level to the next: 2^60 paths.
		for (let i = 0; i < 60; i++) {
			const member = { name: "", type: layer, bitOffset: 0, bitSize: 0 };
			const left = b.add({ kind: "struct", name: "", size: 1, members: [member] });
			const right = b.add({ kind: "struct", name: "", size: 1, members: [member] });
			layer = b.add({
				kind: "union",
				name: "",
				size: 1,
				members: [left, right].map((type) => ({ name: "", type, bitOffset: 0, bitSize: 0 })),
			});
		}
		const shallow = layer - 3 * 30;
		const btf = b.finish();
		assert.equal(alignOf(btf, shallow), 1);
		assert.throws(() => findMember(btf, shallow, "x"), FormatError);
		assert.throws(() => flattenMembers(btf, shallow), FormatError);
	});

	test("mutations and truncations of real BTF: a FormatError or a value, never anything else", () => {
		const originals = ["types.btf", "types-be.btf"].map(file);
		const exts = ["types.ext", "types-be.ext"].map(file);
		const btfs = originals.map((o) => Btf.decode(o));
		const mutation = record({
			which: fc.nat(1),
			cut: fc.option(fc.nat(4000)),
			changes: fc.array(fc.tuple(fc.nat(4000), fc.nat(255)), { maxLength: 6 }),
		});
		const apply = (from: Uint8Array, m: { cut: number | null; changes: [number, number][] }): Uint8Array => {
			const bytes = from.slice(0, m.cut === null ? from.length : Math.min(m.cut, from.length));
			for (const [at, value] of m.changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
			return bytes;
		};
		const tolerant = (f: () => void) => {
			try {
				f();
			} catch (error) {
				if (!(error instanceof FormatError)) throw error;
			}
		};
		fc.assert(
			fc.property(mutation, (m) => {
				tolerant(() => decodeExt(apply(exts[m.which]!, m), (o) => btfs[m.which]!.string(o)));
				let btf: Btf | undefined;
				tolerant(() => {
					btf = Btf.decode(apply(originals[m.which]!, m));
				});
				if (!btf) return;
				const b = btf;
				for (let id = 1; id <= b.count; id++) {
					tolerant(() => b.type(id));
					tolerant(() => b.sizeOf(id));
					tolerant(() => alignOf(b, id));
					tolerant(() => flattenMembers(b, id));
				}
				tolerant(() => b.find("all"));
			}),
			{ seed: 4, numRuns: 2000 },
		);
	});
});
