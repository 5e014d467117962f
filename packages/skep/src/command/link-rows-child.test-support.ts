// In a network namespace of its own: links of devices and of the namespace, as skep and bpftool show each. JSON on stdout.
import { spawnSync } from "node:child_process";
import { encode, insn } from "@skep/bpf/isa";
import { attachNetfilter, attachNetns, attachTcx, attachXdp, type Link, Program } from "@skep/bpf/live";
import type { ProgramType } from "@skep/bpf/uapi";
import { chooseKernel } from "#backend";
import { Front } from "./desk.test-support.ts";

const front = new Front(chooseKernel("linux").kernel);
const load = (type: ProgramType, result: number, more: object = {}) =>
	Program.load(front.kernel, {
		name: "linked",
		type,
		insns: encode([insn.mov(64, 0, { imm: result }), insn.exit()]),
		license: "GPL",
		...more,
	});
const LOOPBACK = 1;
const made: readonly (readonly [kind: string, make: () => Link])[] = [
	["xdp", () => attachXdp(load("xdp", 2), LOOPBACK, { mode: "generic" })],
	["tcx", () => attachTcx(load("sched_cls", 0), LOOPBACK, { direction: "ingress" })],
	["netns", () => attachNetns(load("sk_lookup", 1, { attachType: "sk_lookup" }), "/proc/self/ns/net")],
	[
		"netfilter",
		() =>
			attachNetfilter(load("netfilter", 1, { attachType: "netfilter" }), {
				family: "ipv4",
				hook: "input",
				priority: -128,
			}),
	],
];
const told: Record<string, unknown> = {};
for (const [kind, make] of made) {
	using link = make();
	const line = `link show id ${link.info()!.id}`;
	const theirs = spawnSync("bpftool", ["-j", ...line.split(" ")], { encoding: "utf8" }).stdout;
	told[kind] = { ours: await front.json(line), theirs: JSON.parse(theirs) };
}
process.stdout.write(JSON.stringify(told));
