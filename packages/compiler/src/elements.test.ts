// Elements of arrays, lists and text, and what is taken apart: proved by running in this machine's kernel.
import { test } from "node:test";
import { type Case, check } from "./kernel-run.test-support.ts";

const IMPORTS = ", range, type arr, type chars, type be16, hash, zero, htons";
const TYPES = [
	"interface Point { x: i32; y: u8; z: u64 }",
	"interface Row { cells: arr<u16, 8>; flags: arr<boolean, 3>; names: arr<chars<6>, 3>; n: u8 }",
	"const rows = hash<u32, Row>(4);",
	"interface Wide { a: u32; t: chars<16>; p: Point; cells: arr<u16, 8>; yes: boolean; port: be16; big: u64 }",
	"const wides = hash<u32, Wide>(4);",
	"const PRIMES = [2, 3, 5, 7, 11] as const;",
	"const SIGNED = [-1, 5, 1000] as const;",
	"const BIG = [1n, 5_000_000_000n] as const;",
	"const HIGH = [0xffff_ffff, 1] as const;",
	'const NAMES = ["bash", "sh", "longest"] as const;',
	"const PORTS = [htons(53), htons(80)] as const;",
	"const YES = [true, false, true] as const;",
	"let five: u32 = 5;",
	"let two: u32 = 2;",
	"let minus: i32 = -4;",
];
const at = (before: string, expression: string, expected: bigint | number): Case => ({
	variables: TYPES,
	before,
	expression: `u64(${expression})`,
	expected: BigInt.asUintN(64, BigInt(expected)),
});
const row =
	"const r: Row = { cells: [1, 2, 3, 4, 5, 6, 7, 8], flags: [true, false, true], names: ['a', 'bc', 'def'], n: 3 };";
const wide =
	"wides.set(1, { a: 7, t: 'text', p: { x: 1, y: 2, z: 3n }, cells: [1, 2, 3, 4, 5, 6, 7, 8], yes: true, port: htons(80), big: 13n }); wides.delete(2);";
const text = (t: string): string => `const t: chars<64> = '${t}';`;

const CASES: Case[] = [
	// lists chosen at run time
	at("const i = two; let s = 0; if (i < 5) s = PRIMES[i];", "s", 5),
	at("let s = 0; for (let i = 0; i < 5; i++) s += PRIMES[i];", "s", 28),
	at("const i = two & 1; ", "SIGNED[i] + SIGNED[i + 1]", 4),
	at("", "SIGNED[two & 1] < 0 ? 1 : 0", 1),
	at("", "BIG[two & 1] + BIG[five & 1]", 5_000_000_001),
	at("", "HIGH[two & 1] > 5 ? 1 : 0", 1),
	at("const i = two; let s = 0; if (i < 3) { const n = NAMES[i]; s = n === 'longest' ? n.length : 0; }", "s", 7),
	at("const n = NAMES[two & 1];", "(n === 'bash' ? 1 : 0) + (n.startsWith('ba') ? 10 : 0)", 11),
	at("", "PORTS[two & 1] === htons(53) && PORTS[five & 1] !== htons(53) ? 1 : 0", 1),
	at("const i = two; let s = 0; if (i > 0 && i < 3) s = YES[i] && !YES[i - 1] ? 1 : 0;", "s", 1),
	at("const i = PRIMES[two & 3] % 5;", "i", 0),
	// includes
	at("", "(PRIMES.includes(5) ? 1 : 0) + (PRIMES.includes(4) ? 10 : 0)", 1),
	at("const n: i32 = 11;", "PRIMES.includes(n) ? 1 : 0", 1),
	at(
		"const t: chars<16> = 'sh'; const u: chars<16> = 's';",
		"(NAMES.includes(t) ? 1 : 0) + (NAMES.includes(u) ? 10 : 0)",
		1,
	),
	at(`${row} let s = 0; if (r.cells.includes(4)) s += 1; if (r.cells.includes(9)) s += 10;`, "s", 1),
	at(`${row}`, "(r.cells.includes(u16(two)) ? 1 : 0) + (r.flags.includes(false) ? 10 : 0)", 11),
	at(
		`${row}`,
		"(r.names.includes('bc') ? 1 : 0) + (r.names.includes('b') ? 10 : 0) + (r.names.includes('def') ? 100 : 0)",
		101,
	),
	at(`${row} rows.set(1, r); const m = rows.ref(1);`, "m && m.cells.includes(8) && !m.cells.includes(0) ? 1 : 0", 1),
	// fill
	at(`${row} r.cells.fill(0);`, "r.cells[0] + r.cells[7] + r.n", 3),
	at(`${row} r.cells.fill(7);`, "r.cells[0] + r.cells[7] + r.n", 17),
	at(
		`${row} r.names.fill('xy'); r.flags.fill(true);`,
		"r.names.includes('bc') || r.flags.includes(false) ? 1 : r.names[1] === 'xy' ? 5 : 0",
		5,
	),
	at(`${row} rows.set(2, r); const m = rows.ref(2); if (m) m.cells.fill(u16(five));`, "rows.ref(2)?.cells[3] ?? 0", 5),
	// text
	at(
		text("hello world"),
		"(t.includes('lo w') ? 1 : 0) + (t.includes('low') ? 10 : 0) + (t.includes('hello') ? 100 : 0) + (t.includes('world') ? 1000 : 0)",
		1101,
	),
	at(text("aaab"), "t.indexOf('aab')", 1),
	at(text("aaab"), "t.indexOf('c')", -1),
	at(text("aaab"), "t.indexOf('b') + t.indexOf('') + t.indexOf('aaab')", 3),
	at(text("/usr/lib/x.so"), "t.indexOf('.so')", 10),
	at(`${text("/usr/lib/x.so")} const i = t.indexOf('/lib'); let s = 0; if (i >= 0) s = t.charCodeAt(i + 1);`, "s", 108),
	at(
		"const t: chars<4> = 'abc';",
		"(t.includes('abc') ? 1 : 0) + (t.includes('abcd') ? 10 : 0) + (t.includes('abcde') ? 100 : 0)",
		1,
	),
	at(`${text("hello")} const yes = t.includes('ell') && five === 5;`, "yes ? 1 : 0", 1),
	at("", "'some text'.includes('text') && 'some text'.indexOf('t') === 5 ? 1 : 0", 1),
	// into what exists
	at("let a = 1; let b = 2; [a, b] = [b, a];", "a * 10 + b", 21),
	at("let a = 1; let b = 0n; ({ x: a, z: b } = { x: 7, z: 9n });", "u64(a) * 10n + b", 79),
	at("const p: Point = { x: 1, y: 2, z: 3n }; let x = 0; let z = 0n; ({ x, z } = p);", "u64(x) * 10n + z", 13),
	at(
		"const p: Point = { x: 1, y: 2, z: 3n }; const q: Point = { x: 4, y: 5, z: 6n }; [p.x, q.x] = [q.x, p.x];",
		"p.x * 10 + q.x",
		41,
	),
	at(`${row} const q: Row = zero<Row>(); [r.cells, q.cells] = [q.cells, r.cells];`, "r.cells[3] * 10 + q.cells[3]", 4),
	at("let a = 1; let b = 2; let c = 3; [a, [b, c]] = [b, [c, a]];", "a * 100 + b * 10 + c", 231),
	at(`${row} let a = 0; let b = 0; [a, , b] = r.cells;`, "a * 10 + b", 13),
	at("let t: chars<8> = 'one'; let u: chars<8> = 'two'; [t, u] = [u, t];", "t === 'two' && u === 'one' ? 1 : 0", 1),
	at("let a = 5; let i = 0; for (const n of [1, 2, 3]) { [a, i] = [a + n, i + 1]; }", "a * 10 + i", 113),
	at("const i = 1; rows.delete(9);", "(rows.ref(9)?.cells[3] ?? 7) + (rows.ref(9)?.names[1].length ?? 70)", 77),
	at("let x = 0; let s = 0; for (x of [4, 5, 6]) { if (x === 6) break; s += x; }", "s * 10 + x", 96),
	at(`${row} let x = 0; for (x of r.cells) if (x === 5) break;`, "x", 5),
	at("const p: Point = { x: 0, y: 0, z: 0n }; for (p.x of [1, 2]) p.y = u8(p.y + p.x);", "p.x * 10 + p.y", 23),
	at("let i: u32 = 9; let s = 0; for (i of range(4)) s += i32(i);", "s * 10 + i32(i)", 63),
	// members of a copy out of a map
	at(`${wide} const w = wides.get(1);`, "w ? w.a : 0", 7),
	at(
		`${wide} const w = wides.take(1); let s = 0n; if (w && wides.ref(1) === undefined) s = w.big + u64(w.p.y);`,
		"s",
		15,
	),
	at(
		`${wide} const w = wides.get(1); wides.set(1, zero<Wide>()); let s = 0; if (w) s = (w.yes ? 1 : 0) + (w.t === 'text' ? 10 : 0) + w.cells[3] * 100;`,
		"s",
		411,
	),
	at(`${wide} const w = wides.get(1); wides.delete(1);`, "w !== undefined && w.port === htons(80) ? w.t.length : 0", 4),
	at(`${wide} const w = wides.get(2);`, "w?.a ?? 5", 5),
	at(`${wide} const w = wides.get(1);`, "w?.p.x ?? 5", 1),
	at(
		`${wide} const w = wides.get(1); let s = 0; if (w === undefined) s = 1; else { const { x } = w.p; s = x + 1; }`,
		"s",
		2,
	),
	at(`${wide} const w = wides.get(1); let s = 0; if (w) { w.a = 9; s = w.a; }`, "s + (wides.get(1)?.a ?? 0)", 16),
	at(`${wide} const w = wides.get(1); let s = 0n; if (w) { wides.set(3, w); s = wides.get(3)?.big ?? 0n; }`, "s", 13),
	at(`${wide} const w = wides.get(1); let s = 0; if (w) { const p = w.p; p.x += 5; s = p.x + w.p.x; }`, "s", 12),
	// structs kept from turn to turn
	at(
		"let best: Point = { x: -9, y: 0, z: 0n }; for (let i = 0; i < 5; i++) { const c: Point = { x: (i * 3) % 5, y: 1, z: 2n }; if (c.x > best.x) best = c; }",
		"best.x * 10 + best.y",
		41,
	),
	at(
		"let first: Point = { x: 0, y: 0, z: 0n }; let last: Point = { x: 0, y: 0, z: 0n }; for (let i = 0; i < 4; i++) { const c: Point = { x: i, y: 1, z: 2n }; first = last; last = c; }",
		"first.x * 10 + last.x",
		23,
	),
];

test("elements, with the passes", (t) => check(t, CASES, true, IMPORTS));
test("elements, as lowering builds them", (t) => check(t, CASES, false, IMPORTS));
