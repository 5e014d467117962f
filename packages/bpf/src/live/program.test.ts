import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { NotSupportedError, PermissionError, VerifierError } from "#base";
import { encode, type Instruction, insn } from "#isa";
import { ERRNO, type Kernel, versionCode } from "#kernel";
import { PSEUDO_LOAD } from "#uapi";
import {
	attachRawTracepoint,
	attachTracepoint,
	attachXdp,
	BpfMap,
	enableStats,
	FEATURE_TABLE,
	has,
	Program,
	type ProgramBlueprint,
	RingBufferReader,
} from "./index.ts";
import { onBothKernels, onKernel, u64 } from "./kernel.test-support.ts";

const BY = { getPidTgid: 14, lookup: 1, ringbufOutput: 130 };
const reg = (n: number) => ({ reg: n });
const imm = (n: number) => ({ imm: n });

function load(kernel: Kernel, insns: readonly Instruction[], more: Partial<ProgramBlueprint> = {}): Program {
	return Program.load(kernel, {
		name: "test",
		type: "socket_filter",
		insns: encode([...insns]),
		license: "GPL",
		...more,
	});
}

const RETURN = (value: number) => [insn.mov(64, 0, imm(value)), insn.exit()];

/** Writes one record {pid_tgid, 42} to the ring buffer and returns. */
const writer = (ring: BpfMap) => [
	insn.call(BY.getPidTgid),
	insn.store(8, 10, -16, reg(0)),
	insn.store(8, 10, -8, imm(42)),
	insn.loadPseudo(1, PSEUDO_LOAD.BPF_PSEUDO_MAP_FD, ring.fd.number),
	insn.mov(64, 2, reg(10)),
	insn.alu("add", 64, 2, imm(-16)),
	insn.mov(64, 3, imm(16)),
	insn.mov(64, 4, imm(0)),
	insn.call(BY.ringbufOutput),
	...RETURN(0),
];

const ringBuffer = (kernel: Kernel, maxEntries = 65536) =>
	BpfMap.create(kernel, { name: "ring", type: "ringbuf", keySize: 0, valueSize: 0, maxEntries });

test(
	"a program on a tracepoint writes records that the reader sees",
	onKernel((kernel) => {
		using ring = ringBuffer(kernel);
		using program = load(kernel, writer(ring), { type: "tracepoint" });
		using reader = new RingBufferReader(ring);
		const link = attachTracepoint(program, "sched", "sched_process_exec");
		assert.equal(link.target, "tracepoint sched/sched_process_exec");
		for (let i = 0; i < 3; i++) execFileSync("/bin/true");
		link.close();
		const seen: bigint[] = [];
		const count = reader.drain((view, offset, length) => {
			assert.equal(length, 16);
			assert.equal(view.getUint32(offset + 8, true), 42);
			seen.push(view.getBigUint64(offset, true));
		});
		assert.ok(count >= 3 && seen.every((pid) => pid > 0n), `${count} records`);
		execFileSync("/bin/true");
		assert.equal(
			reader.drain(() => assert.fail("nothing is attached any more")),
			0,
		);
		assert.equal(reader.consumed, count);
	}),
);

test(
	"where the kernel has no link for perf events, the event's own ioctls attach and detach",
	onKernel((kernel) => {
		// The same kernel, as one before 5.15 would answer.
		const older: Kernel = Object.create(kernel, {
			bpf: {
				value: ((command, attr) =>
					command === "LINK_CREATE" ? -ERRNO.EINVAL : kernel.bpf(command, attr)) as Kernel["bpf"],
			},
		});
		using ring = ringBuffer(older);
		using program = load(older, writer(ring), { type: "tracepoint" });
		using reader = new RingBufferReader(ring);
		const link = attachTracepoint(program, "sched", "sched_process_exec");
		assert.equal(link.way, "perf_ioctl");
		assert.equal(link.info(), undefined);
		execFileSync("/bin/true");
		link.close();
		link.close();
		assert.ok(reader.drain(() => {}) >= 1);
		execFileSync("/bin/true");
		assert.equal(
			reader.drain(() => {}),
			0,
		);
		assert.throws(() => attachTracepoint(program, "sched", "sched_process_exec", { cookie: 7n }), { code: "EINVAL" });
	}),
);

test(
	"the reader survives wrap, discards and bounded drains, and loses nothing",
	onBothKernels((kernel) => {
		const DISCARD = 133;
		const RESERVE = 131;
		const SUBMIT = 132;
		using ring = ringBuffer(kernel, 4096);
		using counter = BpfMap.create(kernel, { name: "counter", type: "array", keySize: 4, valueSize: 8, maxEntries: 1 });
		// n = counter[0]++; r = reserve(24); r[0] = n; n odd → discard, else submit
		using program = load(
			kernel,
			[
				insn.store(4, 10, -4, imm(0)),
				insn.loadPseudo(1, PSEUDO_LOAD.BPF_PSEUDO_MAP_FD, counter.fd.number),
				insn.mov(64, 2, reg(10)),
				insn.alu("add", 64, 2, imm(-4)),
				insn.call(BY.lookup),
				insn.jump("ne", 64, 0, imm(0), 2),
				...RETURN(0),
				insn.load(8, 6, 0, 0),
				insn.mov(64, 1, reg(6)),
				insn.alu("add", 64, 1, imm(1)),
				insn.store(8, 0, 0, reg(1)),
				insn.loadPseudo(1, PSEUDO_LOAD.BPF_PSEUDO_MAP_FD, ring.fd.number),
				insn.mov(64, 2, imm(24)),
				insn.mov(64, 3, imm(0)),
				insn.call(RESERVE),
				insn.jump("ne", 64, 0, imm(0), 2),
				...RETURN(1),
				insn.store(8, 0, 0, reg(6)),
				insn.mov(64, 1, reg(0)),
				insn.mov(64, 2, imm(0)),
				insn.jump("set", 64, 6, imm(1), 3),
				insn.call(SUBMIT),
				...RETURN(0),
				insn.call(DISCARD),
				...RETURN(0),
			],
			{ type: "xdp" },
		);
		using reader = new RingBufferReader(ring);
		const seen: number[] = [];
		for (let round = 0; round < 40; round++) {
			assert.equal(program.testRun({ data: new Uint8Array(64), repeat: 100 }).retval, 0);
			assert.ok(reader.pending > 0);
			while (reader.drain((view, offset) => seen.push(view.getUint32(offset, true)), 7) > 0) {}
		}
		// A signal makes the kernel stop a test run, and it is made anew: there may be more, but none is missing.
		assert.ok(seen.length >= 2000, `${seen.length} records`);
		assert.deepEqual(
			seen,
			Array.from(seen, (_, i) => i * 2),
		);
		assert.equal(reader.pending, 0);
		// Full: the program says so, what fitted is read, and it goes on.
		assert.equal(program.testRun({ data: new Uint8Array(64), repeat: 200 }).retval, 1);
		const fitted = reader.drain(() => {});
		assert.ok(fitted === 63 || fitted === 64, `${fitted} of 127 records, every other discarded`);
		assert.equal(program.testRun({ data: new Uint8Array(64), repeat: 1 }).retval, 0);
	}),
);

test(
	"a sink that throws loses only its own record",
	onBothKernels((kernel) => {
		using ring = ringBuffer(kernel);
		using program = load(kernel, [insn.mov(64, 0, imm(1)), ...writer(ring).slice(1)], { type: "xdp" });
		program.testRun({ data: new Uint8Array(64), repeat: 3 });
		using reader = new RingBufferReader(ring);
		assert.throws(
			() =>
				reader.drain(() => {
					throw new RangeError("mine");
				}),
			/mine/,
		);
		assert.equal(
			reader.drain(() => {}),
			2,
		);
	}),
);

test(
	"a sink may close its reader, and a drain within a drain finds nothing",
	onBothKernels((kernel) => {
		using ring = ringBuffer(kernel);
		using program = load(kernel, [insn.mov(64, 0, imm(1)), ...writer(ring).slice(1)], { type: "xdp" });
		program.testRun({ data: new Uint8Array(64), repeat: 5 });
		const reader = new RingBufferReader(ring);
		const count = reader.drain((view, offset) => {
			assert.equal(
				reader.drain(() => {}),
				0,
			);
			reader.close();
			assert.equal(view.getUint32(offset + 8, true), 42, "the memory is still there");
		});
		assert.equal(count, 1);
		assert.equal(reader.closed, true);
		assert.equal(reader.pending, 0);
		using next = new RingBufferReader(ring);
		assert.ok(next.drain(() => {}) >= 4, "the others are the next reader's");
	}),
);

test(
	"a raw tracepoint fires; one that is not there is named",
	onKernel((kernel) => {
		using ring = ringBuffer(kernel);
		using program = load(kernel, writer(ring), { type: "raw_tracepoint" });
		using reader = new RingBufferReader(ring);
		using link = attachRawTracepoint(program, "sched_process_exec");
		assert.equal(link.info()?.raw_tracepoint?.tp_name, "sched_process_exec");
		execFileSync("/bin/true");
		assert.ok(reader.drain(() => {}) >= 1);
		assert.throws(() => attachRawTracepoint(program, "no_such_thing"), NotSupportedError);
		using other = load(kernel, RETURN(0), { type: "tracepoint" });
		assert.throws(() => attachTracepoint(other, "sched", "no_such_thing"), /no such tracepoint/);
		assert.throws(() => attachTracepoint(other, "../..", "x"), NotSupportedError);
	}),
);

test(
	"test runs: result, packet, context, repeat",
	onBothKernels((kernel) => {
		// The first byte of the packet becomes 0xaa.
		using program = load(
			kernel,
			[
				insn.load(4, 2, 1, 0),
				insn.load(4, 3, 1, 4),
				insn.mov(64, 4, reg(2)),
				insn.alu("add", 64, 4, imm(1)),
				insn.jump("gt", 64, 4, reg(3), 1),
				insn.store(1, 2, 0, imm(0xaa)),
				...RETURN(2),
			],
			{ type: "xdp" },
		);
		const result = program.testRun({ data: new Uint8Array(60), repeat: 10 });
		assert.equal(result.retval, 2);
		assert.equal(result.data.length, 60);
		assert.equal(result.data[0], 0xaa);
		// Linux looks at the length of an XDP packet since 5.18.
		if (versionCode(kernel.release) >= versionCode("5.18"))
			assert.throws(() => program.testRun({ data: new Uint8Array(4) }), {
				code: "EINVAL",
				message: /at least 14 bytes/,
			});
		using raw = load(kernel, [insn.load(8, 0, 1, 0), insn.exit()], { type: "raw_tracepoint" });
		assert.equal(raw.testRun({ ctx: u64(77n) }).retval, 77);
		using tracepoint = load(kernel, RETURN(0), { type: "tracepoint" });
		assert.throws(() => tracepoint.testRun({ ctx: u64(1n) }), { code: "ENOTSUPP" });
	}),
);

test(
	"statistics count while someone holds them",
	onBothKernels((kernel) => {
		using program = load(kernel, RETURN(2), { type: "xdp" });
		using held = enableStats(kernel);
		assert.ok(held.number > 0);
		program.testRun({ data: new Uint8Array(64), repeat: 5 });
		const info = program.info();
		assert.equal(info.name, "test");
		assert.equal(info.xlated_prog_len, 16);
		assert.match(info.tag, /^[0-9a-f]{16}$/);
		using again = Program.byId(kernel, info.id);
		assert.equal(again.type, "xdp");
		assert.ok(again.stats().runs >= 0n);
	}),
);

test(
	"the verifier's no: telling line, instruction, whole log",
	onKernel((kernel) => {
		const lines = [
			{ slot: 0, file: "exec.ts", text: "x", line: 3, column: 1 },
			{ slot: 1, file: "exec.ts", text: "y", line: 5, column: 9 },
		];
		const refused = (insns: readonly Instruction[], more: Partial<ProgramBlueprint> = {}): VerifierError => {
			try {
				load(kernel, insns, more).close();
			} catch (error) {
				assert.ok(error instanceof VerifierError, String(error));
				return error;
			}
			assert.fail("the verifier let it pass");
		};
		const uninitialized = refused([insn.mov(64, 1, imm(0)), insn.mov(64, 0, reg(3)), insn.exit()], { lines });
		assert.match(uninitialized.message, /refused test \(exec\.ts:5:9\): R3 !read_ok/);
		assert.equal(uninitialized.insn, 1);
		assert.match(uninitialized.log, /processed \d+ insns/);
		assert.match(
			refused([insn.mov(64, 0, imm(0)), insn.load(8, 0, 0, 0), insn.exit()]).message,
			/R0 invalid mem access '(scalar|inv)'/,
		);
		assert.match(refused([insn.mov(64, 0, imm(0)), insn.ja(-1)]).message, /infinite loop|back-edge|unreachable/);
		assert.match(refused([insn.store(8, 10, -520, imm(0)), ...RETURN(0)]).message, /invalid write to stack|stack/);
	}),
);

test(
	"a log of megabytes comes whole",
	onKernel((kernel) => {
		// A thousand branches that the log lists, then a read of a register that was never written.
		const body: Instruction[] = [];
		for (let i = 0; i < 3000; i++)
			body.push(insn.load(4, 2, 1, 0), insn.jump("eq", 64, 2, imm(i), 0), insn.mov(64, 3, imm(i)));
		try {
			load(kernel, [insn.mov(64, 6, reg(1)), ...body, insn.mov(64, 0, reg(9)), insn.exit()]).close();
			assert.fail("the verifier let it pass");
		} catch (error) {
			assert.ok(error instanceof VerifierError, String(error));
			assert.ok(error.log.length > 256 * 1024, `${error.log.length} characters`);
			assert.match(error.message, /R9 !read_ok/);
			assert.match(error.log, /^0: /m);
			assert.match(error.log, /processed \d+ insns[^\n]*\n?$/);
		}
	}),
);

test(
	"an unknown helper is not supported; a program type without its trampoline tells of lockdown",
	onKernel((kernel) => {
		assert.throws(() => load(kernel, [insn.call(4242), ...RETURN(0)], { type: "cgroup_device" }), VerifierError);
		try {
			load(kernel, RETURN(0), { type: "lsm", attachType: "lsm_mac", attachBtfId: 1 }).close();
		} catch (error) {
			if (error instanceof PermissionError) assert.match(error.message, /lockdown|policy|CAP_/);
		}
	}),
);

test(
	"features are answered by doing",
	onBothKernels((kernel) => {
		const answers = Object.fromEntries(FEATURE_TABLE.map((each) => [each.name, has(kernel, each.name)]));
		const [major, minor] = kernel.release.split(".").map(Number);
		for (const { name, since } of FEATURE_TABLE) {
			const [a, b] = since.split(".").map(Number);
			const old = major! < a! || (major === a && minor! < b!);
			if (!old) assert.equal(answers[name], true, `${name}, mainline since ${since}, on ${kernel.release}`);
		}
	}),
);

test(
	"XDP where it cannot be: the reason in words",
	onBothKernels((kernel, t) => {
		using program = load(kernel, RETURN(2), { type: "xdp" });
		assert.throws(() => attachXdp(program, 0x7fff_0000), { code: "EINVAL", message: /the device is gone/ });
		assert.equal(kernel.interfaceIndex("no-such-device"), -19);
		try {
			attachXdp(program, kernel.interfaceIndex("lo"), { mode: "native", device: "lo" }).close();
			t.diagnostic("lo takes native XDP here");
		} catch (error) {
			assert.match((error as Error).message, /attach test to xdp lo \(native\).*EOPNOTSUPP.*generic/s);
		}
	}),
);
