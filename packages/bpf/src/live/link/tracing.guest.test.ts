import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, statfsSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { PermissionError } from "#base";
import { Btf, BtfBuilder } from "#btf";
import { encode, insn } from "#isa";
import type { Kernel } from "#kernel";
import type { AttachType } from "#uapi";
import { attachCgroup, attachReplacement, attachTracing, loadBtf, Program } from "../index.ts";
import { onKernel } from "../kernel.test-support.ts";
import { Counter, type Counting, counting, keepCookie } from "./counting.test-support.ts";

function unlinks(times: number): void {
	const folder = mkdtempSync(join(tmpdir(), "skep-tracing-"));
	try {
		for (let i = 0; i < times; i++) {
			writeFileSync(join(folder, "file"), "");
			unlinkSync(join(folder, "file"));
		}
	} finally {
		rmSync(folder, { recursive: true });
	}
}

/** Loads, or skips the test where the kernel forbids trampolines or lacks the attach type. */
function loaded(kernel: Kernel, t: TestContext, counter: Counter, what: Counting): Program | undefined {
	try {
		return counting(kernel, counter, what);
	} catch (error) {
		if (error instanceof PermissionError) t.skip(`needs BPF trampolines: ${error.message.split("\n")[0]}`);
		else t.skip(`this kernel (${kernel.release}) does not take it: ${(error as Error).message}`);
		return undefined;
	}
}

function functionId(kernel: Kernel, name: string): number {
	const bytes = kernel.btf();
	assert.ok(typeof bytes !== "number", "the kernel has BTF");
	const id = Btf.decode(bytes).find(name, "func");
	assert.ok(id !== undefined, `the kernel has ${name}`);
	return id;
}

// biome-ignore format: table
const KINDS: readonly (readonly [attachType: AttachType, target: string, runs: number])[] = [
	["trace_fentry", "vfs_unlink", 1],
	["trace_fexit", "vfs_unlink", 1],
	["modify_return", "security_inode_unlink", 1],
	["trace_fsession", "vfs_unlink", 2],
];

for (const [attachType, target, runs] of KINDS) {
	test(
		`${attachType} fires, is detached and attached again`,
		onKernel((kernel, t) => {
			using counter = new Counter(kernel);
			const what = { type: "tracing", attachType, attachBtfId: functionId(kernel, target) } as const;
			using program = loaded(kernel, t, counter, what);
			if (!program) return;
			using link = attachTracing(program, { target });
			unlinks(3);
			assert.ok(counter.count >= 3 * runs, `${counter.count}`);
			assert.equal(link.type, "tracing");
			link.detach();
			const before = counter.count;
			unlinks(2);
			assert.equal(counter.count, before);
			link.reattach();
			unlinks(1);
			assert.ok(counter.count > before);
		}),
	);
}

test(
	"a cookie reaches an fentry program",
	onKernel((kernel, t) => {
		using counter = new Counter(kernel);
		const attachBtfId = functionId(kernel, "vfs_unlink");
		using program = loaded(kernel, t, counter, {
			type: "tracing",
			attachType: "trace_fentry",
			attachBtfId,
			body: keepCookie(),
		});
		if (!program) return;
		using _ = attachTracing(program, { cookie: 21n });
		unlinks(1);
		assert.equal(counter.value(1), 21n);
	}),
);

/** Refuses what this process does, and nobody else. */
const REFUSE = (pid: number) => [
	insn.call(14),
	insn.alu("rsh", 64, 0, { imm: 32 }),
	insn.jump("ne", 64, 0, { imm: pid }, 2),
	insn.mov(64, 0, { imm: -1 }),
	insn.exit(),
];

test(
	"an LSM program says no",
	onKernel((kernel, t) => {
		using counter = new Counter(kernel);
		const attachBtfId = functionId(kernel, "bpf_lsm_inode_unlink");
		using program = loaded(kernel, t, counter, {
			type: "lsm",
			attachType: "lsm_mac",
			attachBtfId,
			body: REFUSE(process.pid),
		});
		if (!program) return;
		const folder = mkdtempSync(join(tmpdir(), "skep-lsm-"));
		const file = join(folder, "file");
		writeFileSync(file, "");
		const link = attachTracing(program, { target: "lsm/inode_unlink" });
		assert.throws(() => unlinkSync(file), { code: "EPERM" });
		assert.ok(counter.count > 0);
		link.close();
		unlinkSync(file);
		rmdirSync(folder);
	}),
);

test(
	"an LSM program of a cgroup says no to what is in it",
	onKernel((kernel, t) => {
		const root = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].find((path) => {
			try {
				return statfsSync(path).type === 0x63677270;
			} catch {
				return false;
			}
		});
		if (!root) return t.skip("needs cgroup version 2");
		using counter = new Counter(kernel);
		const attachBtfId = functionId(kernel, "bpf_lsm_socket_bind");
		// In a cgroup 0 refuses and 1 lets pass.
		using program = loaded(kernel, t, counter, { type: "lsm", attachType: "lsm_cgroup", attachBtfId, result: 0 });
		if (!program) return undefined;
		const path = join(root, `skep-lsm-${process.pid}`);
		mkdirSync(path);
		const bind = () =>
			spawnSync(
				"sh",
				[
					"-c",
					`echo $$ > ${path}/cgroup.procs && exec python3 -c 'import socket; socket.socket(2, 2).bind(("127.0.0.1", 0))'`,
				],
				{ encoding: "utf8" },
			);
		try {
			const link = attachCgroup(program, path);
			assert.match(bind().stderr, /PermissionError/);
			assert.ok(counter.count > 0);
			link.close();
			assert.equal(bind().status, 0);
		} finally {
			rmdirSync(path);
		}
		return undefined;
	}),
);

/** BTF of `int entry(struct xdp_md *)` and `int global(int)`, and the ids of the two. */
function twoFunctions() {
	const types = new BtfBuilder();
	const int = types.add({
		kind: "int",
		name: "int",
		size: 4,
		bits: 32,
		offset: 0,
		signed: true,
		char: false,
		bool: false,
	});
	const context = types.add({ kind: "struct", name: "xdp_md", size: 0, members: [] });
	const pointer = types.add({ kind: "ptr", type: context });
	const entryType = types.add({ kind: "func_proto", ret: int, params: [{ name: "ctx", type: pointer }] });
	const globalType = types.add({ kind: "func_proto", ret: int, params: [{ name: "number", type: int }] });
	const entry = types.add({ kind: "func", name: "entry", type: entryType, linkage: "global" });
	const global = types.add({ kind: "func", name: "replaced", type: globalType, linkage: "global" });
	return { bytes: types.encode(), entry, global };
}

/** Records of `struct bpf_func_info`. */
const functionsAt = (...rows: readonly (readonly [slot: number, type: number])[]): Uint8Array =>
	new Uint8Array(new Uint32Array(rows.flat()).buffer);

test(
	"a function of a running program is replaced, and comes back",
	onKernel((kernel, t) => {
		const { bytes, entry, global } = twoFunctions();
		using btf = loadBtf(kernel, bytes);
		const info = (funcInfo: Uint8Array) => ({
			fd: btf.number,
			funcInfo,
			funcRecordSize: 8,
			lineInfo: new Uint8Array(0),
			lineRecordSize: 16,
		});
		const license = "GPL";
		using target = Program.load(kernel, {
			name: "entry",
			type: "xdp",
			license,
			btf: info(functionsAt([0, entry], [3, global])),
			// entry: return replaced(5); replaced: return number + 1
			insns: encode([
				insn.mov(64, 1, { imm: 5 }),
				insn.callFunction(1),
				insn.exit(),
				insn.mov(64, 0, { reg: 1 }),
				insn.alu("add", 64, 0, { imm: 1 }),
				insn.exit(),
			]),
		});
		const run = () => target.testRun({ data: new Uint8Array(64) }).retval;
		assert.equal(run(), 6);
		let program: Program;
		try {
			program = Program.load(kernel, {
				name: "replaced",
				type: "ext",
				license,
				attachProgFd: target.fd.number,
				attachBtfId: global,
				btf: info(functionsAt([0, global])),
				insns: encode([insn.mov(64, 0, { reg: 1 }), insn.alu("mul", 64, 0, { imm: 10 }), insn.exit()]),
			});
		} catch (error) {
			if (error instanceof PermissionError) return t.skip(`needs BPF trampolines: ${error.message.split("\n")[0]}`);
			throw error;
		}
		using _ = program;
		const link = attachReplacement(program, { target: "freplace/replaced" });
		assert.equal(run(), 50);
		link.close();
		assert.equal(run(), 6);
		const again = attachReplacement(program, { other: target, function: global });
		assert.equal(run(), 50);
		again.close();
		return undefined;
	}),
);
