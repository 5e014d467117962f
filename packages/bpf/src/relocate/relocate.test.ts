import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BpfError, LinkError } from "#base";
import { Btf, BtfBuilder } from "#btf";
import { readObject } from "#object";
import type { CollectionSpec, CoreRelocation, FunctionSpec, ProgramSpec } from "#spec";
import { INVALID_CORE_CALL, relocate } from "./index.ts";

const data = new URL("../../testdata/relocate/", import.meta.url);
const bytes = (url: URL | string) => new Uint8Array(readFileSync(url));

const slotsOf = (insns: Uint8Array) => {
	const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
	return Array.from({ length: insns.length / 8 }, (_, i) => ({
		code: insns[i * 8]!,
		registers: insns[i * 8 + 1]!,
		off: view.getInt16(i * 8 + 2, true),
		imm: view.getInt32(i * 8 + 4, true),
	}));
};

const insn = (code: number, registers = 0, off = 0, imm = 0): number[] => {
	const b = new Uint8Array(8);
	const v = new DataView(b.buffer);
	b[0] = code;
	b[1] = registers;
	v.setInt16(2, off, true);
	v.setInt32(4, imm, true);
	return [...b];
};
const EXIT = insn(0x95);

const func = (name: string, insns: number[][], more: Partial<FunctionSpec> = {}): FunctionSpec => ({
	name,
	insns: new Uint8Array(insns.flat()),
	references: [],
	core: [],
	lines: [],
	btfFunc: 0,
	...more,
});

const collection = (program: FunctionSpec, functions: FunctionSpec[] = [], btf?: Btf): CollectionSpec => ({
	name: "test",
	byteOrder: "little",
	license: "GPL",
	kernelVersion: 0,
	maps: new Map(),
	programs: new Map([
		[
			program.name,
			{ ...program, section: "raw_tp/x", type: "raw_tracepoint", flags: 0, autoload: true } as ProgramSpec,
		],
	]),
	functions: new Map(functions.map((f) => [f.name, f])),
	variables: new Map(),
	btf,
	manifest: undefined,
});

describe("subprograms", () => {
	test("stand behind the program once each, calls and callbacks point at them", () => {
		const call = (to: string, slot: number) => ({ slot, kind: "function" as const, function: to });
		const main = func(
			"main",
			[insn(0x85, 0x10, 0, -1), insn(0x18, 0x02, 0, 0), insn(0), insn(0x85, 0x10, 0, -1), EXIT],
			{
				references: [call("a", 0), call("b", 1), call("a", 3)],
				lines: [{ slot: 0, file: "m.c", text: "main", line: 1, column: 1 }],
				btfFunc: 7,
			},
		);
		const a = func("a", [insn(0x85, 0x10, 0, -1), EXIT], {
			references: [call("b", 0), { slot: 1, kind: "map", map: "m" }],
			lines: [{ slot: 1, file: "m.c", text: "a", line: 9, column: 2 }],
		});
		const b = func("b", [insn(0xb7, 0, 0, 5), EXIT]);
		const spec = collection(main, [a, b, func("unused", [EXIT])]);
		const before = main.insns.slice();
		const p = relocate(spec, { kernel: undefined }).programs.get("main")!;
		assert.deepEqual(
			p.functions.map((f) => [f.name, f.slot, f.btfFunc]),
			[
				["main", 0, 7],
				["a", 5, 0],
				["b", 7, 0],
			],
		);
		const s = slotsOf(p.insns);
		assert.equal(s.length, 9);
		assert.deepEqual([s[0]!.imm, s[1]!.imm, s[2]!.imm, s[3]!.imm, s[5]!.imm], [4, 5, 0, 1, 1]);
		assert.equal(s[1]!.registers, 0x42, "BPF_PSEUDO_FUNC, register kept");
		assert.deepEqual(p.references, [{ slot: 6, kind: "map", map: "m" }]);
		assert.deepEqual(
			p.lines.map((l) => [l.slot, l.line]),
			[
				[0, 1],
				[6, 9],
			],
		);
		assert.deepEqual(main.insns, before, "the spec is not changed");
	});

	test("recursion ends, a function that is not there is refused by name", () => {
		const self = func("self", [insn(0x85, 0x10, 0, -1), EXIT], {
			references: [{ slot: 0, kind: "function", function: "self" }],
		});
		assert.equal(slotsOf(relocate(collection(self), { kernel: undefined }).programs.get("self")!.insns)[0]!.imm, -1);
		const lost = func("lost", [insn(0x85, 0x10, 0, -1), EXIT], {
			references: [{ slot: 0, kind: "function", function: "gone" }],
		});
		assert.throws(() => relocate(collection(lost), { kernel: undefined }), {
			name: "LinkError",
			message: /lost calls gone/,
		});
	});
});

/** An object with one struct, a kernel with another, and one relocation between them. */
function resolveOne(
	kind: CoreRelocation["kind"],
	access: string,
	make: (local: BtfBuilder, kernel: BtfBuilder) => number,
	code: number[][],
): {
	readonly s: ReturnType<typeof slotsOf>;
	readonly missing: readonly { readonly slot: number; readonly message: string }[];
} {
	const local = new BtfBuilder();
	const kernel = new BtfBuilder();
	const type = make(local, kernel);
	const main = func("main", [...code, EXIT], { core: [{ slot: 0, type, access, kind }] });
	const p = relocate(collection(main, [], local.finish()), { kernel: kernel.finish() }).programs.get("main")!;
	return { s: slotsOf(p.insns), missing: p.missing };
}

const int = (b: BtfBuilder, size: number, signed = false): number =>
	b.add({
		kind: "int",
		name: `${signed ? "s" : "u"}${size * 8}`,
		size,
		bits: size * 8,
		offset: 0,
		signed,
		char: false,
		bool: false,
	});
const struct = (
	b: BtfBuilder,
	name: string,
	size: number,
	members: readonly (readonly [string, number, number, number?])[],
): number =>
	b.add({
		kind: "struct",
		name,
		size,
		members: members.map(([n, type, bitOffset, bitSize = 0]) => ({ name: n, type, bitOffset, bitSize })),
	});

describe("CO-RE", () => {
	test("a load follows the field, and its width the unsigned field's", () => {
		const at = (fromSize: number, toSize: number, signed: boolean) =>
			resolveOne(
				"field_byte_offset",
				"0:0",
				(l, k) => {
					struct(k, "s", 32, [
						["x", int(k, 8), 0],
						["f", int(k, toSize, signed), 64],
					]);
					return struct(l, "s___mine", 8, [["f", int(l, fromSize, signed), 0]]);
				},
				[insn({ 1: 0x71, 2: 0x69, 4: 0x61, 8: 0x79 }[fromSize]!, 0x12, 0, 0)],
			);
		assert.deepEqual(at(4, 4, false).s[0], { code: 0x61, registers: 0x12, off: 8, imm: 0 });
		assert.equal(at(4, 8, false).s[0]!.code, 0x79);
		assert.equal(at(8, 2, false).s[0]!.code, 0x69);
		assert.equal(at(4, 1, false).s[0]!.code, 0x71);
		const signed = at(4, 8, true);
		assert.deepEqual([signed.s[0]!.code, signed.s[0]!.imm], [0x85, INVALID_CORE_CALL]);
		assert.match(
			signed.missing[0]!.message,
			/field f of struct s has 8 bytes on this kernel, the program was compiled for 4/,
		);
	});

	test("anonymous members are seen through on both sides, arrays counted", () => {
		const r = resolveOne(
			"field_byte_offset",
			"0:0:1:2",
			(l, k) => {
				const inner = k.add({
					kind: "struct",
					name: "",
					size: 16,
					members: [
						{ name: "pad", type: int(k, 8), bitOffset: 0, bitSize: 0 },
						{
							name: "list",
							type: k.add({ kind: "array", type: int(k, 2), index: 1, length: 4 }),
							bitOffset: 64,
							bitSize: 0,
						},
					],
				});
				struct(k, "s", 32, [["", inner, 64]]);
				const u16 = int(l, 2);
				const list = l.add({ kind: "array", type: u16, index: u16, length: 3 });
				const anonymous = l.add({
					kind: "union",
					name: "",
					size: 6,
					members: [
						{ name: "other", type: u16, bitOffset: 0, bitSize: 0 },
						{ name: "list", type: list, bitOffset: 0, bitSize: 0 },
					],
				});
				return struct(l, "s", 6, [["", anonymous, 0]]);
			},
			[insn(0xb7, 1, 0, 4)],
		);
		assert.equal(r.s[0]!.imm, 8 + 8 + 4);
	});

	test("64-bit constants take both slots; a missing enumerator poisons both", () => {
		const one = (values: { name: string; value: bigint }[]) =>
			resolveOne(
				"enumval_value",
				"0",
				(l, k) => {
					k.add({ kind: "enum64", name: "e", size: 8, signed: false, values });
					return l.add({ kind: "enum", name: "e", size: 4, signed: false, values: [{ name: "A", value: 3 }] });
				},
				[insn(0x18, 1, 0, 3), insn(0)],
			);
		const there = one([{ name: "A", value: 0x1122334455667788n }]);
		assert.deepEqual([there.s[0]!.imm, there.s[1]!.imm], [0x55667788, 0x11223344]);
		const gone = one([{ name: "B", value: 1n }]);
		assert.deepEqual([gone.s[0]!.imm, gone.s[1]!.imm], [INVALID_CORE_CALL, INVALID_CORE_CALL]);
		assert.equal(gone.missing[0]!.message, "enumerator A of enum e does not exist on this kernel");
	});

	test("two candidates that agree are one, two that differ are refused", () => {
		const two = (second: number) => () =>
			resolveOne(
				"field_byte_offset",
				"0:0",
				(l, k) => {
					const u = int(k, 4);
					struct(k, "s", 32, [["f", u, 64]]);
					struct(k, "s", 32, [["f", u, second]]);
					struct(k, "s", 4, [["g", u, 0]]);
					return struct(l, "s", 4, [["f", int(l, 4), 0]]);
				},
				[insn(0xb7, 1, 0, 0)],
			);
		assert.equal(two(64)().s[0]!.imm, 8);
		assert.throws(two(96), { name: "LinkError", message: /field f of struct s is ambiguous/ });
	});

	test("offsets beyond 32767 and instructions that hold another number are refused", () => {
		const make = (bits: number) => (l: BtfBuilder, k: BtfBuilder) => {
			struct(k, "s", 0x10000, [["f", int(k, 4), bits]]);
			return struct(l, "s", 4, [["f", int(l, 4), 0]]);
		};
		const load = [insn(0x61, 0x12, 0, 0)];
		assert.equal(resolveOne("field_byte_offset", "0:0", make(0x7ffc * 8), load).s[0]!.off, 0x7ffc);
		assert.throws(() => resolveOne("field_byte_offset", "0:0", make(0x8000 * 8), load), {
			name: "LinkError",
			message: /32768 does not fit/,
		});
		assert.throws(() => resolveOne("field_byte_offset", "0:0", make(0), [insn(0x61, 0x12, 4, 0)]), {
			message: /holds 4, by the object's BTF it should be 0/,
		});
		assert.throws(() => resolveOne("field_byte_offset", "0:7", make(0), load), {
			name: "LinkError",
			message: /has 1 members, not 8/,
		});
		assert.throws(() => resolveOne("field_byte_offset", "0:0:1", make(0), load), { message: /goes into a int/ });
		assert.throws(() => resolveOne("field_byte_offset", "x", make(0), load), {
			message: /expected numbers with colons/,
		});
		assert.throws(() => resolveOne("field_byte_offset", "0:0", make(0), [insn(0x0f, 0x12)]), {
			message: /has no room for a number/,
		});
	});

	test("big-endian kernels count bits from the other end", () => {
		const l = new BtfBuilder();
		const u = int(l, 4);
		const s = struct(l, "s", 4, [["f", u, 3, 5]]);
		const btf = l.finish();
		// Same bytes, other order: what a big-endian clang would have written.
		const swapped = Btf.decode(swap(btf.bytes));
		assert.equal(swapped.byteOrder, "big");
		const main = func("main", [insn(0xb7, 1, 0, 0), EXIT], {
			core: [{ slot: 0, type: s, access: "0:0", kind: "field_lshift_u64" }],
		});
		const p = relocate(collection(main, [], swapped), { kernel: swapped }).programs.get("main")!;
		assert.equal(slotsOf(p.insns)[0]!.imm, 32 + 3);
	});

	test("types that hold themselves end, in bounded time", () => {
		const tangled = (b: BtfBuilder, kind: "struct" | "proto"): number => {
			const first = b.add({ kind: "struct", name: "knot", size: 16, members: [] });
			void first;
			if (kind === "proto") {
				// typedef int knot_t(knot_t, knot_t), by ids ahead.
				const proto = 3;
				b.add({ kind: "typedef", name: "knot_t", type: proto });
				b.add({ kind: "func_proto", ret: 2, params: [0, 1, 2].map((i) => ({ name: `p${i}`, type: 2 })) });
				return 2;
			}
			b.add({
				kind: "struct",
				name: "tangle",
				size: 16,
				members: [
					{ name: "", type: 2, bitOffset: 0, bitSize: 0 },
					{ name: "", type: 2, bitOffset: 0, bitSize: 0 },
					{ name: "far", type: 2, bitOffset: 0, bitSize: 0 },
					{ name: "away", type: 2, bitOffset: 0, bitSize: 0 },
				],
			});
			return 2;
		};
		const cases = [
			["struct", "type_matches", "0"],
			["struct", "field_exists", "0:2:3:2"],
			["struct", "field_byte_offset", "0:0:0:1:0:1"],
			["proto", "type_exists", "0"],
			["proto", "type_matches", "0"],
		] as const;
		for (const [shape, kind, access] of cases) {
			try {
				resolveOne(
					kind,
					access,
					(l, k) => {
						tangled(k, shape);
						return tangled(l, shape);
					},
					[insn(0xb7)],
				);
			} catch (error) {
				assert.ok(error instanceof LinkError, String(error));
			}
		}
	});

	test("a small object cannot ask for more instructions than a kernel takes", () => {
		const big = func("big", [EXIT]);
		const functions = [{ ...big, insns: new Uint8Array(8 * 600_000).fill(0x95) }, func("other", [EXIT])];
		const main = func("main", [insn(0x85, 0x10, 0, -1), insn(0x85, 0x10, 0, -1), EXIT], {
			references: [
				{ slot: 0, kind: "function", function: "big" },
				{ slot: 1, kind: "function", function: "more" },
			],
		});
		const spec = collection(main, [...functions, { ...functions[0]!, name: "more" }]);
		assert.throws(() => relocate(spec, { kernel: undefined }), /main has, with its functions, more than 1000000/);
	});

	test("without a kernel's BTF: local type ids only", () => {
		const l = new BtfBuilder();
		const id = struct(l, "s", 4, [["f", int(l, 4), 0]]);
		const core = (kind: CoreRelocation["kind"]) => () =>
			relocate(
				collection(
					func("main", [insn(0x18, 1), insn(0), EXIT], { core: [{ slot: 0, type: id, access: "0", kind }] }),
					[],
					l.finish(),
				),
				{ kernel: undefined },
			);
		assert.equal(slotsOf(core("type_id_local")().programs.get("main")!.insns)[0]!.imm, id);
		assert.throws(core("type_size"), LinkError);
	});
});

/** Swaps every word of a BTF that has only ints and structs. */
function swap(input: Uint8Array): Uint8Array {
	const out = input.slice();
	const from = new DataView(input.buffer, input.byteOffset, input.byteLength);
	const to = new DataView(out.buffer);
	to.setUint16(0, from.getUint16(0, true), false);
	for (let at = 4; at < 24 + from.getUint32(12, true); at += 4) to.setUint32(at, from.getUint32(at, true), false);
	return out;
}

describe("against libbpf", () => {
	const missing = (): string | undefined => {
		if (process.getuid?.() !== 0) return "needs root to mount a private bpffs";
		if (!existsSync("/sys/kernel/btf/vmlinux")) return "needs /sys/kernel/btf/vmlinux";
		return ["bpftool", "unshare"].find((c) => spawnSync(c, ["--version"]).error !== undefined);
	};

	test("every relocation of core.o comes to what libbpf makes of it", (t) => {
		const why = missing();
		if (why) return t.skip(why);
		const object = new URL("core.o", data);
		const folder = mkdtempSync(join(tmpdir(), "skep-relocate-"));
		let log: string;
		try {
			// Loading may fail (one program is poisoned on purpose): the relocations are said before.
			log = execFileSync(
				"unshare",
				[
					"-m",
					"sh",
					"-c",
					'mount -t bpf b "$0" && bpftool -d prog loadall "$1" "$0/x" 2>&1; true',
					folder,
					object.pathname,
				],
				{
					encoding: "utf8",
					maxBuffer: 1 << 26,
					stdio: ["ignore", "pipe", "ignore"],
				},
			);
		} finally {
			rmSync(folder, { recursive: true, force: true });
		}
		if (!/relo #\d+: patched/.test(log)) return t.skip("bpftool relocates nothing here");
		const spec = readObject(bytes(object));
		const relocated = relocate(spec, { kernel: Btf.decode(bytes("/sys/kernel/btf/vmlinux")) });
		const byFunction = new Map<string, ReturnType<typeof slotsOf>>();
		for (const p of relocated.programs.values())
			for (const f of p.functions) byFunction.set(f.name, slotsOf(p.insns).slice(f.slot));
		let compared = 0;
		for (const m of log.matchAll(
			/prog '(\w+)': relo #\d+: (?:patched insn #(\d+) \(([A-Z0-9/_]+)\) (imm64|imm|off) -?\d+ -> (-?\d+)|substituting insn #(\d+) w\/ invalid insn|patched insn #(\d+) \([A-Z/]+\) mem_sz \d+ -> (\d+))/g,
		)) {
			const s = byFunction.get(m[1]!);
			assert.ok(s, `function ${m[1]}`);
			const where = m[0];
			if (m[2] !== undefined) {
				const i = s[Number(m[2])]!;
				const value = BigInt(m[5]!);
				if (m[4] === "off") assert.equal(BigInt(i.off), value, where);
				else if (m[4] === "imm") assert.equal(BigInt(i.imm), BigInt.asIntN(32, value), where);
				else
					assert.equal(
						(BigInt(s[Number(m[2]) + 1]!.imm >>> 0) << 32n) | BigInt(i.imm >>> 0),
						BigInt.asUintN(64, value),
						where,
					);
			} else if (m[6] !== undefined)
				assert.deepEqual([s[Number(m[6])]!.code, s[Number(m[6])]!.imm], [0x85, INVALID_CORE_CALL], where);
			else assert.equal({ 16: 1, 8: 2, 0: 4, 24: 8 }[s[Number(m[7])]!.code & 0x18], Number(m[8]), where);
			compared++;
		}
		const expected = [...spec.programs.values(), ...spec.functions.values()].reduce((n, f) => n + f.core.length, 0);
		assert.ok(compared >= expected, `${compared} of ${expected} were compared`);
	});

	test("mutated objects are relocated or refused by name", () => {
		const original = bytes(new URL("core.o", data));
		const target = { kernel: readObject(original).btf };
		fc.assert(
			fc.property(
				fc.array(fc.tuple(fc.nat(original.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
				(changes) => {
					const mutated = original.slice();
					for (const [at, v] of changes) mutated[at] = v;
					try {
						relocate(readObject(mutated), target);
					} catch (error) {
						if (!(error instanceof BpfError)) throw error;
					}
				},
			),
			{ seed: 8, numRuns: 500 },
		);
	});

	test("what is missing is named", (t) => {
		const why = missing();
		if (why) return t.skip(why);
		const r = relocate(readObject(bytes(new URL("core.o", data))), {
			kernel: Btf.decode(bytes("/sys/kernel/btf/vmlinux")),
		});
		assert.deepEqual(
			r.programs.get("poisoned")!.missing.map((m) => m.message),
			[
				"field no_such_member of struct task_struct does not exist on this kernel",
				"struct no_such_struct does not exist on this kernel",
				"enumerator PIDTYPE_NEVER of enum pid_type does not exist on this kernel",
			],
		);
		assert.deepEqual(r.programs.get("loads")!.missing, []);
	});
});
