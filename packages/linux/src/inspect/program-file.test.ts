import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ERRNO } from "@skep/bpf/kernel";
import { findBinary, findPmu, kernelFunctions, userFunctions, userProbes } from "./index.ts";

test("a name is a path, a library, a command, or what a process has mapped", (t) => {
	if (process.platform !== "linux") return t.skip(`needs Linux, this is ${process.platform}`);
	assert.equal(findBinary("/proc/self/exe"), "/proc/self/exe");
	assert.equal(findBinary("/no/such/file"), -ERRNO.ENOENT);
	assert.equal(findBinary("no-such-command"), -ERRNO.ENOENT);
	assert.match(`${findBinary("sh")}`, /\/sh$/);
	assert.match(`${findBinary("libc", process.pid)}`, /\/libc[.-]/);
	assert.equal(findBinary("libc"), findBinary("libc.so.6"));
	assert.equal(findPmu("no such"), -ERRNO.ENOENT);
	return undefined;
});

test("functions by name, glob and version; kernel functions", (t) => {
	const libc = findBinary("libc");
	if (typeof libc === "number") return t.skip("needs a libc");
	const one = userFunctions(libc, "malloc");
	assert.ok(typeof one === "object" && one.length === 1 && one[0]!.offset > 0);
	const many = userFunctions(libc, "pthread_mutex_*");
	assert.ok(
		typeof many === "object" && many.length > 3 && many.every((each) => each.name.startsWith("pthread_mutex_")),
	);
	assert.deepEqual(userFunctions(libc, "no_such_function"), []);
	assert.deepEqual(userFunctions(libc, "malloc@NO_SUCH"), []);
	assert.equal(userFunctions("/etc/passwd", "x"), -ERRNO.ENOEXEC);
	assert.equal(userFunctions("/", "x"), -ERRNO.ENOEXEC);
	assert.equal(userProbes("/no/such", "", "x"), -ERRNO.ENOENT);
	assert.deepEqual(kernelFunctions("no_such_function"), []);
	return undefined;
});

/** A small file with dynamic symbols, and one with probes. */
const SMALL = ["/bin/true", "/usr/bin/true"].find((path) => existsSync(path));

test("broken files give ENOEXEC or less, never more", () => {
	if (!SMALL) return;
	const whole = readFileSync(SMALL);
	const folder = mkdtempSync(join(tmpdir(), "skep-elf-"));
	const path = join(folder, "broken");
	// Numbers as they come from a fixed seed.
	let seed = 7;
	const random = (limit: number): number => {
		seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
		return Math.floor((seed / 2 ** 32) * limit);
	};
	try {
		for (let round = 0; round < 300; round++) {
			const bytes = new Uint8Array(whole);
			// Headers at both ends are what counts.
			for (let i = 0; i < 4; i++) {
				const at = random(2) === 0 ? random(0x400) : bytes.length - 1 - random(2000);
				bytes[at] = [0, 0xff, 0x80, random(256)][random(4)]!;
			}
			writeFileSync(path, random(3) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes);
			for (const found of [userFunctions(path, "*"), userProbes(path, "", "x")]) {
				assert.ok(typeof found === "object" || found === -ERRNO.ENOEXEC, `${round}: ${found}`);
			}
		}
	} finally {
		rmSync(folder, { recursive: true });
	}
});
