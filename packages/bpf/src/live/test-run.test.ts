import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { encode, type Instruction, insn } from "#isa";
import { type Kernel, versionCode } from "#kernel";
import { type AttachType, PROGRAM_TYPES, type ProgramType } from "#uapi";
import { Program, skBuff, skLookup, TEST_RUNS, xdpMd } from "./index.ts";
import { onBothKernels, onKernel, u32, u64 } from "./kernel.test-support.ts";

const reg = (n: number) => ({ reg: n });
const imm = (n: number) => ({ imm: n });

function load(
	kernel: Kernel,
	type: ProgramType,
	insns: readonly Instruction[],
	attachType?: AttachType,
	flags = 0,
): Program {
	return Program.load(kernel, { name: "run", type, attachType, flags, license: "GPL", insns: encode([...insns]) });
}

/** An Ethernet frame with an IPv4 UDP packet from 10.0.0.1:1000 to 10.0.0.2:2000. */
const PACKET = new Uint8Array([
	...[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0],
	...[0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0x66, 0xbd, 10, 0, 0, 1, 10, 0, 0, 2],
	...[3, 0xe8, 7, 0xd0, 0, 26, 0, 0],
	...new Array<number>(18).fill(0xaa),
]);

/** True, and the test skipped: before 5.18 test runs took less, and looked at less. */
function older(kernel: Kernel, t: TestContext): boolean {
	if (versionCode(kernel.release) >= versionCode("5.18")) return false;
	t.skip(`needs test runs as they are since Linux 5.18: this is ${kernel.release}`);
	return true;
}

/** Type, attach type, instructions, what it returns. One row a type that takes packets. */
// biome-ignore format: table
const PACKETS: readonly (readonly [type: ProgramType, attachType: AttachType | undefined, insns: Instruction[], retval: number])[] = [
	["socket_filter", undefined, [insn.load(4, 0, 1, 0)], 60 - 14],
	["sched_cls", undefined, [insn.load(4, 0, 1, 0)], 60],
	["sched_act", undefined, [insn.load(4, 0, 1, 0)], 60],
	["cgroup_skb", "cgroup_inet_ingress", [insn.load(4, 0, 1, 0), insn.alu("and", 64, 0, imm(1))], 0],
	["lwt_in", undefined, [insn.load(4, 0, 1, 0)], 46],
	["lwt_out", undefined, [insn.load(4, 0, 1, 0)], 46],
	["lwt_xmit", undefined, [insn.load(4, 0, 1, 0)], 46],
	["xdp", undefined, [insn.load(4, 2, 1, 0), insn.load(4, 0, 1, 4), insn.alu("sub", 64, 0, reg(2))], 60],
	["flow_dissector", "flow_dissector", [insn.mov(64, 0, imm(0))], 0],
	["netfilter", "netfilter", [insn.mov(64, 0, imm(1))], 1],
];

/** What the virtual kernel runs too. */
const VIRTUAL: ReadonlySet<ProgramType> = new Set([
	"socket_filter",
	"sched_cls",
	"sched_act",
	"cgroup_skb",
	"xdp",
] as const);

for (const [type, attachType, insns, retval] of PACKETS) {
	const body = (kernel: Kernel, t: TestContext): void => {
		if (older(kernel, t)) return;
		using program = load(kernel, type, [...insns, insn.exit()], attachType);
		for (const repeat of [1, 5]) assert.equal(program.testRun({ data: PACKET, repeat }).retval, retval);
		const { data } = program.testRun({ data: PACKET });
		if (TEST_RUNS[type]?.gives) assert.equal(data.length, 56);
		else if (type !== "netfilter")
			assert.deepEqual(
				data.subarray(14),
				PACKET.subarray(14),
				"headers below come back as zeros where the type does not see them",
			);
		assert.throws(() => program.testRun({ data: PACKET.subarray(0, 10) }), { code: "EINVAL" });
		if (type !== "xdp")
			assert.throws(() => program.testRun({ data: PACKET, live: true }), { name: "NotSupportedError" });
	};
	test(`test run: ${type}`, VIRTUAL.has(type) ? onBothKernels(body) : onKernel(body));
}

test(
	"a test run's __sk_buff goes in and comes back",
	onKernel((kernel, t) => {
		if (older(kernel, t)) return;
		// mark += 1; cb[1] = cb[0]; return wire_len
		using program = load(kernel, "sched_cls", [
			insn.load(4, 2, 1, 8),
			insn.alu("add", 32, 2, imm(1)),
			insn.store(4, 1, 8, reg(2)),
			insn.load(4, 2, 1, 48),
			insn.store(4, 1, 52, reg(2)),
			insn.load(4, 0, 1, 160),
			insn.exit(),
		]);
		const ctx = skBuff({ mark: 41, cb: [7], wire_len: 999, tstamp: 5n, priority: 3, gso_segs: 2 });
		const result = program.testRun({ data: PACKET, ctx });
		const back = new DataView(result.ctx.buffer);
		assert.deepEqual(
			[result.retval, back.getUint32(8, true), back.getUint32(52, true), back.getUint32(32, true)],
			[999, 42, 7, 3],
		);
		assert.throws(() => program.testRun({ data: PACKET, ctx: new Uint8Array(192).fill(1, 76, 80) }), {
			code: "EINVAL",
		});
		assert.equal(program.testRun({ data: PACKET, ctx, checksumComplete: true }).retval, 999);
		assert.throws(() => skBuff({ cb: [1, 2, 3, 4, 5, 6] }), /cb has room for 5, not 6/);
		assert.throws(() => skBuff({ mark: 2 ** 32 }), /mark: 4294967296 does not fit into 4 bytes/);
		assert.throws(() => skBuff({ len: 1 } as never), /no member len; there are mark/);
	}),
);

test(
	"XDP: metadata and device of the context, packets that grow and shrink, live frames",
	onKernel((kernel, t) => {
		if (older(kernel, t)) return;
		// return (data - data_meta) << 16 | ingress_ifindex
		using meta = load(kernel, "xdp", [
			insn.load(4, 2, 1, 8),
			insn.load(4, 0, 1, 0),
			insn.alu("sub", 64, 0, reg(2)),
			insn.alu("lsh", 64, 0, imm(16)),
			insn.load(4, 3, 1, 12),
			insn.alu("or", 64, 0, reg(3)),
			insn.exit(),
		]);
		const data = new Uint8Array([...u32(1, 2), ...PACKET]);
		const ctx = xdpMd({ data: 8, data_end: data.length, ingress_ifindex: 1 });
		const result = meta.testRun({ data, ctx });
		assert.equal(result.retval, (8 << 16) | 1);
		assert.deepEqual([...new Uint32Array(result.ctx.buffer).subarray(0, 4)], [8, data.length, 0, 1]);
		for (const [delta, length] of [
			[-64, 124],
			[10, 50],
		] as const) {
			using adjust = load(kernel, "xdp", [
				insn.mov(64, 2, imm(delta)),
				insn.call(44),
				insn.mov(64, 0, imm(2)),
				insn.exit(),
			]);
			assert.equal(adjust.testRun({ data: PACKET }).data.length, length);
		}
		using drop = load(kernel, "xdp", [insn.mov(64, 0, imm(1)), insn.exit()]);
		const live = drop.testRun({ data: PACKET, repeat: 100, live: 16 });
		assert.equal(live.data.length, 0);
		assert.throws(() => drop.testRun({ data: PACKET, repeat: 1, live: 1000 }), { code: "E2BIG" });
	}),
);

test(
	"sk_lookup, raw tracepoints on a CPU, syscall programs",
	onKernel((kernel, t) => {
		if (older(kernel, t)) return;
		// return local_port
		using lookup = load(
			kernel,
			"sk_lookup",
			[
				insn.load(4, 6, 1, 60),
				insn.mov(64, 0, imm(1)),
				insn.jump("eq", 64, 6, imm(7777), 1),
				insn.mov(64, 0, imm(0)),
				insn.exit(),
			],
			"sk_lookup",
		);
		const ctx = (local_port: number) =>
			skLookup({
				family: 2,
				protocol: 6,
				remote_ip4: 0x0a00_0001,
				local_ip4: 0x0a00_0002,
				remote_port: 1000,
				local_port,
			});
		assert.deepEqual(
			[lookup.testRun({ ctx: ctx(7777), repeat: 1 }).retval, lookup.testRun({ ctx: ctx(7778), repeat: 3 }).retval],
			[1, 0],
		);
		assert.throws(() => lookup.testRun({ ctx: skLookup({}), repeat: 1 }), { code: "EAFNOSUPPORT" });
		assert.deepEqual([...ctx(1).subarray(16, 20), ...ctx(1).subarray(36, 38)], [10, 0, 0, 1, 3, 232]);
		using cpuOf = load(kernel, "raw_tracepoint", [
			insn.load(8, 6, 1, 8),
			insn.call(8),
			insn.alu("add", 64, 0, reg(6)),
			insn.exit(),
		]);
		for (let cpu = 0; cpu < kernel.possibleCpus; cpu++)
			assert.equal(cpuOf.testRun({ ctx: u64(0n, 100n), cpu }).retval, 100 + cpu);
		// ctx[1] = ctx[0] + 1; return 7
		using syscall = load(
			kernel,
			"syscall",
			[
				insn.load(8, 2, 1, 0),
				insn.alu("add", 64, 2, imm(1)),
				insn.store(8, 1, 8, reg(2)),
				insn.mov(64, 0, imm(7)),
				insn.exit(),
			],
			undefined,
			16,
		);
		const input = u64(41n, 0n);
		const result = syscall.testRun({ ctx: input });
		assert.deepEqual([result.retval, result.ctx, input], [7, u64(41n, 42n), u64(41n, 0n)]);
	}),
);

test(
	"types that cannot be test-run say so by name",
	onKernel((kernel, t) => {
		if (older(kernel, t)) return;
		const rows: [ProgramType, AttachType?][] = [
			["kprobe"],
			["tracepoint"],
			["perf_event"],
			["sock_ops", "cgroup_sock_ops"],
			["sk_skb"],
			["sk_msg"],
			["cgroup_device"],
			["cgroup_sysctl"],
			["raw_tracepoint_writable"],
			["lwt_seg6local"],
			["sk_reuseport"],
			["cgroup_sock_addr", "cgroup_inet4_bind"],
			["cgroup_sockopt", "cgroup_getsockopt"],
			["cgroup_sock"],
		];
		for (const [type, attachType] of rows) {
			assert.ok(PROGRAM_TYPES[type] && !TEST_RUNS[type], type);
			using program = load(
				kernel,
				type,
				[insn.mov(64, 0, imm(type === "sk_msg" || type.startsWith("cgroup") ? 1 : 0)), insn.exit()],
				attachType,
			);
			assert.throws(() => program.testRun({ ctx: u64(1n) }), {
				code: "ENOTSUPP",
				message: new RegExp(`\\(${type}\\).*cannot test-run this program type`),
			});
		}
	}),
);
