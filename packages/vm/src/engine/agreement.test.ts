import assert from "node:assert/strict";
import { test } from "node:test";
import { INSTRUCTIONS, rowOf } from "@skep/bpf/isa";
import { Agreement, interpreterRunner } from "./agreement.test-support.ts";
import { LAYOUT } from "./generator.test-support.ts";
import { linuxOrSkip } from "./linux.test-support.ts";

const PROGRAMS = 1500;

test("random programs: registers, stack and memory as on Linux", (t) => {
	const kernel = linuxOrSkip(t);
	if (!kernel) return;
	using agreement = new Agreement(kernel);
	for (let seed = 1; seed <= PROGRAMS; seed++) agreement.compare(seed);
	const { tally } = agreement;
	assert.deepEqual(tally.differences, []);
	t.diagnostic(`${tally.runs} runs of ${tally.programs - tally.refused} programs; Linux refused ${tally.refused}`);
	assert.ok(tally.refused < PROGRAMS / 10, `Linux refused ${tally.refused}: ${JSON.stringify([...tally.reasons])}`);
	const shapes = ["alu_imm", "alu_reg", "unary", "extend", "endian", "load", "store_imm", "store_reg", "atomic"];
	const missing = INSTRUCTIONS.filter((row) => shapes.includes(row.shape) && !tally.instructions.has(row.name));
	assert.deepEqual(
		missing.map((row) => row.name),
		[],
		"every instruction of these shapes was in a program",
	);
});

test("a difference is found and shrunk", (t) => {
	const kernel = linuxOrSkip(t);
	if (!kernel) return;
	const right = interpreterRunner();
	// An engine that gets one instruction wrong.
	using agreement = new Agreement(kernel, (insns, value) => {
		const out = right(insns, value);
		if (insns.some((one) => rowOf(one).name === "xor32_imm")) out[LAYOUT.output] = out[LAYOUT.output]! ^ 1;
		return out;
	});
	for (let seed = 1; agreement.tally.differences.length === 0 && seed < 500; seed++) agreement.compare(seed);
	const [difference] = agreement.tally.differences;
	assert.ok(difference, "no program had the instruction");
	const lines = difference.text.split("\n");
	assert.ok(
		lines.some((line) => /^w\d \^= -?\d/.test(line)),
		difference.text,
	);
	// What every program begins and ends with, and the one instruction.
	assert.ok(lines.length <= 27 + 49 + 1, `${lines.length} instructions left`);
});
