// Whichever way an instruction is reached, the machine is the same there: over random programs with calls, callbacks, tail
// calls, maps and atomics.
import assert from "node:assert/strict";
import { test } from "node:test";
import { encode, insn } from "@skep/bpf/isa";
import { Program } from "@skep/bpf/live";
import { VirtualKernel } from "@skep/vm";
import { assembleScene, generate } from "../engine/generator.test-support.ts";
import { Random } from "../engine/random.test-support.ts";
import { Stage } from "../engine/scene.test-support.ts";
import { entries, packet, TEXT_ENTRY } from "../engine/world.test-support.ts";
import { type Snapshot, saveSystem, startTracing } from "../objects/index.ts";
import { Checkpoints } from "./checkpoints.ts";
import { Debugger } from "./debugger.ts";
import { Timeline } from "./timeline.ts";

const EVENTS = 2;

/** Without what only tells whether something has to be looked at anew. */
const state = (snapshot: Snapshot) => ({
	...snapshot,
	scratch: snapshot.scratch.map((each) => ({ ...each, narrowed: 0 })),
});

/** A random program on a machine of its own, and what runs it. */
function scene(seed: number) {
	const random = new Random(seed);
	const kernel = new VirtualKernel({ count: false });
	const made = assembleScene(generate(random));
	const bytes = packet(random, made.type);
	const before = entries(random);
	const stage = new Stage(kernel, made.maps);
	stage.freeze([TEXT_ENTRY]);
	const performance = stage.load(made);
	return { kernel, run: () => performance.run(bytes, before), random };
}

/** States at some instructions of each event, from a single pass; and how many instructions each has. */
function truth(seed: number, wanted: (event: number, n: number) => boolean) {
	const { kernel, run } = scene(seed);
	const states = new Map<string, Snapshot>();
	const lengths: number[] = [];
	for (let event = 0; event < EVENTS; event++) {
		let n = 0;
		const stop = startTracing(kernel.system, () => {
			if (wanted(event, n)) states.set(`${event} ${n}`, saveSystem(kernel.system));
			n++;
		});
		run();
		stop();
		lengths.push(n);
	}
	return { states, lengths };
}

test("an instruction's state is the same whichever way it is reached", () => {
	for (let seed = 1; seed <= 40; seed++) {
		const { lengths } = truth(seed, () => false);
		const random = new Random(seed);
		const targets = Array.from({ length: 10 }, () => {
			const event = random.below(EVENTS);
			return { event, n: random.below(lengths[event]!) };
		});
		const { states } = truth(seed, (event, n) => targets.some((each) => each.event === event && each.n === n));
		const { kernel, run } = scene(seed);
		const debug = new Debugger(kernel.system, { count: EVENTS, run: () => void run() });
		const offset = (event: number) => lengths.slice(0, event).reduce((sum, each) => sum + each + 1, 0);
		for (const { event, n } of targets) {
			const distance = offset(event) + n - (offset(debug.position.event) + debug.position.instruction);
			if (random.below(3) === 0 || debug.position.ended) debug.goto(event, n);
			else if (distance > 0) debug.step(distance);
			else if (distance < 0) debug.back(-distance);
			assert.deepEqual(debug.position, { event, instruction: n, ended: false }, `seed ${seed}`);
			assert.deepEqual(
				state(saveSystem(kernel.system)),
				state(states.get(`${event} ${n}`)!),
				`seed ${seed}, ${event}:${n}`,
			);
		}
	}
});

test("step by step, forwards and backwards, it ends where a plain run ends", () => {
	for (let seed = 100; seed < 115; seed++) {
		const plain = scene(seed);
		const result = plain.run();
		const { kernel, run } = scene(seed);
		let last: unknown;
		const debug = new Debugger(kernel.system, {
			count: 1,
			run: () => {
				last = run();
			},
		});
		let steps = 0;
		while (debug.step().kind !== "end") steps++;
		assert.deepEqual(last, result);
		assert.equal(debug.outcome(0)?.instructions, steps + 1);
		const end = saveSystem(kernel.system);
		while (debug.back().kind !== "start" && debug.position.instruction > 0) steps--;
		assert.equal(steps, 0);
		debug.continue();
		assert.deepEqual(saveSystem(kernel.system).memory, end.memory, `seed ${seed}`);
		assert.deepEqual(last, result);
	}
});

test("a million instructions: few states are kept, and one before is a short run away", () => {
	const kernel = new VirtualKernel();
	const round = [
		insn.alu("add", 64, 6, { imm: -1 }),
		insn.store(8, 10, -8, { reg: 6 }),
		insn.alu("add", 64, 7, { reg: 6 }),
		insn.jump("ne", 64, 6, { imm: 0 }, -4),
	];
	const insns = [
		insn.mov(64, 6, { imm: 250_000 }),
		insn.mov(64, 7, { imm: 0 }),
		...round,
		insn.mov(64, 0, { imm: 2 }),
		insn.exit(),
	];
	using program = Program.load(kernel, { name: "long", type: "xdp", insns: encode(insns), license: "GPL" });
	const bytes = new Uint8Array(64);
	let runs = 0;
	const timeline = new Timeline(kernel.system, {
		count: 1,
		run: () => {
			runs++;
			kernel.packet(program.fd.number, bytes);
		},
	});
	timeline.travel(0, 1_000_000);
	assert.ok(timeline.saved < 50, `${timeline.saved} states`);
	const before = runs;
	for (const n of [999_999, 999_998, 500_001, 500_000]) {
		timeline.travel(0, n);
		const left = 250_000 - Math.floor((n - 2) / 4) - ((n - 2) % 4 > 0 ? 1 : 0);
		assert.equal(timeline.cpu.registers[12], left, `r6 at ${n}`);
	}
	assert.equal(runs, before, "nothing was run from the beginning");
});

test("kept states are bounded, the first and the last stay, gaps grow with the distance", () => {
	const places = new Checkpoints<{ at: number }>();
	for (let at = 0; at < 10_000; at++) places.add({ at });
	const kept = places.places();
	assert.ok(kept.length <= 40);
	assert.equal(kept[0], 0);
	assert.equal(kept.at(-1), 9_999);
	assert.ok(kept.at(-1)! - kept.at(-2)! <= 4, `the last: ${kept.slice(-4)}`);
	assert.equal(places.before(9_999)?.at, 9_999);
	assert.equal(places.before(-1), undefined);
});
