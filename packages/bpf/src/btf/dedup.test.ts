import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { Btf, BtfBuilder, type BtfType, dedup, renumber } from "./index.ts";

const int = (name: string, size = 4): BtfType => ({
	kind: "int",
	name,
	size,
	bits: size * 8,
	offset: 0,
	signed: true,
	char: false,
	bool: false,
});
const struct = (name: string, types: readonly number[], size = 8): BtfType => ({
	kind: "struct",
	name,
	size,
	members: types.map((type, i) => ({ name: `m${i}`, type, bitOffset: i * 64, bitSize: 0 })),
});
const ptr = (type: number): BtfType => ({ kind: "ptr", type });
const of = (types: readonly BtfType[], base?: Btf): Btf => {
	const b = new BtfBuilder(base ? { base } : {});
	for (const t of types) b.add(t);
	return b.finish();
};
const types = (btf: Btf): BtfType[] =>
	Array.from({ length: btf.count - btf.firstId + 1 }, (_, i) => btf.type(btf.firstId + i));
const run = (btf: Btf) => {
	const { builder, ids } = dedup(btf);
	return { btf: builder.finish(), ids };
};
/** The types of several BTFs behind each other, as a linker joins files. */
function join2(...parts: readonly Btf[]): Btf {
	const b = new BtfBuilder();
	for (const part of parts) {
		const before = b.count;
		for (const t of types(part)) b.add(renumber(t, (id) => (id === 0 ? 0 : id + before)));
	}
	return b.finish();
}

/**
 * Whether two types look the same from everywhere that can be reached: the plain definition, by pairs that are taken for
 * equal until something tells them apart. Forward declarations are equal to what they stand for.
 */
function bisimilar(a: Btf, x: number, b: Btf, y: number): boolean {
	const open: [number, number][] = [[x, y]];
	const seen = new Set<string>();
	while (open.length > 0) {
		const [i, j] = open.pop()!;
		if (seen.has(`${i} ${j}`)) continue;
		seen.add(`${i} ${j}`);
		const s = a.type(i);
		const t = b.type(j);
		if (s.kind === "fwd" && (t.kind === "struct" || t.kind === "union") && s.name === t.name) continue;
		if (s.kind === "enum" && s.values.length === 0 && "name" in t && t.name === s.name) continue;
		const left: number[] = [];
		const right: number[] = [];
		const plain = (type: BtfType, ids: number[]) =>
			JSON.stringify(
				renumber(type, (id) => {
					ids.push(id);
					return 0;
				}),
				(_, value) => (typeof value === "bigint" ? `${value}n` : value),
			);
		if (plain(s, left) !== plain(t, right)) return false;
		left.forEach((id, n) => {
			open.push([id, right[n]!]);
		});
	}
	return true;
}

/** Every type has one that means the same in the result, at the id that is said. */
function assertSame(before: Btf, after: Btf, ids: Uint32Array): void {
	for (let id = 0; id <= before.count; id++)
		assert.ok(bisimilar(before, id, after, ids[id]!), `type ${id}: ${before.kind(id)} ${before.name(id)}`);
}

test("equal types become one, through pointers and cycles", () => {
	// list { list *next; int *value } twice, the second time with its types in another order.
	const one = [int("int"), struct("list", [3, 4], 16), ptr(2), ptr(1)];
	const two = [ptr(2), struct("list", [1, 4], 16), int("int"), ptr(3)];
	const both = join2(of(one), of(two));
	const { btf, ids } = run(both);
	assert.equal(btf.count, 4);
	assert.deepEqual([...ids], [0, 1, 2, 3, 4, 3, 2, 1, 4]);
	assert.deepEqual(types(btf), one);
});

test("types that differ only deep below stay two, and so does everything above them", () => {
	const side = (name: string) => of([int(name), struct("leaf", [1]), ptr(2), struct("top", [3])]);
	assert.equal(run(join2(side("int"), side("long"))).btf.count, 8);
	assert.equal(run(join2(side("int"), side("int"))).btf.count, 4);
});

test("two cycles that look alike from everywhere are one", () => {
	// a → b → a and a → b → a → b → a: unrolled once, it is the same.
	const { btf } = run(of([struct("a", [2]), ptr(3), struct("a", [4]), ptr(1)]));
	assert.equal(btf.count, 2);
});

test("a forward declaration becomes the one type of its name", () => {
	const user = of([{ kind: "fwd", name: "s", union: false }, ptr(1), struct("user", [2])]);
	const full = of([int("int"), struct("s", [1]), ptr(2), struct("user", [3])]);
	for (const joined of [join2(user, full), join2(full, user)]) {
		const { btf } = run(joined);
		assert.deepEqual(
			types(btf)
				.map((t) => t.kind)
				.sort(),
			["int", "ptr", "struct", "struct"],
		);
	}
	const union = of([{ kind: "fwd", name: "s", union: true }]);
	assert.equal(run(join2(union, full)).btf.count, 5, "a union is no struct");
});

test("a forward declaration stays where two types could be meant", () => {
	const fwd = of([{ kind: "fwd", name: "s", union: false }, ptr(1)]);
	const a = of([int("int"), struct("s", [1])]);
	const b = of([int("long"), struct("s", [1])]);
	const { btf } = run(join2(fwd, a, b));
	assert.equal(types(btf).filter((t) => t.kind === "fwd").length, 1);
	assert.equal(btf.count, 6);
});

test("an enum without values becomes the enum of its name, also one of 64 bits", () => {
	const fwd: BtfType = { kind: "enum", name: "e", size: 4, signed: false, values: [] };
	const full: BtfType = { kind: "enum", name: "e", size: 4, signed: false, values: [{ name: "A", value: 1 }] };
	const wide: BtfType = {
		kind: "enum64",
		name: "e",
		size: 8,
		signed: false,
		values: [{ name: "A", value: 1n << 40n }],
	};
	assert.deepEqual(types(run(join2(of([fwd]), of([full]))).btf), [full]);
	assert.deepEqual(types(run(join2(of([fwd]), of([wide]))).btf), [wide]);
	assert.equal(run(of([fwd, full, wide])).btf.count, 3);
});

test("variables are one only at the same place", () => {
	const at = (offset: number) =>
		of([
			int("int"),
			{ kind: "var", name: "v", type: 1, linkage: "static" },
			{ kind: "datasec", name: ".bss", size: 8, vars: [{ type: 2, offset, size: 4 }] },
		]);
	assert.equal(run(join2(at(0), at(4))).btf.count, 5);
	assert.equal(run(join2(at(0), at(0))).btf.count, 3);
});

test("split BTF: what the base has is taken from there", () => {
	const base = of([int("int"), struct("s", [1]), ptr(2)]);
	const split = of(
		[int("int"), struct("s", [4]), ptr(5), struct("mine", [6]), { kind: "fwd", name: "s", union: false }],
		base,
	);
	const { btf, ids } = run(split);
	assert.equal(btf.base, base);
	assert.deepEqual(types(btf), [struct("mine", [3])]);
	assert.deepEqual([...ids.subarray(4)], [1, 2, 3, 4, 2]);
});

/** Types that refer to each other at will; few names, so that many are alike. */
const anyTypes = fc.array(fc.record({ kind: fc.nat(6), name: fc.nat(2), to: fc.array(fc.nat(30), { maxLength: 3 }) }), {
	minLength: 1,
	maxLength: 30,
});
const typesOf = (list: readonly { kind: number; name: number; to: readonly number[] }[]): BtfType[] =>
	list.map(({ kind, name, to }): BtfType => {
		const ids = to.map((id) => id % (list.length + 1));
		const first = ids[0] ?? 0;
		const called = "xyz"[name]!;
		switch (kind) {
			case 0:
				return int(called);
			case 1:
				return ptr(first);
			case 2:
				return struct(called, ids, 24);
			case 3:
				return struct("", ids, 24);
			case 4:
				return { kind: "fwd", name: called, union: false };
			case 5:
				return { kind: "typedef", name: called, type: first };
			default:
				return { kind: "func_proto", ret: first, params: ids.map((type) => ({ name: "", type })) };
		}
	});

test("whatever the types: the result means the same, has no two alike, and stays as it is the second time", () => {
	fc.assert(
		fc.property(anyTypes, (list) => {
			const before = of(typesOf(list));
			const { btf, ids } = run(before);
			assertSame(before, btf, ids);
			const again = run(btf);
			assert.deepEqual(types(again.btf), types(btf));
			for (let i = 1; i <= btf.count; i++)
				for (let j = i + 1; j <= btf.count; j++) {
					const fwd = btf.kind(i) === "fwd" || btf.kind(j) === "fwd";
					if (!fwd && !reachesForward(btf, i) && !reachesForward(btf, j))
						assert.ok(!bisimilar(btf, i, btf, j), `${i} and ${j} of ${JSON.stringify(types(btf))}`);
				}
		}),
		{ seed: 4, numRuns: 300 },
	);
});

function reachesForward(btf: Btf, from: number): boolean {
	const open = [from];
	const seen = new Set<number>();
	while (open.length > 0) {
		const id = open.pop()!;
		if (seen.has(id)) continue;
		seen.add(id);
		const t = btf.type(id);
		if (t.kind === "fwd") return true;
		renumber(t, (to) => {
			open.push(to);
			return to;
		});
	}
	return false;
}

test("twice the same types are the types once, however they are mixed", () => {
	fc.assert(
		fc.property(anyTypes, fc.nat(), (list, seed) => {
			const one = of(typesOf(list));
			const { btf } = run(one);
			// The second copy with its ids rotated.
			const n = one.count;
			const turn = (id: number) => (id === 0 ? 0 : ((id - 1 + seed) % n) + 1);
			const turned = new BtfBuilder();
			for (let i = 0; i < n; i++) turned.reserve();
			for (let id = 1; id <= n; id++) turned.set(turn(id), renumber(one.type(id), turn));
			assert.equal(run(join2(one, turned.finish())).btf.count, btf.count);
		}),
		{ seed: 5, numRuns: 300 },
	);
});

test("long chains and wide fans take time in proportion", () => {
	const n = 60_000;
	const chain = run(of([int("int"), ...Array.from({ length: n }, (_, i) => ptr(i + 1))]));
	assert.equal(chain.btf.count, n + 1);
	const twice = run(join2(chain.btf, chain.btf));
	assert.equal(twice.btf.count, n + 1);
	// Pointers in a ring are all alike.
	assert.equal(run(of(Array.from({ length: n }, (_, i) => ptr(((i + 1) % n) + 1)))).btf.count, 1);
	assert.equal(run(of([int("int"), ...Array.from({ length: n }, () => ptr(1))])).btf.count, 2);
});

test("real types: all of them are there, the second time nothing changes, and bpftool reads the result", (t) => {
	const golden = new URL("../../testdata/", import.meta.url);
	const names = ["kitchen.bpf.o", "kconfig.bpf.o", "collection/exec.bpf.o", "relocate/core.o", "linker/part.bpf.o"];
	if (spawnSync("bpftool", ["version"]).error) return t.skip("needs bpftool");
	const folder = mkdtempSync(join(tmpdir(), "skep-dedup-"));
	const text = (...args: string[]) => spawnSync("bpftool", args, { encoding: "utf8" });
	try {
		const bytes = (name: string) => {
			const at = join(folder, "types");
			const made = spawnSync("llvm-objcopy-19", [
				`--dump-section=.BTF=${at}`,
				new URL(name, golden).pathname,
				"/dev/null",
			]);
			return made.status === 0 ? Btf.decode(new Uint8Array(readFileSync(at))) : undefined;
		};
		const parts = names.map(bytes);
		if (parts.some((p) => !p)) return t.skip("needs llvm-objcopy-19");
		for (const part of parts) {
			const { btf, ids } = run(part!);
			assertSame(part!, btf, ids);
		}
		const joined = join2(...(parts as Btf[]));
		const { btf, ids } = run(joined);
		assertSame(joined, btf, ids);
		assert.equal(run(btf).btf.count, btf.count);
		const file = join(folder, "all.btf");
		writeFileSync(file, btf.bytes);
		assert.equal(text("btf", "dump", "file", file, "format", "c").status, 0, "bpftool reads it");
	} finally {
		rmSync(folder, { recursive: true });
	}
	return undefined;
});
