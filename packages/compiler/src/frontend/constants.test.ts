// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the table holds source text
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Report } from "#diagnostics";
import type { Constant } from "./analysis.ts";
import { analyze } from "./analyze.ts";
import { networkOrder } from "./constants.ts";

/** Value of an expression at the top of a module that has the vocabulary. */
function value(expression: string, before = ""): Constant | undefined {
	const text = `import { htons, htonl, ntohs, cpuToBe64, be64ToCpu, u8, i8, u16, u32, i32, u64, i64, us, ms, seconds, XDP, TC } from "skep";\nimport { ETH, IPPROTO, ip4 } from "skep/net";\nimport { EPERM } from "skep/uapi";\n${before}\nexport const x = ${expression};\n`;
	const analysis = analyze({ entry: "a.ts", read: (p) => (p === "a.ts" ? text : undefined) }, new Report());
	const b = analysis.lookup(analysis.modules[0]!, "x");
	return b?.kind === "constant" ? b.value : undefined;
}
const show = (c: Constant | undefined): string => {
	if (!c) return "none";
	switch (c.kind) {
		case "int":
			return `${c.value}${c.big ? "n" : ""}${c.type?.kind === "int" ? `:${c.type.signed ? "i" : "u"}${c.type.bits}` : ""}`;
		case "be":
			return `be${c.bits}:0x${c.value.toString(16)}`;
		case "array":
			return `[${c.elements.map(show).join(", ")}]`;
		case "object":
			return `{ ${[...c.members].map(([k, v]) => `${k}: ${show(v)}`).join(", ")} }`;
		case "undefined":
			return "undefined";
		default:
			return JSON.stringify(c.value);
	}
};

// Expression, value, what stands before it.
// biome-ignore format: table
const VALUES: readonly (readonly [string, string, string?])[] = [
	["256 * 1024", "262144"], ["1 << 31", "-2147483648"], ["0xffffffff >>> 0", "4294967295"], ["7 / 2", "3"], ["-7 / 2", "-3"], ["-7 % 4", "-3"], ["5 / 0", "0"], ["5 % 0", "5"],
	["~0", "-1"], ["2 ** 10", "1024"], ["1.5", "none"], ["0.1 + 1", "none"], ["2 ** 40", "none"], ["5_000_000_000", "5000000000"], ["9007199254740993", "none"],
	["0xcbf29ce484222325n", "14695981039346656037n"], ["1n << 40n", "1099511627776n"], ["1n << 64n", "1n"], ["-1n >> 3n", "-1n"], ["18446744073709551615n + 1n", "0n"], ["1n + 1", "none"],
	["u8(257)", "1:u8"], ["i8(255)", "-1:i8"], ["u64(-1)", "18446744073709551615n:u64"], ["u32(1n)", "1:u32"], ["u8(true)", "1:u8"], ["u8(200) + 100", "300:u32"], ["u32(0) - 1", "4294967295:u32"], ["u32(1) + i32(1)", "none"],
	["htons(53)", "be16:0x3500"], ["htonl(0x7f000001)", "be32:0x100007f"], ["ntohs(htons(53))", "53:u16"], ["be64ToCpu(cpuToBe64(5n))", "5n:u64"], ['ip4("10.0.0.1")', "be32:0x100000a"], ['ip4("10.0.0.300")', "none"], ["htons(53) === htons(53)", "true"],
	["us(5)", "5000n:u64"], ["ms(5)", "5000000n:u64"], ["seconds(2) + ms(500)", "2500000000n:u64"],
	["XDP.PASS", "2"], ["TC.NEXT", "-1"], ["ETH.IPV4", "be16:0x8"], ["IPPROTO.UDP", "17"], ["-EPERM", "-1"],
	["A * 2", "10", "const A = 5;"], ["A", "none", "let A = 5;"], ["A", "none", "const A = A2; const A2 = A;"], ["A.b[1]", "7", "const A = { b: [3, 7] } as const;"], ["[...A, 3]", "[1, 2, 3]", "const A = [1, 2] as const;"], ["{ ...A, c: 2 }", "{ b: 1, c: 2 }", "const A = { b: 1 };"],
	["A.length", "3", 'const A = "abc";'], ["A", "5", "const { a: A } = { a: 5 } as const;"], ["A", "2", "const [, A] = [1, 2] as const;"], ["A ? 1 : 2", "1", "const A = true;"], ["A ?? 5", "5", "const A = undefined;"], ["A && 3", "0", "const A = 0;"], ["!A", "true", 'const A = "";'],
	['`a${1}b${"c"}`', '"a1bc"'], ['"a" + "b"', '"ab"'], ["Math.max(1, 9, 3)", "9"], ["Math.trunc(7 / 2)", "3"], ["Math.max()", "none"], ["process.pid", "none"], ["5 as number", "5"], ["(5)!", "5"],
];
for (const [expression, expected, before] of VALUES)
	test(`${before ? `${before} ` : ""}${expression} is ${expected}`, () =>
		assert.equal(show(value(expression, before)), expected));

test("32-bit operators on literals mean what JavaScript means wherever they have a value", () => {
	const literal = fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 });
	fc.assert(
		fc.property(
			literal,
			fc.constantFrom("+", "-", "*", "&", "|", "^", "<<", ">>", ">>>", "<", "<=", ">", ">=", "===", "!=="),
			literal,
			(a, operator, b) => {
				const c = value(`(${a}) ${operator} (${b})`);
				const expected: unknown = new Function(`return (${a}) ${operator} (${b})`)();
				if (c?.kind === "int") assert.equal(Number(c.value), expected);
				else if (c?.kind === "bool") assert.equal(c.value, expected);
				else
					assert.ok(
						typeof expected === "number" && (expected > 2 ** 32 - 1 || expected < -(2 ** 31)),
						`${a} ${operator} ${b} has no value`,
					);
			},
		),
		{ numRuns: 300, seed: 3 },
	);
});

test("network order is its own inverse", () => {
	fc.assert(
		fc.property(fc.constantFrom<16 | 32 | 64>(16, 32, 64), fc.bigInt(0n, 2n ** 64n - 1n), (bits, n) => {
			const host = BigInt.asUintN(bits, n);
			const there = networkOrder(bits, host);
			assert.ok(there.kind === "be");
			const back = networkOrder(bits, there.value);
			assert.ok(back.kind === "be" && back.value === host);
		}),
		{ seed: 4 },
	);
});
