import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { encode, insn, PSEUDO } from "@skep/bpf/isa";
import { BpfMap, Program } from "@skep/bpf/live";
import { onBoth } from "./desk.test-support.ts";
import { runVerb } from "./desk.ts";
import { MAP_VERBS } from "./map-verbs.ts";

const PERF_EVENT_OUTPUT = 25;

test(
	"map event_pipe: what programs write, until it is interrupted",
	onBoth(async (front) => {
		const cpus = front.kernel.possibleCpus;
		using events = BpfMap.create(front.kernel, {
			name: "events",
			type: "perf_event_array",
			keySize: 4,
			valueSize: 4,
			maxEntries: cpus,
		});
		const stack = { reg: 10 };
		const insns = encode([
			insn.mov(64, 6, { reg: 1 }),
			insn.mov(64, 1, { imm: 0x01020304 }),
			insn.store(8, 10, -8, { reg: 1 }),
			insn.mov(64, 1, { reg: 6 }),
			insn.loadPseudo(2, PSEUDO.mapFd, events.fd.number),
			insn.mov(32, 3, { imm: -1 }),
			insn.mov(64, 4, stack),
			insn.alu("add", 64, 4, { imm: -8 }),
			insn.mov(64, 5, { imm: 8 }),
			insn.call(PERF_EVENT_OUTPUT),
			insn.mov(64, 0, { imm: 0 }),
			insn.exit(),
		]);
		using program = Program.load(front.kernel, { name: "writer", type: "raw_tracepoint", insns, license: "GPL" });
		const { desk, parts } = front.desk("j");
		const rest = ["event_pipe", "id", String(events.info().id)];
		const pipe = runVerb("map", MAP_VERBS, { flags: desk.flags, rest }, desk);
		// Rings are there as soon as it reads; what is written before is nobody's.
		while (parts.length === 0) {
			program.testRun({ ctx: new Uint8Array(8) });
			await wait(10);
		}
		process.emit("SIGINT");
		assert.equal(await pipe, 0);
		const [first = ""] = Buffer.concat(parts).toString().split("\n");
		const { type, cpu, data } = JSON.parse(first) as { type: number; cpu: number; data: string[] };
		assert.equal(type, 9);
		assert.ok(cpu < cpus);
		assert.deepEqual(data.slice(0, 8), ["0x04", "0x03", "0x02", "0x01", "0x00", "0x00", "0x00", "0x00"]);
	}),
);
