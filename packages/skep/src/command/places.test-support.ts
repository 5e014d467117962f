// In a network namespace of its own: the same lines on both kernels in one process, of devices and of cgroups. Tells what each
// answered, with the names that differ made alike, as JSON on stdout.
import { mkdirSync, rmdirSync, statfsSync } from "node:fs";
import { encode, insn } from "@skep/bpf/isa";
import type { Kernel } from "@skep/bpf/kernel";
import { attachCgroup, attachTcx, attachXdp, type Link, Program } from "@skep/bpf/live";
import type { ProgramType } from "@skep/bpf/uapi";
import { chooseKernel, openVirtual } from "#backend";
import { Front } from "./desk.test-support.ts";
import { Teller } from "./teller.test-support.ts";

const LOOPBACK = 1;
const GROUP = `skep-places-${process.pid}`;

function load(kernel: Kernel, name: string, type: ProgramType, result: number): Program {
	const insns = encode([insn.mov(64, 0, { imm: result }), insn.exit()]);
	return Program.load(kernel, { name, type, insns, license: "GPL" });
}

async function devices(teller: Teller): Promise<void> {
	const { kernel } = teller.front;
	using one = load(kernel, "one", "xdp", 2);
	using two = load(kernel, "two", "xdp", 2);
	using red = load(kernel, "red", "sched_cls", 0);
	using blue = load(kernel, "blue", "sched_cls", 0);
	const at = (program: Program) => `id ${program.info().id}`;
	for (const each of [one, two, red, blue]) teller.name(each.info().id, each.name.toUpperCase());
	await teller.tell(`net attach xdpgeneric ${at(one)} dev lo`);
	await teller.tell("net show");
	await teller.tell(`net attach xdpgeneric ${at(two)} dev lo`);
	await teller.tell(`net attach xdpdrv ${at(two)} dev lo`);
	await teller.tell(`net attach xdpgeneric ${at(two)} dev lo overwrite`);
	await teller.tell(`net detach xdpgeneric ${at(one)} dev lo`);
	await teller.tell(`net detach xdpdrv dev lo`);
	await teller.tell(`net detach xdp dev lo`);
	await teller.tell(`net detach xdp dev lo`);
	await teller.tell(`net attach xdpoffload ${at(one)} dev lo`);
	await teller.tell(`net attach xdp ${at(red)} dev lo`);
	await teller.tell(`net attach xdp ${at(one)} dev nosuch0`);
	await teller.tell(`net attach tcx_ingress ${at(red)} dev lo`);
	await teller.tell(`net attach tcx_ingress ${at(blue)} dev lo`);
	await teller.tell(`net attach tcx_ingress ${at(red)} dev lo`);
	await teller.tell(`net attach tcx_ingress ${at(red)} dev lo overwrite`);
	await teller.tell(`net attach tcx_egress ${at(one)} dev lo`);
	await teller.tell("net list dev lo");
	await teller.tell("net detach tcx_ingress dev lo");
	await teller.tell(`net detach tcx_ingress ${at(one)} dev lo`);
	await teller.tell(`net detach tcx_ingress ${at(red)} dev lo`);
	await teller.tell("net detach tcx_ingress dev lo");
	await teller.tell("net detach tcx_ingress dev lo");
	const links: Link[] = [
		attachXdp(one, LOOPBACK, { mode: "generic" }),
		attachTcx(red, LOOPBACK, { direction: "ingress" }),
	];
	links.push(attachTcx(blue, LOOPBACK, { direction: "ingress", before: links[1]! }));
	for (const [i, link] of links.entries()) teller.name(link.info()!.id, `LINK${i}`);
	for (const link of links) await teller.tell(`link show id ${link.info()!.id}`);
	await teller.tell("net show");
	await teller.tell(`net detach xdp dev lo`);
	await teller.tell(`net attach xdpgeneric ${at(two)} dev lo overwrite`);
	await teller.tell(`net detach tcx_ingress ${at(red)} dev lo`);
	const ids = links.map((link) => link.info()!.id);
	for (const id of ids) await teller.tell(`link detach id ${id}`);
	await teller.tell("net show");
	for (const link of links) link.close();
}

async function cgroups(teller: Teller, root: string): Promise<void> {
	const { kernel } = teller.front;
	using one = load(kernel, "one", "cgroup_skb", 1);
	using two = load(kernel, "two", "cgroup_skb", 1);
	using other = load(kernel, "other", "xdp", 2);
	const at = (program: Program) => `id ${program.info().id}`;
	for (const each of [one, two, other]) teller.name(each.info().id, each.name.toUpperCase());
	teller.name(root, "ROOT");
	const group = `${root}/${GROUP}`;
	await teller.tell(`cgroup attach ${group} egress ${at(one)} multi`);
	await teller.tell(`cgroup attach ${group} cgroup_inet_egress ${at(two)} multi`);
	await teller.tell(`cgroup attach ${group} egress ${at(one)} multi`);
	await teller.tell(`cgroup attach ${group} egress ${at(one)} override`);
	await teller.tell(`cgroup attach ${group} ingress ${at(one)}`);
	await teller.tell(`cgroup attach ${group}/sub ingress ${at(two)}`);
	await teller.tell(`cgroup attach ${group}/sub egress ${at(two)} override`);
	await teller.tell(`cgroup attach ${group} egress ${at(other)} multi`);
	await teller.tell(`cgroup attach ${group} egres ${at(one)}`);
	await teller.tell(`cgroup show ${group}`);
	await teller.tell(`cgroup show ${group}`, "");
	await teller.tell(`cgroup show ${group}/sub effective`);
	await teller.tell(`cgroup tree ${group}`);
	await teller.tell(`cgroup tree ${group} effective`, "");
	await teller.tell(`cgroup detach ${group} egress ${at(one)}`);
	await teller.tell(`cgroup detach ${group} egress ${at(one)}`);
	await teller.tell(`cgroup detach ${group}/sub egress ${at(two)}`);
	await teller.tell(`cgroup detach ${group} ingress ${at(one)}`);
	await teller.tell(`cgroup detach ${group} egress ${at(two)}`);
	await teller.tell(`cgroup show ${group}/nothing`);
	using link = attachCgroup(one, group, { attachType: "cgroup_inet_ingress" });
	const { id, cgroup } = link.info()!;
	teller.name(id, "LINK");
	teller.name(Number(cgroup!.cgroup_id), "GROUP");
	await teller.tell(`link show id ${id}`);
	await teller.tell(`cgroup detach ${group} ingress ${at(one)}`);
	await teller.tell(`link detach id ${id}`);
	await teller.tell(`cgroup show ${group}`);
}

const told: Record<string, Record<string, readonly string[]>> = {};
const isRoot = (path: string): boolean => {
	try {
		return statfsSync(path).type === 0x63677270;
	} catch {
		return false;
	}
};
const linuxRoot = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].find(isRoot);
for (const name of ["virtual", "linux"] as const) {
	const virtual = openVirtual();
	// Ids that no other number is: they get names.
	Object.assign(virtual.system.tables.next, { program: 5_000_001, link: 6_000_001, cgroup: 7_000_001 });
	virtual.cgroup(`${GROUP}/sub`);
	const kernel = name === "linux" ? chooseKernel("linux").kernel : virtual;
	const answers: Record<string, readonly string[]> = {};
	const network = new Teller(new Front(kernel));
	await devices(network);
	answers["net"] = network.told;
	const root = name === "linux" ? linuxRoot : "/sys/fs/cgroup";
	if (linuxRoot !== undefined && root !== undefined) {
		if (name === "linux") mkdirSync(`${root}/${GROUP}/sub`, { recursive: true });
		try {
			const groups = new Teller(new Front(kernel));
			await cgroups(groups, root);
			answers["cgroup"] = groups.told;
		} finally {
			if (name === "linux") {
				rmdirSync(`${root}/${GROUP}/sub`);
				rmdirSync(`${root}/${GROUP}`);
			}
		}
	}
	told[name] = answers;
}
process.stdout.write(JSON.stringify(told));
