// Control flow, memory and text, proved by running in this machine's kernel: what the language says of each form.
import { test } from "node:test";
import { type Case, check } from "./kernel-run.test-support.ts";

const WORDS =
	", arr, chars, hash, perCpuHash, lruHash, perCpuArray, zero, equals, range, unroll, htons, htonl, ntohs, ntohl, us, ms, seconds, be16, be32";
/** Types among the words are imported as such. */
const IMPORTS = WORDS.replace(" arr,", " type arr,").replace("be16, be32", "type be16, type be32");

const TYPES = [
	"interface Point { x: i32; y: u8; z: u64 }",
	"interface Pair { a: Point; b: Point }",
	"interface Named { id: u32; name: chars<12> }",
	"interface Row { cells: arr<u16, 8>; n: u8 }",
	"const points = hash<u32, Point>(16);",
	"const counts = hash<Named, u64>(16);",
	"const plain = hash<u32, u64>(16);",
	"const small = hash<u32, u32>(16);",
	"const lru = lruHash<u32, u64>(16);",
	"const own = perCpuHash<u32, u64>(16);",
	"const slots = perCpuArray<Point>(4);",
	"const rows = array<Row>(2);",
	"const texts = hash<u32, chars<16>>(16);",
	"const flags = hash<u32, boolean>(16);",
	"const PRIMES = [2, 3, 5, 7] as const;",
	'const NAMES = ["bash", "sh", "zsh"] as const;',
	"const LIMITS = { low: 3, high: 9 } as const;",
	"let five: u32 = 5;",
	"let minus: i32 = -4;",
	"let big: u64 = 1000000007n;",
	"function twice(x: u32) { return x * 2; }",
	"const clamp = (x: i32, low: i32, high: i32): i32 => { if (x < low) return low; if (x > high) return high; return x; };",
	"function find(key: u32): u64 | undefined { const v = plain.get(key); if (v === undefined) return undefined; if (v > 100n) return undefined; return v; }",
	"function pointAt(key: u32) { return points.ref(key); }",
	"function kind(n: u32): chars<8> { return n > 3 ? 'many' : 'few'; }",
	"function swapped(p: Point): Point { return { x: i32(p.z), y: p.y, z: u64(p.x) }; }",
	"function sum(p: Point) { return i64(p.x) + i64(p.y) + i64(p.z); }",
];

/** Functions come along only where they are called: others would belong to the user half. */
const needed = (code: string): string[] =>
	TYPES.filter((t) => {
		const name = /^(?:function (\w+)|const (\w+) = \()/.exec(t);
		return !name || code.includes(`${name[1] ?? name[2]}(`);
	});
const at = (before: string, expression: string, expected: bigint | number): Case => ({
	variables: needed(`${before} ${expression}`),
	before,
	expression: `u64(${expression})`,
	expected: BigInt.asUintN(64, BigInt(expected)),
});

/** Locals that only ever met literals: their sign is open, so they are signed. */
const OPEN: Case[] = [
	at("let q = 10; q -= 20;", "i64(q)", -10),
	at("let q = 10; if (minus < 0) q -= 20;", "i64(q)", -10),
	at("let u = 5; u--; u--; u--; u--; u--; u--;", "i64(u)", -1),
	at("let w = 10; while (w > 0) { w -= 3; }", "i64(w)", -2),
	at("let w = 10; while (w > 0) { w -= 3; }", "u64(w)", -2),
	at("let a = 10; for (let i = 0; i < 3; i++) a -= 5;", "i64(a / 2)", -2),
	at("let a = 10; for (let i = 0; i < 3; i++) a -= 5;", "i64(a >> 1)", -3),
	at("let a = 10; for (let i = 0; i < 3; i++) a -= 5;", "i64(a % 3)", -2),
	at("let a = 10; for (let i = 0; i < 3; i++) a -= 5;", "i64(Math.abs(a))", 5),
	at("let a = 10; for (let i = 0; i < 3; i++) a -= 5;", "i64(Math.min(a, 1))", -5),
	at("let a = 10; for (let i = 0; i < 3; i++) a -= 5;", "BigInt(a)", -5),
];

const FLOW: Case[] = [
	at("let r = 0; if (five > 3) r = 1; else r = 2;", "r", 1),
	at("let r = 0; if (five > 3 && minus < 0 || big === 0n) r = 7;", "r", 7),
	at("let r = 0; if (!(five > 3) || !(minus > 0)) r = 7;", "r", 7),
	at("", "five === 5 ? twice(five) : 0", 10),
	at("", "five !== 5 ? twice(five) : minus + 1", -3),
	at("let r = 0; switch (five) { case 4: r = 1; case 5: r += 10; case 6: r += 100; break; default: r = 9; }", "r", 110),
	at("let r = 0; switch (five) { case 1: r = 1; break; default: r = 9; case 2: r += 1; }", "r", 10),
	at("let r = 0; switch (minus) { case -4: { r = 3; break; } }", "r", 3),
	at(
		"let r = 0; for (let i = 0; i < 10; i++) { if (i === 3) continue; if (i === 7) break; r += i; }",
		"r",
		0 + 1 + 2 + 4 + 5 + 6,
	),
	at("let r = 0; for (let i = 10; i > 0; i -= 3) r += i;", "r", 10 + 7 + 4 + 1),
	at("let r = 0; let i = 0; while (i < five && i < 100) { r += i; i++; }", "r", 10),
	at("let r = 0; let i = 0; do { r += 2; i++; } while (i < 4);", "r", 8),
	at("let r = 0; let i = 0; for (;;) { if (i >= 6) break; r += i; i++; }", "r", 15),
	at(
		"let r = 0; outer: for (let i = 0; i < 5; i++) { for (let j = 0; j < 5; j++) { if (j === 3) continue outer; if (i === 2) break outer; r += 1; } }",
		"r",
		6,
	),
	at("let r = 0; for (const i of range(five & 7)) r += i32(i);", "r", 10),
	at("let r = 0; for (const i of range(2, 6)) r += i32(i);", "r", 14),
	at("let r = 0; for (const i of unroll(4)) r += i32(i);", "r", 6),
	at("let r = 0; for (const p of PRIMES) r += p;", "r", 17),
	at("let r = 0; for (const p of PRIMES) { if (p === 3) continue; if (p === 7) break; r += p; }", "r", 7),
	at("let r = 0; found: { if (five === 5) { r = 1; break found; } r = 2; }", "r", 1),
	at("let r = 0; r = five > 3 ? (minus < 0 ? 5 : 6) : 7;", "r", 5),
	at("let a = 1; let b = 2; for (let i = 0; i < 8; i++) { const t = a + b; a = b; b = t; }", "b", 89),
	at("", "clamp(minus, -2, 3) + clamp(i32(five), 0, 3)", 1),
	at("const { low, high } = LIMITS;", "low * high", 27),
	at("", "PRIMES[2] + PRIMES.length", 9),
	at("let r: u8 = 250; r = u8(r + 10);", "r", 4),
	at("const yes = five === 5;", "yes", 1),
	at("let yes = false; if (five === 5) yes = true;", "yes ? 3 : 4", 3),
	at("const t = five > 2 && minus > 0;", "t", 0),
	at("let n = 0; five > 2 && (n = 4);", "n", 4),
	at("", "us(5) + ms(2) + seconds(1)", 1_002_005_000),
	at("", "ntohs(htons(0x1234)) + i32(htons(0x1234) === htons(five * 932))", 0x1234 + 1),
	at("const n = htonl(five);", "ntohl(n)", 5),
	at("", "ntohs(htons(five)) === 5 ? 1 : 0", 1),
	at(
		"let n = 0; for (let i = 0; i < 4; i++) { let o: u32 | undefined; if (i === 1) o = 5; if (o !== undefined) n += 1; }",
		"n",
		1,
	),
	at(
		"let n = 0; let last: u32 | undefined; for (let i = 0; i < 4; i++) { if (last !== undefined) n += i32(last); last = u32(i); }",
		"n",
		3,
	),
	at("let x = five; x += (x = 7);", "x", 12),
	at("let r = 0; let i = 0; while (i < 10) { i++; if (i === 3) continue; r += i; }", "r", 52),
	at("let r = 0; let i = 0; do { i++; if (i === 3) continue; r += i; } while (i < 5);", "r", 12),
	at("let r = 0; for (let i = 0; i < (five > 3 ? 4 : 2); i++) r += 1;", "r", 4),
	at("let r: u32 = 0; out: { if (true) break out; r = u32(five > 3 ? five : 2) * 2; }", "r", 0),
];

const MEMORY: Case[] = [
	at("const p: Point = { x: minus, y: 7, z: big };", "sum(p)", 1000000007 + 3),
	at("const p: Point = { x: minus, y: 7, z: big }; p.x = 3; p.y = u8(p.y + 1);", "sum(p)", 1000000007 + 11),
	at("const p: Point = { ...zero<Point>(), y: 9 };", "sum(p)", 9),
	at("const p: Point = { x: 1, y: 2, z: 3n }; const q = p; q.x = 5;", "p.x", 5),
	at("const p: Point = { x: 1, y: 2, z: 3n }; const q = { ...p }; q.x = 5;", "p.x + q.x", 6),
	at(
		"const p: Point = { x: 1, y: 2, z: 3n }; const q: Pair = { a: p, b: { x: 4, y: 5, z: 6n } };",
		"sum(q.a) * 100n + sum(q.b)",
		615,
	),
	at("const p: Point = { x: 1, y: 2, z: 3n }; const { x, z: last } = p;", "i64(x) + i64(last)", 4),
	at("const p: Point = { x: 1, y: 2, z: 3n }; const q: Point = { x: 1, y: 2, z: 3n };", "equals(p, q) ? 1 : 0", 1),
	at("const p: Point = { x: 1, y: 2, z: 3n }; const q: Point = { x: 1, y: 3, z: 3n };", "equals(p, q) ? 1 : 0", 0),
	at("const p = swapped({ x: 8, y: 2, z: 3n });", "sum(p)", 13),
	at(
		"let p: Point = { x: 1, y: 2, z: 3n }; p = { x: i32(p.z), y: p.y, z: u64(p.x) };",
		"i64(p.x) * 10n + i64(p.z)",
		31,
	),
	at(
		"let p: Point = { x: 1, y: 2, z: 5n }; for (let i = 0; i < 3; i++) p = { x: i32(p.z), y: p.y, z: u64(p.x) };",
		"i64(p.x) * 10n + i64(p.z)",
		51,
	),
	at("points.set(1, { x: -1, y: 2, z: 3n }); const p = points.ref(1);", "p ? sum(p) : 0n", 4),
	at(
		"points.set(1, { x: -1, y: 2, z: 3n }); const p = points.ref(1); if (p) { p.z += 5n; p.x = 7; }",
		"sum(points.get(1) ?? zero<Point>())",
		17,
	),
	at(
		"points.set(1, { x: -1, y: 2, z: 3n }); const p = points.take(1);",
		"p === undefined ? 99n : sum(p) + (points.ref(1) === undefined ? 100n : 0n)",
		104,
	),
	at("points.set(2, { x: 4, y: 2, z: 3n });", "pointAt(2)?.x ?? -1", 4),
	at("points.delete(77);", "pointAt(77)?.x ?? -1", -1),
	at("plain.delete(1); plain.add(1, 5n); plain.add(1, 6n);", "plain.get(1) ?? 0n", 11),
	at("own.add(1, 5n); own.add(1, 6n); const r = own.ref(1);", "r ? r.value : 0n", 11),
	at("lru.set(1, 9n); const r = lru.ref(1); if (r) r.value *= 2n;", "lru.get(1) ?? 0n", 18),
	at(
		"plain.set(3, 5n); const r = plain.ref(3); let old = 0n; if (r) old = r.value++;",
		"old * 100n + (plain.get(3) ?? 0n)",
		506,
	),
	at(
		"small.set(3, 5); const r = small.ref(3); let now = 0; if (r) now = i32(r.value -= 2);",
		"now * 100 + i32(small.get(3) ?? 0)",
		303,
	),
	at("plain.set(4, 50n);", "find(4) ?? 1n", 50),
	at("plain.set(4, 500n);", "find(4) ?? 1n", 1),
	at("plain.delete(4);", "find(4) ?? 1n", 1),
	at(
		"plain.delete(8);",
		"(plain.set(8, 1n, 'noexist') === 0 ? 1 : 0) + (plain.set(8, 1n, 'noexist') < 0 ? 10 : 0) + (plain.set(9, 1n, 'exist') < 0 ? 100 : 0)",
		111,
	),
	at(
		"plain.delete(6); const r = plain.refOrInsert(6, 40n); if (r) r.value += 2n; const s = plain.refOrInsert(6, 0n);",
		"s ? s.value : 0n",
		42,
	),
	at(
		"counts.delete({ id: 1, name: 'ab' }); counts.add({ id: 1, name: 'ab' }, 4n); const key: Named = { id: 1, name: 'ab' };",
		"counts.get(key) ?? 0n",
		4,
	),
	at("const p = slots.ref(2); if (p) { p.x = 6; p.x += 3; }", "slots.ref(2)?.x ?? 0", 9),
	at(
		"const r = rows.ref(0); let s = 0; if (r) { for (let i = 0; i < r.cells.length; i++) r.cells[i] = u16(i * i); for (const c of r.cells) s += c; }",
		"s",
		140,
	),
	at(
		"const r = rows.ref(0); let s = 0; if (r) { const i = five; if (i < r.cells.length) { r.cells[i] = 77; s = r.cells[i]; } }",
		"s",
		77,
	),
	at(
		"const r = rows.ref(0); let s = 0; if (r) { r.cells[big & 7n] = 5; r.cells[five % 8] = 6; s = r.cells[5] ; }",
		"s",
		6,
	),
	at(
		"const row: Row = { cells: [1, 2, 3, 4, 5, 6, 7, 8], n: 3 }; let s = 0; for (let i = 0; i < 8; i++) s += row.cells[i] ?? 0;",
		"s",
		36,
	),
	at(
		"const row: Row = { cells: [0, 2, 3, 4, 5, 6, 7, 8], n: 3 }; let i: u32 = 0; row.cells[i++ & 7] ||= 9;",
		"i * 10 + u32(row.cells[0] ?? 0)",
		19,
	),
	at(
		"const q: Pair = { a: { x: 1, y: 2, z: 3n }, b: { x: 4, y: 5, z: 6n } }; const b = q; q.a = { x: i32(b.a.z), y: b.a.y, z: u64(b.a.x) };",
		"i64(q.a.x) * 10n + i64(q.a.z)",
		31,
	),
	at(
		"const q: Pair = { a: { x: 1, y: 2, z: 3n }, b: { x: 4, y: 5, z: 6n } }; q.a = ({ x: i32(q.a.z), y: 1, z: u64(q.a.x) });",
		"i64(q.a.x) * 10n + i64(q.a.z)",
		31,
	),
	at(
		"points.set(1, { x: 1, y: 2, z: 3n }); const p = points.ref(1); const o = points.ref(1); if (p && o) { p.x = 9; o.x = 8; p.x += p.x; }",
		"points.get(1)?.x ?? 0",
		16,
	),
	at(
		"const r = rows.ref(0); let s = 0; if (r) { for (let i = 0; i < 8; i++) r.cells[i] = u16(i); s = r.cells[(five & 7) >> (five & 3)] ?? 99; }",
		"s",
		2,
	),
	at(
		"const r = rows.ref(0); let s = 0; if (r) { for (let i = 0; i < 8; i++) r.cells[i] = u16(i); s = r.cells[(five % 3) + 1] ?? 99; }",
		"s",
		3,
	),
	at("flags.set(1, five === 5);", "flags.get(1) === true ? 1 : 0", 1),
	at("let last: u64 | undefined; plain.set(11, 12n); last = plain.get(11);", "last ?? 0n", 12),
	at("let last: u64 | undefined = undefined; if (five === 6) last = 3n;", "last === undefined ? 1 : 0", 1),
	at("let p = points.ref(2); points.set(2, { x: 4, y: 2, z: 3n }); if (!p) p = points.ref(2);", "p ? p.x : 0", 4),
	at("minus = 6; minus ||= 3; five &&= 5;", "minus + i32(five)", 11),
	at("minus = -4;", "minus", -4),
];

const TEXT: Case[] = [
	at("const t: chars<16> = 'hello';", "t === 'hello' ? 1 : 0", 1),
	at("const t: chars<16> = 'hello';", "t === 'hell' || t === 'hello!' ? 1 : 0", 0),
	at("const t: chars<16> = 'hello'; const u: chars<32> = 'hello';", "t === u ? 1 : 0", 1),
	at("const t: chars<16> = 'hello'; const u: chars<32> = 'help';", "t !== u ? 1 : 0", 1),
	at("const t: chars<16> = 'hello';", "t.length", 5),
	at(
		"const t: chars<16> = 'hello';",
		"(t.startsWith('hel') ? 1 : 0) + (t.startsWith('lo') ? 10 : 0) + (t.endsWith('llo') ? 100 : 0) + (t.endsWith('hel') ? 1000 : 0)",
		101,
	),
	at("const t: chars<16> = 'hello';", "t.charCodeAt(1) + t.charCodeAt(five & 15)", 101),
	at("const t: chars<16> = 'hello'; const s = t.slice(1, 3);", "(s === 'el' ? 1 : 0) + s.length * 10", 21),
	at("const t = kind(five);", "(t === 'many' ? 1 : 0) + (kind(2) === 'few' ? 10 : 0)", 11),
	at("texts.set(1, 'abc'); const t = texts.get(1);", "t !== undefined && t === 'abc' ? 1 : 0", 1),
	at("texts.set(1, 'abc'); const r = texts.ref(1); if (r) r.value = 'wxyz';", "texts.get(1) === 'wxyz' ? 1 : 0", 1),
	at("const t: chars<32> = `n ${five} m ${minus} b ${big} ${'x'} %`;", "t === 'n 5 m -4 b 1000000007 x %' ? 1 : 0", 1),
	at("const n: chars<8> = 'ab'; const t: chars<32> = `${n}x1 ${n}é ${five}y`;", "t === 'abx1 abé 5y' ? 1 : 0", 1),
	at("const c: chars<16> = 'sh'; let found = 0; for (const n of NAMES) if (c === n) found += 1;", "found", 1),
	at("const n: Named = { id: 1, name: 'abc' }; n.name = 'de';", "n.name === 'de' ? n.name.length : 0", 2),
	at("const n: Named = { id: 1, name: 'abc' }; const old = n.name; n.name = 'de';", "old === 'abc' ? 1 : 0", 1),
	at(
		"texts.set(1, 'abc'); const r = texts.ref(1); const n: Named = { id: 1, name: 'xyz' }; let s = 0; if (r) { const t = five === 5 ? r.value : n.name; s = t === 'abc' ? 1 : 0; }",
		"s",
		1,
	),
	at("const t = five > 9 ? 'long text' : 'short';", "t === 'short' ? t.length : 0", 5),
	at("const t = chars('toolongtext', 5);", "t === 'tool' ? 1 : 0", 1),
	at("const t: chars<16> = 'hello'; const u = chars(t, 4);", "u === 'hel' ? 1 : 0", 1),
	at("const t: chars<8> = ''; const u: chars<8> = 'x';", "(t ? 1 : 0) + (u ? 10 : 0)", 10),
];

test("control flow", (t) => check(t, FLOW, true, IMPORTS));
test("locals of open sign", (t) => check(t, OPEN, true, IMPORTS));
test("memory and maps", (t) => check(t, MEMORY, true, IMPORTS));
test("text", (t) => check(t, TEXT, true, IMPORTS));
test("control flow, memory and text without the passes", (t) =>
	check(t, [...FLOW, ...OPEN, ...MEMORY, ...TEXT], false, IMPORTS));
