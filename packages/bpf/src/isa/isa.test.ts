import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { FormatError } from "#base";
import { readElf, SHF } from "#elf";
import {
	decode,
	encode,
	type Field,
	fieldsOf,
	format,
	INSTRUCTIONS,
	type Instruction,
	type InstructionRow,
	insn,
	parse,
	rowOf,
	slotsOf,
} from "#isa";

const register = fc.integer({ min: 0, max: 10 });
const int16 = fc.integer({ min: -0x8000, max: 0x7fff });
const int32 = fc.integer({ min: -0x80000000, max: 0x7fffffff });
const RANGE: Readonly<Record<Field, fc.Arbitrary<number>>> = {
	dst: register,
	src: register,
	offset: int16,
	imm: int32,
	immHigh: int32,
};

/** Any instruction of a row: free fields at random, the others as the row has them. */
function instructionOf(row: InstructionRow): fc.Arbitrary<Instruction> {
	const free = fieldsOf(row);
	const field = (name: "dst" | "src" | "offset" | "imm"): fc.Arbitrary<number> =>
		free.has(name) ? RANGE[name] : fc.constant(name === "dst" ? 0 : (row.fixed[name] ?? 0));
	return fc
		.record({ dst: field("dst"), src: field("src"), offset: field("offset"), imm: field("imm"), immHigh: int32 })
		.map(({ immHigh, ...rest }) => ({ opcode: row.opcode, ...rest, ...(free.has("immHigh") ? { immHigh } : {}) }));
}
const anyInstruction = fc.constantFrom(...INSTRUCTIONS).chain(instructionOf);

test("the table: names are unique and no two rows mean the same bytes", () => {
	assert.equal(new Set(INSTRUCTIONS.map((r) => r.name)).size, INSTRUCTIONS.length);
	for (const a of INSTRUCTIONS)
		for (const b of INSTRUCTIONS) {
			if (a === b || a.opcode !== b.opcode) continue;
			const apart = (["src", "offset", "imm"] as const).some(
				(f) => !fieldsOf(a).has(f) && !fieldsOf(b).has(f) && (a.fixed[f] ?? 0) !== (b.fixed[f] ?? 0),
			);
			assert.ok(apart, `${a.name} and ${b.name}`);
		}
});

test("the table has every instruction of RFC 9669's conformance groups", () => {
	const count = (group: string): number => INSTRUCTIONS.filter((r) => r.group === group).length;
	assert.deepEqual(
		Object.fromEntries(
			["base32", "base64", "atomic32", "atomic64", "divmul32", "divmul64", "packet"].map((g) => [g, count(g)]),
		),
		{ base32: 64, base64: 60, atomic32: 10, atomic64: 10, divmul32: 10, divmul64: 10, packet: 6 },
	);
});

test("every row: one instruction there and back, through bytes and text", () => {
	for (const row of INSTRUCTIONS)
		fc.assert(
			fc.property(instructionOf(row), fc.boolean(), (i, littleEndian) => {
				assert.equal(rowOf(i), row);
				const bytes = encode([i], { littleEndian });
				assert.equal(bytes.length, 8 * slotsOf(i));
				assert.deepEqual(decode(bytes, { littleEndian }), [i]);
				assert.deepEqual(parse(format(i)), i, format(i));
			}),
			{ numRuns: 30, seed: 1 },
		);
});

test("lists of instructions, both byte orders", () => {
	fc.assert(
		fc.property(fc.array(anyInstruction, { maxLength: 20 }), fc.boolean(), (list, littleEndian) => {
			assert.deepEqual(decode(encode(list, { littleEndian }), { littleEndian }), list);
		}),
		{ numRuns: 300, seed: 2 },
	);
});

test("random bytes are instructions or a FormatError that names the slot", () => {
	const opcodes = fc.constantFrom(...INSTRUCTIONS.map((r) => r.opcode));
	const almost = fc
		.array(fc.tuple(opcodes, fc.uint8Array({ minLength: 7, maxLength: 7 })), { maxLength: 6 })
		.map((list) => Uint8Array.from(list.flatMap(([op, rest]) => [op, ...rest])));
	fc.assert(
		fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), almost), (bytes) => {
			try {
				const list = decode(bytes);
				assert.deepEqual(encode(list), new Uint8Array(bytes));
			} catch (e) {
				assert.ok(e instanceof FormatError, String(e));
				assert.match(e.place.path, /^Insn\[\d+\]/);
			}
		}),
		{ numRuns: 2000, seed: 3 },
	);
});

test("random text is an instruction or a FormatError", () => {
	fc.assert(
		fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[rw*=+\-<>(){}0-9a-f su&|^]{0,30}$/)), (text) => {
			try {
				parse(text);
			} catch (e) {
				assert.ok(e instanceof FormatError, String(e));
			}
		}),
		{ numRuns: 1000, seed: 4 },
	);
});

const refused: readonly (readonly [bytes: number[], path: RegExp, message: RegExp])[] = [
	[[0xff, 0, 0, 0, 0, 0, 0, 0], /Insn\[0\]\/opcode/, /unknown opcode 0xff/],
	[[0x95, 0, 0, 0, 1, 0, 0, 0], /Insn\[0\]\/imm/, /imm of 0x95 is 1, expected 0/],
	[[0x95, 0, 0, 0, 0, 0, 0, 0, 0x07, 0x1b, 0, 0, 0, 0, 0, 0], /Insn\[1\]/, /dst 11|src/],
	[[0x61, 0xb1, 0, 0, 0, 0, 0, 0], /Insn\[0\]\/src/, /11, expected a register/],
	[[0x18, 1, 0, 0, 0, 0, 0, 0], /Insn\[0\]$/, /second slot of a wide instruction is missing/],
	[[0x18, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], /Insn\[1\]$/, /expected 0/],
	[[0x95, 0, 0], /Insn\[0\]$/, /no multiple of 8/],
	[[0xd4, 1, 0, 0, 17, 0, 0, 0], /Insn\[0\]\/imm/, /expected one of le16, le32, le64/],
	[[0xdb, 0x21, 0, 0, 0x20, 0, 0, 0], /Insn\[0\]\/imm/, /atomic_add_dw/],
];
test("what is refused, and how", () => {
	for (const [bytes, path, message] of refused)
		assert.throws(
			() => decode(Uint8Array.from(bytes)),
			(e) => e instanceof FormatError && path.test(e.place.path) && message.test(e.message),
			String(bytes),
		);
});

const texts: readonly (readonly [Instruction, string])[] = [
	[insn.mov(64, 1, { reg: 2 }), "r1 = r2"],
	[insn.alu("add", 32, 3, { imm: 5 }), "w3 += 5"],
	[insn.load(4, 0, 1, 8), "r0 = *(u32 *)(r1 + 8)"],
	[insn.load(2, 0, 10, -8, { signed: true }), "r0 = *(s16 *)(r10 - 8)"],
	[insn.store(8, 10, -16, { reg: 3 }), "*(u64 *)(r10 - 16) = r3"],
	[insn.store(1, 1, 0, { imm: -1 }), "*(u8 *)(r1 + 0) = -1"],
	[insn.jump("gt", 64, 1, { imm: 5 }, 3), "if r1 > 5 goto +3"],
	[insn.jump("sle", 32, 1, { reg: 2 }, -3), "if w1 s<= w2 goto -3"],
	[insn.jump("set", 64, 1, { imm: 8 }, 0), "if r1 & 8 goto +0"],
	[insn.ja(-2), "goto -2"],
	[insn.jaLong(70000), "gotol +70000"],
	[insn.mayGoto(4), "may_goto +4"],
	[insn.atomic("add", 8, 1, 0, 2), "lock *(u64 *)(r1 + 0) += r2"],
	[insn.atomic("or", 4, 1, 4, 2, { fetch: true }), "w2 = atomic_fetch_or((u32 *)(r1 + 4), w2)"],
	[insn.atomic("xchg", 8, 1, 0, 2), "r2 = xchg_64(r1 + 0, r2)"],
	[insn.atomic("cmpxchg", 4, 1, 0, 2), "w0 = cmpxchg32_32(r1 + 0, w0, w2)"],
	[insn.loadAcquire(4, 1, 2, 8), "w1 = load_acquire((u32 *)(r2 + 8))"],
	[insn.storeRelease(8, 1, 8, 2), "store_release((u64 *)(r1 + 8), r2)"],
	[insn.alu("sdiv", 64, 1, { reg: 2 }), "r1 s/= r2"],
	[insn.alu("smod", 32, 1, { imm: 3 }), "w1 s%= 3"],
	[insn.alu("arsh", 64, 1, { imm: 3 }), "r1 s>>= 3"],
	[insn.movsx(64, 32, 1, 2), "r1 = (s32)r2"],
	[insn.neg(32, 4), "w4 = -w4"],
	[insn.endian("be", 16, 1), "r1 = be16 r1"],
	[insn.endian("bswap", 64, 1), "r1 = bswap64 r1"],
	[insn.addrSpaceCast(1, 2, 0, 1), "r1 = addr_space_cast(r2, 0, 1)"],
	[insn.loadImm64(1, -1), "r1 = 0xffffffffffffffff ll"],
	[insn.loadPseudo(1, 1, 5), "r1 = map_by_fd(5) ll"],
	[insn.loadPseudo(1, 2, 5, 8), "r1 = map_val(map_by_fd(5)) + 8 ll"],
	[insn.call(6), "call 6"],
	[insn.callFunction(-3), "call pc-3"],
	[insn.callKfunc(77), "call kfunc(77)"],
	[insn.callRegister(3), "callx r3"],
	[insn.exit(), "exit"],
];
test("builders and the text of what they build", () => {
	for (const [i, text] of texts) {
		assert.equal(format(i), text);
		assert.deepEqual(parse(text), i);
	}
});

test("numbers in text: hex, spaces, what does not fit", () => {
	assert.deepEqual(parse("  r1  +=  0x10 "), insn.alu("add", 64, 1, { imm: 16 }));
	assert.deepEqual(parse("w1 = 0xffffffff"), insn.mov(32, 1, { imm: -1 }));
	assert.throws(() => parse("r1 = 0x100000000"), /does not fit in 32 bits/);
	assert.throws(() => parse("goto +40000"), /does not fit in 16 bits/);
	assert.throws(() => parse("r11 = 5"), /no instruction/);
});

/** llvm-objdump names the registers of narrow loads by their half, and calls of subprograms by the number alone. */
const likeLlvm = (text: string): string =>
	text
		.replace(/ <[^<>]*>$/, "")
		.replace(/^w(\d+) = \*\(u(8|16|32) \*\)/, "r$1 = *(u$2 *)")
		.replace(/^(\*\(u(?:8|16|32) \*\)\(.*\) = )w/, "$1r");

for (const name of ["instructions", "kitchen"])
	test(`llvm-objdump says the same of ${name}.bpf.o`, (t) => {
		const path = new URL(`../../testdata/${name}.bpf.o`, import.meta.url).pathname;
		const run = spawnSync(
			"llvm-objdump-19",
			["-d", "--mattr=+alu32", "--no-show-raw-insn", "--no-print-imm-hex", path],
			{
				encoding: "utf8",
			},
		);
		if (run.error) return t.skip(`needs llvm-objdump-19: ${run.error.message}`);
		const theirs = [...run.stdout.matchAll(/^\s*\d+:\s+(.+?)\s*$/gm)].map((m) => likeLlvm(m[1]!));
		const ours = readElf(readFileSync(path))
			.sections.filter((s) => s.flags & SHF.exec)
			.flatMap((s) => decode(s.data, { section: s.name }))
			.map((i) => {
				if (i.opcode === 0x18)
					return `r${i.dst} = ${BigInt.asIntN(64, (BigInt(i.immHigh!) << 32n) | BigInt(i.imm >>> 0))} ll`;
				return i.opcode === 0x85 ? `call ${i.imm}` : likeLlvm(format(i));
			});
		assert.ok(ours.length > 60);
		assert.deepEqual(ours, theirs);
	});
