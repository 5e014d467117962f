import assert from "node:assert/strict";
import { test } from "node:test";
import { Btf, BtfBuilder } from "#btf";
import { loadBtf, sanitizeBtf } from "./index.ts";
import { onKernel } from "./kernel.test-support.ts";

/** BTF with every kind that some kernel did not know. */
function modern(): Btf {
	const builder = new BtfBuilder();
	const int = builder.add({
		kind: "int",
		name: "int",
		size: 4,
		bits: 32,
		offset: 0,
		signed: true,
		char: false,
		bool: false,
	});
	builder.add({ kind: "float", name: "double", size: 8 });
	const big = builder.add({
		kind: "enum64",
		name: "big",
		size: 8,
		signed: false,
		values: [
			{ name: "HUGE", value: 1n << 40n },
			{ name: "SMALL", value: 1n },
		],
	});
	const tag = builder.add({ kind: "type_tag", name: "user", type: int });
	const pointer = builder.add({ kind: "ptr", type: tag });
	const proto = builder.add({ kind: "func_proto", ret: int, params: [{ name: "p", type: pointer }] });
	const func = builder.add({ kind: "func", name: "work", type: proto, linkage: "global" });
	builder.add({ kind: "decl_tag", name: "note", type: func, component: -1 });
	const variable = builder.add({ kind: "var", name: "total", type: int, linkage: "global" });
	builder.add({ kind: "datasec", name: ".bss", size: 4, vars: [{ type: variable, offset: 0, size: 4 }] });
	builder.add({
		kind: "struct",
		name: "holder",
		size: 8,
		members: [{ name: "big", type: big, bitOffset: 0, bitSize: 0 }],
	});
	return builder.finish();
}
const ALL = new Set([
	"btf_datasec",
	"btf_global_func",
	"btf_float",
	"btf_decl_tag",
	"btf_type_tag",
	"btf_enum64",
] as const);

test("newer kinds become older ones; ids, sizes and everything else stay", () => {
	const before = modern();
	const after = Btf.decode(sanitizeBtf(before.encode(), ALL));
	const kinds = (btf: Btf) => Array.from({ length: btf.count }, (_, i) => btf.type(i + 1).kind);
	assert.deepEqual(kinds(after), [
		"int",
		"struct",
		"union",
		"const",
		"ptr",
		"func_proto",
		"func",
		"int",
		"int",
		"struct",
		"struct",
		"int",
	]);
	assert.equal(after.sizeOf(2), 8);
	assert.equal(after.sizeOf(3), 8);
	const func = after.type(7);
	assert.ok(func.kind === "func" && func.linkage === "static" && func.name === "work");
	assert.deepEqual(after.type(11), before.type(11));
	assert.equal(sanitizeBtf(before.encode(), new Set()).length > before.encode().length, true);
});

test(
	"the kernel takes both",
	onKernel((kernel) => {
		using whole = loadBtf(kernel, modern().encode());
		assert.ok(whole.number > 0);
		using older = loadBtf(kernel, sanitizeBtf(modern().encode(), ALL));
		const info = {};
		assert.equal(kernel.bpf("OBJ_GET_INFO_BY_FD", { bpf_fd: older.number, kind: "btf", info }), 0);
		assert.ok((info as { btf_size: number }).btf_size > 24);
	}),
);

test(
	"malformed BTF is refused with the kernel's own words",
	onKernel((kernel) => {
		const bytes = modern().encode().slice();
		bytes[0] = 0;
		assert.throws(() => loadBtf(kernel, bytes), {
			code: "EINVAL",
			message: /cannot load BTF: bpf\(BTF_LOAD\) says EINVAL: .*magic/i,
		});
	}),
);
