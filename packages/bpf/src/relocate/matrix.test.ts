import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { LinkError } from "#base";
import { readObject } from "#object";
import type { ProgramSpec } from "#spec";
import { INVALID_CORE_CALL, relocate } from "./index.ts";

const folder = new URL("../../testdata/relocate/", import.meta.url);
const path = (name: string) => new URL(name, folder).pathname;
const read = (name: string) => readObject(new Uint8Array(readFileSync(path(name))), { name });

test("the golden objects are what their sources give", (t) => {
	if (spawnSync("clang-19", ["--version"]).status !== 0) return t.skip("needs clang-19");
	const out = mkdtempSync(join(tmpdir(), "skep-core-"));
	try {
		execFileSync(path("build.sh"), [out]);
		for (const name of ["core.o", "target.o", "matrix.o"])
			assert.deepEqual(readFileSync(join(out, name)), readFileSync(path(name)), name);
	} finally {
		rmSync(out, { recursive: true, force: true });
	}
	return undefined;
});

/** `refused`, or what became of each instruction that was relocated: `slot: what`. */
type Outcome = "refused" | readonly string[];

/** Our answer for one program. */
function ours(spec: ReturnType<typeof read>, program: ProgramSpec, kernel: ReturnType<typeof read>["btf"]): Outcome {
	let insns: Uint8Array;
	try {
		insns = relocate({ ...spec, programs: new Map([[program.name, program]]) }, { kernel }).programs.get(
			program.name,
		)!.insns;
	} catch (error) {
		assert.ok(error instanceof LinkError, String(error));
		return "refused";
	}
	const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
	return program.core.map(({ slot }) => {
		const code = insns[slot * 8]!;
		const imm = view.getInt32(slot * 8 + 4, true);
		if (code === 0x85 && imm === INVALID_CORE_CALL) return `${slot}: poisoned`;
		if (code === 0x18) {
			const high = BigInt(view.getUint32(slot * 8 + 12, true));
			return `${slot}: ${(high << 32n) | BigInt(imm >>> 0)}`;
		}
		const width = { 0: 4, 8: 2, 16: 1, 24: 8 }[code & 0x18];
		return (code & 7) < 4 ? `${slot}: ${view.getInt16(slot * 8 + 2, true)} of ${width}` : `${slot}: ${imm}`;
	});
}

/** libbpf's answers by program, out of what it says while it loads. */
function theirs(judge: string, programs: readonly ProgramSpec[]): Map<string, Outcome> {
	const found = new Map<string, Outcome>();
	const refused: string[] = [];
	for (;;) {
		const log = spawnSync(judge, [path("matrix.o"), path("target.o"), ...refused], {
			encoding: "utf8",
			maxBuffer: 1 << 26,
			timeout: 60_000,
		}).stdout;
		const said = new Map<string, Map<number, string>>();
		for (const [, name, slot, kind, value, width, dead] of log.matchAll(
			/prog '(\w+)': relo #\d+: (?:patched insn #(\d+) \([A-Z0-9/_]+\) (?:(imm64|imm|off) -?\d+ -> (-?\d+)|mem_sz \d+ -> (\d+))|substituting insn #(\d+) w\/ invalid insn)/g,
		)) {
			const list = said.get(name!) ?? new Map<number, string>();
			said.set(name!, list);
			if (dead !== undefined) {
				// Of a wide load both halves are said, the second one first.
				list.delete(Number(dead) + 1);
				list.set(Number(dead), "poisoned");
			} else if (width !== undefined) list.set(Number(slot), `${list.get(Number(slot))!.split(" ")[0]} of ${width}`);
			else if (kind === "off") list.set(Number(slot), `${value} of ${widthOf(programs, name!, Number(slot))}`);
			else if (kind === "imm64") list.set(Number(slot), String(BigInt.asUintN(64, BigInt(value!))));
			else list.set(Number(slot), String(BigInt.asIntN(32, BigInt(value!))));
		}
		for (const [name, list] of said)
			found.set(
				name,
				[...list].map(([slot, what]) => `${slot}: ${what}`),
			);
		const failed = /prog '(\w+)': relo #\d+: failed to relocate/.exec(log)?.[1];
		if (failed === undefined) break;
		refused.push(failed);
	}
	for (const name of refused) found.set(name, "refused");
	return found;
}

function widthOf(programs: readonly ProgramSpec[], name: string, slot: number): number {
	const code = programs.find((p) => p.name === name)!.insns[slot * 8]!;
	return { 0: 4, 8: 2, 16: 1, 24: 8 }[code & 0x18]!;
}

test("every kind of relocation × there, elsewhere, other, missing, twice: as libbpf does it", (t) => {
	if (process.getuid?.() !== 0) return t.skip("needs root: libbpf relocates only what it may load");
	const work = mkdtempSync(join(tmpdir(), "skep-judge-"));
	try {
		const judge = join(work, "judge");
		const made = spawnSync("cc", ["-O1", "-o", judge, path("judge.c"), "-lbpf"]);
		if (made.status !== 0) return t.skip("needs cc and libbpf-dev");
		const spec = read("matrix.o");
		const kernel = read("target.o").btf;
		const programs = [...spec.programs.values()];
		const expected = theirs(judge, programs);
		assert.ok(expected.size > 400, `${expected.size} programs were judged`);
		const different: string[] = [];
		for (const program of programs) {
			if (program.core.length === 0) continue;
			const [a, b] = [ours(spec, program, kernel), expected.get(program.name)];
			if (JSON.stringify(a) !== JSON.stringify(b)) different.push(`${program.name}: ${a}, libbpf ${b}`);
		}
		assert.deepEqual(different, []);
	} finally {
		rmSync(work, { recursive: true, force: true });
	}
	return undefined;
});
