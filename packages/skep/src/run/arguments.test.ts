import assert from "node:assert/strict";
import { test } from "node:test";
import type { ManifestOption } from "@skep/bpf/spec";
import { OptionError, parseOptions, renderOptions } from "./arguments.ts";

const kernel = { interfaceIndex: (name: string) => (name === "lo" ? 1 : -19) };
const parse = (options: readonly ManifestOption[], ...words: string[]) => parseOptions(options, words, kernel);
const option = (type: ManifestOption["type"], more: Partial<ManifestOption> = {}): ManifestOption => ({
	name: "x",
	type,
	help: "an x",
	...more,
});

const GOOD: readonly [ManifestOption["type"], string, unknown][] = [
	["u8", "255", 255],
	["u16", "0xffff", 65535],
	["u32", "4294967295", 4294967295],
	["i32", "-2147483648", -2147483648],
	["u64", "18446744073709551615", 18446744073709551615n],
	["i64", "-1", -1n],
	["duration", "10s", 10_000_000_000n],
	["duration", "1.5ms", 1_500_000n],
	["duration", "5us", 5_000n],
	["bytes", "64k", 65536n],
	["bytes", "2MiB", 2097152n],
	["bytes", "100", 100n],
	["string", "any text", "any text"],
	["comm", "fifteen-letters", "fifteen-letters"],
	["pid", "1", 1],
	["port", "53", 53],
	["interface", "lo", "lo"],
	["ip4", "127.0.0.1", 0x0100007f],
	["path", "/tmp", "/tmp"],
];
for (const [type, text, value] of GOOD) {
	test(`${type}: ${text}`, () => assert.deepEqual(parse([option(type)], "--x", text).values, { x: value }));
}

const BAD: readonly [ManifestOption["type"], string, RegExp][] = [
	["u8", "256", /"256" is not a number from 0 to 255/],
	["u32", "-1", /from 0 to 4294967295/],
	["u32", "1.5", /a number/],
	["duration", "10", /a duration like 10s/],
	["bytes", "64q", /a size like/],
	["comm", "sixteen-letters!", /15 bytes/],
	["pid", "0", /from 1/],
	["port", "65536", /to 65535/],
	["interface", "nosuch0", /a network interface here/],
	["cgroup", "/no/such/cgroup", /a cgroup/],
	["ip4", "127.0.0.256", /an IPv4 address/],
	["boolean", "yes", /true or false/],
];
for (const [type, text, message] of BAD) {
	test(`${type}: ${text} is refused`, () =>
		assert.throws(
			() => parse([option(type)], `--x=${text}`),
			(e) => e instanceof OptionError && message.test(e.message),
		));
}

test("names are kebab-case, short ones take values with or without a blank, booleans can be taken back", () => {
	const options = [
		option("u32", { name: "minUs", short: "m" }),
		option("boolean", { name: "failed", short: "f", default: true }),
	];
	assert.deepEqual(parse(options, "--min-us", "5").values, { minUs: 5, failed: true });
	assert.deepEqual(parse(options, "-m5", "--no-failed").values, { minUs: 5, failed: false });
	assert.deepEqual(parse(options, "-m", "5", "-f").values, { minUs: 5, failed: true });
});

test("positionals are taken in order, after -- everything is one", () => {
	const options = [
		option("string", { name: "first", positional: true }),
		option("string", { name: "second", positional: true }),
	];
	assert.deepEqual(parse(options, "a", "--", "--b").values, { first: "a", second: "--b" });
	assert.throws(() => parse(options, "a", "b", "c"), /"c" is one argument too many/);
});

test("required and choices are held", () => {
	assert.throws(() => parse([option("u32", { required: true })]), /--x N is required: an x/);
	assert.throws(() => parse([option("string", { choices: ["a", "b"] })], "--x", "c"), /one of a, b/);
	assert.throws(() => parse([option("u32", { max: 9 })], "--x", "10"), /at most 9/);
	assert.equal(parse([option("u32", { required: true })], "--help").help, true);
});

test("the kernel half gets values and a presence flag", () => {
	const options = [
		option("comm", { name: "comm", variable: "opt_comm", present: "opt_comm_set" }),
		option("u64", { name: "min", variable: "opt_min", default: "5" }),
	];
	assert.deepEqual(parse(options).variables, { opt_comm_set: 0, opt_min: 5n });
	assert.deepEqual(parse(options, "--comm", "sh").variables, { opt_comm: "sh", opt_comm_set: 1, opt_min: 5n });
});

test("an unknown option is told what there is", () => {
	assert.throws(() => parse([option("pid", { name: "pid" })], "--pit", "1"), /no option --pit; there are --pid PID/);
	assert.throws(() => parse([], "--x"), /this file has no options/);
});

test("--help lists them", () => {
	const text = renderOptions("f.ts", [
		option("interface", { name: "dev", positional: true, help: "where" }),
		option("u32", { name: "minUs", short: "m", default: 3, help: "least" }),
	]);
	assert.equal(
		text,
		"usage: skep run f.ts [options] [DEV]\n\n  DEV             where\n  -m, --min-us N  least (default 3)\n",
	);
});
