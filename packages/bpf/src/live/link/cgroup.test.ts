import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, rmdirSync, statfsSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { insn } from "#isa";
import { ERRNO, type Kernel } from "#kernel";
import type { AttachType, ProgramType } from "#uapi";
import { attachCgroup, queryPrograms } from "../index.ts";
import { onKernel } from "../kernel.test-support.ts";
import { Counter, counting } from "./counting.test-support.ts";

const CGROUP2_MAGIC = 0x63677270;

/** A cgroup of version 2 of our own, or a skipped test. */
function ownCgroup(t: TestContext): (Disposable & { path: string }) | undefined {
	const root = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].find((path) => {
		try {
			return statfsSync(path).type === CGROUP2_MAGIC;
		} catch {
			return false;
		}
	});
	if (!root) {
		t.skip("needs cgroup version 2 mounted");
		return undefined;
	}
	const path = `${root}/skep-test-${process.pid}-${Date.now()}`;
	try {
		mkdirSync(path);
	} catch (error) {
		t.skip(`needs to make a cgroup: ${(error as Error).message}`);
		return undefined;
	}
	return { path, [Symbol.dispose]: () => rmdirSync(path) };
}

/** Runs Python in the cgroup; what it printed. */
function inCgroup(path: string, script: string): string {
	const run = spawnSync("sh", ["-c", `echo $$ > ${path}/cgroup.procs && exec python3 -c "$0"`, script], {
		encoding: "utf8",
		timeout: 20_000,
	});
	return `${run.stdout}${run.status === 0 ? "" : run.stderr.trim().split("\n").at(-1)}`.trim();
}

/** UDP to oneself over lo: a socket is made, bound, connected, sends, receives, asks for names and options. */
const TALK = `
import socket, sys
family = socket.AF_INET6 if "6" in "FAMILY" else socket.AF_INET
address = "::1" if "6" in "FAMILY" else "127.0.0.1"
a = socket.socket(family, socket.SOCK_DGRAM); a.bind((address, 0)); a.settimeout(1)
b = socket.socket(family, socket.SOCK_DGRAM)
b.sendto(b"one", a.getsockname())
a.recvfrom(9)
b.connect(a.getsockname()); b.getpeername(); b.send(b"two")
a.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096); a.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
a.close(); b.close()
t = socket.socket(family, socket.SOCK_STREAM); t.bind((address, 0)); t.listen(1)
c = socket.socket(family, socket.SOCK_STREAM); c.connect(t.getsockname()); c.close(); t.close()
open("/dev/zero").close(); open("/proc/sys/kernel/hostname").read()
print("done")
`;

const UNIX = `
import socket, os, tempfile
name = tempfile.mktemp()
a = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); a.bind(name)
b = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); b.bind(name + "b"); b.sendto(b"x", name); a.recvfrom(9)
t = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM); t.bind(name + "t"); t.listen(1)
c = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM); c.connect(name + "t"); c.getpeername(); t.getsockname()
for each in ("", "b", "t"): os.unlink(name + each)
print("done")
`;

/** Every hook, the type of its programs, and what sets it off. One row a hook. */
// biome-ignore format: table
const HOOKS: readonly (readonly [type: ProgramType, attachType: AttachType, script: string])[] = [
	["cgroup_skb", "cgroup_inet_ingress", TALK],
	["cgroup_skb", "cgroup_inet_egress", TALK],
	["cgroup_sock", "cgroup_inet_sock_create", TALK],
	["cgroup_sock", "cgroup_inet_sock_release", TALK],
	["cgroup_sock", "cgroup_inet4_post_bind", TALK],
	["cgroup_sock", "cgroup_inet6_post_bind", TALK.replaceAll("FAMILY", "6")],
	["cgroup_sock_addr", "cgroup_inet4_bind", TALK],
	["cgroup_sock_addr", "cgroup_inet6_bind", TALK.replaceAll("FAMILY", "6")],
	["cgroup_sock_addr", "cgroup_inet4_connect", TALK],
	["cgroup_sock_addr", "cgroup_inet6_connect", TALK.replaceAll("FAMILY", "6")],
	["cgroup_sock_addr", "cgroup_udp4_sendmsg", TALK],
	["cgroup_sock_addr", "cgroup_udp6_sendmsg", TALK.replaceAll("FAMILY", "6")],
	["cgroup_sock_addr", "cgroup_udp4_recvmsg", TALK],
	["cgroup_sock_addr", "cgroup_udp6_recvmsg", TALK.replaceAll("FAMILY", "6")],
	["cgroup_sock_addr", "cgroup_inet4_getpeername", TALK],
	["cgroup_sock_addr", "cgroup_inet6_getpeername", TALK.replaceAll("FAMILY", "6")],
	["cgroup_sock_addr", "cgroup_inet4_getsockname", TALK],
	["cgroup_sock_addr", "cgroup_inet6_getsockname", TALK.replaceAll("FAMILY", "6")],
	["cgroup_sock_addr", "cgroup_unix_connect", UNIX],
	["cgroup_sock_addr", "cgroup_unix_sendmsg", UNIX],
	["cgroup_sock_addr", "cgroup_unix_recvmsg", UNIX],
	["cgroup_sock_addr", "cgroup_unix_getpeername", UNIX],
	["cgroup_sock_addr", "cgroup_unix_getsockname", UNIX],
	["cgroup_sysctl", "cgroup_sysctl", TALK],
	["cgroup_sockopt", "cgroup_getsockopt", TALK],
	["cgroup_sockopt", "cgroup_setsockopt", TALK],
	["cgroup_device", "cgroup_device", TALK],
	["sock_ops", "cgroup_sock_ops", TALK],
];

test(
	"every hook of a cgroup fires by a link",
	onKernel(async (kernel, t) => {
		using cgroup = ownCgroup(t);
		if (!cgroup) return;
		if (inCgroup(cgroup.path, "print('done')") !== "done") return t.skip("needs python3 that can enter a cgroup");
		for (const [type, attachType, script] of HOOKS) {
			await t.test(attachType, (inner) => {
				using counter = new Counter(kernel);
				let program: ReturnType<typeof counting>;
				try {
					program = counting(kernel, counter, { type, attachType, result: 1 });
				} catch (error) {
					return inner.skip(`this kernel (${kernel.release}) has no such hook: ${(error as Error).message}`);
				}
				using _ = program;
				const link = attachCgroup(program, cgroup.path);
				assert.equal(inCgroup(cgroup.path, script), "done");
				assert.ok(counter.count > 0, "it has not run");
				assert.ok(link.type === "cgroup" && link.info()!.cgroup!.cgroup_id > 0n);
				link.close();
				return undefined;
			});
		}
		return undefined;
	}),
);

test(
	"a verdict is obeyed; links are updated, detached, attached again; the older way shares, replaces and stays",
	onKernel((kernel, t) => {
		using cgroup = ownCgroup(t);
		if (!cgroup) return;
		const path = cgroup.path;
		const bind = () => inCgroup(path, "import socket; socket.socket().bind(('127.0.0.1', 0)); print('bound')");
		using counter = new Counter(kernel);
		const hook = { type: "cgroup_sock_addr", attachType: "cgroup_inet4_bind" } as const;
		using allow = counting(kernel, counter, { ...hook, result: 1, name: "allow" });
		using deny = counting(kernel, counter, { ...hook, result: 0, name: "deny" });
		const link = attachCgroup(allow, path);
		assert.equal(bind(), "bound");
		link.update(deny, allow);
		assert.match(bind(), /PermissionError/);
		assert.throws(() => link.update(allow, allow), {
			code: "EPERM",
			message: /another program than allow is in place/,
		});
		link.detach();
		assert.equal(bind(), "bound");
		assert.equal(link.info(), undefined);
		link.reattach();
		assert.match(bind(), /PermissionError/);
		link.close();
		link.close();
		assert.throws(() => link.reattach(), { code: "ERR_CLOSED" });

		const ids = () => {
			const fd = kernel.host!.open(path);
			try {
				return queryPrograms(kernel, { fd }, hook.attachType).programs.map((each) => each.id);
			} finally {
				kernel.close(fd);
			}
		};
		const shared = attachCgroup(allow, path, { way: "prog_attach" });
		assert.match(shared.note ?? "", /stays when the process ends/);
		const beside = attachCgroup(deny, path, { way: "prog_attach" });
		assert.deepEqual(ids(), [allow.info().id, deny.info().id]);
		using third = counting(kernel, counter, { ...hook, result: 1, name: "third" });
		beside.update(third);
		assert.deepEqual(ids(), [allow.info().id, third.info().id]);
		assert.equal(bind(), "bound");
		beside.close();
		shared.close();
		assert.deepEqual(ids(), []);
		const alone = attachCgroup(allow, path, { way: "prog_attach", share: "none" });
		assert.throws(() => attachCgroup(deny, path), {
			code: "EPERM",
			message: /shares with nobody/,
		});
		alone.close();

		const old: Kernel = Object.create(kernel, {
			bpf: {
				value: ((command, attr) =>
					command === "LINK_CREATE" ? -ERRNO.EINVAL : kernel.bpf(command, attr)) as Kernel["bpf"],
			},
		});
		using elder = counting(old, counter, { ...hook, result: 0 });
		using fallen = attachCgroup(elder, path);
		assert.deepEqual([fallen.way, /no bpf_link for cgroups/.test(fallen.note ?? "")], ["prog_attach", true]);
		assert.match(bind(), /PermissionError/);
		assert.throws(() => attachCgroup(allow, `${path}/nothing`), { code: "ERR_NO_TARGET" });
	}),
);

test(
	"a connection is sent elsewhere",
	onKernel((kernel, t) => {
		using cgroup = ownCgroup(t);
		if (!cgroup) return;
		using counter = new Counter(kernel);
		// The port that is connected to becomes 9, in network byte order.
		using program = counting(kernel, counter, {
			type: "cgroup_sock_addr",
			attachType: "cgroup_inet4_connect",
			result: 1,
			body: [insn.mov(64, 1, { imm: 9 << 8 }), insn.store(4, 6, 24, { reg: 1 })],
		});
		using _ = attachCgroup(program, cgroup.path);
		const script = "import socket; s = socket.socket(2, 2); s.connect(('127.0.0.1', 7)); print(s.getpeername()[1])";
		assert.equal(inCgroup(cgroup.path, script), "9");
	}),
);
