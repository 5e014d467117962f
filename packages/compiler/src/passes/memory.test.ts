import { test } from "node:test";
import { type Func, type MapDecl, sizeOf } from "#ir";
import { around, expectPass } from "../ir/case.test-support.ts";
import type { PassContext } from "./context.ts";
import { removeDeadCode } from "./dead.ts";
import { removeDeadStores } from "./dead-stores.ts";
import { readDirectly } from "./direct-read.ts";
import { forwardMemory } from "./forward.ts";
import { mergeStores } from "./merge-stores.ts";
import { numberValues } from "./number.ts";

const map: MapDecl = {
	name: "m",
	type: "hash",
	key: { kind: "int", bits: 32, signed: false },
	value: { kind: "int", bits: 64, signed: false },
	maxEntries: 1,
	flags: 0,
	pinned: false,
	position: undefined,
};
const context: PassContext = {
	maps: new Map([["m", map]]),
	globals: new Map([
		["limit", { name: "limit", section: ".rodata", type: map.key!, initial: new Uint8Array(sizeOf(map.key!)) }],
	]),
};
const clean =
	(pass: (f: Func, c: PassContext) => unknown) =>
	(f: Func): void => {
		pass(f, context);
		removeDeadCode(f);
	};

test("number: equal values are one, loads of the context and of .rodata too", () => {
	expectPass(
		clean(numberValues),
		around(
			"%0:64.ctx = param 0\n%1:32 = load u32 %0 + 4\n%2:64 = call helper 7 get_prandom_u32 ()\n%3:32 = load u32 %0 + 4\n%4:32 = add %1, %2\n%5:32 = add %2, %3\n%6:32 = xor %4, %5\n%7:64.map_value = global limit\n%8:32 = load u32 %7\n%9:32 = load u32 %7\n%10:32 = add %8, %9\n%11:32 = xor %10, %6\nreturn %11",
		),
		around(
			"%0:64.ctx = param 0\n%1:32 = load u32 %0 + 4\n%2:64 = call helper 7 get_prandom_u32 ()\n%4:32 = add %1, %2\n%6:32 = xor %4, %4\n%7:64.map_value = global limit\n%8:32 = load u32 %7\n%10:32 = add %8, %8\n%11:32 = xor %10, %6\nreturn %11",
		),
	);
});

test("number: packet pointers are read anew after a helper that moves the packet, shared memory always", () => {
	const text = around(
		"%0:64.ctx = param 0\n%1:64.packet = load u32 %0\n%9:64 = call helper 44 xdp_adjust_head moves (%0, %1)\n%2:64.packet = load u32 %0\n%3:64 = load u64 %2 shared\n%4:64 = load u64 %2 shared\n%5:64 = add %3, %4\nreturn %5",
	);
	expectPass(clean(numberValues), text, text);
});

test("forward: a stored value is the value loaded, narrowed and signed as the load is", () => {
	expectPass(
		clean(forwardMemory),
		around(
			"%0:32 = param 0\n%1:64.stack = slot s.0\nzero %1, 8 align 8\nstore 2 %1, %0\n%2:32 = load s16 %1\n%3:32 = load u32 %1 + 4\n%4:32 = add %2, %3\nreturn %4",
			"slot s.0 8 align 8",
		),
		around(
			"%0:32 = param 0\n%1:64.stack = slot s.0\nzero %1, 8 align 8\nstore 2 %1, %0\n%2:32 = extend s16 %0\n%3:32 = const 0\n%4:32 = add %2, %3\nreturn %4",
			"slot s.0 8 align 8",
		),
	);
});

test("forward: a call that writes the slot, or a store to another map value, ends it", () => {
	const text = around(
		"%0:64.map_value = param 0\n%5:64.map_value = param 1\n%1:64.stack = slot s.0\n%2:64 = const 8\nstore 8 %1, %2\n%3:64 = call helper 113 probe_read_kernel (%1, %2, %2)\n%4:64 = load u64 %1\n%6:64 = load u64 %0\nstore 8 %5, %4\n%7:64 = load u64 %0\n%8:64 = xor %6, %7\nreturn %8",
		"slot s.0 8 align 8",
	);
	expectPass(clean(forwardMemory), text, text);
});

test("dead-stores: zeroing shrinks to what nobody writes, and stays under text", () => {
	expectPass(
		clean(removeDeadStores),
		around(
			"%0:64.map = map m\n%1:64 = const 40\n%2:64 = const 0\n%3:64.ringbuf = call helper 131 ringbuf_reserve (%0, %1, %2)\nzero %3, 40 align 8\nstore 4 %3, %1\nstore 8 %3 + 8, %1\n%4:64.ringbuf = offset %3 + 16\n%5:32 = const 16\n%6:64 = call helper 115 probe_read_kernel_str (%4, %5, %2)\n%7:64 = call helper 132 ringbuf_submit (%3, %2)\nreturn %2",
		),
		around(
			"%0:64.map = map m\n%1:64 = const 40\n%2:64 = const 0\n%3:64.ringbuf = call helper 131 ringbuf_reserve (%0, %1, %2)\nzero %3 + 4, 4 align 4\nzero %3 + 16, 24 align 8\nstore 4 %3, %1\nstore 8 %3 + 8, %1\n%4:64.ringbuf = offset %3 + 16\n%5:32 = const 16\n%6:64 = call helper 115 probe_read_kernel_str (%4, %5, %2)\n%7:64 = call helper 132 ringbuf_submit (%3, %2)\nreturn %2",
		),
	);
});

test("dead-stores: a key's tail behind a string stays zeroed, bytes beyond the key go", () => {
	expectPass(
		clean(removeDeadStores),
		around(
			"%0:64.map = map m\n%1:64.stack = slot s.0\nzero %1, 8 align 8\n%2:32 = const 4\n%3:64 = const 0\n%4:64 = call helper 115 probe_read_kernel_str (%1, %2, %3)\n%5:64.map_value = call helper 1 map_lookup_elem (%0, %1)\nreturn %3",
			"slot s.0 8 align 8",
		),
		around(
			"%0:64.map = map m\n%1:64.stack = slot s.0\nzero %1, 4 align 8\n%2:32 = const 4\n%3:64 = const 0\n%4:64 = call helper 115 probe_read_kernel_str (%1, %2, %3)\n%5:64.map_value = call helper 1 map_lookup_elem (%0, %1)\nreturn %3",
			"slot s.0 8 align 8",
		),
	);
});

test("dead-stores: what one way reads is kept, an escaped slot is not touched", () => {
	const text = around(
		"%0:32 = param 0\n%1:64.stack = slot s.0\nstore 4 %1, %0\nbranch eq 32 %0, %0, b1, b2\nb1:\n%2:32 = load u32 %1\nreturn %2\nb2:\nreturn %0",
		"slot s.0 4 align 4",
	);
	expectPass(clean(removeDeadStores), text, text);
	const escaped = around(
		"%0:64.map_value = param 0\n%1:64.stack = slot s.0\nzero %1, 8 align 8\nstore 8 %0, %1\nreturn %0",
		"slot s.0 8 align 8",
	);
	expectPass(clean(removeDeadStores), escaped, escaped);
});

test("merge-stores: constants side by side, and a value with the zero behind it", () => {
	expectPass(
		clean(mergeStores),
		around(
			"%0:32 = param 0\n%1:64.stack = slot s.0\n%2:32 = const 1\n%3:32 = const 2\nstore 2 %1, %2\nstore 2 %1 + 2, %3\nstore 4 %1 + 8, %0\nzero %1 + 12, 4 align 4\n%4:64 = call helper 1 map_lookup_elem (%1, %1)\nreturn %4",
			"slot s.0 16 align 8",
		),
		around(
			"%0:32 = param 0\n%1:64.stack = slot s.0\n%2:32 = const 131073\nstore 4 %1, %2\nstore 8 %1 + 8, %0\n%4:64 = call helper 1 map_lookup_elem (%1, %1)\nreturn %4",
			"slot s.0 16 align 8",
		),
	);
});

test("merge-stores: nothing is joined across a load of the same memory or of unknown alignment", () => {
	const text = around(
		"%0:64.map_value = param 0\n%1:64.stack = slot s.0\n%2:32 = const 1\nstore 4 %1, %2\n%3:32 = load u32 %1\nstore 4 %1 + 4, %2\nstore 4 %0, %2\nstore 4 %0 + 4, %2\nreturn %3",
		"slot s.0 8 align 8",
	);
	expectPass(clean(mergeStores), text, text);
});

test("direct-read: a helper fills the record instead of a slot that is copied", () => {
	expectPass(
		clean(readDirectly),
		around(
			"%0:64.map = map m\n%1:64 = const 40\n%2:64 = const 0\n%3:64.ringbuf = call helper 131 ringbuf_reserve (%0, %1, %2)\n%4:64.stack = slot s.0\nzero %4, 16 align 8\n%5:32 = const 16\n%6:64 = call helper 16 get_current_comm (%4, %5)\ncopy %3 + 8, %4, 16 align 8\n%7:64 = call helper 132 ringbuf_submit (%3, %2)\nreturn %2",
			"slot s.0 16 align 8",
		),
		around(
			"%0:64.map = map m\n%1:64 = const 40\n%2:64 = const 0\n%3:64.ringbuf = call helper 131 ringbuf_reserve (%0, %1, %2)\n%5:32 = const 16\nzero %3 + 8, 16 align 8\n%8:64.ringbuf = offset %3 + 8\n%6:64 = call helper 16 get_current_comm (%8, %5)\n%7:64 = call helper 132 ringbuf_submit (%3, %2)\nreturn %2",
			"slot s.0 16 align 8",
		),
	);
});

test("direct-read: not where the slot is read twice or the record is read in between", () => {
	const text = around(
		"%0:64.map = map m\n%1:64 = const 40\n%2:64 = const 0\n%3:64.ringbuf = call helper 131 ringbuf_reserve (%0, %1, %2)\n%4:64.stack = slot s.0\n%5:32 = const 16\n%6:64 = call helper 16 get_current_comm (%4, %5)\n%8:64 = load u64 %3 + 8\ncopy %3 + 8, %4, 16 align 8\n%7:64 = call helper 132 ringbuf_submit (%3, %2)\nreturn %8",
		"slot s.0 16 align 8",
	);
	expectPass(clean(readDirectly), text, text);
});

test("forward: a kernel field is read once while nothing is called or stored in between", () => {
	expectPass(
		clean(forwardMemory),
		around(
			"%0:64.btf = param 0\n%1:32 = load u32 %0 + 8 core field_byte_offset:3:0/1\n%2:32 = load u32 %0 + 8 core field_byte_offset:3:0/1\n%3:32 = load u32 %0 + 8 core field_byte_offset:3:0/2\n%4:32 = xor %1, %2\n%5:32 = add %4, %3\nreturn %5",
		),
		around(
			"%0:64.btf = param 0\n%1:32 = load u32 %0 + 8 core field_byte_offset:3:0/1\n%3:32 = load u32 %0 + 8 core field_byte_offset:3:0/2\n%4:32 = xor %1, %1\n%5:32 = add %4, %3\nreturn %5",
		),
	);
});
