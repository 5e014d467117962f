/**
 * Runs as a child in a network namespace of its own (`unshare --net`): everything that hangs in a network is attached here,
 * fires, is replaced and taken off. Prints a line of JSON for each check.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { connect, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { openLinux } from "@skep/linux";
import { NotSupportedError } from "#base";
import { insn } from "#isa";
import { ERRNO, type Kernel, versionCode } from "#kernel";
import {
	attachClassifier,
	attachNetfilter,
	attachNetkit,
	attachNetns,
	attachRoute,
	attachSocket,
	attachSockmap,
	attachTc,
	attachTcx,
	attachXdp,
	BpfMap,
	queryPrograms,
	tcFilterOf,
	traceFds,
} from "../index.ts";
import { Counter, counting, keep, report, Skip } from "./counting.test-support.ts";

const ip = (...words: string[]) => execFileSync("ip", words, { encoding: "utf8" });
ip("link", "set", "lo", "up");
ip("link", "add", "skep0", "type", "veth", "peer", "name", "skep1");
for (const [device, address] of [
	["skep0", "10.77.0.1/24"],
	["skep1", "10.77.1.1/24"],
] as const) {
	ip("address", "add", address, "dev", device);
	ip("link", "set", device, "up");
}

const kernel = openLinux();
const tracer = traceFds();
const counter = new Counter(kernel);
const lo = kernel.interfaceIndex("lo");
const skep0 = kernel.interfaceIndex("skep0");

/** What libuv calls a socket's descriptor. */
function descriptorOf(socket: object): number {
	const handle = Object.getOwnPropertySymbols(socket)
		.map((symbol) => Reflect.get(socket, symbol) as { handle?: { fd: number } } | undefined)
		.find((each) => each?.handle)?.handle;
	const fd = handle?.fd ?? (Reflect.get(socket, "_handle") as { fd?: number } | undefined)?.fd;
	assert.ok(fd !== undefined && fd > 0, "no descriptor");
	return fd;
}

const bound = (port = 0, reuse = false): Promise<Socket> =>
	new Promise((done) => {
		const socket = createSocket({ type: "udp4", reusePort: reuse });
		socket.bind(port, "127.0.0.1", () => done(socket));
	});

/** How long something may take to come that comes at once, in ms: more in an emulated guest. */
const PATIENCE = process.env["SKEP_GUEST"] === undefined ? 200 : 3000;

/** Sends one datagram over lo; whether it came. */
async function arrives(server?: Socket): Promise<boolean> {
	const own = server ?? (await bound());
	const came = new Promise<boolean>((done) => {
		own.once("message", () => done(true));
		setTimeout(() => done(false), PATIENCE);
	});
	const client = createSocket("udp4");
	await new Promise((done) => client.send("hello", own.address().port, "127.0.0.1", done));
	const result = await came;
	client.close();
	if (!server) own.close();
	return result;
}

/** The same kernel, as one that knows no links would answer. */
const older: Kernel = Object.create(kernel, {
	bpf: {
		value: ((command, attr) =>
			command === "LINK_CREATE" ? -ERRNO.EINVAL : kernel.bpf(command, attr)) as Kernel["bpf"],
	},
});

/** Makes the netkit pair nk0, nk1. */
const NETKIT = fileURLToPath(new URL("../../../testdata/netkit.py", import.meta.url));

await report([
	[
		"tcx: ingress and egress, order, revision, update, detach, attach again",
		async () => {
			counter.reset();
			using first = counting(kernel, counter, {
				type: "sched_cls",
				attachType: "tcx_ingress",
				result: -1,
				name: "first",
			});
			using second = counting(kernel, counter, {
				type: "sched_cls",
				attachType: "tcx_ingress",
				result: 2,
				name: "second",
			});
			const link = attachTcx(first, lo, { direction: "ingress", device: "lo" });
			assert.ok(await arrives());
			assert.ok(counter.count > 0);
			assert.deepEqual(link.info()?.tcx, { ifindex: lo, attach_type: 46 });
			const before = attachTcx(second, lo, { direction: "ingress", before: link });
			assert.ok(!(await arrives()), "the second one drops, and it comes first");
			const seen = queryPrograms(kernel, { ifindex: lo }, "tcx_ingress");
			assert.deepEqual(
				seen.programs.map((each) => each.id),
				[second.info().id, first.info().id],
			);
			assert.throws(() => attachTcx(second, lo, { direction: "ingress", after: first, revision: seen.revision + 1n }), {
				code: "ESTALE",
			});
			using third = counting(kernel, counter, { type: "sched_cls", result: -1, name: "third" });
			assert.throws(() => before.update(first), { code: "EEXIST" }, "a program is in a chain once");
			before.update(third, second);
			assert.ok(await arrives(), "replaced by one that lets pass");
			assert.throws(() => before.update(second, second), { code: "EPERM" });
			before.detach();
			assert.equal(queryPrograms(kernel, { ifindex: lo }, "tcx_ingress").programs.length, 1);
			before.reattach(second);
			assert.ok(!(await arrives()));
			before.close();
			link.close();
			counter.reset();
			using egress = attachTcx(first, lo, { direction: "egress" });
			assert.ok(await arrives());
			assert.ok(counter.count > 0 && egress.attached);
		},
	],
	[
		"tc: clsact is made, filters by priority and handle, replaced, gone",
		async () => {
			counter.reset();
			using pass = counting(kernel, counter, { type: "sched_cls", result: 0 });
			using drop = counting(kernel, counter, { type: "sched_cls", result: 2, name: "drops" });
			const link = attachTc(pass, lo, { direction: "ingress", device: "lo" });
			assert.ok(await arrives());
			assert.ok(counter.count > 0);
			const chosen = tcFilterOf(link)!;
			assert.ok(chosen.priority > 0 && chosen.handle > 0, JSON.stringify(chosen));
			assert.match(link.note ?? "", /stays when the process ends/);
			link.update(drop);
			assert.ok(!(await arrives()));
			assert.equal(link.info(), undefined);
			link.detach();
			assert.ok(await arrives());
			link.reattach(drop);
			assert.ok(!(await arrives()));
			link.close();
			assert.ok(await arrives());
			using named = attachTc(pass, lo, { direction: "egress", priority: 77, handle: 5 });
			assert.deepEqual(tcFilterOf(named), { priority: 77, handle: 5 });
			assert.match(
				execFileSync("tc", ["filter", "show", "dev", "lo", "egress"], { encoding: "utf8" }),
				/pref 77 bpf chain 0 handle 0x5 counting direct-action/,
			);
			assert.throws(() => attachTc(pass, lo, { direction: "egress", priority: 77, handle: 5 }), { code: "EEXIST" });
			using elder = counting(older, counter, { type: "sched_cls", name: "older" });
			using fallen = attachClassifier(elder, lo, { direction: "ingress" });
			assert.equal(fallen.way, "netlink");
		},
	],
	[
		"xdp by rtnetlink, asked for and where the kernel has no links",
		async () => {
			counter.reset();
			using pass = counting(kernel, counter, { type: "xdp", attachType: "xdp", result: 2 });
			using drop = counting(kernel, counter, { type: "xdp", attachType: "xdp", result: 1 });
			const link = attachXdp(pass, lo, { mode: "generic", device: "lo", way: "netlink" });
			assert.ok(await arrives());
			assert.ok(counter.count > 0 && link.way === "netlink");
			assert.throws(() => link.update(drop, drop), { code: "EEXIST" });
			link.update(drop, pass);
			assert.ok(!(await arrives()));
			assert.throws(() => attachXdp(pass, lo, { mode: "generic", device: "lo", way: "netlink" }), { code: "EBUSY" });
			link.close();
			assert.ok(await arrives());
			using other = counting(older, counter, { type: "xdp", attachType: "xdp", result: 2 });
			using there = attachXdp(other, skep0, { device: "skep0" });
			assert.match(there.note ?? "", /no bpf_link for XDP/);
			assert.match(ip("link", "show", "skep0"), /xdp/);
		},
	],
	[
		"sk_lookup: a connection to another port reaches the listener; in a namespace given by path",
		async () => {
			counter.reset();
			using map = BpfMap.create(kernel, {
				name: "listeners",
				type: "sockmap",
				keySize: 4,
				valueSize: 8,
				maxEntries: 1,
			});
			const server = createServer((socket) => socket.end("hello"));
			await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
			const value = new Uint8Array(new BigUint64Array([BigInt(descriptorOf(server))]).buffer);
			map.update(new Uint8Array(4), value);
			// A new listener for whoever wants port 7777: bpf_map_lookup_elem, bpf_sk_assign, bpf_sk_release.
			using program = counting(kernel, counter, {
				type: "sk_lookup",
				attachType: "sk_lookup",
				result: 1,
				body: [
					insn.load(4, 1, 6, 60),
					insn.jump("ne", 64, 1, { imm: 7777 }, 16),
					insn.store(4, 10, -4, { imm: 0 }),
					insn.loadPseudo(1, 1, map.fd.number),
					insn.mov(64, 2, { reg: 10 }),
					insn.alu("add", 64, 2, { imm: -4 }),
					insn.call(1),
					insn.jump("eq", 64, 0, { imm: 0 }, 9),
					insn.mov(64, 8, { reg: 0 }),
					insn.mov(64, 1, { reg: 6 }),
					insn.mov(64, 2, { reg: 8 }),
					insn.mov(64, 3, { imm: 0 }),
					insn.call(124),
					keep(1, 0),
					insn.mov(64, 1, { reg: 8 }),
					insn.call(86),
					insn.mov(64, 0, { imm: 0 }),
				],
			});
			const text = () =>
				new Promise<string>((done) => {
					const client = connect({ host: "127.0.0.1", port: 7777 });
					client.on("data", (data) => done(String(data)));
					client.on("error", (error) => done(`${Reflect.get(error, "code")}`));
				});
			assert.equal(await text(), "ECONNREFUSED");
			const link = attachNetns(program);
			assert.equal(link.info()?.netns?.attach_type, 36);
			assert.equal(await text(), "hello");
			assert.ok(counter.count > 0);
			link.detach();
			assert.equal(await text(), "ECONNREFUSED");
			link.close();
			using again = attachNetns(program, "/proc/self/ns/net");
			again.update(program);
			assert.equal(await text(), "hello");
			assert.throws(() => attachNetns(program, "/proc/self/ns/nothing"), { code: "ERR_NO_TARGET" });
			server.close();
		},
	],
	[
		"flow_dissector on the namespace: by a link, exclusively; by PROG_ATTACH where there are no links",
		() => {
			counter.reset();
			using program = counting(kernel, counter, { type: "flow_dissector", attachType: "flow_dissector" });
			{
				using link = attachNetns(program);
				assert.equal(link.type, "netns");
				// Packets are taken apart for a group of packet sockets that share by hash.
				const fanout =
					"import socket\ns=socket.socket(17,3,0x0300)\ns.bind(('lo',3))\ns.setsockopt(263,18,7)\nc=socket.socket(2,2)\nfor i in range(3): c.sendto(b'x',('127.0.0.1',9))";
				try {
					execFileSync("python3", ["-c", fanout]);
					assert.ok(counter.count > 0, "it runs for packets that are shared by hash");
				} catch (error) {
					if (Reflect.get(error as object, "code") !== "ENOENT") throw error;
				}
				assert.throws(() => attachNetns(program), { code: "E2BIG" });
			}
			using other = counting(older, counter, { type: "flow_dissector", attachType: "flow_dissector" });
			using link = attachNetns(other);
			assert.deepEqual([link.way, /no bpf_link for network namespaces/.test(link.note ?? "")], ["prog_attach", true]);
		},
	],
	[
		"netfilter: input of IPv4, by priority",
		async () => {
			counter.reset();
			using drop = counting(kernel, counter, { type: "netfilter", attachType: "netfilter", result: 0 });
			using pass = counting(kernel, counter, { type: "netfilter", attachType: "netfilter", result: 1 });
			const link = attachNetfilter(drop, { family: "ipv4", hook: "input", priority: -5 });
			assert.ok(!(await arrives()));
			assert.ok(counter.count > 0);
			assert.deepEqual(link.info()?.netfilter, { pf: 2, hooknum: 1, priority: -5, flags: 0 });
			assert.throws(() => link.update(pass), NotSupportedError);
			link.close();
			using _ = attachNetfilter(pass, { family: "ipv4", hook: "output", defragment: true });
			assert.ok(await arrives());
		},
	],
	[
		"socket filter and reuseport by setsockopt",
		async () => {
			counter.reset();
			const server = await bound();
			// Lets the first 0 bytes pass: nothing.
			using nothing = counting(kernel, counter, { type: "socket_filter", result: 0 });
			using whole = counting(kernel, counter, { type: "socket_filter", result: 0xffff });
			const link = attachSocket(nothing, descriptorOf(server));
			assert.ok(!(await arrives(server)));
			assert.equal(counter.count, 1);
			link.update(whole);
			assert.ok(await arrives(server));
			link.update(nothing);
			link.close();
			assert.ok(await arrives(server));
			server.close();
			counter.reset();
			const one = await bound(0, true);
			const other = await bound(one.address().port, true);
			using chooser = counting(kernel, counter, { type: "sk_reuseport", attachType: "sk_reuseport_select", result: 1 });
			using _ = attachSocket(chooser, descriptorOf(one));
			await Promise.race([arrives(one), arrives(other)]);
			assert.ok(counter.count > 0);
			one.close();
			other.close();
		},
	],
	[
		"sockmap: sk_skb verdict and sk_msg, by link and by PROG_ATTACH",
		async () => {
			counter.reset();
			using map = BpfMap.create(kernel, { name: "sockets", type: "sockmap", keySize: 4, valueSize: 8, maxEntries: 2 });
			using verdict = counting(kernel, counter, { type: "sk_skb", attachType: "sk_skb_stream_verdict", result: 1 });
			using message = counting(kernel, counter, {
				type: "sk_msg",
				attachType: "sk_msg_verdict",
				result: 1,
				body: [insn.mov(64, 1, { imm: 1 }), insn.atomic("add", 8, 7, 8, 1)],
			});
			const link = attachSockmap(verdict, map);
			const other = attachSockmap(message, map, { way: "prog_attach" });
			assert.equal(other.way, "prog_attach");
			if (link.way === "bpf_link") assert.equal(link.info()?.sockmap?.map_id, map.info().id);
			const server = createServer((socket) => {
				socket.on("data", () => socket.write("pong"));
				map.update(new Uint8Array(4), new Uint8Array(new BigUint64Array([BigInt(descriptorOf(socket))]).buffer));
			});
			await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
			const client = connect(server.address() as { port: number });
			const got = new Promise<string>((done) => client.on("data", (data) => done(String(data))));
			// The accepted socket is in the map before anything is sent to it.
			setTimeout(() => client.write("ping"), PATIENCE / 4);
			assert.equal(await got, "pong");
			assert.ok(counter.count > 0 && counter.value(1) > 0n, `${counter.count} ${counter.value(1)}`);
			client.destroy();
			server.close();
			link.close();
			other.close();
			if (versionCode(kernel.release) >= versionCode("5.18"))
				assert.equal(queryPrograms(kernel, { fd: map.fd.number }, "sk_msg_verdict").programs.length, 0);
		},
	],
	[
		"lwt: a route whose packets go through the program",
		async () => {
			counter.reset();
			using program = counting(kernel, counter, { type: "lwt_xmit", result: 2 });
			const link = attachRoute(program, { destination: "10.78.0.0/16", ifindex: skep0 });
			assert.match(ip("route", "show", "10.78.0.0/16"), /encap bpf xmit counting/);
			const client = createSocket("udp4");
			await new Promise((done) => client.send("hello", 9, "10.78.1.1", done));
			client.close();
			assert.ok(counter.count > 0);
			link.close();
			assert.equal(ip("route", "show", "10.78.0.0/16").trim(), "");
			assert.throws(() => attachRoute(program, { destination: "not an address", ifindex: skep0 }), { code: "EINVAL" });
			using six = attachRoute(program, { destination: "2001:db8:1::/48", ifindex: skep0 });
			assert.match(ip("-6", "route", "show", "2001:db8:1::/48"), /encap bpf/);
			six.close();
		},
	],
	[
		"netkit: where the kernel has such devices",
		() => {
			try {
				execFileSync("python3", [NETKIT], { stdio: "pipe" });
			} catch (error) {
				throw new Skip(`no device of type netkit can be made here: ${String(error).split("\n").at(-2)}`);
			}
			ip("address", "add", "10.79.0.1/24", "dev", "nk0");
			for (const device of ["nk0", "nk1"]) ip("link", "set", device, "up");
			counter.reset();
			using program = counting(kernel, counter, { type: "sched_cls", attachType: "netkit_primary" });
			using link = attachNetkit(program, kernel.interfaceIndex("nk0"), { side: "primary" });
			assert.equal(link.type, "netkit");
			assert.deepEqual(link.info()?.netkit, { ifindex: kernel.interfaceIndex("nk0"), attach_type: 54 });
			ip("neighbour", "add", "10.79.0.2", "lladdr", "02:00:00:00:00:02", "dev", "nk0");
			execFileSync("python3", ["-c", "import socket; socket.socket(2,2).sendto(b'x',('10.79.0.2',9))"]);
			assert.ok(counter.count > 0);
		},
	],
]);
counter.close();
const left = tracer.open().map((each) => `${each.what}\n${each.stack}`);
console.log(JSON.stringify({ name: "no descriptor is left open", error: left[0] }));
