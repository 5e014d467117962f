// A live map as handles see it, on the virtual kernel: it is there everywhere, and has two CPUs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ERRNO } from "@skep/bpf/kernel";
import { BpfMap } from "@skep/bpf/live";
import { chooseKernel } from "#backend";
import { rawMap } from "./maps.ts";

const { kernel } = chooseKernel("virtual");
const key = Uint8Array.of(1, 0, 0, 0);
const one = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);
const two = Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0);

test("an update or deletion that cannot be is a negative errno", () => {
	using map = BpfMap.create(kernel, { name: "h", type: "hash", keySize: 4, valueSize: 8, maxEntries: 1 });
	const raw = rawMap(map);
	assert.equal(raw.update(key, one, "exist"), -ERRNO.ENOENT);
	assert.equal(raw.lookup(key), undefined);
	assert.equal(raw.update(key, one, "noexist"), 0);
	assert.equal(raw.update(key, two, "noexist"), -ERRNO.EEXIST);
	assert.deepEqual(raw.lookup(key), one);
	assert.equal(raw.update(key, two, "exist"), 0);
	assert.deepEqual(raw.lookup(key), two);
	assert.equal(raw.update(Uint8Array.of(2, 0, 0, 0), one, "any"), -ERRNO.E2BIG);
	assert.equal(raw.delete(key), 0);
	assert.equal(raw.delete(key), -ERRNO.ENOENT);
});

test("a value that is set in a per-CPU map is there on every CPU", () => {
	using map = BpfMap.create(kernel, { name: "p", type: "percpu_hash", keySize: 4, valueSize: 8, maxEntries: 4 });
	const raw = rawMap(map);
	assert.ok(kernel.possibleCpus > 1);
	assert.equal(raw.updateCpus(key, two), 0);
	assert.deepEqual(
		raw.lookupCpus(key),
		Array.from({ length: kernel.possibleCpus }, () => two),
	);
});
