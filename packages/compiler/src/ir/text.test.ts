import assert from "node:assert/strict";
import { test } from "node:test";
import { around } from "./case.test-support.ts";
import { analyseGraph, formatFunc, parseFunc, verifyFunc } from "./index.ts";

const EVERY = `func every "xdp" 1
  slot s.0 16 align 8
b0:
  %0:64.ctx = param 0
  %1:32 = const 5
  %2:64 = const 18446744073709551615
  %3:32 = add %1, %1
  %4:64 = extend s32 %3
  %5:32 = truncate %4
  %6:32 = swap 16 %5
  %7:32 = compare slt 64 %4, %2
  %8:32 = load u32 %0 + 4
  %9:64.stack = slot s.0
  zero %9, 16 align 8
  store 4 %9 + 4, %8
  %12:64 = atomic add 8 fetch %9 + 8, %2
  %13:64.stack = offset %9 + 4
  %14:64.stack = offset %13 + %4
  %15:64.map = map m
  %16:64 = global opt_x
  %17:64.map_value = call helper 1 map_lookup_elem (%15, %9)
  %18:64 = call helper 44 xdp_adjust_head moves (%0, %1)
  %19:64 = call function inner (%1)
  %20:64 = call kfunc bpf_rcu_read_lock ()
  %21:64 = value 8 core type_size:12:
  %22:64 = load u64 %17 - 8 shared
  %23:32 = load s16 %0 core field_byte_offset:3:0/1:old
  copy %9, %9 + 8, 8 align 8
  branch ult 32 %1, %3, b1, b2 likely
b1:
  jump b3
b2:
  branch set 64 %2, %22, b3, b4 unlikely
b3:
  %30:32 = phi b1 %1, b2 %3
  return %30
b4:
  unreachable
`;

test("text of every operation is read back as it was written", () => {
	const func = parseFunc(EVERY);
	assert.deepEqual(verifyFunc(func), []);
	assert.equal(formatFunc(func).replace(/store|zero|copy/g, "$&"), formatFunc(parseFunc(formatFunc(func))));
	assert.equal(formatFunc(func), EVERY);
});

test("what is not IR is refused with its place", () => {
	assert.throws(() => parseFunc(around("%1:32 = frobnicate %0\n")), /found "frobnicate", expected an operation/);
	assert.throws(() => parseFunc(around("return %7\n")), /%7.*|used but not defined/);
	assert.throws(() => parseFunc(around("%1:64 = slot nothing.0\nreturn %1\n")), /expected a declared slot/);
});

test("structural mistakes are found", () => {
	const func = parseFunc(
		around(`%0:32 = const 1
  %1:64 = extend u32 %0
  branch eq 32 %0, %0, b1, b2
b1:
  jump b3
b2:
  %2:32 = const 2
  jump b3
b3:
  %3:32 = phi b1 %0, b2 %2
  return %3
`),
	);
	assert.deepEqual(verifyFunc(func), []);
	const join = func.blocks[3]!;
	join.phis[0]!.args.pop();
	assert.match(verifyFunc(func).join("\n"), /1 operands, 2 predecessors/);
	join.phis[0]!.args = [func.blocks[2]!.insts[0]!, func.blocks[2]!.insts[0]!];
	assert.match(verifyFunc(func).join("\n"), /%2 does not dominate this/);
	func.blocks[1]!.terminator = undefined;
	assert.match(verifyFunc(func).join("\n"), /b1 has no terminator/);
});

test("dominators and loops", () => {
	const func = parseFunc(
		around(`%0:32 = const 1
  jump b1
b1:
  branch eq 32 %0, %0, b2, b5
b2:
  branch eq 32 %0, %0, b3, b4
b3:
  jump b4
b4:
  jump b1
b5:
  return %0
`),
	);
	const graph = analyseGraph(func);
	const [b0, b1, b2, b3, b4, b5] = func.blocks;
	assert.deepEqual(
		[b0, b1, b2, b3, b4, b5].map((b) => graph.dominator.get(b!)!.id),
		[0, 0, 1, 2, 2, 1],
	);
	assert.deepEqual(
		[b0, b1, b2, b3, b4, b5].map((b) => graph.depth.get(b!)),
		[0, 1, 1, 1, 1, 0],
	);
	assert.deepEqual(
		[...graph.loops.keys()].map((b) => b.id),
		[1],
	);
	assert.ok(graph.dominates(b2!, b4!));
	assert.ok(!graph.dominates(b3!, b4!));
});
