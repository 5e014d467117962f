import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { pages } from "@skep/compiler/diagnostics";
import { parseInvocation, renderFailure, selectCommand } from "#cli";
import { COMMANDS } from "#command";
import { run } from "./help.ts";

const launcher = fileURLToPath(new URL("../../bin/skep", import.meta.url));
/** `skep help WORDS` in this process: what came out, and the status it would end with. */
async function help(...words: string[]): Promise<{ stdout: string; stderr: string; status: number }> {
	let stdout = "";
	let stderr = "";
	const outlet = {
		write: (text: string) => {
			stdout += text;
		},
		note: (text: string) => {
			stderr += `${text}\n`;
		},
		width: 100,
	};
	try {
		const call = parseInvocation(selectCommand(COMMANDS, "help"), words);
		return { status: await run(call, COMMANDS, outlet), stdout, stderr };
	} catch (error) {
		const { text, status } = renderFailure(error);
		return { stdout, stderr: stderr + text, status };
	}
}

test("help of a diagnostic's number says what its page says", async () => {
	const { stdout, status } = await help("sk3003");
	const page = pages().find((p) => p.code === "SK3003")!;
	assert.equal(status, 0);
	const text = stdout.replace(/\s+/g, " ");
	for (const part of [page.code, page.title.slice(1), page.what, page.why, page.remedy])
		assert.ok(text.includes(part), part);
});

test("help SK lists every number", async () => {
	assert.deepEqual(
		(await help("SK")).stdout
			.trim()
			.split("\n")
			.map((line) => line.trim().slice(0, 6)),
		pages().map((p) => p.code),
	);
});

test("help alone lists the commands and says how to search", async () => {
	const { stdout, status } = await help();
	assert.equal(status, 0);
	for (const { name, summary } of COMMANDS) assert.ok(stdout.includes(name) && stdout.includes(summary), name);
	assert.match(stdout, /skep help --search TEXT/);
});

test("a command's help comes first, and mentions what else is called so", async () => {
	const { stdout, status } = await help("iter");
	assert.equal(status, 0);
	assert.match(stdout, /^skep iter: [\s\S]*in the manual:\n[\s\S]*skep help word iter/);
	assert.match((await help("prog", "show")).stdout, /^skep prog show: /);
	assert.match((await help("bui")).stdout, /^skep build: /);
});

test("a word of the manual is a page, with what other kinds are called so", async () => {
	const { stdout, status } = await help("--no-probe", "hash");
	assert.equal(status, 0);
	assert.match(
		stdout,
		/^BPF_MAP_TYPE_HASH \(map type\)\n[\s\S]*since +Linux 3\.19[\s\S]*also called so:\n {2}skep help word hash\n/,
	);
	assert.doesNotMatch(stdout, /\bhere\b +Linux/);
	assert.match((await help("--no-probe", "word", "hash")).stdout, /^hash \(word\)\n/);
});

test("the kernels here are asked", async () => {
	const { stdout, status } = await help("-j", "bpf_ktime_get_ns");
	assert.equal(status, 0);
	const page = JSON.parse(stdout);
	assert.equal(page.name, "bpf_ktime_get_ns");
	assert.equal(page.shape, "u64 bpf_ktime_get_ns(void)");
	assert.equal(page.facts.since, "Linux 4.1");
	const virtual = page.here.find((each: { kernel: string }) => each.kernel === "the virtual kernel");
	assert.equal(virtual.answer, "yes");
	if (process.platform === "linux") {
		const linux = page.here.find((each: { kernel: string }) => each.kernel.startsWith("Linux "));
		assert.ok(["yes", "refused", "unknown"].includes(linux.answer), linux.answer);
	}
});

test("a part of a name lists candidates", async () => {
	const { stdout, stderr, status } = await help("--no-probe", "lookup");
	assert.equal(status, 0);
	assert.match(stderr, /"lookup" may be one of these/);
	assert.match(stdout, /^ {2}bpf_map_lookup_elem +helper +Finds the value/m);
	assert.ok(JSON.parse((await help("-j", "--no-probe", "lookup")).stdout).length > 10);
});

test("what nothing is called after is looked up in the texts", async () => {
	const { stdout, stderr, status } = await help("BPF_NOEXIST");
	assert.equal(status, 0);
	assert.match(stderr, /nothing is called "BPF_NOEXIST"; these speak of it:/);
	assert.match(stdout, /bpf_map_update_elem +helper/);
	assert.match(stdout, /BPF_MAP_UPDATE_ELEM +command/);
	// A part of a word is no word.
	assert.equal((await help("BPF_NOEXIS")).status, 1);
	assert.equal((await help("kfunc", "BPF_NOEXIST")).status, 1);
});

test("search finds by what is said", async () => {
	assert.match((await help("--search", "longest", "prefix")).stdout, /^ {2}BPF_MAP_TYPE_LPM_TRIE/m);
	assert.match((await help("--search", "pin", "map")).stdout, /^ {2}skep map pin +command of skep/m);
	assert.equal((await help("--search")).status, 2);
	const { stdout, stderr, status } = await help("--search", "xyzzyplugh");
	assert.deepEqual([stdout, status], ["", 1]);
	assert.match(stderr, /nothing in the manual has "xyzzyplugh"/);
});

test("what is unknown is refused with the nearest names", async () => {
	for (const [word, near] of [
		["SK9999", /SK\d+/],
		["bpf_ktime_get_nss", /bpf_ktime_get_ns/],
	] as const) {
		const { stdout, stderr, status } = await help(word);
		assert.deepEqual([stdout, status], ["", 1]);
		assert.match(stderr, new RegExp(`the manual has no "${word}"`));
		assert.match(stderr, near);
	}
});

test("a full disk ends a command with a sentence", (t) => {
	if (!existsSync("/dev/full")) return t.skip("needs /dev/full");
	const full = openSync("/dev/full", "w");
	try {
		const { stderr, status } = spawnSync(process.execPath, [launcher, "help"], {
			encoding: "utf8",
			stdio: ["ignore", full, "pipe"],
		});
		assert.equal(status, 1);
		assert.match(stderr, /^skep: cannot write stdout: ENOSPC/);
		assert.doesNotMatch(stderr, /\n\s+at /);
	} finally {
		closeSync(full);
	}
});
