import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { LinkError } from "#base";
import { Btf, formatRaw } from "#btf";
import { readObject } from "#object";
import type { CollectionSpec, FunctionSpec, ProgramSpec } from "#spec";
import { minCoreBtf, relocate } from "./index.ts";

const testdata = new URL("../../testdata/", import.meta.url);
const bytes = (url: URL | string) => new Uint8Array(readFileSync(url));
const vmlinux = "/sys/kernel/btf/vmlinux";

/** An object without relocations to a type's id, which is another in every BTF. */
function withoutIds(name: string): CollectionSpec {
	const spec = readObject(bytes(new URL(name, testdata)), { name });
	const without = <F extends FunctionSpec>(all: ReadonlyMap<string, F>) =>
		new Map([...all].map(([key, f]) => [key, { ...f, core: f.core.filter((r) => r.kind !== "type_id_target") }]));
	return { ...spec, programs: without(spec.programs), functions: without(spec.functions) };
}

/** Without programs that this target refuses: some of the matrix are ambiguous on purpose. */
function possible(spec: CollectionSpec, target: Btf): CollectionSpec {
	const fits = (program: [string, ProgramSpec]): boolean => {
		try {
			relocate({ ...spec, programs: new Map([program]) }, { kernel: target });
			return true;
		} catch (error) {
			if (error instanceof LinkError) return false;
			throw error;
		}
	};
	return { ...spec, programs: new Map([...spec.programs].filter(fits)) };
}

function same(names: readonly string[], target: Btf): Btf {
	const specs = names.map((name) => possible(withoutIds(name), target));
	assert.ok(specs.every((spec) => spec.programs.size > 0));
	const small = Btf.decode(minCoreBtf(target, specs));
	for (const [i, spec] of specs.entries()) {
		const whole = relocate(spec, { kernel: target });
		const least = relocate(spec, { kernel: small });
		for (const [name, program] of whole.programs)
			assert.deepEqual(least.programs.get(name)!.insns, program.insns, `${names[i]}: ${name}`);
	}
	return small;
}

describe("the least BTF that objects need", () => {
	test("every kind of relocation gives the same instructions by it", () => {
		const target = readObject(bytes(new URL("relocate/target.o", testdata))).btf!;
		const small = same(["relocate/core.o", "relocate/matrix.o"], target);
		assert.ok(small.count < target.count, `${small.count} of ${target.count} types`);
	});

	test("the same with the running kernel's types, which shrink to a hundredth", (t) => {
		if (!existsSync(vmlinux)) return t.skip("needs a kernel with BTF");
		const target = Btf.decode(bytes(vmlinux));
		const small = same(["relocate/core.o", "collection/exec.bpf.o", "kitchen.bpf.o"], target);
		assert.ok(small.bytes.length < target.bytes.length / 100, `${small.bytes.length} bytes`);
	});

	test("bpftool keeps the same types", (t) => {
		if (!existsSync(vmlinux) || spawnSync("bpftool", ["version"]).status !== 0)
			return t.skip("needs bpftool and a kernel with BTF");
		const folder = mkdtempSync(join(tmpdir(), "skep-min-"));
		try {
			const target = Btf.decode(bytes(vmlinux));
			for (const name of ["collection/exec.bpf.o", "kitchen.bpf.o"]) {
				const object = fileURLToPath(new URL(name, testdata));
				const output = join(folder, "min.btf");
				const r = spawnSync("bpftool", ["gen", "min_core_btf", vmlinux, output, object], { encoding: "utf8" });
				assert.equal(r.status, 0, r.stderr);
				const ours = Btf.decode(minCoreBtf(target, [readObject(bytes(object), { name })]));
				assert.equal(formatRaw(ours), formatRaw(Btf.decode(bytes(output))), name);
			}
		} finally {
			rmSync(folder, { recursive: true });
		}
	});
});
