import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { btfFile, buildConfig, kernelSymbols, mainlineVersion } from "./index.ts";

test("the configuration of the running kernel is text of options", (t) => {
	const text = buildConfig();
	if (typeof text !== "string") return t.skip(`needs /proc/config.gz or /boot/config-*: ${text.message}`);
	assert.match(text, /^CONFIG_\w+=./m);
	return undefined;
});

test("symbols have addresses, or are missing", (t) => {
	const found = kernelSymbols(new Set(["vfs_read", "vfs_rea", "no_such_symbol"]));
	if (found.size === 0) return t.skip("needs addresses in /proc/kallsyms (kptr_restrict)");
	assert.deepEqual([...found.keys()], ["vfs_read"]);
	assert.ok(found.get("vfs_read")! > 1n << 63n);
	return undefined;
});

test("BTF is taken from a file, or from a folder by release, however deep", () => {
	const folder = mkdtempSync(join(tmpdir(), "skep-btf-"));
	try {
		const deep = join(folder, "ubuntu/20.04/x86_64");
		mkdirSync(deep, { recursive: true });
		writeFileSync(join(deep, "5.4.0-26-generic.btf"), "deep");
		writeFileSync(join(folder, "vmlinux-6.1.0"), "flat");
		const text = (path: string, release: string) => {
			const bytes = btfFile(path, release);
			return bytes && Buffer.from(bytes).toString();
		};
		assert.equal(text(folder, "5.4.0-26-generic"), "deep");
		assert.equal(text(folder, "6.1.0"), "flat");
		assert.equal(text(folder, "6.1.1"), undefined);
		assert.equal(text(join(folder, "vmlinux-6.1.0"), "other"), "flat");
		assert.throws(() => btfFile(join(folder, "none"), "6.1.0"), /ENOENT/);
		assert.ok(!existsSync(join(folder, "none")));
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
});

test("the version is the one that the kernel was built from, whatever the release is called", () => {
	const cases = [
		["6.18.44-fc", "#1 SMP", undefined, "6.18.44-fc"],
		["6.1.0-18-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)", undefined, "6.1.76"],
		["5.15.0-91-generic", "#101-Ubuntu SMP", "5.15.131", "5.15.131"],
		["5.15.0-91-generic", "#101-Ubuntu SMP", "nonsense", "5.15.0-91-generic"],
	] as const;
	for (const [release, line, signed, expected] of cases) assert.equal(mainlineVersion(release, line, signed), expected);
});
