import assert from "node:assert/strict";
import { test } from "node:test";
import { find, nearNames, renderList, renderSubject, search, split, subjects, title } from "./index.ts";

const exact = (text: string): string[] => {
	const { kind, name } = split(text.split(" "));
	return find(name, kind).exact.map(title);
};

test("subjects are found by their names, whole, short, in any case, as sections", () => {
	assert.deepEqual(exact("bpf_map_lookup_elem")[0], "bpf_map_lookup_elem (helper)");
	assert.deepEqual(exact("map_lookup_elem")[0], "bpf_map_lookup_elem (helper)");
	assert.deepEqual(exact("BPF_MAP_TYPE_HASH"), ["BPF_MAP_TYPE_HASH (map type)"]);
	assert.deepEqual(exact("hash"), ["BPF_MAP_TYPE_HASH (map type)", "hash (word)"]);
	assert.deepEqual(exact("sk1010"), ["SK1010 (diagnostic)"]);
	assert.deepEqual(exact("kprobe.multi/"), ["kprobe.multi/ (section)"]);
	assert.deepEqual(exact("kprobe.multi/tcp_*"), ["kprobe.multi/ (section)"]);
	assert.deepEqual(exact('SEC("tcx/ingress")'), ["tcx/ingress (section)"]);
	assert.deepEqual(exact("xdp")[0], "BPF_PROG_TYPE_XDP (program type)");
	assert.deepEqual(exact("FLOAT"), ["BTF_KIND_FLOAT (BTF kind)"]);
	assert.deepEqual(exact("MAP_FREEZE"), ["BPF_MAP_FREEZE (command)"]);
	assert.deepEqual(exact("jeq32_imm"), ["jeq32_imm (instruction)"]);
	assert.deepEqual(exact("no such thing"), []);
});

test("a kind before the name chooses among several", () => {
	assert.deepEqual(exact("word hash"), ["hash (word)"]);
	assert.deepEqual(exact("map hash"), ["BPF_MAP_TYPE_HASH (map type)"]);
	assert.deepEqual(exact("attach type xdp"), ["BPF_XDP (attach type)"]);
	assert.deepEqual(exact("link xdp"), ["BPF_LINK_TYPE_XDP (link type)"]);
	assert.deepEqual(exact("helper hash"), []);
});

test("parts of names give candidates: beginnings first", () => {
	const { exact: none, near } = find("lookup");
	assert.deepEqual(none, []);
	const names = near.map((each) => each.name);
	assert.ok(names.includes("bpf_map_lookup_elem") && names.includes("bpf_sk_lookup_tcp"));
	assert.deepEqual(find("ringbuf_res").near[0]?.name, "bpf_ringbuf_reserve");
	assert.deepEqual(find("").near, []);
});

test("what is misspelt has near names", () => {
	assert.ok(nearNames("bpf_ktime_get_nss").includes("bpf_ktime_get_ns"));
	assert.deepEqual(nearNames("qqqqqqqqqqqq"), []);
});

test("search goes by names and texts, the best first", () => {
	const names = (text: string): string[] => search(text).map((each) => each.name);
	assert.ok(names("spin lock").slice(0, 4).includes("bpf_spin_lock"), names("spin lock").slice(0, 6).join());
	assert.ok(names("longest prefix").slice(0, 3).includes("BPF_MAP_TYPE_LPM_TRIE"));
	assert.ok(names("call stack").slice(0, 12).includes("bpf_get_stackid"));
	assert.ok(names("random number").includes("bpf_get_prandom_u32"));
	assert.deepEqual(names("xyzzyplugh"), []);
});

test("pages keep to the width, lists to a line each", () => {
	for (const each of subjects().filter((_, i) => i % 23 === 0)) {
		const page = renderSubject(each, ["Linux 6.18: yes"], 80);
		assert.ok(page.startsWith(`${title(each)}\n`));
		for (const line of page.split("\n").filter((text) => !text.startsWith("    ") && text !== `  ${each.shape}`))
			assert.ok(line.length <= 80 || !line.trim().includes(" "), line);
	}
	const lines = renderList(subjects(), 100, 50).trimEnd().split("\n");
	assert.equal(lines.length, 51);
	for (const line of lines) assert.ok(line.length <= 100, line);
});
