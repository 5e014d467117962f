import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { BpfMap } from "@skep/bpf/live";
import { batchLines, runBatch } from "./batch.ts";
import { onBoth } from "./desk.test-support.ts";
import { COMMANDS } from "./index.ts";

test("lines: remarks, quotes, lines that go on", () => {
	const text = `# first
prog show   # all
map update name x \\
	key json 1 value json '{"a": "b # c"}'

  btf list\t
map show name ""`;
	assert.deepEqual(batchLines(text), [
		{ line: 2, words: ["prog", "show"] },
		{ line: 3, words: ["map", "update", "name", "x", "key", "json", "1", "value", "json", '{"a": "b # c"}'] },
		{ line: 6, words: ["btf", "list"] },
		{ line: 7, words: ["map", "show", "name", ""] },
	]);
	assert.throws(() => batchLines("prog show name 'x"), /line 1: a quote ' is not closed/);
});

test(
	"verbs of a file run one after another; the first that fails ends it",
	onBoth(async (front) => {
		using map = BpfMap.create(front.kernel, {
			name: "batched",
			type: "array",
			keySize: 4,
			valueSize: 1,
			maxEntries: 2,
		});
		const at = `id ${map.info().id}`;
		const lines = batchLines(`m update ${at} key 1 0 0 0 value 7\nmap lookup ${at} key 1 0 0 0\nmap dump ${at} # both`);
		const text = front.desk("");
		assert.equal(await runBatch(lines, COMMANDS, text.desk), 0);
		assert.equal(
			Buffer.concat(text.parts).toString(),
			"key: 01 00 00 00  value: 07\nkey: 00 00 00 00  value: 00\nkey: 01 00 00 00  value: 07\nFound 2 elements\n",
		);
		assert.deepEqual(text.notes, ["3 commands done"]);
		const json = front.desk("j");
		assert.equal(await runBatch(lines, COMMANDS, json.desk), 0);
		const told = JSON.parse(Buffer.concat(json.parts).toString()) as { command: string[]; output: unknown }[];
		assert.deepEqual(told[0], { command: `m update ${at} key 1 0 0 0 value 7`.split(" "), output: null });
		assert.deepEqual((told[1]!.output as { value: string[] }).value, ["0x07"]);
		assert.equal((told[2]!.output as unknown[]).length, 2);
		const failing = batchLines(`map dump ${at}\nmap show id 4294967295\nmap dump ${at}`);
		const failed = front.desk("j");
		assert.equal(await runBatch(failing, COMMANDS, failed.desk), 1);
		const [, last, none] = JSON.parse(Buffer.concat(failed.parts).toString()) as { output: { error: string } }[];
		assert.match(last!.output.error, /there is no map with id 4294967295/);
		assert.equal(none, undefined);
		const said = front.desk("");
		assert.equal(await runBatch(batchLines("map dmup"), COMMANDS, said.desk), 2);
		assert.match(said.notes[0]!, /^line 1: map dmup\nskep: no "map dmup", did you mean dump\?/);
		const other = front.desk("");
		assert.equal(await runBatch(batchLines("run x.ts"), COMMANDS, other.desk), 2);
		assert.match(other.notes[0]!, /no command "run"/);
	}),
);

test("a batch of bpftool is a batch of skep", (t) => {
	const input = "btf show id 1\nprog help me\n";
	const skep = fileURLToPath(new URL("../../bin/skep", import.meta.url));
	const ours = spawnSync(process.execPath, [skep, "-j", "batch", "file", "-"], { input, encoding: "utf8" });
	if (ours.status === 3) return t.skip(`needs CAP_BPF: ${ours.stdout}`);
	const theirs = spawnSync("bpftool", ["-j", "batch", "file", "-"], { input: "btf show id 1\n", encoding: "utf8" });
	if (theirs.error) return t.skip("needs bpftool");
	const [mine, refused] = JSON.parse(ours.stdout) as { command: string[]; output: Record<string, unknown> }[];
	const [one] = JSON.parse(theirs.stdout) as { command: string[]; output: Record<string, unknown> }[];
	assert.deepEqual(mine!.command, one!.command);
	for (const key of ["id", "size", "kernel", "name"]) assert.deepEqual(mine!.output[key], one!.output[key], key);
	assert.match(String(refused!.output["error"]), /no "prog help"/);
	assert.equal(ours.status, 2);
	return undefined;
});
