// Tables of kernel functions: registered, told, taken away. With a bpffs of its own.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openVirtual } from "#backend";
import { Front } from "./desk.test-support.ts";
import { inNamespaces } from "./namespace.test-support.ts";

const SKEP = fileURLToPath(new URL("../../bin/skep", import.meta.url));
const OBJECT = fileURLToPath(new URL("../../../bpf/testdata/objects/struct-ops.bpf.o", import.meta.url));
const available = (): string => readFileSync("/proc/sys/net/ipv4/tcp_available_congestion_control", "utf8");

test("congestion control is registered by an entry and by a link, told, and taken away", (t) => {
	const script = `mount -t bpf bpf /sys/fs/bpf || exit 77
		grep -q bpf_struct_ops_tcp_congestion_ops /sys/kernel/btf/vmlinux || { echo "struct_ops of TCP" >&2; exit 77; }
		skep() { ${process.execPath} ${SKEP} "$@"; }
		skep struct_ops register ${OBJECT} || echo "status $?"
		skep -j struct_ops register ${OBJECT} /sys/fs/bpf/cc
		cat /proc/sys/net/ipv4/tcp_available_congestion_control
		skep -j struct_ops show; skep -j struct_ops dump name written
		skep struct_ops unregister name linked || echo "status $?"
		skep link detach pinned /sys/fs/bpf/cc/linked
		skep -j struct_ops unregister name written
		skep struct_ops unregister name written || echo "status $?"
		rm -r /sys/fs/bpf/cc`;
	const run = inNamespaces(t, "-m", ["bash", "-c", script]);
	if (!run) return undefined;
	const lines = run.stdout.trim().split("\n");
	assert.match(
		run.stderr,
		/^skep: linked of .*struct-ops\.bpf\.o is registered by a link, which somebody must hold: name a folder in a bpffs/m,
	);
	assert.equal(lines[0], "status 1");
	const registered = JSON.parse(lines[1]!) as { id: number; name: string; path?: string }[];
	assert.deepEqual(
		registered.map(({ name, path }) => [name, path]),
		[
			["linked", "/sys/fs/bpf/cc/linked"],
			["written", undefined],
		],
	);
	assert.match(lines[2]!, /skep_test_link/);
	assert.match(lines[2]!, /skep_test( |$)/);
	const shown = JSON.parse(lines[3]!) as { id: number; kernel_struct_ops: string }[];
	for (const { id } of registered)
		assert.equal(shown.find((row) => row.id === id)?.kernel_struct_ops, "tcp_congestion_ops");
	assert.match(lines[4]!, /"ssthresh":"u32 \(struct sock \*\) skep_ssthresh\/prog_id:\d+"/);
	assert.equal(lines[5], "status 1");
	assert.match(run.stderr, /unregister map \d+: it is registered by links: skep link detach id \d+/);
	assert.equal(lines[6], "null");
	assert.equal(lines[7], "status 1");
	assert.doesNotMatch(available(), /skep_test/);
	return undefined;
});

test("the virtual kernel has no tables of functions", async () => {
	const front = new Front(openVirtual());
	assert.equal((await front.run("struct_ops show")).text, "");
	assert.deepEqual(await front.json("struct_ops list"), []);
	await assert.rejects(front.run(`struct_ops register ${OBJECT}`), /struct_ops/);
});

test("what a mounted bpffs delegates", (t) => {
	const script = `mkdir "$1" && mount -t bpf -o delegate_cmds=prog_load:map_create,delegate_maps=any bpf "$1" || exit 77
		${process.execPath} ${SKEP} -j token list; ${process.execPath} ${SKEP} token show; umount "$1"; rmdir "$1"`;
	const at = `/tmp/skep token ${process.pid}`;
	const run = inNamespaces(t, "-m", ["bash", "-c", script, "token", at]);
	if (!run) return undefined;
	const [json = "", ...text] = run.stdout.split("\n");
	const row = (JSON.parse(json) as { token_info: string }[]).find(({ token_info }) => token_info === at);
	assert.deepEqual(row, {
		token_info: at,
		allowed_cmds: ["map_create", "prog_load"],
		allowed_maps: ["any"],
		allowed_progs: [],
		allowed_attachs: [],
	});
	assert.match(text.join("\n"), /token_info \/tmp\/skep token \d+\n\tallowed_cmds: map_create prog_load\n/);
	return undefined;
});
