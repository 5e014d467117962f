import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { readObject } from "@skep/bpf/object";
import type { CollectionSpec, MapSpec, ProgramSpec } from "@skep/bpf/spec";
import { sectionMeaning } from "@skep/bpf/uapi";
import { completed, foreignOptions, foreignPrograms, foreignRecord, foreignTarget, unknownRecord } from "./foreign.ts";

const read = (name: string): CollectionSpec =>
	readObject(readFileSync(new URL(`../../../bpf/testdata/${name}.bpf.o`, import.meta.url)), { name });

/** A program as its section makes it. */
function program(section: string): ProgramSpec {
	const meaning = sectionMeaning(section)!;
	const [one] = read("collection/exec").programs.values();
	const { attachTo: _, attachType: __, ...rest } = one!;
	return {
		...rest,
		section,
		type: meaning.type,
		hook: meaning.name,
		...(meaning.attachType ? { attachType: meaning.attachType } : {}),
		...(meaning.name === section ? {} : { attachTo: section.slice(meaning.name.length + 1) }),
	};
}

/** What a section leaves open, the options for it, and the target that they make. */
const ROWS: readonly (readonly [section: string, options: Record<string, string | number>, target: object])[] = [
	["xdp", { dev: "eth0" }, { device: "eth0" }],
	["tc", { dev: "eth0", direction: "egress" }, { device: "eth0", direction: "egress" }],
	["tcx/ingress", { dev: "eth0" }, { device: "eth0" }],
	["cgroup/connect4", { cgroup: "/c" }, { cgroup: "/c" }],
	["cgroup/skb", { cgroup: "/c", direction: "egress" }, { cgroup: "/c", attachType: "cgroup_inet_egress" }],
	["perf_event", { frequency: 99 }, { sampling: { event: "cpu-clock", frequency: 99 } }],
	["sk_msg", { map: "socks" }, { map: "socks" }],
	["iter/bpf_map_elem", { map: "m" }, { map: "m" }],
	["uprobe", { binary: "libc.so.6", function: "malloc" }, { binary: "libc.so.6", function: "malloc" }],
	["usdt", { binary: "x", probe: "p:n" }, { binary: "x", provider: "p", probe: "n" }],
	["kprobe", { function: "vfs_read" }, { function: "vfs_read" }],
	["kprobe.multi", { pattern: "vfs_*" }, { pattern: "vfs_*" }],
	["tp", { event: "sched/sched_switch" }, { event: "sched/sched_switch" }],
	["netfilter", { hook: "ipv6:input:-5" }, { netfilter: { family: "ipv6", hook: "input", priority: -5 } }],
	["lwt_xmit", { route: "10.0.0.0/8", dev: "eth0" }, { route: { destination: "10.0.0.0/8" }, device: "eth0" }],
	["tp/sched/sched_switch", {}, {}],
	["sk_lookup", {}, {}],
];

test("what sections leave open is asked for by options, one after the other", () => {
	const spec = read("collection/exec");
	for (const [section, options, target] of ROWS) {
		const each = program(section);
		const alone = { ...spec, programs: new Map([[each.name, each]]), maps: new Map(), variables: new Map() };
		const asked = foreignOptions(alone).map(({ name }) => name);
		assert.deepEqual(asked.sort(), Object.keys(options).sort(), section);
		assert.deepEqual(foreignTarget(each, alone, options), target, section);
		const names = Object.keys(options);
		if (names.length === 0) continue;
		const missing = foreignTarget(each, alone, {}) as { reason: string; give: string };
		assert.match(missing.reason, new RegExp(`^section ${section.replace("*", "\\*")} `), section);
		assert.ok(
			names.some((name) => missing.give.startsWith(`--${name} `)),
			`${section}: ${missing.give}`,
		);
	}
	assert.throws(() => foreignTarget(program("netfilter"), spec, { hook: "ipx:7" }), /"ipx:7" is not like ipv4:input/);
});

test("programs of sockmaps are put on the only one that there is", () => {
	const spec = read("collection/exec");
	const [some] = spec.maps.values();
	const socks = { ...some!, name: "socks", type: "sockmap" } satisfies MapSpec;
	const one = { ...spec, maps: new Map([["socks", socks]]) };
	assert.deepEqual(foreignTarget(program("sk_msg"), one, {}), { map: "socks" });
	const two = { ...spec, maps: new Map([...one.maps, ["more", { ...socks, name: "more" }]]) };
	assert.match((foreignTarget(program("sk_msg"), two, {}) as { give: string }).give, /^--map /);
});

test("constants have the values of the object, in its byte order", () => {
	const limit = (name: string) => foreignOptions(read(name)).find((option) => option.name === "limit")!;
	assert.deepEqual([limit("kitchen").type, limit("kitchen").default], ["u32", 7]);
	assert.equal(limit("kitchen-eb").default, 7);
});

test("programs are chosen by name", () => {
	const spec = read("collection/exec");
	const chosen = foreignPrograms(spec, { programs: "on_exec,filter" })!;
	assert.deepEqual(
		[...spec.programs.values()].filter(chosen).map(({ name }) => name),
		["on_exec", "filter"],
	);
	assert.equal(foreignPrograms(spec, {}), undefined);
	assert.throws(() => foreignPrograms(spec, { programs: "on_exe" }), /has no program on_exe; it has on_exec, /);
});

test("maps whose size is open get one, and that is noted", () => {
	const spec = read("collection/exec");
	const [first, ...rest] = [...spec.maps.values()].filter(({ type }) => type === "hash");
	assert.equal(completed(spec, {}), spec);
	assert.ok(first && rest.length === 0);
	const stacks = { ...first, name: "stacks", type: "stack_trace", maxEntries: 0, valueSize: 0 } satisfies MapSpec;
	const open = { ...spec, maps: new Map([...spec.maps, ["stacks", stacks]]) } satisfies CollectionSpec;
	assert.ok(foreignOptions(open).some(({ name }) => name === "max_entries"));
	const made = completed(open, { max_entries: 5 });
	assert.deepEqual([made.maps.get("stacks")!.maxEntries, made.maps.get("stacks")!.valueSize], [5, 1016]);
	assert.match(made.notes!.at(-1)!, /size of stacks open: 5 entries/);
});

test("records without a type are told by their text and bytes; a struct is found by name", () => {
	const bytes = new TextEncoder().encode("\u0001\u0002/bin/true\0\0ab\0cat /etc/passwd\u007f");
	assert.deepEqual(unknownRecord(new DataView(bytes.buffer), 0, bytes.length).text, "/bin/true cat /etc/passwd");
	const spec = read("collection/exec");
	const ring = [...spec.maps.values()].find(({ type }) => type === "ringbuf")!;
	assert.throws(() => foreignRecord(ring, spec, { record: "nope" }), /has no struct nope in its BTF/);
	assert.throws(() => foreignRecord(ring, spec, { record: "nope=event" }), /has no map nope$/);
	const [name, id] = [...spec.btf!.ofKind("struct")].map((each) => [spec.btf!.name(each), each] as const).at(-1)!;
	assert.equal(foreignRecord(ring, spec, { record: name }), id);
	assert.equal(foreignRecord(ring, spec, { record: `counts=nope,${ring.name}=struct ${name}` }), id);
	assert.equal(foreignRecord(ring, spec, { record: "counts=nope" }), spec.btf!.find("event", "struct"));
});
