// In a network namespace of its own: programs on both sides of a netkit pair. Where none can be made, it ends with status 77.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { encode, insn } from "@skep/bpf/isa";
import { Program } from "@skep/bpf/live";
import { chooseKernel } from "#backend";
import type { NetOverview, NetworkRows } from "#inspect";
import { Front } from "./desk.test-support.ts";

const NETKIT = fileURLToPath(new URL("../../../bpf/testdata/netkit.py", import.meta.url));

const front = new Front(chooseKernel("linux").kernel);
const load = (name: string) => {
	const insns = encode([insn.mov(64, 0, { imm: -1 }), insn.exit()]);
	const program = Program.load(front.kernel, { name, type: "sched_cls", insns, license: "GPL" });
	return { name, program, id: program.info().id };
};
const one = load("one");
const two = load("two");
const peer = load("peer");

await assert.rejects(front.run(`net attach netkit_primary id ${one.id} dev lo`), {
	code: "EINVAL",
	message: /lo is no netkit device, or this kernel has none \(since 6\.7\)/,
});

async function onPair(): Promise<void> {
	for (const { id } of [one, two]) await front.run(`net attach netkit_primary id ${id} dev nk0`);
	await front.run(`net attach netkit_peer id ${peer.id} dev nk0`);
	await assert.rejects(front.run(`net attach netkit_primary id ${one.id} dev nk0`), { code: "EEXIST" });
	// Its programs are the host's business: nothing is attached by way of the container's end.
	await assert.rejects(front.run(`net attach netkit_primary id ${one.id} dev nk1`), { code: "EACCES" });

	const shown = async () => ((await front.json("net show")) as [NetworkRows])[0].tc;
	assert.deepEqual(
		(await shown()).map(({ devname, kind, name, id }) => [devname, kind, name, id]),
		[
			["nk0", "netkit/primary", "one", one.id],
			["nk0", "netkit/primary", "two", two.id],
			["nk0", "netkit/peer", "peer", peer.id],
		],
	);
	assert.match((await front.run("net show dev nk0")).text, /\nnk0\(\d+\) netkit\/peer peer id \d+\n/);
	const { namespaces } = (await front.json("net overview")) as NetOverview;
	assert.deepEqual(
		namespaces
			.find(({ own }) => own)!
			.devices.map(({ devname, hooks }) => [
				devname,
				hooks.map(({ hook, programs }) => [hook, programs.map(({ id }) => id)]),
			]),
		[
			[
				"nk0",
				[
					["netkit/peer", [peer.id]],
					["netkit/primary", [one.id, two.id]],
				],
			],
		],
	);

	await assert.rejects(front.run("net detach netkit_primary dev nk0"), { code: "ERR_AMBIGUOUS" });
	await front.run(`net detach netkit_primary id ${one.id} dev nk0`);
	await front.run("net detach netkit_primary dev nk0");
	await front.run("net detach netkit_peer dev nk0");
	assert.deepEqual(await shown(), []);
}

try {
	execFileSync("python3", [NETKIT], { stdio: "pipe" });
} catch (error) {
	console.error(`no device of type netkit can be made here: ${String(error).trim().split("\n").at(-1)}`);
	process.exit(77);
}
await onPair();
