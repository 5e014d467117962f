import assert from "node:assert/strict";
import { test } from "node:test";
import { PermissionError } from "@skep/bpf/base";
import {
	type Command,
	parseInvocation,
	ReportedError,
	renderFailure,
	renderHelp,
	selectCommand,
	UsageError,
} from "./index.ts";

const command = (name: string, more: Partial<Command> = {}): Command => ({
	name,
	usage: "",
	summary: "",
	examples: [`skep ${name}`],
	flags: [
		{ name: "json", help: "" },
		{ name: "output", short: "o", value: "FILE", help: "" },
	],
	load: () => Promise.reject(new Error("not loaded here")),
	...more,
});
const COMMANDS = [command("run", { stopsAtFile: true }), command("build"), command("bench")];

test("a beginning selects where it is clear", () => {
	assert.equal(selectCommand(COMMANDS, "r").name, "run");
	assert.equal(selectCommand(COMMANDS, "bu").name, "build");
	assert.throws(() => selectCommand(COMMANDS, "b"), /"b" may be build or bench/);
	assert.throws(() => selectCommand(COMMANDS, "rnu"), /did you mean run\?/);
});

test("flags before the file are skep's, after it the file's", () => {
	const { flags, rest } = parseInvocation(COMMANDS[0]!, ["--json", "-o", "x", "f.ts", "--json", "-q"]);
	assert.deepEqual(
		[...flags],
		[
			["json", true],
			["output", "x"],
		],
	);
	assert.deepEqual(rest, ["f.ts", "--json", "-q"]);
});

test("values may be attached", () => {
	assert.equal(parseInvocation(COMMANDS[1]!, ["--output=x"]).flags.get("output"), "x");
	assert.equal(parseInvocation(COMMANDS[1]!, ["f", "-ox"]).flags.get("output"), "x");
	assert.throws(() => parseInvocation(COMMANDS[1]!, ["--output"]), /wants FILE after it/);
	assert.throws(() => parseInvocation(COMMANDS[1]!, ["--json=1"]), /takes no value/);
	assert.throws(() => parseInvocation(COMMANDS[1]!, ["--jsn"]), /did you mean --json/);
});

test("help has the usage and an example", () => {
	assert.match(
		renderHelp(command("run", { usage: "FILE", summary: "runs" })),
		/^skep run: runs\n\nusage: skep run FILE\n[\s\S]*example:\n {2}skep run\n$/,
	);
});

test("failures have a status each and no stack", () => {
	assert.deepEqual(renderFailure(new UsageError("no", "run")), {
		text: "skep: no\n      skep run --help tells more",
		status: 2,
	});
	assert.deepEqual(renderFailure(new PermissionError("CAP_BPF is missing", ["CAP_BPF"])), {
		text: "skep: CAP_BPF is missing",
		status: 3,
	});
	assert.deepEqual(renderFailure(new ReportedError("whole text")), { text: "whole text", status: 1 });
	const unexpected = renderFailure(new TypeError("x is not a function"));
	assert.equal(unexpected.status, 1);
	assert.doesNotMatch(unexpected.text, /\n\s+at /);
});
