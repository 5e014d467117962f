import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { NotSupportedError } from "#base";
import { readObject } from "#object";
import { Collection, type LoadOptions } from "./index.ts";
import { onKernel } from "./kernel.test-support.ts";

// 9pnet carries the guest's root folder: it is a module there, and in use.
const path = new URL("../../testdata/objects/modules.bpf.o", import.meta.url);
const spec = readObject(new Uint8Array(readFileSync(path)), { name: "modules" });
const only = (name: string): LoadOptions => ({ programs: (program) => program.name === name });
const words = (collection: Collection): bigint[] => [
	...new BigUint64Array(collection.map(".bss").lookup(new Uint8Array(4))!.slice().buffer),
];
const at = (name: string): number => spec.variables.get(name)!.offset / 8;
const walk = () => {
	for (let i = 0; i < 3; i++) existsSync(new URL(`../../testdata/none-${process.pid}-${i}`, import.meta.url));
};

test(
	"types of modules: sizes and offsets come from their BTF",
	onKernel((kernel, t) => {
		if (!existsSync("/sys/kernel/btf/9pnet")) return t.skip("needs module 9pnet with BTF");
		using collection = Collection.load(kernel, spec, only("types"));
		collection.attach("types");
		readFileSync("/proc/self/stat");
		const seen = words(collection);
		assert.ok(seen[at("size")]! > 32n, `struct p9_client has ${seen[at("size")]} bytes`);
		assert.equal(seen[at("found")]! & 1n, 1n, "msize is there");
		return undefined;
	}),
);

test(
	"functions of modules: by module and name, by name alone",
	onKernel((kernel, t) => {
		if (!existsSync("/sys/kernel/btf/9pnet")) return t.skip("needs module 9pnet with BTF");
		using collection = Collection.load(kernel, spec, { programs: (p) => ["walked", "unnamed"].includes(p.name) });
		collection.attach("walked");
		collection.attach("unnamed");
		walk();
		const walks = words(collection)[at("walks")]!;
		assert.ok(walks > 1000n, `${walks}: entry counts 1, exit 1000`);
		assert.throws(
			() => Collection.load(kernel, spec, { ...only("walked"), attachTo: { walked: "9p:p9_client_walk" } }),
			(e) => e instanceof NotSupportedError && /no function 9p:p9_client_walk in its BTF/.test(e.message),
		);
		return undefined;
	}),
);

test(
	"programs call functions of modules",
	onKernel((kernel, t) => {
		spawnSync("modprobe", ["nf_conntrack"]);
		if (!existsSync("/sys/kernel/btf/nf_conntrack")) return t.skip("needs module nf_conntrack with BTF");
		let collection: Collection;
		try {
			collection = Collection.load(kernel, spec, only("lookup"));
		} catch (error) {
			if (error instanceof NotSupportedError) return t.skip(`this kernel has no such function: ${error.message}`);
			throw error;
		}
		using loaded = collection;
		assert.equal(loaded.program("lookup").testRun({ data: new Uint8Array(64) }).retval, 2, "nothing is tracked");
		return undefined;
	}),
);
