// `net overview` on both kernels, and on Linux what hangs in network namespaces and a cgroup of our own.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, rmdirSync, statfsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { encode, insn } from "@skep/bpf/isa";
import { attachCgroup, attachXdp, Program } from "@skep/bpf/live";
import type { HookPrograms, NetOverview } from "#inspect";
import { Front, onBoth } from "./desk.test-support.ts";

const give = (value: number) => encode([insn.mov(64, 0, { imm: value }), insn.exit()]);

/** `hook: name, name` of a list of hooks. */
const hooksOf = (hooks: readonly HookPrograms[]): string[] =>
	hooks.map(({ hook, programs }) => `${hook}: ${programs.map(({ name }) => name).join(", ")}`);

test(
	"overview: what hangs on a device, with its maps, as text and JSON",
	onBoth(async (front) => {
		const { kernel } = front;
		if (kernel.name === "linux") return; // in namespaces of its own, below
		using program = Program.load(kernel, { name: "seen", type: "xdp", insns: give(2), license: "GPL" });
		using link = attachXdp(program, kernel.interfaceIndex("lo"));
		const overview = (await front.json("net overview")) as NetOverview;
		assert.equal(overview.namespaces.length, 1);
		const [own] = overview.namespaces;
		assert.deepEqual([own!.own, own!.devices.map(({ devname }) => devname)], [true, ["lo"]]);
		const [xdp] = own!.devices[0]!.hooks;
		assert.match(xdp!.hook, /^xdp\//);
		assert.deepEqual([xdp!.programs[0]!.id, xdp!.programs[0]!.link_id], [program.info().id, link.info()?.id]);
		assert.match(
			(await front.run("net overview")).text,
			/^this network namespace\ndevice +hook +order[^\n]*\nlo +xdp\/.* seen /,
		);
	}),
);

const SCRIPT = fileURLToPath(new URL("../../testdata/net-overview.sh", import.meta.url));
const SKEP = `${process.execPath} ${fileURLToPath(new URL("../../bin/skep", import.meta.url))}`;
const OBJECT = fileURLToPath(new URL("../../../bpf/testdata/collection/exec.bpf.o", import.meta.url));

test("overview: devices of several namespaces, qdiscs and classes, tcx in order", (t) => {
	const run = spawnSync("unshare", ["-mn", "bash", SCRIPT], {
		encoding: "utf8",
		timeout: 60_000,
		env: { ...process.env, SKEP, OBJECT },
	});
	if (
		run.error ||
		/unshare failed|command not found|permission denied|does not permit|kind is unknown/i.test(run.stderr)
	)
		return t.skip(`needs namespaces, tc with htb and eBPF: ${run.error?.message ?? run.stderr}`);
	assert.equal(run.status, 0, run.stderr);
	const [json = "", ...text] = run.stdout.split("\n");
	const { namespaces } = JSON.parse(json) as NetOverview;
	const own = namespaces.find((each) => each.own)!;
	assert.deepEqual(
		own.devices.map(({ devname, hooks }) => [devname, hooksOf(hooks)]),
		[
			["lo", ["xdp/generic: on_exec", "clsact/egress: on_exec, on_exec"]],
			["v1", ["tcx/ingress: on_exec, on_exec"]],
			["v0", ["htb qdisc 1:: on_exec", "htb qdisc 20:: on_exec", "htb class 1:10: on_exec"]],
		],
	);
	const maps = own.devices[0]!.hooks[0]!.programs[0]!.maps.map(({ name }) => name);
	assert.ok(maps.includes("events") && maps.includes("lost"), maps.join());
	// A namespace that has no name: found by its process.
	const other = namespaces.find((each) => !each.own && each.processes.some(({ comm }) => comm === "sleep"))!;
	assert.deepEqual(
		other.devices.map(({ devname, hooks }) => [devname, hooksOf(hooks)]),
		[["lo", ["clsact/ingress: on_exec"]]],
	);
	const named = namespaces.find(({ names }) => names.includes("skep-blue"))!;
	assert.deepEqual(
		[named.process_count, named.devices.map(({ hooks }) => hooksOf(hooks))],
		[0, [["xdp/generic: on_exec"]]],
	);
	assert.match(text.join("\n"), /\nnetwork namespace skep-blue \[\d+\]\ndevice +hook .*\nlo +xdp\/generic +1 /);
	return undefined;
});

test("overview and cgroup show: what runs in a cgroup, inherited programs first; who holds it", async (t) => {
	const root = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].find((path) => {
		try {
			return statfsSync(path).type === 0x63677270;
		} catch {
			return false;
		}
	});
	const { chooseKernel } = await import("#backend");
	let front: Front;
	try {
		front = new Front(chooseKernel("linux").kernel);
	} catch (error) {
		return t.skip(`needs Linux that permits eBPF: ${(error as Error).message.split("\n")[0]}`);
	}
	if (!root) return t.skip("needs cgroup version 2 mounted");
	const path = `${root}/skep-overview-${process.pid}`;
	mkdirSync(`${path}/sub`, { recursive: true });
	try {
		const load = (name: string) =>
			Program.load(front.kernel, { name, type: "cgroup_skb", insns: give(1), license: "GPL" });
		using outer = load("outer");
		using inner = load("inner");
		using one = attachCgroup(outer, path, { attachType: "cgroup_inet_egress" });
		using two = attachCgroup(inner, `${path}/sub`, { attachType: "cgroup_inet_egress" });
		using three = attachCgroup(outer, `${path}/sub`, { attachType: "cgroup_inet_egress" });
		const { cgroups } = (await front.json("net overview")) as NetOverview;
		const sub = cgroups.find(({ cgroup }) => cgroup === `${path}/sub`)!;
		assert.deepEqual(
			hooksOf(sub.hooks).map((each) => each.split(", ").sort()),
			[["cgroup_inet_egress: inner", "outer", "outer"].sort()],
		);
		const id = (link: typeof one) => link.info()?.id;
		const programs = sub.hooks[0]!.programs.map(({ link_id, inherited }) => [link_id, inherited === true]);
		assert.deepEqual(
			new Map(programs as [number, boolean][]),
			new Map([two, three, one].map((link) => [id(link), link === one])),
		);
	} finally {
		rmdirSync(`${path}/sub`);
		rmdirSync(path);
	}
	return undefined;
});
