import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MAP_FLAGS, type MapType } from "#uapi";
import { BpfMap, type MapBlueprint } from "./index.ts";
import { numbers, onBothKernels, onKernel, u32, u64 } from "./kernel.test-support.ts";

const blueprint = (type: MapType, more: Partial<MapBlueprint> = {}): MapBlueprint => ({
	name: `t-${type}`,
	type,
	keySize: 4,
	valueSize: 8,
	maxEntries: 8,
	...more,
});

/** Maps of keys and values: how many entries they hold from the start, and whether keys can go. */
const KEYED: readonly (readonly [type: MapType, flags: number, fixed: boolean])[] = [
	["hash", 0, false],
	["hash", MAP_FLAGS.BPF_F_NO_PREALLOC, false],
	["lru_hash", 0, false],
	["array", 0, true],
	["percpu_hash", 0, false],
	["percpu_array", 0, true],
	["lru_percpu_hash", 0, false],
];

for (const [type, flags, fixed] of KEYED) {
	test(
		`${type} (flags ${flags}): lookup, update, delete, walk, batch`,
		onBothKernels((kernel) => {
			using map = BpfMap.create(kernel, blueprint(type, { flags }));
			const value = (n: bigint) =>
				map.perCpu ? Array.from({ length: kernel.possibleCpus }, (_, cpu) => u64(n + BigInt(cpu))) : u64(n);
			const joined = (n: bigint) =>
				map.perCpu ? Array.from({ length: kernel.possibleCpus }, (_, cpu) => n + BigInt(cpu)) : [n];
			const read = (bytes: Uint8Array<ArrayBuffer> | undefined) =>
				bytes && [...new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8)];
			assert.equal(map.valueBytes, map.perCpu ? 8 * kernel.possibleCpus : 8);
			assert.deepEqual(read(map.lookup(u32(3))), fixed ? joined(0n).map(() => 0n) : undefined);
			assert.equal(map.update(u32(3), value(30n), fixed ? "any" : "create"), true);
			assert.equal(map.update(u32(3), value(30n), "create"), false);
			assert.equal(map.update(u32(3), value(31n), "exist"), true);
			if (!fixed) assert.equal(map.update(u32(9), value(1n), "exist"), false);
			assert.deepEqual(read(map.lookup(u32(3))), joined(31n));
			for (const key of [0, 1, 2]) map.update(u32(key), value(BigInt(key)));
			const keys = [...map.keys()].map((key) => numbers(key)![0]!).sort((a, b) => a - b);
			assert.deepEqual(keys, fixed ? [0, 1, 2, 3, 4, 5, 6, 7] : [0, 1, 2, 3]);
			const entries = [...map.entries()].map(([key, bytes]) => [numbers(key)![0]!, read(bytes)] as const);
			assert.deepEqual(new Map(entries).get(3), joined(31n));
			assert.equal(entries.length, keys.length);
			if (fixed) {
				assert.throws(() => map.delete(u32(3)), { code: "EINVAL" });
				assert.throws(() => map.update(u32(8), value(1n)), { code: "E2BIG" });
			} else {
				assert.equal(map.delete(u32(3)), true);
				assert.equal(map.delete(u32(3)), false);
				assert.deepEqual(read(map.lookupAndDelete(u32(2))), joined(2n));
				assert.equal(map.lookup(u32(2)), undefined);
			}
		}),
	);
}

test(
	"a full hash says E2BIG and what to do",
	onBothKernels((kernel) => {
		using map = BpfMap.create(kernel, blueprint("hash", { maxEntries: 1 }));
		map.update(u32(1), u64(1n));
		assert.throws(() => map.update(u32(2), u64(2n)), { code: "E2BIG", message: /update map t-hash.*the map is full/ });
	}),
);

test(
	"keys and values of the wrong size never reach the kernel",
	onBothKernels((kernel) => {
		using map = BpfMap.create(kernel, blueprint("hash"));
		assert.throws(() => map.lookup(u64(1n)), /a key has 4 bytes, not 8/);
		assert.throws(() => map.update(u32(1), u32(1)), /a value has 8 bytes, not 4/);
	}),
);

test(
	"queue and stack: push and take",
	onBothKernels((kernel) => {
		using queue = BpfMap.create(kernel, blueprint("queue", { keySize: 0, maxEntries: 2 }));
		using stack = BpfMap.create(kernel, blueprint("stack", { keySize: 0, maxEntries: 2 }));
		for (const map of [queue, stack]) {
			assert.equal(map.push(u64(1n)), true);
			assert.equal(map.push(u64(2n)), true);
			assert.equal(map.push(u64(3n)), false);
		}
		assert.deepEqual(queue.lookupAndDelete(), u64(1n));
		assert.deepEqual(stack.lookupAndDelete(), u64(2n));
		assert.deepEqual(stack.lookupAndDelete(), u64(1n));
		assert.equal(stack.lookupAndDelete(), undefined);
	}),
);

test(
	"longest prefix match finds the longest",
	onKernel((kernel) => {
		using map = BpfMap.create(kernel, blueprint("lpm_trie", { keySize: 8, flags: MAP_FLAGS.BPF_F_NO_PREALLOC }));
		const key = (bits: number, ...address: number[]) => new Uint8Array([...u32(bits), ...address]);
		map.update(key(8, 10, 0, 0, 0), u64(8n));
		map.update(key(16, 10, 1, 0, 0), u64(16n));
		assert.deepEqual(map.lookup(key(32, 10, 1, 2, 3)), u64(16n));
		assert.deepEqual(map.lookup(key(32, 10, 2, 2, 3)), u64(8n));
		assert.equal(map.lookup(key(32, 11, 2, 2, 3)), undefined);
		assert.equal([...map.entries()].length, 2);
	}),
);

test(
	"bloom filter: a lookup asks about the value",
	onKernel((kernel) => {
		using map = BpfMap.create(kernel, blueprint("bloom_filter", { keySize: 0 }));
		map.push(u64(7n));
		const ask = (n: bigint) => kernel.bpf("MAP_LOOKUP_ELEM", { map_fd: map.fd.number, value: u64(n) });
		assert.equal(ask(7n), 0);
		assert.equal(ask(0x1234_5678_9abcn), -2);
	}),
);

test(
	"maps of maps take descriptors and give ids",
	onKernel((kernel) => {
		using inner = BpfMap.create(kernel, blueprint("hash"));
		using outer = BpfMap.create(kernel, blueprint("array_of_maps", { valueSize: 4, innerFd: inner.fd.number }));
		outer.update(u32(2), u32(inner.fd.number));
		assert.deepEqual(numbers(outer.lookup(u32(2))), [inner.info().id]);
		using again = BpfMap.byId(kernel, inner.info().id);
		assert.equal(again.name, "t_hash");
		assert.equal(again.type, "hash");
		assert.equal(again.maxEntries, 8);
	}),
);

test(
	"a mapped array is the array; a frozen one is read-only",
	onBothKernels((kernel) => {
		using map = BpfMap.create(
			kernel,
			blueprint("array", { valueSize: 12, maxEntries: 3, flags: MAP_FLAGS.BPF_F_MMAPABLE }),
		);
		const mapped = map.mmap(true);
		assert.equal(mapped.stride, 16);
		mapped.bytes.set([1, 2, 3], 16);
		assert.deepEqual([...map.lookup(u32(1))!.subarray(0, 4)], [1, 2, 3, 0]);
		assert.throws(() => map.freeze(), { code: "EBUSY", message: /unmap it first/ });
		mapped.close();
		assert.throws(() => mapped.bytes, /closed/);
		map.freeze();
		assert.throws(() => map.update(u32(1), new Uint8Array(12)), { code: "EPERM", message: /frozen or read-only/ });
		using view = map.mmap();
		assert.equal(view.bytes[17], 2);
		using hash = BpfMap.create(kernel, blueprint("hash"));
		assert.throws(() => hash.mmap(), /cannot be mapped/);
	}),
);

test(
	"values and keys larger than the slab go by address",
	onBothKernels((kernel) => {
		using map = BpfMap.create(kernel, blueprint("array", { valueSize: 100_000, maxEntries: 2 }));
		const value = new Uint8Array(100_000).map((_, i) => i);
		map.update(u32(1), value);
		assert.deepEqual(map.lookup(u32(1)), value);
	}),
);

test(
	"batches read a large hash whole; many entries are written at once",
	onBothKernels((kernel) => {
		using map = BpfMap.create(kernel, blueprint("hash", { maxEntries: 5000 }));
		const keys = u32(...Array.from({ length: 5000 }, (_, i) => i * 7));
		const values = u64(...Array.from({ length: 5000 }, (_, i) => BigInt(i)));
		map.updateMany(keys, values);
		const seen = new Map([...map.entries()].map(([key, value]) => [numbers(key)![0]!, numbers(value)![0]!]));
		assert.equal(seen.size, 5000);
		assert.equal(seen.get(7 * 4321), 4321);
	}),
);

test(
	"a hash agrees with a JavaScript map whatever is done to it",
	onBothKernels((kernel) => {
		const key = fc.integer({ min: 0, max: 9 });
		const operation = fc.oneof(
			fc.record({
				kind: fc.constantFrom("any", "create", "exist"),
				key,
				value: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
			}),
			fc.record({ kind: fc.constantFrom("delete", "take"), key, value: fc.constant(0n) }),
		);
		fc.assert(
			fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
				using map = BpfMap.create(kernel, blueprint("hash", { maxEntries: 16 }));
				const model = new Map<number, bigint>();
				for (const { kind, key, value } of operations) {
					const there = model.has(key);
					if (kind === "delete") {
						assert.equal(map.delete(u32(key)), model.delete(key));
					} else if (kind === "take") {
						assert.deepEqual(map.lookupAndDelete(u32(key)), there ? u64(model.get(key)!) : undefined);
						model.delete(key);
					} else {
						const should = kind === "any" || (kind === "create") !== there;
						assert.equal(map.update(u32(key), u64(value), kind as "any" | "create" | "exist"), should);
						if (should) model.set(key, value);
					}
				}
				const found = [...map.entries()].map(
					([key, value]) => [numbers(key)![0]!, new BigUint64Array(value.buffer)[0]!] as const,
				);
				assert.deepEqual(new Map(found.sort((a, b) => a[0] - b[0])), new Map([...model].sort((a, b) => a[0] - b[0])));
			}),
			{ numRuns: 50, seed: 7 },
		);
	}),
);
