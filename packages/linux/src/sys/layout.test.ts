import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { attributeBytes } from "./index.ts";
import { ATTR, INFO, type Layout } from "./layout.ts";
import { LINK_INFO } from "./link-layout.ts";

const links = Object.values(LINK_INFO).flatMap(({ member, fields, variants }): [string, Layout][] => [
	[`link ${member}`, { size: INFO.link.size, fields }],
	...Object.values(variants?.rows ?? {}).map((row): [string, Layout] => [
		`link ${row.kind}`,
		{ size: INFO.link.size, fields: row.fields },
	]),
]);
const layouts: readonly (readonly [string, Layout])[] = [...Object.entries(ATTR), ...Object.entries(INFO), ...links];

test("fields lie inside their struct, on their own alignment", () => {
	for (const [name, { size, fields }] of layouts) {
		for (const [field, offset, bytes, kind, of] of fields) {
			assert.ok(offset + bytes <= size, `${name}.${field} ends at ${offset + bytes} of ${size}`);
			if (kind !== "text") assert.equal(offset % bytes, 0, `${name}.${field} at ${offset}`);
			if (kind === "length") {
				assert.ok(
					fields.some((each) => each[0] === of && each[3] === "buffer"),
					`${name}.${field} measures ${of}`,
				);
			}
		}
	}
});

test("numbers, names and lengths stand where bpf.h has them, every other byte is 0", () => {
	const bytes = attributeBytes("PROG_LOAD", {
		prog_type: 6,
		prog_name: "a-name-that-is-far-too-long",
		expected_attach_type: 37,
	});
	const view = new DataView(bytes.buffer);
	assert.equal(view.getUint32(0, true), 6);
	assert.equal(String.fromCharCode(...bytes.subarray(48, 64)), "a-name-that-is-\0");
	assert.equal(view.getUint32(68, true), 37);
	bytes.fill(0, 48, 64);
	view.setUint32(0, 0);
	view.setUint32(68, 0);
	assert.ok(bytes.every((byte) => byte === 0));
	const cookie = attributeBytes("LINK_CREATE", {
		prog_fd: 3,
		target_fd: 4,
		attach_type: 41,
		perf_event: { bpf_cookie: 0x1122334455667788n },
	});
	assert.equal(new DataView(cookie.buffer).getBigUint64(16, true), 0x1122334455667788n);
});

/** A call, and how strace decodes the attribute it saw. One row a call. */
// biome-ignore format: table
const CALLS: readonly (readonly [call: string, seen: RegExp])[] = [
	[`"MAP_CREATE", { map_type: 1, key_size: 4, value_size: 8, max_entries: 3, map_flags: 1, map_name: "some.name" }`, /map_type=BPF_MAP_TYPE_HASH, key_size=4, value_size=8, max_entries=3, map_flags=BPF_F_NO_PREALLOC.*map_name="some\.name"/],
	[`"MAP_UPDATE_ELEM", { map_fd: 999, key: u(4), value: u(8), flags: 1 }`, /MAP_UPDATE_ELEM, \{map_fd=999, key=0x\w+, value=0x\w+, flags=BPF_NOEXIST\}/],
	[`"MAP_GET_NEXT_KEY", { map_fd: 999, next_key: u(4) }`, /map_fd=999, key=NULL, next_key=0x/],
	[`"MAP_LOOKUP_BATCH", { map_fd: 999, out_batch: u(4), keys: u(12), values: u(24), count: 3, elem_flags: 4 }`, /in_batch=NULL, out_batch=0x\w+, keys=0x\w+, values=0x\w+, count=3, map_fd=999, elem_flags=BPF_F_LOCK/],
	[`"PROG_LOAD", { prog_type: 6, insns: new Uint8Array([0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]), license: "GPL", log_level: 1, log_buf: u(4096), prog_name: "p", expected_attach_type: 37 }`, /BPF_PROG_TYPE_XDP, insn_cnt=2.*license="GPL", log_level=1, log_size=4096.*prog_name="p".*expected_attach_type=BPF_XDP/],
	[`"PROG_TEST_RUN", { prog_fd: 999, data_in: u(20), data_out: u(30), repeat: 5 }`, /prog_fd=999, retval=0, data_size_in=20, data_size_out=30, data_in=0x\w+, data_out=0x\w+, repeat=5/],
	[`"LINK_CREATE", { prog_fd: 999, target_fd: 77, attach_type: 41, perf_event: { bpf_cookie: 0x123456789an } }`, /prog_fd=999, target_fd=77, attach_type=BPF_PERF_EVENT, flags=0.*bpf_cookie=0x123456789a/],
	[`"LINK_UPDATE", { link_fd: 995, new_prog_fd: 996, flags: 4, old_prog_fd: 997 }`, /link_fd=995, new_prog_fd=996, flags=BPF_F_REPLACE, old_prog_fd=997/],
	[`"RAW_TRACEPOINT_OPEN", { name: "sched_switch", prog_fd: 999 }`, /name="sched_switch", prog_fd=999/],
	[`"BTF_LOAD", { btf: u(32), btf_log_buf: u(128), btf_log_level: 1 }`, /btf_size=32, btf_log_size=128, btf_log_level=1/],
	[`"OBJ_GET", { pathname: "/sys/fs/bpf/nope", file_flags: 8 }`, /pathname="\/sys\/fs\/bpf\/nope", bpf_fd=0, file_flags=BPF_F_RDONLY/],
	[`"PROG_QUERY", { target_fd: 999, attach_type: 3, query_flags: 1, prog_ids: u(16) }`, /target_fd=999, attach_type=BPF_CGROUP_SOCK_OPS, query_flags=BPF_F_QUERY_EFFECTIVE, attach_flags=0, prog_ids=0x\w+, prog_cnt=4/],
];

test("strace reads the attributes as they were meant", (t) => {
	const version = spawnSync("strace", ["-V"], { encoding: "utf8" });
	if (version.error) return t.skip(`needs strace: ${version.error.message}`);
	const entry = new URL("../linux-kernel.ts", import.meta.url).href;
	const script = `const { openLinux } = await import(${JSON.stringify(entry)});
		const kernel = openLinux();
		const u = (size) => new Uint8Array(size);
		${CALLS.map(([call]) => `kernel.bpf(${call});`).join("\n")}`;
	const words = ["-f", "-v", "-e", "trace=bpf", process.execPath, "--input-type=module", "-e", script];
	const run = spawnSync("strace", words, { encoding: "utf8" });
	if (/ptrace.*not permitted/.test(run.stderr)) return t.skip("needs to trace its own child");
	const lines = run.stderr.split("\n").filter((line) => line.includes("bpf(BPF_"));
	assert.equal(lines.length, CALLS.length, run.stderr);
	CALLS.forEach(([, seen], i) => {
		assert.match(lines[i]!, seen);
	});
	return undefined;
});
