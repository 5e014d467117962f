import assert from "node:assert/strict";
import test from "node:test";
import { Btf, BtfBuilder } from "@skep/bpf/btf";
import { tracepointTable } from "#declare";
import { formatFunc, type Module, parseFunc, verifyFunc } from "#ir";
import { NO_CONTEXT, optimise } from "#passes";
import { record } from "./index.ts";

/** A kernel with a task_struct of three members and a bit-field, and a tracepoint of two arguments. */
function kernel(): Btf {
	const b = new BtfBuilder();
	const integer = (name: string, size: number, signed: boolean): number =>
		b.add({ kind: "int", name, size, bits: size * 8, offset: 0, signed, char: false, bool: false });
	const int = integer("int", 4, true);
	const char = integer("char", 1, true);
	const comm = b.add({ kind: "array", type: char, index: int, length: 16 });
	const task = b.reserve();
	const pointer = b.add({ kind: "ptr", type: task });
	const member = (name: string, type: number, bitOffset: number, bitSize = 0) => ({ name, type, bitOffset, bitSize });
	b.set(task, {
		kind: "struct",
		name: "task_struct",
		size: 40,
		members: [
			member("pid", int, 0),
			member("flag", int, 32, 1),
			member("real_parent", pointer, 64),
			member("comm", comm, 128),
		],
	});
	return Btf.decode(b.encode());
}

const shape = (functions: Module["functions"]): Module => ({
	files: [],
	license: "GPL",
	functions,
	maps: [],
	globals: [],
	manifest: {
		version: 1,
		producer: "test",
		source: "t.ts",
		modules: ["t.ts"],
		userHalf: false,
		options: [],
		maps: [],
		programs: [],
		handles: [],
	},
});

const tracepoints = tracepointTable([
	{
		category: "a",
		event: "b",
		fields: [
			{
				name: "n",
				ctype: "int",
				offset: 8,
				size: 4,
				signed: true,
				type: { kind: "int", bits: 32, signed: true },
			},
			{ name: "c", ctype: "char", offset: 12, size: 1, signed: true, type: { kind: "int", bits: 8, signed: true } },
		],
	},
]);

// A loop that reads a field in each turn, a branch, two ways out.
const WALK = `func walk "tracepoint/a/b" 1
b0:
  %0:64.ctx = param 0
  %1:64.btf = call helper 158 bpf_get_current_task_btf ()
  %2:32 = const 0
  %3:32 = const 8
  jump b1
b1:
  %4:32 = phi b0 %2, b3 %9
  %5:64.btf = phi b0 %1, b3 %8
  %6:32 = load u32 %5 core field_byte_offset:TASK:0/0
  branch eq 32 %6, %2, b2, b3
b2:
  %7:64 = call helper 5 bpf_ktime_get_ns ()
  return %2
b3:
  %8:64.btf = load u64 %5 + 8 core field_byte_offset:TASK:0/2
  %10:32 = const 1
  %9:32 = add %4, %10
  branch ult 32 %9, %3, b1, b4
b4:
  return %10
`;

test("the function stays valid, with every way out through the log", () => {
	const types = kernel();
	const func = parseFunc(WALK.replaceAll("TASK", `${types.find("task_struct", "struct")}`));
	assert.deepEqual(verifyFunc(func), []);
	const { module, refused } = record(shape([func]), { kernel: types, tracepoints });
	assert.deepEqual(refused, []);
	assert.deepEqual(verifyFunc(func), []);
	const text = formatFunc(func);
	assert.equal(text.match(/helper 130 /g)?.length, 1);
	// One without a slot, one behind the log.
	assert.equal(text.match(/^ {2}return /gm)?.length, 2);
	optimise(func, NO_CONTEXT);
	assert.deepEqual(verifyFunc(func), []);
	assert.deepEqual(module.manifest.recording, {
		map: "skep_recording",
		lost: { map: "skep_lost", key: 0 },
		programs: ["walk"],
		sites: [
			{ kind: "context", size: 13 },
			{ kind: "current" },
			{ kind: "field", struct: "task_struct", path: ["pid"], size: 4, signed: true },
			{ kind: "field", struct: "task_struct", path: ["comm"], size: 16 },
			{ kind: "field", struct: "task_struct", path: ["real_parent"], size: 8, pointsTo: "task_struct" },
			{ kind: "helper", id: 5, name: "bpf_ktime_get_ns" },
		],
	});
	assert.deepEqual(
		module.maps.map((m) => [m.name, m.maxEntries]),
		[
			["skep_lost", 1],
			["skep_rec_scratch", 1],
			["skep_recording", 8 * 1024 * 1024],
		],
	);
});

test("nothing behind a tracepoint's last field is read, nor its first eight bytes", () => {
	const types = kernel();
	const func = parseFunc('func f "tracepoint/a/b" 1\nb0:\n  %0:64.ctx = param 0\n  %1:32 = const 0\n  return %1\n');
	record(shape([func]), { kernel: types, tracepoints });
	const loads = [...formatFunc(func).matchAll(/load u(\d+) %0 \+ (\d+)/g)].map((m) => [Number(m[2]), Number(m[1]) / 8]);
	assert.deepEqual(loads, [
		[8, 4],
		[12, 1],
	]);
});

test("programs whose context is not known stay as they are", () => {
	const func = parseFunc('func f "xdp" 1\nb0:\n  %0:64.ctx = param 0\n  %1:32 = const 2\n  return %1\n');
	const before = formatFunc(func);
	const given = shape([func]);
	const { module, refused } = record(given, { kernel: kernel(), tracepoints });
	assert.equal(module, given);
	assert.deepEqual(refused, [func]);
	assert.equal(formatFunc(func), before);
});
