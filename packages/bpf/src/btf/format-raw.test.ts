import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { allKinds, swapped } from "./all-kinds.test-support.ts";
import { Btf, BtfBuilder, formatRaw, formatRawJson } from "./index.ts";

const vmlinux = "/sys/kernel/btf/vmlinux";
const hasBpftool = spawnSync("bpftool", ["version"]).status === 0;

/** What bpftool prints of a BTF, byte for byte. */
function bpftool(btf: Btf, ...options: string[]): string {
	const folder = mkdtempSync(join(tmpdir(), "skep-raw-"));
	try {
		const file = join(folder, "x.btf");
		writeFileSync(file, btf.bytes);
		const r = spawnSync("bpftool", [...options, "btf", "dump", "file", file], { encoding: "utf8", maxBuffer: 1 << 28 });
		assert.equal(r.status, 0, r.stderr);
		return r.stdout;
	} finally {
		rmSync(folder, { recursive: true });
	}
}

/** bpftool 7.1 prints the enumerator n of an unsigned enum, from 2^31 on, as 2^64 - 2^32 + n. */
const unsignedEnumerators = (json: string): string =>
	json
		.split('},{"id":')
		.map((type) =>
			!type.includes('"kind":"ENUM",') || !type.includes('"encoding":"UNSIGNED"')
				? type
				: type.replace(/"val":(1844674407\d{10})/g, (_, n) => `"val":${BigInt(n) - 0xffffffff00000000n}`),
		)
		.join('},{"id":');

test("every kind as one line, members behind a tab", () => {
	const text = formatRaw(allKinds());
	for (const line of [
		"[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED\n",
		"[3] INT '_Bool' size=1 bits_offset=0 nr_bits=8 encoding=BOOL\n",
		"[7] PTR '(anon)' type_id=0\n",
		"[12] ARRAY '(anon)' type_id=2 index_type_id=1 nr_elems=16\n",
		"\t'b' type_id=1 bits_offset=5 bitfield_size=4\n",
		"\t'(anon)' type_id=17 bits_offset=384\n",
		" fwd_kind=union\n",
		" linkage=extern\n",
		"\t'MAX' val=18446744073709551615ULL\n",
		"\t'MIN' val=-5LL\n",
		"(VAR 'v_global')\n",
	])
		assert.ok(text.includes(line), `${line} in ${text}`);
	assert.deepEqual(JSON.parse(formatRawJson(allKinds())).types[0], {
		id: 1,
		kind: "INT",
		name: "int",
		size: 4,
		bits_offset: 0,
		nr_bits: 32,
		encoding: "SIGNED",
	});
});

test("both byte orders and split BTF give the same text", () => {
	assert.equal(formatRaw(swapped(allKinds())), formatRaw(allKinds()));
	const base = allKinds();
	const split = new BtfBuilder({ base });
	split.add({ kind: "ptr", type: 1 });
	const own = split.finish();
	assert.equal(formatRaw(own), `[${base.count + 1}] PTR '(anon)' type_id=1\n`);
	assert.equal(formatRaw(own, { ids: [0, 1] }), `[0] UNKNOWN '(anon)'\n${formatRaw(base, { ids: [1] })}`);
});

test("bpftool prints the same of every kind", (t) => {
	if (!hasBpftool) return t.skip("needs bpftool");
	assert.equal(formatRaw(allKinds()), bpftool(allKinds()));
	assert.equal(
		`${formatRawJson(allKinds())}
`,
		unsignedEnumerators(bpftool(allKinds(), "-j")),
	);
});

test("bpftool prints the same of the running kernel", (t) => {
	if (!hasBpftool || !existsSync(vmlinux)) return t.skip("needs bpftool and a kernel with BTF");
	const btf = Btf.decode(new Uint8Array(readFileSync(vmlinux)));
	// Compared in place: a difference of twelve megabytes is nothing to print.
	assert.ok(formatRaw(btf) === bpftool(btf), "the text differs");
	assert.ok(`${formatRawJson(btf)}\n` === unsignedEnumerators(bpftool(btf, "-j")), "the JSON differs");
});
