// Through the launcher, as people meet it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Comparison, Report } from "#doctor";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const launcher = join(root, "packages/skep/bin/skep");
const work = mkdtempSync(join(tmpdir(), "skep-doctor-"));
chmodSync(work, 0o755);
after(() => rmSync(work, { recursive: true, force: true }));
const NOBODY = 65_534;

function skep(words: readonly string[], uid?: number) {
	return spawnSync(process.execPath, [launcher, ...words], {
		cwd: root,
		encoding: "utf8",
		timeout: 120_000,
		maxBuffer: 64 * 1024 * 1024,
		...(uid === undefined ? {} : { uid, gid: uid }),
	});
}

test("doctor: a short text, or all of it as JSON", () => {
	const text = skep(["doctor", "--kernel", "virtual"]);
	assert.equal(text.status, 0, text.stderr);
	assert.match(text.stdout, /^the virtual kernel 6\.18\.0-skep-virtual\n {2}programs {2}\d+ of \d+ types load/);
	assert.ok(!text.stdout.includes("\u001b"), "no colours where no terminal is");
	const report = JSON.parse(skep(["doctor", "--json", "--kernel", "virtual"]).stdout) as Report;
	assert.equal(report.format, "skep-doctor-1");
	assert.equal(report.attach["tp_btf"]?.answer, "yes");
	const all = skep(["doctor", "--all", "--kernel", "virtual"]).stdout;
	assert.match(all, /^bpf_map_lookup_elem +yes +3\.19$/m);
});

test("doctor --require: status 1 where something is missing, 2 where there is no such name", () => {
	const ask = (names: string) => skep(["doctor", "--kernel", "virtual", "--require", names]);
	assert.equal(ask("tp_btf,arena,bpf_loop").status, 0);
	const missing = ask("tp_btf,fentry,map:sockmap");
	assert.equal(missing.status, 1);
	assert.match(missing.stderr, /^skep: fentry is required, and here it says no: /m);
	assert.match(missing.stderr, /^skep: map:sockmap is required, and here it says no$/m);
	const unknown = ask("fentri");
	assert.equal(unknown.status, 2);
	assert.match(unknown.stderr, /nothing here is called "fentri", did you mean fentry\?/);
});

test("doctor --compare: what differs, as a table and as JSON", () => {
	const one = skep(["doctor", "--json", "--kernel", "virtual"]).stdout;
	const report = JSON.parse(one) as {
		kernel: { release: string; name: string };
		attach: { tp_btf: { answer: string } };
	};
	report.kernel.name = "linux";
	report.kernel.release = "5.4.0";
	report.attach.tp_btf.answer = "no";
	const files = ["one.json", "other.json"].map((name) => join(work, name));
	writeFileSync(files[0]!, one);
	writeFileSync(files[1]!, JSON.stringify(report));
	const table = skep(["doctor", "--compare", ...files]);
	assert.equal(table.status, 0, table.stderr);
	assert.deepEqual(table.stdout.trim().split(/\s+/), ["feature", "virtual", "5.4.0", "attach:tp_btf", "yes", "no"]);
	const value = JSON.parse(skep(["doctor", "--compare", "--all", "--json", ...files]).stdout) as Comparison;
	assert.ok(value.rows.length > 300);
	assert.equal(skep(["doctor", "--compare", files[0]!, files[0]!]).stdout, "They say the same.\n");
	const bad = join(work, "bad.json");
	writeFileSync(bad, "{}");
	const refused = skep(["doctor", "--compare", files[0]!, bad]);
	assert.equal(refused.status, 1);
	assert.match(refused.stderr, /bad\.json/);
	assert.equal(skep(["doctor", "--compare", files[0]!]).status, 2);
	assert.equal(skep(["doctor", "--compare", files[0]!, join(work, "none.json")]).status, 1);
	assert.match(skep(["doctor", files[0]!]).stderr, /files stand behind --compare/);
});

test("nobody is told what is missing, and what anybody may do", (t) => {
	if (process.platform !== "linux" || process.getuid?.() !== 0) return t.skip("needs root, to become nobody");
	const told = skep(["doctor"], NOBODY);
	assert.equal(told.status, 0, told.stderr);
	assert.match(told.stdout, /eBPF is not permitted to this process \(CAP_BPF/);
	assert.match(told.stdout, /`skep\s+test`/);
	const report = JSON.parse(skep(["doctor", "--json"], NOBODY).stdout) as Report;
	assert.equal(report.permitted, false);
	assert.ok(report.refusal?.missing.includes("CAP_BPF"));
	assert.equal(report.program_types["xdp"]?.answer, "unknown");
	assert.equal(skep(["doctor", "--require", "fentry"], NOBODY).status, 1);
	const refused = skep(["feature", "probe"], NOBODY);
	assert.equal(refused.status, 3);
	assert.match(refused.stderr, /CAP_BPF.*are missing[\s\S]*skep feature probe unprivileged/);
	const anybody = JSON.parse(skep(["-j", "feature", "probe", "unprivileged"], NOBODY).stdout) as {
		system_config: object;
		program_types: object;
	};
	assert.equal((anybody.system_config as Record<string, number>)["bpf_jit_harden"], -1);
	assert.ok(Object.values(anybody.program_types).every((value) => value === false));
	return undefined;
});
