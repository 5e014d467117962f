import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { FormatError } from "#base";
import { allKinds } from "./all-kinds.test-support.ts";
import { Btf, BtfBuilder, type BtfMember, diffTypes, formatLayout, Layouts, namePattern, search } from "./index.ts";

const vmlinux = "/sys/kernel/btf/vmlinux";
const layoutOf = (btf: Btf, name: string) => {
	const layout = new Layouts(btf).of(btf.find(name)!);
	assert.ok(layout, name);
	return layout;
};
const member = (name: string, type: number, bitOffset: number, bitSize = 0): BtfMember => ({
	name,
	type,
	bitOffset,
	bitSize,
});

/** Offsets and sizes of all members in order, what is said of holes, and the sums. */
function numbers(text: string): { readonly members: string; readonly holes: string; readonly sums: string } {
	const all = (pattern: RegExp) => [...text.matchAll(pattern)].map((m) => m.slice(1).join(":"));
	return {
		members: all(/\/\*\s*(\d+)(?::\s*(\d+))?\s+(\d+) \*\//g).join(" "),
		holes: all(/XXX ([^*]*) \*\//g).join("; "),
		// pahole says of bit-fields without holes how many bits they have, here nobody asks.
		sums: all(/\/\* ((?:size|sum members|padding|paddings|bit_padding|last cacheline):? [^*]*) \*\//g).join("; "),
	};
}

describe("layouts", () => {
	test("holes, bit holes, padding, records in place", () => {
		const layout = layoutOf(allKinds(), "all");
		const { members, ...sums } = layout;
		assert.deepEqual(sums, {
			kind: "struct",
			name: "all",
			size: 120,
			sumMembers: 73,
			holes: 3,
			sumHoles: 31,
			sumBits: 7,
			bitHoles: 2,
			sumBitHoles: 25,
			padding: 12,
			bitPadding: 0,
			paddings: 0,
			sumPaddings: 0,
		});
		const inner = members.find((m) => m.members)!;
		assert.deepEqual(
			inner.members!.map((m) => [m.declaration, m.offset, m.size]),
			[
				["__Poly64_t whole", 48, 8],
				["int low", 48, 4],
			],
		);
		assert.match(formatLayout(layout), /int b:4; +\/\* +0: 5 {2}4 \*\/\n\n\t\/\* XXX 23 bits hole, try to pack \*\//);
		assert.match(formatLayout(layout), /\/\* --- cacheline 1 boundary \(64 bytes\) --- \*\//);
	});

	test("a struct that holds itself, or grows without end, is refused", () => {
		const self = new BtfBuilder();
		self.add({ kind: "struct", name: "s", size: 4, members: [member("m", 1, 0)] });
		assert.throws(() => layoutOf(self.finish(), "s"), FormatError);
		const wide = new BtfBuilder();
		let last = wide.add({ kind: "struct", name: "", size: 0, members: [] });
		for (let i = 0; i < 60; i++)
			last = wide.add({ kind: "struct", name: "", size: 0, members: [member("a", last, 0), member("b", last, 0)] });
		wide.add({ kind: "typedef", name: "t", type: last });
		assert.throws(() => layoutOf(wide.finish(), "t"), FormatError);
	});

	test("pahole says the same numbers of the running kernel", (t) => {
		const names =
			"list_head,sk_buff,tcphdr,epoll_event,page,file,cred,net_device,rq,bio,mutex,tcp_sock,sched_dl_entity";
		if (!existsSync(vmlinux)) return t.skip("needs a kernel with BTF");
		const r = spawnSync("pahole", ["-F", "btf", "-C", names, vmlinux], { encoding: "utf8" });
		if (r.error || r.status !== 0) return t.skip("needs pahole");
		const btf = Btf.decode(new Uint8Array(readFileSync(vmlinux)));
		let count = 0;
		for (const text of r.stdout.split(/\n(?=(?:struct|union) \w+ \{)/)) {
			const name = /^struct (\w+) \{/.exec(text)?.[1];
			if (name === undefined) continue;
			count++;
			assert.deepEqual(numbers(formatLayout(layoutOf(btf, name))), numbers(text), name);
		}
		assert.equal(count, names.split(",").length);
	});
});

describe("search", () => {
	test("by name, shell pattern and regular expression, and by kind", () => {
		const btf = allKinds();
		const names = (pattern: string, ...kinds: ("var" | "func")[]) =>
			search(btf, namePattern(pattern), kinds.length > 0 ? kinds : undefined).map((id) => btf.name(id));
		assert.deepEqual(names("tight"), ["tight"]);
		assert.deepEqual(names("?_glob*"), ["f_global", "v_global"]);
		assert.deepEqual(names("?_glob*", "var"), ["v_global"]);
		assert.deepEqual(names("/^BIG/i"), ["big", "bigneg"]);
		assert.deepEqual(names("a.l"), []);
		assert.throws(() => namePattern("/(/"), SyntaxError);
	});
});

describe("differences", () => {
	const make = (size: number, members: BtfMember[], value: number, extra: string): Btf => {
		const b = new BtfBuilder();
		b.add({ kind: "int", name: "int", size: 4, bits: 32, offset: 0, signed: true, char: false, bool: false });
		b.add({ kind: "ptr", type: 1 });
		b.add({ kind: "struct", name: "s", size, members });
		b.add({ kind: "enum", name: "e", size: 4, signed: false, values: [{ name: "A", value }] });
		b.add({ kind: "typedef", name: extra, type: 1 });
		b.add({ kind: "typedef", name: "same", type: 3 });
		return b.finish();
	};

	test("what came, went, and changed: members, offsets, types, sizes, values", () => {
		const before = make(8, [member("a", 1, 0), member("b", 1, 32), member("gone", 1, 32)], 1, "old");
		const after = make(16, [member("a", 1, 0, 3), member("b", 2, 64), member("new", 1, 32)], 2, "fresh");
		assert.deepEqual(diffTypes(before, after), {
			added: [{ kind: "typedef", name: "fresh" }],
			removed: [{ kind: "typedef", name: "old" }],
			changed: [
				{
					kind: "enum",
					name: "e",
					changes: [{ part: "value", name: "A", before: { value: 1 }, after: { value: 2 } }],
				},
				{
					kind: "struct",
					name: "s",
					changes: [
						{ part: "size", before: { size: 8 }, after: { size: 16 } },
						{
							part: "field",
							name: "a",
							before: { type: "int", bitOffset: 0 },
							after: { type: "int", bitOffset: 0, bitSize: 3 },
						},
						{
							part: "field",
							name: "b",
							before: { type: "int", bitOffset: 32 },
							after: { type: "int *", bitOffset: 64 },
						},
						{ part: "field", name: "gone", before: { type: "int", bitOffset: 32 } },
						{ part: "field", name: "new", after: { type: "int", bitOffset: 32 } },
					],
				},
			],
		});
		assert.deepEqual(
			diffTypes(before, after, (name) => name === "same"),
			{ added: [], removed: [], changed: [] },
		);
	});

	test("nothing differs from itself", () => {
		assert.deepEqual(diffTypes(allKinds(), allKinds()), { added: [], removed: [], changed: [] });
	});
});
