// Compiles a text, loads the object into this machine's kernel with our own loader and lets a test look at it.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { PermissionError } from "@skep/bpf/base";
import { Collection, type VariableValue } from "@skep/bpf/collection";
import { type BpfMap, RingBufferReader } from "@skep/bpf/live";
import { readObject } from "@skep/bpf/object";
import { openLinux } from "@skep/linux";
import { compileAgainstShipped } from "./kernel-run.test-support.ts";

export type { Collection } from "@skep/bpf/collection";

export interface Loaded {
	readonly collection: Collection;
	/** The value at a key of 32 bits, as little-endian number; of per-CPU maps all CPUs' values added. undefined: no entry. */
	value(map: string, key: number): bigint | undefined;
	/** The record bytes that a ring buffer holds. */
	records(map: string): DataView[];
	/** Bytes of a variable in `.data` or `.bss`, seen through the mapping. */
	variable(name: string): DataView;
}

/** Little-endian number of up to 8 bytes. */
const number = (bytes: Uint8Array): bigint => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

/** Runs `body` on the loaded object, built with and without the passes; `source` is a text or a file. Skips where the kernel may not be asked. Nothing stays afterwards. */
export function onKernel(
	t: TestContext,
	source: string | URL,
	body: (loaded: Loaded) => void,
	variables: Readonly<Record<string, VariableValue>> = {},
): void {
	const entry = typeof source === "string" ? "t.ts" : fileURLToPath(source);
	const read = (path: string): string | undefined => {
		if (typeof source === "string") return path === entry ? source : undefined;
		return existsSync(path) ? readFileSync(path, "utf8") : undefined;
	};
	const result = compileAgainstShipped(entry, read, true);
	assert.ok(
		result.object,
		result.diagnostics.map((d) => `${d.code} ${d.line}:${d.column} ${d.message}: ${d.remedy}`).join("\n"),
	);
	const plain = compileAgainstShipped(entry, read, false);
	if (process.platform !== "linux") {
		t.skip(`needs Linux, this is ${process.platform}`);
		return;
	}
	for (const object of [result.object, plain.object!])
		try {
			run(object, body, variables);
		} catch (error) {
			if (!(error instanceof PermissionError)) throw error;
			t.skip(`needs CAP_BPF and CAP_PERFMON: ${error.missing.join(", ")}`);
			return;
		}
}

function run(object: Uint8Array, body: (loaded: Loaded) => void, variables: Readonly<Record<string, VariableValue>>) {
	const spec = readObject(object, { name: "t" });
	using collection = Collection.load(openLinux(), spec, { variables });
	const readers = new Map<string, RingBufferReader>();
	for (const [name, map] of collection.maps) if (map.type === "ringbuf") readers.set(name, new RingBufferReader(map));
	const key = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(n).buffer);
	const value = (map: BpfMap, n: number): bigint | undefined => {
		if (!map.type.includes("percpu")) {
			const bytes = map.lookup(key(n));
			return bytes && number(bytes.subarray(0, 8));
		}
		return map.lookupPerCpu(key(n))?.reduce((sum, bytes) => sum + number(bytes.subarray(0, 8)), 0n);
	};
	try {
		body({
			collection,
			value: (map, n) => value(collection.map(map), n),
			records(map) {
				const found: DataView[] = [];
				readers.get(map)!.drain((view, offset, length) => {
					found.push(new DataView(view.buffer.slice(view.byteOffset + offset, view.byteOffset + offset + length)));
				});
				return found;
			},
			variable(name) {
				const v = spec.variables.get(name)!;
				using mapping = collection.map(v.map).mmap();
				return new DataView(mapping.bytes.slice(v.offset, v.offset + v.size).buffer);
			},
		});
	} finally {
		for (const r of readers.values()) r.close();
	}
}
