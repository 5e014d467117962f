// `prog top` on both kernels: what test runs use is seen, sorted, and nothing is counted any more when it ends.
import assert from "node:assert/strict";
import { test } from "node:test";
import { encode, insn } from "@skep/bpf/isa";
import type { Kernel } from "@skep/bpf/kernel";
import { Program } from "@skep/bpf/live";
import { onBoth } from "./desk.test-support.ts";

/** Counts down from `turns` and passes the packet. */
function spinning(kernel: Kernel, name: string, turns: number): Program {
	const insns = encode([
		insn.mov(64, 1, { imm: turns }),
		insn.alu("sub", 64, 1, { imm: 1 }),
		insn.jump("ne", 64, 1, { imm: 0 }, -2),
		insn.mov(64, 0, { imm: 2 }),
		insn.exit(),
	]);
	return Program.load(kernel, { name, type: "xdp", insns, license: "GPL" });
}

interface Sample {
	readonly interval_ms: number;
	readonly loaded: number;
	readonly programs: readonly {
		readonly id: number;
		readonly name: string;
		readonly run_time_ns: number;
		readonly run_cnt: number;
		readonly ns_per_run: number;
		readonly cpu_percent: number;
	}[];
}

test(
	"prog top: runs, time, ns a run, share; most time first; one object a sample",
	onBoth(async (front) => {
		using slow = spinning(front.kernel, "top_slow", 5000);
		using quick = spinning(front.kernel, "top_quick", 1);
		using idle = spinning(front.kernel, "top_idle", 1);
		const data = new Uint8Array(64);
		// Runs go on while it samples.
		let sampling = true;
		const running = front.run("prog top", "j", { flags: { interval: "100ms", count: "3" } }).finally(() => {
			sampling = false;
		});
		while (sampling) {
			for (let i = 0; i < 5; i++) slow.testRun({ data });
			quick.testRun({ data });
			await new Promise((resolve) => setTimeout(resolve, 2));
		}
		const samples = (await running).text
			.trimEnd()
			.split("\n")
			.map((line) => JSON.parse(line) as Sample);
		assert.equal(samples.length, 3);
		const ids = [slow, quick, idle].map((program) => program.info().id);
		for (const { programs, loaded } of samples) {
			const mine = programs.filter(({ name }) => name.startsWith("top_"));
			assert.deepEqual(
				mine.map(({ id }) => id),
				ids.slice(0, 2),
				"the slow one first, the idle one not at all",
			);
			assert.ok(loaded >= 3);
			for (const { run_time_ns, run_cnt, ns_per_run, cpu_percent } of mine) {
				assert.equal(ns_per_run, Math.round(run_time_ns / run_cnt));
				assert.ok(run_cnt > 0 && run_time_ns > 0 && cpu_percent >= 0);
			}
			for (const [i, each] of programs.entries())
				assert.ok(i === 0 || each.run_time_ns <= programs[i - 1]!.run_time_ns);
		}
		// Nobody counts any more, unless somebody else does.
		const before = slow.info().run_cnt;
		slow.testRun({ data });
		if (front.kernel.name === "virtual") assert.equal(slow.info().run_cnt, before);
		const flags = { interval: "1ms", count: "1" };
		const only = await front.run(`prog top id ${ids[0]}`, "", { flags });
		assert.match(only.text, /^0 of 1 programs ran in 0\.0 s: 0 runs, 0\.00 % of a CPU\n$/);
		await assert.rejects(
			front.run("prog top", "", { flags: { interval: "soon" } }),
			/--interval: "soon" is not a time/,
		);
		await assert.rejects(front.run("prog top", "", { flags: { count: "0" } }), /--count: "0" is not a number from 1/);
		await assert.rejects(front.run("prog top name top_idel"), /did you mean top_idle\?/);
	}),
);
