import assert from "node:assert/strict";
import { test } from "node:test";
import { ERRNO, versionCode } from "#kernel";
import { MAP_FLAGS, type MapType } from "#uapi";
import { type BatchWay, BpfMap, type MapBlueprint, Walk } from "./index.ts";
import { numbers, onBothKernels, onKernel, u32 } from "./kernel.test-support.ts";

const ENTRIES = 600;
const LPM = { keySize: 8, flags: MAP_FLAGS.BPF_F_NO_PREALLOC };

/** Which way each operation goes on Linux 6.18. `no`: the type does not have it at all. One row a type. */
// biome-ignore format: table
const TYPES: readonly (readonly [type: MapType, more: Partial<MapBlueprint>, read: BatchWay, take: BatchWay | "no", write: BatchWay, remove: BatchWay | "no"])[] = [
	["hash", {}, "batch", "batch", "batch", "batch"],
	["hash", { flags: MAP_FLAGS.BPF_F_NO_PREALLOC }, "batch", "batch", "batch", "batch"],
	["percpu_hash", {}, "batch", "batch", "batch", "batch"],
	["lru_hash", { maxEntries: 4 * ENTRIES }, "batch", "batch", "batch", "batch"],
	["lru_percpu_hash", { maxEntries: 4 * ENTRIES }, "batch", "batch", "batch", "batch"],
	["array", {}, "batch", "no", "batch", "no"],
	["percpu_array", {}, "batch", "no", "batch", "no"],
	["lpm_trie", LPM, "batch", "one by one", "batch", "batch"],
];

const keyOf = (i: number, size: number): Uint8Array =>
	size === 4 ? u32(i) : new Uint8Array([...u32(32), 10, 0, i >> 8, i]);
const join = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(parts.flatMap((part) => [...part]));

/** Since when Linux has batches for types that had none at first. */
const BATCHES_SINCE: Readonly<Partial<Record<MapType, string>>> = { percpu_array: "5.13", lpm_trie: "5.13" };

for (const [type, more, ...newer] of TYPES) {
	const body: Parameters<typeof onBothKernels>[0] = (kernel) => {
		const older = versionCode(kernel.release) < versionCode(BATCHES_SINCE[type] ?? "5.6");
		const [read, take, write, remove] = newer.map((way) => (older && way === "batch" ? "one by one" : way));
		using map = BpfMap.create(kernel, { name: "batch", type, keySize: 4, valueSize: 12, maxEntries: ENTRIES, ...more });
		const keys = Array.from({ length: ENTRIES }, (_, i) => keyOf(i, map.keySize));
		const value = (i: number) => new Uint8Array(map.valueBytes).map((_, at) => (at % map.stride < 12 ? i + at : 0));
		const wrote = map.updateMany(join(keys), join(keys.map((_, i) => value(i))));
		assert.deepEqual(wrote, { count: ENTRIES, way: write });
		const indexOf = (key: Uint8Array) => (map.keySize === 4 ? numbers(key)![0]! : key[6]! * 256 + key[7]!);
		const all = (options = {}) => {
			const ways = new Set<BatchWay>();
			const seen = new Map<number, Uint8Array>();
			for (const chunk of map.chunks(options)) {
				ways.add(chunk.way);
				for (let i = 0; i < chunk.count; i++) {
					const index = indexOf(chunk.keys.slice(i * map.keySize, (i + 1) * map.keySize));
					assert.ok(!seen.has(index), `${index} once`);
					seen.set(index, chunk.values.slice(i * map.valueBytes, (i + 1) * map.valueBytes));
				}
			}
			for (const [index, bytes] of seen) assert.deepEqual(bytes, value(index));
			return { ways: [...ways], count: seen.size };
		};
		assert.deepEqual(all(), { ways: [read], count: ENTRIES });
		assert.deepEqual(all({ count: 1 }), { ways: [read], count: ENTRIES }, "one at a time, buckets larger than that");
		assert.deepEqual(all({ count: 7 }), { ways: [read], count: ENTRIES });
		assert.deepEqual(all({ way: "one by one" }), { ways: ["one by one"], count: ENTRIES });
		if (remove === "no") {
			assert.throws(() => map.deleteMany(u32(1)), {
				name: "NotSupportedError",
				message: new RegExp(`those of type ${type} cannot be deleted`),
			});
			assert.throws(() => all({ take: true }), { name: "NotSupportedError" });
			return;
		}
		// Every other key, some of them twice, one that was never there.
		const some = keys.filter((_, i) => i % 2 === 0);
		const removed = map.deleteMany(join([...some, some[0]!, some[5]!, keyOf(60_000, map.keySize)]));
		assert.deepEqual(removed, { count: some.length, way: remove });
		assert.deepEqual(all({ take: true, count: 50 }), { ways: [take], count: ENTRIES / 2 });
		assert.deepEqual(all(), { ways: [], count: 0 });
		assert.deepEqual(map.deleteMany(new Uint8Array(0)), { count: 0, way: "batch" });
	};
	// The virtual kernel has no LPM tries.
	test(`${type} ${JSON.stringify(more)}: batches`, type === "lpm_trie" ? onKernel(body) : onBothKernels(body));
}

test(
	"maps of maps are written by descriptors and read as ids, by batches",
	onKernel((kernel) => {
		const batch = versionCode(kernel.release) < versionCode("5.16") ? "one by one" : "batch";
		for (const type of ["hash_of_maps", "array_of_maps"] as const) {
			using inner = BpfMap.create(kernel, { name: "inner", type: "hash", keySize: 4, valueSize: 4, maxEntries: 1 });
			using outer = BpfMap.create(kernel, {
				name: "outer",
				type,
				keySize: 4,
				valueSize: 4,
				maxEntries: 3,
				innerFd: inner.fd.number,
			});
			const fd = inner.fd.number;
			assert.deepEqual(outer.updateMany(u32(0, 1, 2), u32(fd, fd, fd)), { count: 3, way: batch });
			const { id } = inner.info();
			for (const { values, count, way } of outer.chunks())
				assert.deepEqual([count, way, numbers(values.slice(0, count * 4))], [3, batch, [id, id, id]]);
			if (type === "hash_of_maps") assert.deepEqual(outer.deleteMany(u32(2, 0)), { count: 2, way: batch });
		}
	}),
);

test(
	"without batches it goes one by one, and says so",
	onKernel((kernel) => {
		using map = BpfMap.create(kernel, { name: "none", type: "hash", keySize: 4, valueSize: 4, maxEntries: 9 });
		map.updateMany(u32(1, 2, 3), u32(1, 2, 3));
		// The same kernel, as one before 5.6 would answer.
		const older = Object.create(kernel, {
			bpf: {
				value: ((command, attr) =>
					command.endsWith("BATCH") ? -ERRNO.EINVAL : kernel.bpf(command, attr)) as typeof kernel.bpf,
			},
		});
		using old = BpfMap.byId(older, map.info().id);
		assert.deepEqual(old.updateMany(u32(4, 5), u32(4, 5)), { count: 2, way: "one by one" });
		assert.deepEqual(old.deleteMany(u32(1, 77)), { count: 1, way: "one by one" });
		assert.deepEqual(
			[...old.chunks()].map(({ count, way }) => [count, way]),
			[[4, "one by one"]],
		);
		using traces = BpfMap.create(kernel, {
			name: "traces",
			type: "stack_trace",
			keySize: 4,
			valueSize: 8 * 16,
			maxEntries: 4,
		});
		assert.deepEqual([...traces.chunks()], []);
	}),
);

test(
	"a full map says how far a batch came",
	onBothKernels((kernel) => {
		using map = BpfMap.create(kernel, { name: "full", type: "hash", keySize: 4, valueSize: 4, maxEntries: 2 });
		assert.throws(() => map.updateMany(u32(1, 2, 3), u32(1, 2, 3)), {
			code: "E2BIG",
			message: /write entry 3 of 3 of a batch to map full/,
		});
		assert.throws(() => map.updateMany(u32(1, 2), u32(1)), /8 bytes of keys \(4 each\), 4 of values/);
		assert.throws(() => map.deleteMany(new Uint8Array(3)), /3 bytes are not keys of 4 bytes each/);
		assert.throws(() => [...map.chunks({ count: 0 })], /a chunk of 0 entries/);
		const none = new Uint8Array(0);
		const attr = { map_fd: map.fd.number, out_batch: new Uint8Array(4), keys: none, values: none, count: 2 };
		assert.equal(kernel.bpf("MAP_LOOKUP_BATCH", attr), -ERRNO.EFAULT);
	}),
);

test(
	"a walk sees each entry that stays once, whatever is deleted under it",
	onBothKernels((kernel) => {
		const make = () => {
			const map = BpfMap.create(kernel, { name: "walk", type: "hash", keySize: 4, valueSize: 4, maxEntries: 400 });
			map.updateMany(
				u32(...Array.from({ length: 400 }, (_, i) => i)),
				u32(...Array.from({ length: 400 }, (_, i) => i)),
			);
			return map;
		};
		{
			using map = make();
			const seen: number[] = [];
			for (const key of map.keys()) {
				seen.push(numbers(key)![0]!);
				assert.ok(map.delete(key));
			}
			assert.equal(new Set(seen).size, 400, "each is deleted as it is seen");
			assert.equal(seen.length, 400);
		}
		{
			using map = make();
			const order = [...map.keys()].map((key) => numbers(key)![0]!);
			const walk = new Walk(map);
			const seen: number[] = [];
			// The next two keys, of which the walk already holds one, go each time: what remains is every third.
			for (const [key] of walk.entries()) {
				const at = order.indexOf(numbers(key)![0]!);
				seen.push(order[at]!);
				for (const next of order.slice(at + 1, at + 3)) map.delete(u32(next));
			}
			assert.deepEqual(
				seen,
				order.filter((_, i) => i % 3 === 0),
			);
			assert.equal(walk.restarts, 0);
		}
		{
			using map = make();
			const walk = new Walk(map);
			let steps = 0;
			// All that was seen and all that the walk knows goes: it begins anew, and ends.
			for (const _ of walk.entries()) {
				if (++steps % 50 === 0) for (const key of [...map.keys()].slice(0, 60)) map.delete(key);
			}
			assert.ok(walk.restarts >= 1 && steps <= 800, `${steps} steps, ${walk.restarts} restarts`);
		}
	}),
);
