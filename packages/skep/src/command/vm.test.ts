import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { FormatError, VmFault } from "@skep/bpf/base";
import { encode, parse } from "@skep/bpf/isa";
import { hexBytes, runPlugin } from "#backend/plugin";

const assemble = (text: string) => encode(text.split("; ").map(parse));
const NONE = new Uint8Array(0);

test("r1 is the memory's address, r2 its length, both 0 without", () => {
	const memory = new Uint8Array([1, 2, 3, 4]);
	assert.equal(runPlugin(assemble("r0 = *(u32 *)(r1 + 0); r0 <<= 8; r0 += r2; exit"), memory), 0x0403020104n);
	assert.equal(runPlugin(assemble("r0 = r1; r0 |= r2; exit"), NONE), 0n);
});

test("helper 5 gives its argument back; of 0 it ends the program", () => {
	assert.equal(runPlugin(assemble("r1 = -1; call 5; r0 += 3; exit"), NONE), 2n);
	assert.equal(runPlugin(assemble("r1 = 0; call 5; r0 = 3; exit"), NONE), 0n);
	assert.equal(runPlugin(assemble("r1 = -1; r2 = 5; callx r2; r0 = 2; exit"), NONE), 2n);
});

test("every engine gives the same", () => {
	for (const options of [{ engine: "interpreter" }, { engine: "jit" }, { engine: "jit", checked: false }] as const) {
		const text = "r0 = 1; r2 = 20; r0 *= 3; r2 += -1; if r2 != 0 goto -3; call pc+1; exit; r0 = r10; r0 -= r10; exit";
		assert.equal(runPlugin(assemble(text.replace("call pc+1; exit; ", "exit; ")), NONE, options), 3n ** 20n);
		assert.equal(runPlugin(assemble(text), NONE, options), 0n);
		assert.equal(runPlugin(assemble("r1 = -1; call 5; r0 += 3; exit"), NONE, options), 2n);
		assert.equal(runPlugin(assemble("r1 = 0; call 5; r0 = 3; exit"), NONE, options), 0n);
	}
});

test("faults and malformed input are errors", () => {
	assert.throws(() => runPlugin(assemble("r0 = *(u8 *)(r1 + 0); exit"), NONE), VmFault);
	assert.throws(() => runPlugin(new Uint8Array(8).fill(0xff), NONE), FormatError);
	assert.throws(() => runPlugin(NONE, NONE), /no instructions/);
	assert.throws(() => runPlugin(new Uint8Array(9).fill(0x95, 8), NONE), FormatError);
	assert.throws(() => hexBytes("b7 0", "program"), /3 hex digits/);
	assert.throws(() => hexBytes("b7 zz", "program"), /"z" where a hex digit/);
	assert.deepEqual(hexBytes("0x01 ff\n", "memory"), new Uint8Array([1, 255]));
});

test("the executable speaks the plugin's protocol", () => {
	const plugin = fileURLToPath(new URL("../../bin/skep-vm-plugin", import.meta.url));
	const run = (input: string, ...words: string[]) =>
		spawnSync(process.execPath, [plugin, ...words], { input, encoding: "utf8" });
	const hex = (text: string) => Buffer.from(assemble(text)).toString("hex");
	const good = run(hex("r0 = *(u8 *)(r1 + 1); exit"), "0a f0", "--interpreter");
	assert.equal(good.stdout, "f0\n", good.stderr);
	assert.equal(good.status, 0);
	assert.equal(run(hex("r0 = -1; exit"), "--interpreter").stdout, "ffffffffffffffff\n");
	// As the runner calls it: bytes apart, a blank behind the last one; memory first or absent or empty; options behind it.
	const apart = (text: string) => hex(text).replace(/../g, "$& ");
	for (const words of [["01 02 03 "], ["01 02 03 ", "--interpreter"], ["01 02 03 ", "--unchecked"]])
		assert.equal(run(apart("r0 = r2; exit"), ...words).stdout, "3\n", words.join(" "));
	for (const words of [[], [""]])
		assert.equal(run(apart("r0 = r1; r0 |= r2; exit"), ...words).stdout, "0\n", `"${words}"`);
	for (const [input, words, status, message] of [
		["", [], 1, /no instructions, expected them as hex bytes on stdin/],
		[hex("exit"), ["01 0"], 1, /3 hex digits, expected two a byte .*memory/],
		[hex("exit"), ["01", "--jit"], 2, /no option --jit/],
		[hex("exit"), ["--interpreter", "--unchecked"], 2, /the interpreter compares all accesses/],
		[hex("exit"), ["01", "02"], 2, /one argument of memory, not 2/],
	] as const) {
		const { status: got, stderr, stdout } = run(input, ...words);
		assert.deepEqual([got, stdout], [status, ""], `${input} ${words}`);
		assert.match(stderr, message);
	}
	const bad = run(hex("r0 = *(u8 *)(r1 + 0); exit"));
	assert.notEqual(bad.status, 0);
	assert.match(bad.stderr, /load of 1 byte at 0x0/);
});
