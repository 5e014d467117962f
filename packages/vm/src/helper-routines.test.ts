// Helpers that generated code does itself say what the helper says, and leave the machine as it does.
import assert from "node:assert/strict";
import { test } from "node:test";
import { encode, type Instruction, insn } from "@skep/bpf/isa";
import { Program } from "@skep/bpf/live";
import { HELPERS } from "@skep/bpf/uapi";
import { VirtualKernel, type VirtualKernelOptions } from "./virtual-kernel.ts";

const ENGINES: readonly VirtualKernelOptions[] = [
	{ engine: "interpreter" },
	{ engine: "jit" },
	{ engine: "jit", checked: false },
];
const ASKED = [
	"ktime_get_ns",
	"get_prandom_u32",
	"ktime_get_boot_ns",
	"get_current_pid_tgid",
	"ktime_get_coarse_ns",
	"get_current_uid_gid",
	"ktime_get_tai_ns",
	"get_prandom_u32",
	"get_smp_processor_id",
] as const;
const COMM = 24;

const imm = (value: number) => ({ imm: value });
const helper = (name: string): Instruction => insn.call(HELPERS.find((row) => row.name === name)!.id);

/** Writes what each helper gives into the packet, and the task's name, of which `size` bytes are asked for, behind. */
const program = (size: number): Instruction[] => [
	insn.load(4, 6, 1, 0),
	...ASKED.flatMap((name, i) => [helper(name), insn.store(8, 6, i * 8, { reg: 0 })]),
	insn.mov(64, 1, { reg: 6 }),
	insn.alu("add", 64, 1, imm(ASKED.length * 8)),
	insn.mov(64, 2, imm(size)),
	helper("get_current_comm"),
	insn.exit(),
];

test("time, chance, the current task, in every engine", () => {
	for (const size of [16, 8, COMM])
		for (const comm of ["sh", "a name that is far too long", "schön äöü ßßß ÄÖÜ", ""]) {
			const said = ENGINES.map((options) => {
				const kernel = new VirtualKernel({
					cpus: 3,
					cpu: 2,
					seed: 77,
					timeStep: 5n,
					time: 0x1_ffff_fff0n,
					realTime: 1_700_000_000_123_456_789n,
					tasks: [{ pid: 7, tgid: 6, comm, uid: 1000, gid: -2 >>> 0, parent: 1, cgroupId: 1n }],
					...options,
				});
				const insns = encode(program(size));
				const { fd } = Program.load(kernel, { name: "asks", type: "xdp", insns, license: "GPL" });
				const runs = [7, 7, 0].map((pid) => {
					const { packet, verdict } = kernel.packet(fd.number, new Uint8Array(ASKED.length * 8 + COMM).fill(0xee), {
						pid,
					});
					return [verdict, Buffer.from(packet).toString("hex")];
				});
				const { random, task } = kernel.system.environment;
				return { runs, random, task, clock: kernel.clock.state };
			});
			assert.deepEqual(said[1], said[0], comm);
			assert.deepEqual(said[2], said[0], comm);
		}
});

test("a snapshot has the generator and the task", () => {
	const kernel = new VirtualKernel({ engine: "jit", timeStep: 1n });
	const { fd } = Program.load(kernel, { name: "asks", type: "xdp", insns: encode(program(16)), license: "GPL" });
	const run = () =>
		Buffer.from(kernel.packet(fd.number, new Uint8Array(ASKED.length * 8 + COMM)).packet).toString("hex");
	run();
	const before = kernel.snapshot();
	const first = run();
	assert.notEqual(run(), first);
	kernel.restore(before);
	assert.equal(run(), first);
});
