import assert from "node:assert/strict";
import { test } from "node:test";
import { encode, insn } from "@skep/bpf/isa";
import { Program } from "@skep/bpf/live";
import { onBoth } from "./desk.test-support.ts";

test(
	"prog profile: runs and their time, while it lasts",
	onBoth(async (front) => {
		const insns = encode([insn.mov(64, 0, { imm: 2 }), insn.exit()]);
		using program = Program.load(front.kernel, { name: "profiled", type: "xdp", insns, license: "GPL" });
		const at = `prog profile id ${program.info().id}`;
		// Runs again and again: some of them while it counts.
		const runs = setInterval(() => program.testRun({ data: new Uint8Array(64), repeat: 100 }), 20);
		const profile = front.json(`${at} duration 1 run_time_ns`).finally(() => clearInterval(runs));
		const [row, none] = (await profile) as { metric: string; run_cnt: number; value: number }[];
		assert.equal(none, undefined);
		assert.equal(row!.metric, "run_time_ns");
		assert.ok(row!.run_cnt > 0 && row!.run_cnt % 100 === 0, String(row!.run_cnt));
		const { text } = await front.run(`${at} duration 0`);
		assert.match(text, /^ +\d+ run_cnt\n +\d+ run_time_ns.*\n +\d+ recursion_misses\n$/);
		await assert.rejects(front.run(`${at} cycles`), /metric cycles is not supported: .*counted by the kernel itself/);
		await assert.rejects(front.run(`${at} cyles`), /"cyles" is no metric, did you mean cycles\?/);
	}),
);
