// `btf` and `gen min_core_btf` through the launcher.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { BtfBuilder, formatRaw } from "@skep/bpf/btf";
import { readObject } from "@skep/bpf/object";
import type { Verb } from "#cli";
import { BTF_VERBS } from "./btf-verbs.ts";
import { runVerb, type Task } from "./desk.ts";
import { GEN_VERBS } from "./gen-verbs.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const launcher = join(root, "packages/skep/bin/skep");
const object = join(root, "packages/bpf/testdata/collection/exec.bpf.o");
const vmlinux = "/sys/kernel/btf/vmlinux";
const work = mkdtempSync(join(tmpdir(), "skep-btf-"));
after(() => rmSync(work, { recursive: true, force: true }));

const skep = (...words: string[]) =>
	spawnSync(process.execPath, [launcher, ...words], {
		cwd: work,
		encoding: "utf8",
		timeout: 60_000,
		maxBuffer: 1 << 28,
	});
const told = (...words: string[]): string => {
	const { status, stdout, stderr } = skep(...words);
	assert.equal(status, 0, stderr);
	return stdout;
};
/** What the command throws; in this process, a start for each would take a second. */
const refused = async (noun: "btf" | "gen", words: string, says: RegExp) => {
	const flags = new Map<string, string | true>([["file", join(work, "one.btf")]]);
	const rest = words === "" ? [] : words.split(" ");
	if (rest.at(-1)?.startsWith("--")) flags.set(...(rest.pop()!.slice(2).split("=") as [string, string]));
	const verbs: readonly Verb<Task>[] = noun === "btf" ? BTF_VERBS : GEN_VERBS;
	await assert.rejects(async () => runVerb(noun, verbs, { flags, rest }), says);
};

const member = (name: string, type: number, bitOffset: number) => ({ name, type, bitOffset, bitSize: 0 });
const make = (name: string, size: number, base?: ReturnType<BtfBuilder["finish"]>) => {
	const b = new BtfBuilder(base ? { base } : {});
	if (!base) b.add({ kind: "int", name: "int", size: 4, bits: 32, offset: 0, signed: true, char: false, bool: false });
	b.add({
		kind: "struct",
		name: base ? "split" : "pair",
		size,
		members: [member("a", 1, 0), member("b", 1, size * 8 - 32)],
	});
	writeFileSync(join(work, name), b.encode());
	return b.finish();
};
const one = make("one.btf", 8);
make("two.btf", 16);
make("split.btf", 8, one);

test("dump: raw, JSON, C and TypeScript, of objects and raw files", () => {
	const types = readObject(readFileSync(object), { name: "exec" }).btf!;
	assert.equal(told("btf", "dump", "file", object), formatRaw(types));
	assert.equal(told("btf", "dump", "file", "one.btf", "format", "raw"), formatRaw(one));
	assert.equal(JSON.parse(told("btf", "dump", "file", "one.btf", "--json")).types.length, 2);
	assert.match(told("btf", "dump", "file", "one.btf", "format", "c"), /struct pair \{\n\tint a;\n\tint b;\n\};/);
	assert.equal(told("btf", "dump", "file", "one.btf", "root_id", "1"), formatRaw(one, { ids: [1] }));
	assert.match(
		told("btf", "dump", "file", "one.btf", "format", "ts"),
		/export interface pair \{ readonly a: i32; readonly b: i32 \}/,
	);
	assert.match(told("btf", "dump", "file", "split.btf", "-B", "one.btf"), /^\[3\] STRUCT 'split'/);
});

test("layout, find and diff", () => {
	assert.match(told("btf", "layout", "pair", "--file", "two.btf"), /int b; +\/\* +12 +4 \*\//);
	const layout = JSON.parse(told("btf", "layout", "struct pair", "--file", "two.btf", "--json"));
	assert.deepEqual([layout.size, layout.holes, layout.sumHoles], [16, 1, 8]);
	assert.equal(told("btf", "find", "pa*", "--file", "one.btf"), "[2] struct pair, 8 bytes\n");
	assert.equal(
		told("btf", "find", "/^i/", "--json", "--file", "one.btf"),
		'{"id":1,"kind":"int","name":"int","size":4}\n',
	);
	const nothing = skep("btf", "find", "pear", "--file", "one.btf");
	assert.deepEqual([nothing.status, nothing.stdout], [1, ""]);
	assert.match(nothing.stderr, /one\.btf has no type pear, did you mean pair\?/);
	assert.equal(
		told("btf", "diff", "one.btf", "two.btf"),
		"~ struct pair\n    ~ size: 8 bytes → 16 bytes\n    ~ b: int at 4 → int at 12\n0 removed, 0 added, 1 changed\n",
	);
	assert.equal(JSON.parse(told("btf", "diff", "one.btf", "two.btf", "none", "--json")).changed.length, 0);
});

test("gen min_core_btf", (t) => {
	if (!existsSync(vmlinux)) return t.skip("needs a kernel with BTF");
	assert.match(
		told("gen", "min_core_btf", vmlinux, "min.btf", join(root, "packages/bpf/testdata/kitchen.bpf.o")),
		/^min\.btf: \d+ of \d+ bytes, for one object$/m,
	);
	assert.match(told("btf", "dump", "file", "min.btf"), /STRUCT 'task_struct'/);
});

test("what is not understood is refused in words", async () => {
	const file = join(work, "one.btf");
	const short = join(work, "short.o");
	writeFileSync(short, new Uint8Array([0x7f, 0x45, 0x4c, 0x46]));
	await refused("gen", "", /what of object, skeleton, min_core_btf\?/);
	await refused("btf", "dumb", /no "btf dumb", did you mean dump\?/);
	await refused("btf", "dump", /btf dump: source of types \(id, prog, map, file\) is missing/);
	await refused("btf", "dump file", /the file is missing after "file"/);
	await refused("btf", `dump file ${file} format xml`, /"xml" is no format: it is one of raw, c, ts/);
	await refused("btf", `dump file ${file} format c --json`, /--json is for format raw/);
	await refused("btf", `dump file ${file} root_id 9`, /"9" is no number from 0 to 2/);
	await refused("btf", "find /(/", /is no regular expression/);
	await refused("btf", "find x --kind=thing", /"thing" is none of/);
	await refused("btf", "layout pear", /has no struct or union pear, did you mean pair\?/);
	await refused("btf", "layout int", /has no struct or union int: it is an int$/);
	await refused("btf", `dump file ${launcher}`, /\(.*skep, BTF, offset 0, header\/magic\)/);
	await refused("btf", `dump file ${short}`, /no ELF file/);
	await refused("btf", "diff one.btf", /the second file is missing/);
	await refused("gen", "min_core_btf one.btf", /the file to write is missing/);
});

test("what the kernel holds, as bpftool shows it", (t) => {
	if (process.getuid?.() !== 0 || spawnSync("bpftool", ["version"]).status !== 0)
		return t.skip("needs root and bpftool");
	// A bpffs of its own, that nobody else sees; gone with the shell.
	const script = `
		mount -t bpf bpf /sys/fs/bpf || exit 77
		bpftool prog load ${object} /sys/fs/bpf/skep-btf pinmaps /sys/fs/bpf/skep-btf-maps || exit 78
		same() { bpftool btf dump "$@" > a && "${process.execPath}" ${launcher} btf dump "$@" > b && cmp a b || { echo "$@"; exit 1; }; }
		same prog pinned /sys/fs/bpf/skep-btf
		for map in /sys/fs/bpf/skep-btf-maps/*; do
			bpftool btf dump map pinned "$map" value > /dev/null 2>&1 || continue
			same map pinned "$map"
			same map pinned "$map" value
			break
		done`;
	const r = spawnSync("unshare", ["-m", "bash", "-c", script], { cwd: work, encoding: "utf8", timeout: 120_000 });
	if (r.error || r.status === 77 || r.status === 78) return t.skip(`no program can be loaded here: ${r.stderr}`);
	assert.equal(r.status, 0, r.stdout + r.stderr);
});
