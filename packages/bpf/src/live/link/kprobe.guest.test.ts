import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { NotSupportedError } from "#base";
import { insn } from "#isa";
import type { Kernel } from "#kernel";
import { attachKprobe, attachKprobeMulti, attachKsyscall } from "../index.ts";
import { onKernel } from "../kernel.test-support.ts";
import { Counter, counting, keep, keepCookie } from "./counting.test-support.ts";

/** Makes a file and takes it away again: vfs_unlink, once a time. */
function unlinks(times: number): void {
	const folder = mkdtempSync(join(tmpdir(), "skep-kprobe-"));
	for (let i = 0; i < times; i++) {
		writeFileSync(join(folder, "file"), "");
		unlinkSync(join(folder, "file"));
	}
	// Not rmSync, which tries to unlink the folder first.
	rmdirSync(folder);
}

/** False, and the test skipped, where the kernel has no kprobes. */
function hasKprobes(kernel: Kernel, t: TestContext): boolean {
	const pmu = kernel.host!.pmu("kprobe");
	if (typeof pmu !== "number") return true;
	t.skip(`needs kprobes: the kernel ${kernel.release} has no PMU kprobe`);
	return false;
}

test(
	"kprobes: entry, return, offset, address, cookies; detached and attached again",
	onKernel((kernel, t) => {
		if (!hasKprobes(kernel, t)) return;
		using counter = new Counter(kernel);
		// 5.10 has no cookies; the helper came with the links.
		const linked = !/^5\.(?:[0-9]|1[0-4])\./.test(kernel.release);
		using program = counting(kernel, counter, { type: "kprobe", body: linked ? keepCookie() : [] });
		{
			using link = attachKprobe(program, { function: "vfs_unlink", ...(linked ? { cookie: 11n } : {}) });
			unlinks(3);
			assert.ok(counter.count >= 3, `${counter.count}`);
			if (linked) assert.deepEqual([link.way, counter.value(1)], ["bpf_link", 11n]);
			else assert.equal(link.way, "perf_ioctl");
			const info = link.info()?.perf_event;
			assert.ok(info === undefined || (info.kind === "kprobe" && info.func === "vfs_unlink"), "told since 6.6");
			link.detach();
			const before = counter.count;
			unlinks(2);
			assert.equal(counter.count, before);
			link.reattach();
			unlinks(2);
			assert.ok(counter.count >= before + 2);
		}
		counter.reset();
		{
			using back = counting(kernel, counter, { type: "kprobe", body: [insn.load(8, 1, 6, 80), keep(2, 1)] });
			using _ = attachKprobe(back, { function: "vfs_unlink", return: true });
			unlinks(1);
			assert.ok(counter.count >= 1);
			assert.equal(counter.value(2) & 0xffff_ffffn, 0n, "unlinking succeeds");
		}
		counter.reset();
		const line = /^([0-9a-f]+) T vfs_unlink$/m.exec(readFileSync("/proc/kallsyms", "utf8"));
		assert.ok(line);
		{
			using plain = counting(kernel, counter, { type: "kprobe" });
			using _ = attachKprobe(plain, { function: BigInt(`0x${line[1]}`) });
			unlinks(1);
			assert.ok(counter.count >= 1);
		}
		assert.throws(() => attachKprobe(program, { function: "no_such_function" }), NotSupportedError);
	}),
);

test(
	"a system call by its name",
	onKernel((kernel, t) => {
		if (!hasKprobes(kernel, t)) return;
		using counter = new Counter(kernel);
		using program = counting(kernel, counter, { type: "kprobe" });
		{
			using _ = attachKsyscall(program, "getppid");
			for (let i = 0; i < 3; i++) void process.ppid;
			assert.ok(counter.count >= 3);
		}
		counter.reset();
		using _ = attachKsyscall(program, "getppid", { return: true });
		void process.ppid;
		assert.ok(counter.count >= 1);
		assert.throws(() => attachKsyscall(program, "brew_coffee"), NotSupportedError);
	}),
);

test(
	"many functions by one link: names with cookies, a glob, return, session",
	onKernel((kernel, t) => {
		if (!hasKprobes(kernel, t)) return;
		using counter = new Counter(kernel);
		const type = { type: "kprobe", attachType: "trace_kprobe_multi" } as const;
		let program: ReturnType<typeof counting>;
		let first: ReturnType<typeof attachKprobeMulti>;
		try {
			program = counting(kernel, counter, { ...type, body: keepCookie() });
		} catch (error) {
			return t.skip(`this kernel (${kernel.release}) has no kprobe.multi: ${(error as Error).message}`);
		}
		using _ = program;
		try {
			first = attachKprobeMulti(program, { functions: ["vfs_unlink", "vfs_mkdir"], cookies: [5n, 6n] });
		} catch (error) {
			return t.skip(`this kernel (${kernel.release}) has no kprobe.multi: ${(error as Error).message}`);
		}
		const folder = mkdtempSync(join(tmpdir(), "skep-kprobe-"));
		mkdirSync(join(folder, "inner"));
		assert.ok(counter.count > 0);
		assert.equal(counter.value(1), 6n);
		rmdirSync(join(folder, "inner"));
		unlinks(1);
		assert.equal(counter.value(1), 5n);
		const info = first.info()?.kprobe_multi;
		assert.ok(info === undefined || info.count === 2, "told since 6.6");
		first.close();
		counter.reset();
		{
			using link = attachKprobeMulti(program, { pattern: "vfs_unlin?", return: true });
			unlinks(2);
			assert.ok(counter.count >= 2);
			assert.equal(link.type, "kprobe_multi");
		}
		rmSync(folder, { recursive: true });
		assert.throws(() => attachKprobeMulti(program, { pattern: "no_such_*" }), { code: "ERR_NO_TARGET" });
		assert.throws(() => attachKprobeMulti(program, { functions: ["no_such_function"] }), { code: "ESRCH" });
		counter.reset();
		try {
			using session = counting(kernel, counter, { type: "kprobe", attachType: "trace_kprobe_session" });
			using link = attachKprobeMulti(session, { functions: ["vfs_unlink"] });
			unlinks(1);
			assert.ok(counter.count >= 2 && link.attached, "at entry and at return");
		} catch (error) {
			if (error instanceof assert.AssertionError) throw error;
			t.diagnostic(`no sessions here: ${(error as Error).message}`);
		}
		return undefined;
	}),
);
