import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, format } from "@skep/bpf/isa";
import { type Func, type Module, parseFunc } from "#ir";
import { compileModule } from "./module.ts";

const moduleOf = (...functions: Func[]): Module => ({
	files: [],
	license: "GPL",
	functions,
	maps: [],
	globals: [],
	manifest: {
		version: 1,
		producer: "",
		source: "",
		modules: [],
		userHalf: false,
		options: [],
		maps: [],
		programs: [],
		handles: [],
	},
});
const compile = (body: string, options: Parameters<typeof compileModule>[1] = {}, head = "") =>
	compileModule(moduleOf(parseFunc(`func f "socket" 1\n${head}\nb0:\n%0:64.ctx = param 0\n${body}`)), options);
const text = (body: string, options?: Parameters<typeof compileModule>[1], head?: string): string[] => {
	const { functions, problems } = compile(body, options, head);
	assert.deepEqual(problems, []);
	return decode(functions[0]!.insns).map(format);
};

test("the context is read as [ctx + constant], the result needs no move", () => {
	assert.deepEqual(text("%1:32 = load u32 %0 + 40\n%2:32 = const 7\n%3:32 = and %1, %2\nreturn %3"), [
		"r0 = *(u32 *)(r1 + 40)",
		"w0 &= 7",
		"exit",
	]);
});

test("sign extension: shifts below v4, one instruction from it; the context is read without sign by both", () => {
	const body =
		"%1:64.btf = load u64 %0\n%2:64 = load s16 %1 + 2\n%3:64 = load s8 %0 + 8\n%4:32 = truncate %2\n%5:64 = extend s8 %4\n%6:64 = xor %2, %5\n%7:64 = add %3, %6\nreturn %7";
	const v3 = text(body);
	assert.equal(v3.filter((l) => l.includes("s>>=")).length, 3);
	assert.ok(v3.includes("r2 = *(u16 *)(r2 + 2)"));
	const v4 = text(body, { cpu: "v4" });
	assert.ok(v4.includes("r2 = *(s16 *)(r2 + 2)"));
	assert.ok(v4.some((l) => l.includes("(s8)")));
	assert.ok(v4.includes("r0 = *(u8 *)(r1 + 8)"));
});

test("signed division: one instruction from v4, none below", () => {
	const body = "%1:32 = load u32 %0\n%2:32 = load u32 %0 + 4\n%3:32 = sdiv %1, %2\nreturn %3";
	assert.ok(text(body, { cpu: "v4" }).some((l) => /s\/=/.test(l)));
	assert.ok(!text(body).some((l) => /s\/=/.test(l)));
});

test("arguments go straight into their registers, a lookup's result is checked where it came", () => {
	assert.deepEqual(
		text(
			"%1:64.map = map m\n%2:64.stack = slot k.0\n%3:32 = load u32 %0\nstore 4 %2, %3\n%4:64.map_value = call helper 1 map_lookup_elem (%1, %2)\n%5:64 = const 0\nbranch eq 64 %4, %5, b2, b1\nb1:\n%6:64 = const 1\n%7:64 = atomic add 8 %4 + 0, %6\njump b2\nb2:\n%8:32 = const 0\nreturn %8",
			{},
			"slot k.0 4 align 4",
		),
		[
			"r1 = *(u32 *)(r1 + 0)",
			"*(u32 *)(r10 - 4) = r1",
			"r1 = 0x0 ll",
			"r2 = r10",
			"r2 += -4",
			"call 1",
			"if r0 == 0 goto +2",
			"w1 = 1",
			"lock *(u64 *)(r0 + 0) += r1",
			"w0 = 0",
			"exit",
		],
	);
});

test("a loop stands with its head at the end and keeps wide constants and slot addresses outside", () => {
	const lines = text(
		"%1:64.stack = slot b.0\n%2:32 = const 32\n%3:64 = call helper 16 get_current_comm (%1, %2)\n%4:64 = const 14695981039346656037\n%5:32 = const 0\njump b1\nb1:\n%6:64 = phi b0 %4, b2 %14\n%7:32 = phi b0 %5, b2 %16\nbranch ult 32 %7, %2, b2, b3\nb2:\n%9:64.stack = offset %1 + %7\n%10:32 = load u8 %9\n%12:64 = xor %6, %10\n%13:64 = const 1099511628211\n%14:64 = mul %12, %13\n%15:32 = const 1\n%16:32 = add %7, %15\njump b1\nb3:\nreturn %6",
		{},
		"slot b.0 32 align 8",
	);
	assert.equal(lines[lines.length - 2], "if w4 < 32 goto -7");
	assert.equal(lines.length, 17);
});

test("zeroing takes the widest stores that the alignment allows", () => {
	assert.deepEqual(
		text(
			"%1:64.stack = slot b.0\nzero %1, 13 align 8\n%2:64.map = map m\n%3:64 = call helper 1 map_lookup_elem (%2, %1)\n%4:32 = truncate %3\nreturn %4",
			{},
			"slot b.0 13 align 1",
		).slice(0, 3),
		["*(u64 *)(r10 - 16) = 0", "*(u32 *)(r10 - 8) = 0", "*(u8 *)(r10 - 4) = 0"],
	);
});

test("relocated loads carry the offset; where it does not fit, an addition does", () => {
	const body = (offset: number) =>
		`%1:64.btf = load u64 %0\n%2:32 = load u32 %1 + ${offset} core field_byte_offset:7:0/2\nreturn %2`;
	const near = compile(body(1408)).functions[0]!;
	assert.deepEqual(
		near.core.map((c) => c.slot),
		[1],
	);
	const far = compile(body(40000)).functions[0]!;
	assert.deepEqual(decode(far.insns).map(format), [
		"r1 = *(u64 *)(r1 + 0)",
		"r1 += 40000",
		"r0 = *(u32 *)(r1 + 0)",
		"exit",
	]);
	assert.deepEqual(
		far.core.map((c) => c.slot),
		[1],
	);
});

test("references name maps, globals, functions and kfuncs by slot", () => {
	const f = compile(
		"%1:64.map_value = global opt_x\n%2:32 = load u32 %1\n%3:64 = call function inner (%2)\n%4:64 = call kfunc bpf_rcu_read_lock ()\n%5:64.map = map m\n%6:64 = call helper 3 map_delete_elem (%5, %2)\nreturn %3",
	).functions[0]!;
	assert.deepEqual(
		f.references.map(({ slot, ...r }) => r),
		[
			{ kind: "global", variable: "opt_x" },
			{ kind: "function", function: "inner" },
			{ kind: "kfunc", name: "bpf_rcu_read_lock" },
			{ kind: "map", map: "m" },
		],
	);
	for (const r of f.references)
		assert.equal(f.insns[r.slot * 8], r.kind === "map" || r.kind === "global" ? 0x18 : 0x85);
});

test("slots that never live together share their bytes", () => {
	const call = (k: number): string =>
		`%${10 + k}:64.stack = slot s${k}.${k}\nzero %${10 + k}, 256 align 8\n%${20 + k}:64 = call helper 99 unknown (%${10 + k})\n`;
	const { functions, problems } = compile(
		`${[0, 1, 2].map(call).join("")}%5:32 = const 0\nreturn %5`,
		{},
		[0, 1, 2].map((k) => `slot s${k}.${k} 256 align 8`).join("\n"),
	);
	assert.deepEqual(problems, []);
	assert.equal(functions[0]!.stack, 256);
});

test("too much stack is a problem with the slots, biggest first", () => {
	const { functions, problems } = compile(
		"%1:64.stack = slot a.0\n%2:64.stack = slot b.1\nzero %1, 16 align 8\nzero %2, 512 align 8\n%3:64 = call helper 99 unknown (%1, %2)\nreturn %3",
		{},
		"slot a.0 16 align 8\nslot b.1 512 align 8",
	);
	assert.equal(functions.length, 0);
	const [p] = problems;
	assert.ok(p?.kind === "stack");
	assert.equal(p.size, 528);
	assert.deepEqual(
		p.slots.map((s) => [s.name, s.size]),
		[
			["b", 512],
			["a", 16],
		],
	);
});

test("more than five arguments is a problem", () => {
	const { problems } = compile("%1:32 = const 1\n%2:64 = call function many (%1, %1, %1, %1, %1, %1)\nreturn %2");
	assert.deepEqual(
		problems.map((p) => p.kind),
		["arguments"],
	);
});

test("lines: the first is slot 0, one entry a change", () => {
	const func = parseFunc(
		'func f "socket" 1\nb0:\n%0:64.ctx = param 0\n%1:32 = load u32 %0\n%2:32 = load u32 %0 + 4\n%3:32 = add %1, %2\nreturn %3\n',
	);
	const at = (line: number) => ({ file: 0, line, column: 3 });
	for (const [k, i] of func.entry.insts.entries()) i.position = at(k === 1 ? 4 : 5);
	const f = compileModule(moduleOf({ ...func, position: at(1) })).functions[0]!;
	assert.deepEqual(
		f.lines.map((l) => [l.slot, l.position.line]),
		[
			[0, 4],
			[1, 5],
		],
	);
});
