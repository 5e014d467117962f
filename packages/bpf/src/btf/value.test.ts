import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { FormatError } from "#base";
import { Btf, BtfBuilder, type BtfMember, readValue, recordDecoder, type Value, writeValue } from "./index.ts";

const golden = Btf.decode(new Uint8Array(readFileSync(new URL("../../testdata/btf/types.btf", import.meta.url))));
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A field: how it is declared, and the values it can have. */
interface FieldModel {
	readonly type: (b: BtfBuilder) => number;
	readonly size: number;
	readonly bits: number;
	readonly value: fc.Arbitrary<Value>;
}

const int =
	(size: number, signed: boolean, name = "n", bool = false) =>
	(b: BtfBuilder) =>
		b.add({ kind: "int", name, size, bits: size * 8, offset: 0, signed, char: false, bool });
const range = (bits: number, signed: boolean): fc.Arbitrary<Value> => {
	const low = signed ? -(1n << BigInt(bits - 1)) : 0n;
	const high = signed ? (1n << BigInt(bits - 1)) - 1n : (1n << BigInt(bits)) - 1n;
	return fc.bigInt({ min: low, max: high });
};
const scalar: fc.Arbitrary<FieldModel> = fc
	.tuple(fc.constantFrom(1, 2, 4, 8, 16), fc.boolean())
	.map(([size, signed]) => ({
		type: int(size, signed),
		size,
		bits: 0,
		value: size > 4 ? range(size * 8, signed) : range(size * 8, signed).map(Number),
	}));
const bool: FieldModel = { type: int(1, false, "_Bool", true), size: 1, bits: 0, value: fc.boolean() };
const float: FieldModel = {
	type: (b) => b.add({ kind: "float", name: "double", size: 8 }),
	size: 8,
	bits: 0,
	value: fc.double({ noNaN: true }),
};
const text: fc.Arbitrary<FieldModel> = fc.integer({ min: 1, max: 80 }).map((size) => ({
	type: (b: BtfBuilder) => {
		const char = int(1, true, "char")(b);
		return b.add({ kind: "array", type: char, index: char, length: size });
	},
	size,
	bits: 0,
	value: fc
		.oneof(fc.string(), fc.string({ unit: "grapheme" }))
		.filter((s) => !s.includes("\0") && new TextEncoder().encode(s).length <= size),
}));
const bitField: fc.Arbitrary<FieldModel> = fc
	.tuple(fc.constantFrom(4, 8), fc.boolean(), fc.integer({ min: 1, max: 32 }))
	.map(([size, signed, bits]) => ({
		type: int(size, signed),
		size,
		bits,
		value: size > 4 ? range(bits, signed) : range(bits, signed).map(Number),
	}));

const field: fc.Arbitrary<FieldModel> = fc.letrec<{ field: FieldModel; array: FieldModel; struct: FieldModel }>(
	(tie) => ({
		field: fc.oneof(
			{ maxDepth: 3 },
			scalar,
			fc.constant(bool),
			fc.constant(float),
			text,
			bitField,
			tie("array"),
			tie("struct"),
		),
		array: fc
			.tuple(tie("field"), fc.integer({ min: 0, max: 12 }))
			.map(([f, n]) => ({ f, length: f.size === 0 ? 0 : n }))
			.map(({ f, length }) => ({
				type: (b: BtfBuilder) => b.add({ kind: "array", type: f.type(b), index: 0, length }),
				size: f.size * length,
				bits: 0,
				value: f.bits
					? fc.array(
							range(f.size * 8, false).map((v) =>
								f.size > 4 ? BigInt.asIntN(8, v as bigint) & 0x7fn : Number(v as bigint) & 0x7f,
							),
							{ minLength: length, maxLength: length },
						)
					: fc.array(f.value, { minLength: length, maxLength: length }),
			})),
		struct: fc.array(tie("field"), { maxLength: 5 }).map(structOf),
	}),
).field;

function structOf(fields: readonly FieldModel[]): FieldModel {
	let bit = 0;
	const at = fields.map((f) => {
		if (f.bits === 0) bit = Math.ceil(bit / 8) * 8;
		const here = bit;
		bit += f.bits || f.size * 8;
		return here;
	});
	const size = Math.ceil(bit / 8) + 8;
	const names = fields.map((_, i) => (i === 3 ? "__proto__" : i === 4 ? 'a "quoted"\n name' : `f${i}`));
	return {
		type: (b) => {
			const members: BtfMember[] = fields.map((f, i) => ({
				name: names[i]!,
				type: f.type(b),
				bitOffset: at[i]!,
				bitSize: f.bits,
			}));
			return b.add({ kind: "struct", name: "s", size, members });
		},
		size,
		bits: 0,
		value: fc.tuple(...fields.map((f) => f.value)).map((values) => {
			const o: { [name: string]: Value } = {};
			for (const [i, v] of values.entries())
				Object.defineProperty(o, names[i]!, { value: v, enumerable: true, configurable: true, writable: true });
			return o;
		}),
	};
}
const struct = fc.array(field, { minLength: 1, maxLength: 5 }).map(structOf);

describe("values", () => {
	test("what was written is read back, by the interpreter and by generated code", () => {
		fc.assert(
			fc.property(
				struct.chain((s) => fc.tuple(fc.constant(s), s.value, fc.nat(7))),
				([s, value, offset]) => {
					const b = new BtfBuilder();
					const id = s.type(b);
					const btf = b.finish();
					const bytes = new Uint8Array(offset + s.size).fill(0xee);
					writeValue(btf, id, viewOf(bytes), offset, value);
					assert.deepStrictEqual(readValue(btf, id, viewOf(bytes), offset), value);
					assert.deepStrictEqual(recordDecoder(btf, id)(viewOf(bytes), offset), value);
					assert.deepStrictEqual(recordDecoder(btf, id, { generate: false })(viewOf(bytes), offset), value);
				},
			),
			{ seed: 5, numRuns: 400 },
		);
	});

	test("generated code and interpreter agree on any bytes of any struct of clang's", () => {
		const id = golden.find("all", "struct")!;
		const size = golden.sizeOf(id);
		fc.assert(
			fc.property(fc.uint8Array({ minLength: size, maxLength: size }), (bytes) => {
				assert.deepStrictEqual(recordDecoder(golden, id)(viewOf(bytes), 0), readValue(golden, id, viewOf(bytes), 0));
			}),
			{ seed: 6, numRuns: 200 },
		);
	});

	test("clang's struct, member by member", () => {
		const id = golden.find("all", "struct")!;
		const bytes = new Uint8Array(golden.sizeOf(id));
		const value = {
			comm: "bash",
			bytes: [1, 2, 3, 4, 5, 6],
			flag: true,
			letter: 65,
			tiny: -1,
			s: -2,
			us: 65535,
			i: -3,
			u: 4294967295,
			ll: -5n,
			ull: 2n ** 64n - 1n,
			wide: -7n,
			f: 0.5,
			d: -0.25,
			small: 7,
			negative: -1,
			big: 0xcbf29ce484222325n,
			bigneg: -5n,
			pointer: 0xffff888000000000n,
			port: 0x3500,
			addr: 0x0100007f,
			be: 1n,
			wrapped: { val: 9 },
			inner_a: 10,
			inner_b: 11,
			either: { i: 12 },
			nodes: [
				{ next: 1n, other: 2n },
				{ next: 3n, other: 4n },
			],
			matrix: [
				[1, 2, 3],
				[4, 5, 6],
			],
			bits1: 1,
			bits5: 21,
			sbits: -64,
			lbits: 2n ** 40n - 1n,
			bbit: true,
			call: 5n,
			names: ["ab", "cd"],
			nothing: {},
			flexible: [],
		};
		writeValue(golden, id, viewOf(bytes), 0, value);
		const read = readValue(golden, id, viewOf(bytes), 0) as { [name: string]: Value };
		for (const [k, v] of Object.entries(value)) if (k !== "either") assert.deepStrictEqual(read[k], v, k);
		assert.equal(read["inner_c"], 11, "a member of an anonymous union stands beside the others");
		assert.equal((read["either"] as { i: number }).i, 12);
		// __be16 is raw: the bytes as stored, read little-endian. 0x3500 is port 53 on the wire.
		const at = [...golden.ofKind("struct")]
			.flatMap((s) => golden.type(s))
			.find((t) => t.kind === "struct" && t.name === "all");
		const port = at?.kind === "struct" ? at.members.find((m) => m.name === "port")!.bitOffset / 8 : -1;
		assert.deepEqual([...bytes.subarray(port, port + 2)], [0x00, 0x35]);
	});

	test("text ends at the first NUL; UTF-8 is read as such, once or many times", () => {
		const b = new BtfBuilder();
		const char = int(1, true, "char")(b);
		const id = b.add({ kind: "array", type: char, index: char, length: 8 });
		const btf = b.finish();
		const read = (...bytes: number[]) =>
			readValue(btf, id, viewOf(new Uint8Array([...bytes, ...new Array(8 - bytes.length).fill(0)])), 0);
		for (let i = 0; i < 3; i++) {
			assert.equal(read(0x61, 0, 0x62), "a");
			assert.equal(read(0xc3, 0xa9), "é");
			assert.equal(read(0xff), "\ufffd");
			assert.equal(read(1, 2, 3, 4, 5, 6, 7, 8), "\x01\x02\x03\x04\x05\x06\x07\x08");
		}
	});

	test("what does not fit is refused with its path", () => {
		const id = golden.find("all", "struct")!;
		const view = viewOf(new Uint8Array(golden.sizeOf(id)));
		const refused = (value: unknown, name: string, message: RegExp) =>
			assert.throws(() => writeValue(golden, id, view, 0, value), { name, message });
		refused({ u: -1 }, "RangeError", /^u: -1, expected 0 to 4294967295$/);
		refused(
			{ matrix: [[1], [2, 3, 2 ** 31]] },
			"RangeError",
			/^matrix\[1\]\[2\]: 2147483648, expected -2147483648 to 2147483647$/,
		);
		refused({ comm: "x".repeat(17) }, "RangeError", /has 17 bytes, there is room for 16/);
		refused({ bytes: [1, 2, 3, 4, 5, 6, 7] }, "RangeError", /7 elements, there is room for 6/);
		refused({ u: "1" }, "TypeError", /u: "1", expected a number/);
		refused({ ull: 1.5 }, "RangeError", /ull: 1.5, expected a whole number or a bigint/);
		refused({ colour: 1 }, "TypeError", /no member colour; there is comm, bytes/);
		refused(5, "TypeError", /5, expected an object/);
		refused({ wrapped: null }, "TypeError", /wrapped: null, expected an object/);
		assert.throws(() => readValue(golden, id, viewOf(new Uint8Array(10)), 0), RangeError);
		assert.throws(() => recordDecoder(golden, id)(viewOf(new Uint8Array(10)), 0), RangeError);
		assert.throws(() => recordDecoder(golden, id)(view, -1), RangeError);
		assert.throws(() => recordDecoder(golden, golden.find("__u32")!), FormatError);
	});

	test("hostile types end in a FormatError", () => {
		const b = new BtfBuilder();
		const u8 = int(1, false)(b);
		const self = b.reserve();
		b.set(self, {
			kind: "struct",
			name: "self",
			size: 8,
			members: [{ name: "again", type: self, bitOffset: 0, bitSize: 0 }],
		});
		const big = b.add({ kind: "array", type: u8, index: u8, length: 0xffffffff });
		const outside = b.add({
			kind: "struct",
			name: "outside",
			size: 4,
			members: [{ name: "x", type: big, bitOffset: 0, bitSize: 0 }],
		});
		const empty = b.add({ kind: "struct", name: "empty", size: 0, members: [] });
		const many = b.add({ kind: "array", type: empty, index: u8, length: 0xffffffff });
		// Each level holds the one below 200 times at the same place: 200^8 values in 8 bytes.
		let layer = u8;
		for (let i = 0; i < 8; i++)
			layer = b.add({
				kind: "union",
				name: "",
				size: 8,
				members: Array.from({ length: 200 }, (_, k) => ({ name: `m${k}`, type: layer, bitOffset: 0, bitSize: 0 })),
			});
		const proto = b.add({ kind: "func_proto", ret: 0, params: [] });
		const btf = b.finish();
		const view = viewOf(new Uint8Array(64));
		for (const id of [self, outside, layer, proto, 0])
			assert.throws(() => readValue(btf, id, view, 0), FormatError, `type ${id}`);
		assert.throws(() => readValue(btf, big, view, 0), RangeError);
		assert.deepEqual(readValue(btf, many, view, 0), []);
	});

	test("mutated BTF: values or a named error", () => {
		const bytes = golden.bytes;
		const view = viewOf(new Uint8Array(1 << 16));
		fc.assert(
			fc.property(
				fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
				(changes) => {
					const mutated = bytes.slice();
					for (const [at, v] of changes) mutated[at] = v;
					let btf: Btf;
					try {
						btf = Btf.decode(mutated);
					} catch {
						return;
					}
					for (let id = 1; id <= btf.count; id++) {
						for (const read of [() => readValue(btf, id, view, 0), () => recordDecoder(btf, id)(view, 0)]) {
							try {
								read();
							} catch (error) {
								if (!(error instanceof FormatError) && !(error instanceof RangeError)) throw error;
							}
						}
					}
				},
			),
			{ seed: 7, numRuns: 300 },
		);
	});
});
