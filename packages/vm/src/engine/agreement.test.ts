import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { type TestContext, test } from "node:test";
import { INSTRUCTIONS, rowOf } from "@skep/bpf/isa";
import { VirtualKernel } from "@skep/vm";
import { Agreement, type Performer, virtualKernels } from "./agreement.test-support.ts";
import { parseCases } from "./cases.test-support.ts";
import { assembleScene, generate } from "./generator.test-support.ts";
import { linuxOrSkip } from "./linux.test-support.ts";
import { Random } from "./random.test-support.ts";
import { Stage, sceneFailures, sceneText, stayOnOneCpu } from "./scene.test-support.ts";
import { entries, packet, TEXT_ENTRY } from "./world.test-support.ts";

/** Half a minute of an idle machine, a minute beside other tests. */
const PROGRAMS = 5_000;

function start(t: TestContext, change?: (performer: Performer) => Performer): Agreement | undefined {
	const linux = linuxOrSkip(t);
	if (!linux) return undefined;
	if (!stayOnOneCpu()) {
		t.skip(`needs taskset and CPU 0, to stay on one of ${availableParallelism()} CPUs`);
		return undefined;
	}
	return new Agreement(virtualKernels(linux.possibleCpus), linux, change);
}

test("random programs: results, packets and maps as on Linux", (t) => {
	using agreement = start(t);
	if (!agreement) return;
	for (let seed = 1; seed <= PROGRAMS && agreement.tally.differences.length < 5; seed++) agreement.compare(seed);
	const { tally } = agreement;
	assert.deepEqual(
		tally.differences.map(({ what, text }) => `${what.join("\n")}\n${text}`),
		[],
	);
	t.diagnostic(`${tally.runs} runs of ${tally.programs - tally.refused} programs; Linux refused ${tally.refused}`);
	assert.ok(tally.refused < PROGRAMS / 50, `Linux refused ${tally.refused}: ${JSON.stringify([...tally.reasons])}`);
	const missing = INSTRUCTIONS.filter((row) => !tally.instructions.has(row.name)).map((row) => row.name);
	assert.deepEqual(missing.sort(), [...NOT_GENERATED].sort(), "instructions that were in no program");
});

/** References that only objects, arenas, modules and BTF have; a jump to behind a jump; two that no verifier takes. */
const NOT_GENERATED = ["addr_space_cast", "ld_variable", "ld_map_index", "ld_map_index_value", "call_kfunc", "callx"];

test("a random scene as text is that scene", () => {
	const kernel = new VirtualKernel();
	for (let seed = 1; seed <= 100; seed++) {
		const random = new Random(seed);
		const scene = assembleScene(generate(random));
		const bytes = packet(random, scene.type);
		const before = entries(random);
		using stage = new Stage(kernel, scene.maps);
		stage.freeze([TEXT_ENTRY]);
		using performance = stage.load(scene);
		const text = sceneText("one", scene, bytes, before, performance.run(bytes, before));
		const [one] = parseCases("file", text);
		assert.deepEqual(sceneFailures(kernel, one!.scene!), [], text);
	}
});

test("a difference is found and shrunk", (t) => {
	// A kernel that gets one instruction wrong.
	using agreement = start(t, (right) => (scene, inputs) => {
		const outcomes = right(scene, inputs);
		if (!scene.programs.get("main")!.some((one) => rowOf(one).name === "xor32_imm")) return outcomes;
		return outcomes.map((one) => (typeof one === "string" ? one : { ...one, result: one.result ^ 1 }));
	});
	if (!agreement) return;
	for (let seed = 1; agreement.tally.differences.length === 0 && seed < 500; seed++) agreement.compare(seed);
	const [difference] = agreement.tally.differences;
	assert.ok(difference, "no program had the instruction");
	const lines = difference.text.split("\n");
	assert.ok(
		lines.some((line) => /^w\d \^= -?\d/.test(line)),
		difference.text,
	);
	const begin = lines.indexOf("-- asm");
	const end = lines.indexOf("-- packet");
	// What every program begins and ends with, and the one instruction (where it stands in a function, that too).
	assert.ok(end - begin < 28 + 50 + 12, `${end - begin} instructions left`);
});
