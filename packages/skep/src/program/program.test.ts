import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { WORDS } from "@skep/compiler/language";
import { KernelHalfError, NotLoadedError } from "./errors.ts";
import { total } from "./maps.ts";
import * as net from "./net.ts";
import * as program from "./program.ts";
import { siteOf } from "./site.ts";
import * as uapi from "./uapi.ts";

const MODULES = { skep: program, "skep/net": net, "skep/uapi": uapi };

test("each module exports the values of the vocabulary, and nothing else", () => {
	for (const [name, module] of Object.entries(MODULES)) {
		const words = WORDS.filter((w) => w.module === name && w.kind !== "type").map((w) => w.name);
		assert.deepEqual(Object.keys(module).sort(), [...new Set(words)].sort(), name);
	}
});

test("each module exports what its types declare", () => {
	const files = ["skep", "net", "uapi"].map((f) => new URL(`../../types/${f}.d.ts`, import.meta.url));
	const types = files.map((f) => readFileSync(f, "utf8")).join("\n");
	for (const [name, module] of Object.entries(MODULES)) {
		const start = types.indexOf(`declare module "${name}" {`);
		const block = types.slice(start, types.indexOf("\n}", start));
		const declared = [...block.matchAll(/\bexport (?:function|const) (\w+)/g)].map((m) => m[1]!);
		assert.deepEqual(Object.keys(module).sort(), [...new Set(declared)].sort(), name);
	}
});

test("conversions wrap and extend as the kernel half's do", () => {
	assert.equal(program.u8(256 + 7), 7);
	assert.equal(program.u8(-1), 255);
	assert.equal(program.i8(255), -1);
	assert.equal(program.u16(-1n), 65535);
	assert.equal(program.i16(0x8000), -32768);
	assert.equal(program.u32(-1), 4294967295);
	assert.equal(program.u32(0x1_0000_0005n), 5);
	assert.equal(program.i32(4294967295), -1);
	assert.equal(program.u64(-1), 18446744073709551615n);
	assert.equal(program.i64(2n ** 63n), -(2n ** 63n));
	assert.equal(program.u32(true), 1);
});

test("network order swaps and compares", () => {
	assert.equal(program.htons(53), 0x3500);
	assert.equal(program.ntohs(program.htons(65280)), 65280);
	assert.equal(program.ntohl(program.htonl(0xdeadbeef)), 0xdeadbeef);
	assert.equal(program.be64ToCpu(program.cpuToBe64(0x0102030405060708n)), 0x0102030405060708n);
	assert.equal(net.ETH.IPV4, program.htons(0x0800));
});

test("addresses", () => {
	assert.equal(net.ip4("127.0.0.1"), program.htonl(0x7f000001));
	assert.equal(net.formatIp4(net.ip4("192.0.2.255")), "192.0.2.255");
	assert.deepEqual(net.cidr4("10.1.2.3/8"), { prefixlen: 8, addr: net.ip4("10.0.0.0") });
	assert.throws(() => net.ip4("1.2.3"), /is not an IPv4 address/);
	assert.throws(() => net.cidr4("1.2.3.4/33"), /is not an IPv4 prefix/);
	assert.equal(net.formatIp6([0x20010db8, 0, 0, 1].map(program.htonl)), "2001:db8::1");
	assert.equal(net.formatIp6([0, 0, 0, 0]), "::");
	assert.equal(
		net.formatIp6([0x20010db8, 0x00010000, 0x00010000, 0x00010001].map(program.htonl)),
		"2001:db8:1:0:1:0:1:1",
	);
});

test("durations are nanoseconds", () => {
	assert.deepEqual([program.us(5), program.ms(1.5), program.seconds(2)], [5_000n, 1_500_000n, 2_000_000_000n]);
});

test("chars cuts whole characters", () => {
	assert.equal(program.chars("größe", 4), "grö");
	assert.equal(program.chars("größe", 3), "gr");
});

test("words of the kernel half say so", () => {
	assert.throws(() => program.ktime(), KernelHalfError);
	assert.throws(() => Reflect.get(program.current, "pid"), /current\.pid is of the kernel half/);
	assert.throws(() => program.printk("x"), /use console\.log/);
});

test("plain loops work in functions that both halves share", () => {
	assert.deepEqual([...program.range(2, 5)], [2, 3, 4]);
	assert.deepEqual([...program.unroll(2)], [0, 1]);
	assert.equal(
		program.loop(10, (i) => (i === 3 ? program.BREAK : undefined)),
		4,
	);
	const f = () => 1;
	assert.equal(program.subprogram(f), f);
	assert.equal(program.subprogram({ global: true }, f), f);
});

test("a handle without a session tells what to do", () => {
	const map = program.hash(16);
	assert.throws(
		() => map.get(1),
		(e) => e instanceof NotLoadedError && /skep run FILE\.ts/.test(e.message),
	);
	const handle = program.tracepoint("sched:sched_process_exec", () => {});
	assert.throws(() => handle.links, NotLoadedError);
	const values = program.options({ pid: { type: "pid", help: "" } });
	assert.throws(() => Reflect.get(values, "pid"), NotLoadedError);
});

test("the place of a call is its line and column, each of two in a line its own", () => {
	const here = () => siteOf(here);
	const [a, b] = [here(), here()];
	assert.equal(a.url, import.meta.url);
	assert.equal(a.line, b.line);
	const line = readFileSync(new URL(import.meta.url), "utf8").split("\n")[a.line - 1]!;
	assert.equal(a.column, line.indexOf("here()") + 1);
	assert.equal(b.column, line.lastIndexOf("here()") + 1);
});

test("totals over CPUs", () => {
	assert.equal(total([1n, 2n, 3n]), 6n);
	assert.deepEqual(
		total([
			{ n: 1n, sizes: [1, 2] },
			{ n: 2n, sizes: [3, 4] },
		]),
		{ n: 3n, sizes: [4, 6] },
	);
});

test("errno has a name", () => {
	assert.equal(program.formatErrno(-2), "ENOENT");
	assert.equal(program.formatErrno(13n), "EACCES");
});
