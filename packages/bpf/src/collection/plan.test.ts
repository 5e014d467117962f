import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProgramSpec } from "#spec";
import { sectionMeaning } from "#uapi";
import { type AttachPlan, type AttachTarget, planAttach } from "./index.ts";

/** A program as the object reader makes it of a section's name. */
function inSection(section: string): ProgramSpec {
	const meaning = sectionMeaning(section);
	assert.ok(meaning, section);
	const { name, type, attachType, target } = meaning;
	return {
		name: "program",
		insns: new Uint8Array(16),
		references: [],
		core: [],
		lines: [],
		btfFunc: 0,
		section,
		hook: name,
		type,
		flags: 0,
		autoload: meaning.autoload,
		...(attachType === undefined ? {} : { attachType }),
		...(target === undefined ? {} : { attachTo: target }),
	};
}

const plan = (section: string, target: AttachTarget = {}): Record<string, unknown> => {
	const { why, ...rest } = planAttach(inSection(section), target);
	assert.ok(why.includes(section), why);
	return rest;
};

/** Section, what is said besides, and the plan. One row a case. */
// biome-ignore format: table
const CASES: readonly (readonly [section: string, target: AttachTarget, plan: Record<string, unknown>])[] = [
	["kprobe/vfs_unlink", {}, { way: "kprobe", at: { function: "vfs_unlink", offset: 0, return: false } }],
	["kprobe/vfs_unlink+0x10", {}, { way: "kprobe", at: { function: "vfs_unlink", offset: 16, return: false } }],
	["kretprobe/vfs_unlink", { cookie: 3n }, { way: "kprobe", at: { function: "vfs_unlink", offset: 0, return: true, cookie: 3n } }],
	["kprobe", { function: "vfs_read", offset: 4 }, { way: "kprobe", at: { function: "vfs_read", offset: 4, return: false } }],
	["kprobe", {}, { way: "none", wants: "function" }],
	["ksyscall/unlinkat", {}, { way: "ksyscall", name: "unlinkat", return: false }],
	["kretsyscall/unlinkat", {}, { way: "ksyscall", name: "unlinkat", return: true }],
	["kprobe.multi/tcp_*", {}, { way: "kprobe_multi", at: { pattern: "tcp_*", return: false } }],
	["kretprobe.multi", { functions: ["a", "b"], cookies: [1n, 2n] }, { way: "kprobe_multi", at: { functions: ["a", "b"], cookies: [1n, 2n], return: true } }],
	["kprobe.session/tcp_*", {}, { way: "kprobe_multi", at: { pattern: "tcp_*", return: false } }],
	["uprobe//bin/bash:readline", {}, { way: "uprobe", at: { binary: "/bin/bash", function: "readline", offset: 0, return: false } }],
	["uprobe.s/libc.so.6:malloc+0x8", { pid: 7 }, { way: "uprobe", at: { binary: "libc.so.6", function: "malloc", offset: 8, return: false, pid: 7 } }],
	["uretprobe//odd:name:f", {}, { way: "uprobe", at: { binary: "/odd:name", function: "f", offset: 0, return: true } }],
	["uprobe//bin/bash:0x1234", {}, { way: "uprobe", at: { binary: "/bin/bash", offset: 0x1234, return: false } }],
	["uprobe", { binary: "libc", function: "free" }, { way: "uprobe", at: { binary: "libc", function: "free", offset: 0, return: false } }],
	["uprobe", {}, { way: "none", wants: "binary" }],
	["uprobe", { binary: "libc" }, { way: "none", wants: "function" }],
	["uprobe.multi//lib/x.so:pthread_*", {}, { way: "uprobe_multi", at: { binary: "/lib/x.so", pattern: "pthread_*", return: false } }],
	["uretprobe.multi.s/libc:f*", {}, { way: "uprobe_multi", at: { binary: "libc", pattern: "f*", return: true } }],
	["uprobe.session/libc:f", {}, { way: "uprobe_multi", at: { binary: "libc", pattern: "f", return: false } }],
	["usdt/libc.so.6:libc:setjmp", {}, { way: "usdt", at: { binary: "libc.so.6", provider: "libc", name: "setjmp" } }],
	["usdt.s", { binary: "python3", provider: "python", probe: "gc__start", cookie: 1n }, { way: "usdt", at: { binary: "python3", provider: "python", name: "gc__start", cookie: 1n } }],
	["usdt", {}, { way: "none", wants: "binary" }],
	["tp/sched/sched_switch", {}, { way: "tracepoint", category: "sched", name: "sched_switch" }],
	["raw_tp/sched_switch", {}, { way: "raw_tracepoint", name: "sched_switch" }],
	["raw_tp", {}, { way: "none", wants: "event" }],
	["tp_btf/sched_switch", {}, { way: "tracing", target: "tp_btf/sched_switch" }],
	["fexit.s/vfs_unlink", {}, { way: "tracing", target: "fexit.s/vfs_unlink" }],
	["lsm/file_open", {}, { way: "tracing", target: "lsm/file_open" }],
	["lsm_cgroup/socket_bind", { cgroup: 5 }, { way: "cgroup", cgroup: 5, attachType: "lsm_cgroup" }],
	["freplace/parse", {}, { way: "replacement", target: "freplace/parse" }],
	["iter/task", {}, { way: "iterator", name: "task" }],
	["iter/bpf_map_elem", {}, { way: "none", wants: "map" }],
	["iter/bpf_map_elem", { map: "m" }, { way: "iterator", name: "bpf_map_elem" }],
	["iter.s/cgroup", {}, { way: "none", wants: "cgroup" }],
	["perf_event", {}, { way: "none", wants: "sampling" }],
	["perf_event", { sampling: { event: "cpu-clock" }, pid: 4 }, { way: "perf_event", sampling: { event: "cpu-clock", pid: 4 } }],
	["xdp", {}, { way: "none", wants: "device" }],
	["xdp.frags", { device: "eth0", mode: "native" }, { way: "xdp", device: "eth0", mode: "native" }],
	["xdp/devmap", { device: "eth0" }, { way: "none", wants: undefined }],
	["tc", { device: "eth0" }, { way: "none", wants: "direction" }],
	["tc", { device: "eth0", direction: "egress" }, { way: "tcx", device: "eth0", direction: "egress" }],
	["tcx/ingress", { device: 3 }, { way: "tcx", device: 3, direction: "ingress" }],
	["tc/egress", { device: 3, priority: 5 }, { way: "tc", device: 3, direction: "egress" }],
	["classifier", { device: 3, direction: "ingress", way: "netlink" }, { way: "tc", device: 3, direction: "ingress" }],
	["netkit/peer", { device: "nk0" }, { way: "netkit", device: "nk0", side: "peer" }],
	["action", {}, { way: "none", wants: undefined }],
	["cgroup/connect4", {}, { way: "none", wants: "cgroup" }],
	["cgroup/connect4", { cgroup: "/c" }, { way: "cgroup", cgroup: "/c", attachType: "cgroup_inet4_connect" }],
	["cgroup/skb", { cgroup: "/c" }, { way: "none", wants: "attachType" }],
	["cgroup/skb", { cgroup: "/c", attachType: "cgroup_inet_egress" }, { way: "cgroup", cgroup: "/c", attachType: "cgroup_inet_egress" }],
	["sockops", { cgroup: "/c" }, { way: "cgroup", cgroup: "/c", attachType: "cgroup_sock_ops" }],
	["sk_lookup", {}, { way: "netns", namespace: undefined }],
	["flow_dissector", { namespace: "/run/netns/x" }, { way: "netns", namespace: "/run/netns/x" }],
	["sk_msg", {}, { way: "none", wants: "map" }],
	["sk_skb/verdict", { map: "sockets" }, { way: "sockmap", attachType: undefined }],
	["netfilter", {}, { way: "none", wants: "netfilter" }],
	["netfilter", { netfilter: { family: "ipv4", hook: "input" } }, { way: "netfilter", at: { family: "ipv4", hook: "input" } }],
	["lwt_xmit", {}, { way: "none", wants: "route" }],
	["lwt_in", { route: { destination: "10.0.0.0/8" }, device: "eth0" }, { way: "route", device: "eth0", destination: "10.0.0.0/8", gateway: undefined }],
	["lwt_seg6local", {}, { way: "none", wants: undefined }],
	["socket", {}, { way: "none", wants: "socket" }],
	["sk_reuseport", { socket: 4 }, { way: "socket", socket: 4 }],
	["lirc_mode2", { receiver: "/dev/lirc0" }, { way: "lirc", device: "/dev/lirc0" }],
	["syscall", {}, { way: "none", wants: undefined }],
	["struct_ops/init", {}, { way: "none", wants: undefined }],
];

test("sections are attached as they say; what they do not say is asked for by name", () => {
	for (const [section, target, expected] of CASES) assert.deepEqual(plan(section, target), expected, section);
});

test("a plan does not change what it is made of", () => {
	const target: AttachTarget = Object.freeze({ device: "eth0" });
	const first: AttachPlan = planAttach(inSection("xdp"), target);
	assert.deepEqual(planAttach(inSection("xdp"), target), first);
});
