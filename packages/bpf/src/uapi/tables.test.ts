import assert from "node:assert/strict";
import { test } from "node:test";
import { openLinux } from "@skep/linux";
import {
	ATTACH_TYPES,
	type AttachType,
	attachTypeSince,
	HELPERS,
	helper,
	LINK_TYPES,
	MAP_TYPES,
	PROGRAM_TYPES,
} from "./index.ts";

test("helpers: every id from 1 to 211 once, names once, at most five arguments", () => {
	assert.deepEqual(
		HELPERS.map((each) => each.id),
		Array.from({ length: 211 }, (_, i) => i + 1),
	);
	assert.equal(new Set(HELPERS.map((each) => each.name)).size, 211);
	for (const each of HELPERS) assert.ok(each.args.length <= 5, each.name);
	assert.equal(helper("bpf_ktime_get_ns")?.id, 5);
	assert.equal(helper("ringbuf_reserve")?.id, 131);
	assert.equal(helper(1)?.name, "map_lookup_elem");
	assert.equal(helper("no_such_helper"), undefined);
	assert.equal(helper(212), undefined);
});

test("helpers have the running kernel's names", (t) => {
	if (process.platform !== "linux") return t.skip(`needs Linux, this is ${process.platform}`);
	const kernel = openLinux();
	const log = new Uint8Array(16_384);
	for (const { id, name } of HELPERS) {
		const insns = new Uint8Array([0x85, 0, 0, 0, id, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
		const fd = kernel.bpf("PROG_LOAD", {
			prog_type: PROGRAM_TYPES.kprobe.value,
			insns,
			license: "GPL",
			log_level: 1,
			log_buf: log,
		});
		if (fd === -1) return t.skip("needs CAP_BPF and CAP_PERFMON: bpf(PROG_LOAD) says EPERM");
		if (fd >= 0) kernel.close(fd);
		const text = new TextDecoder().decode(log.subarray(0, log.indexOf(0)));
		const seen = /call (?:bpf_)?(\w+)#(\d+)/.exec(text);
		if (seen && seen[1] !== "unknown") assert.deepEqual([seen[1], Number(seen[2])], [name, id]);
	}
	return undefined;
});

test("types are numbered without gaps", () => {
	const gaps = (values: number[]) => values.filter((value, i) => i > 0 && value !== values[i - 1]! + 1);
	assert.deepEqual(gaps(Object.values(MAP_TYPES).map((row) => row.value)), []);
	assert.deepEqual(gaps(Object.values(PROGRAM_TYPES).map((row) => row.value)), []);
	assert.deepEqual(gaps(Object.values(LINK_TYPES).map((row) => row.value)), []);
	assert.equal(ATTACH_TYPES.xdp, 37);
	assert.equal(ATTACH_TYPES.perf_event, 41);
	assert.equal(ATTACH_TYPES.tcx_ingress, 46);
	assert.equal(ATTACH_TYPES.trace_uprobe_session, 57);
});

test("numbers were given in the order of the kernels that brought them", () => {
	const order = (since: string): number => {
		const [major = 0, minor = 0] = since.split(".").map(Number);
		return major * 100 + minor;
	};
	const tables: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
		helpers: HELPERS.map(({ name, since }) => [name, since]),
		"program types": Object.entries(PROGRAM_TYPES).map(([name, { since }]) => [name, since]),
		"map types": Object.entries(MAP_TYPES).map(([name, { since }]) => [name, since]),
		"link types": Object.entries(LINK_TYPES).map(([name, { since }]) => [name, since]),
		"attach types": Object.keys(ATTACH_TYPES).map((name) => [name, attachTypeSince(name as AttachType)]),
	};
	for (const [table, rows] of Object.entries(tables)) {
		const wrong = rows.filter(([, since], i) => i > 0 && order(since) < order(rows[i - 1]![1]));
		assert.deepEqual(wrong, [], table);
	}
});
