import assert from "node:assert/strict";
import { test } from "node:test";
import { BtfBuilder } from "#btf";
import type { Kernel } from "#kernel";
import { MAP_FLAGS, type MapType } from "#uapi";
import { BpfMap, DataSection, formatLpmKey, KernelBtf, loadBtf, lpmKey, type MapBlueprint, TypedMap } from "./index.ts";
import { onBothKernels, onKernel } from "./kernel.test-support.ts";

/** Types of the tests' maps: u32, struct key { pid; comm[8] }, struct value { count: u64; last: i32; ratio[2] }, .data. */
function types() {
	const builder = new BtfBuilder();
	const int = (name: string, size: number, signed = false, char = false) =>
		builder.add({ kind: "int", name, size, offset: 0, bits: size * 8, signed, char, bool: false });
	const u32 = int("__u32", 4);
	const u64 = int("__u64", 8);
	const i32 = int("int", 4, true);
	const char = int("char", 1, false, true);
	const text = builder.add({ kind: "array", type: char, index: u32, length: 8 });
	const pair = builder.add({ kind: "array", type: u32, index: u32, length: 2 });
	const members = (...list: [name: string, type: number, bytes: number][]) =>
		list.map(([name, type, bytes]) => ({ name, type, bitOffset: bytes * 8, bitSize: 0 }));
	const key = builder.add({
		kind: "struct",
		name: "key",
		size: 12,
		members: members(["pid", u32, 0], ["comm", text, 4]),
	});
	const value = builder.add({
		kind: "struct",
		name: "value",
		size: 24,
		members: members(["count", u64, 0], ["last", i32, 8], ["ratio", pair, 12]),
	});
	const lpm = builder.add({
		kind: "struct",
		name: "lpm",
		size: 8,
		members: members(["prefixlen", u32, 0], ["address", u32, 4]),
	});
	const variable = (name: string, type: number) => builder.add({ kind: "var", name, type, linkage: "global" });
	const vars = [
		{ type: variable("hits", u64), offset: 0, size: 8 },
		{ type: variable("mode", i32), offset: 8, size: 4 },
		{ type: variable("who", text), offset: 12, size: 8 },
	];
	const data = builder.add({ kind: "datasec", name: ".data", size: 20, vars });
	return { bytes: builder.encode(), btf: builder.finish(), u32, u64, key, value, lpm, data };
}
const TYPES = types();

function typed(kernel: Kernel, type: MapType, key: number, value: number, more: Partial<MapBlueprint> = {}): BpfMap {
	using btf = loadBtf(kernel, TYPES.bytes);
	const size = (id: number) => (id === 0 ? 0 : TYPES.btf.sizeOf(id));
	return BpfMap.create(kernel, {
		name: "typed",
		type,
		keySize: size(key),
		valueSize: size(value),
		maxEntries: 8,
		btf: { fd: btf.number, key, value },
		...more,
	});
}

test(
	"structs go in and come out as objects, by the types that the kernel keeps with the map",
	onBothKernels((kernel) => {
		using map = typed(kernel, "hash", TYPES.key, TYPES.value);
		const counts = TypedMap.of(map);
		const key = { pid: 7, comm: "bash" };
		const value = { count: 1n << 40n, last: -5, ratio: [1, 2] };
		assert.equal(counts.lookup(key), undefined);
		assert.equal(counts.update(key, value, "create"), true);
		assert.equal(counts.update(key, value, "create"), false);
		assert.deepEqual(counts.lookup(key), value);
		assert.deepEqual(
			counts.updateMany([
				[{ pid: 8, comm: "" }, value],
				[{ pid: 9, comm: "12345678" }, value],
			]),
			{ count: 2, way: "batch" },
		);
		assert.deepEqual(
			new Set([...counts.keys()].map((each) => JSON.stringify(each))),
			new Set(['{"pid":7,"comm":"bash"}', '{"pid":8,"comm":""}', '{"pid":9,"comm":"12345678"}']),
		);
		assert.deepEqual(new Map([...counts.entries()].map(([k, v]) => [(k as { pid: number }).pid, v])).get(9), value);
		assert.deepEqual(counts.nextKey(counts.nextKey(counts.nextKey(counts.nextKey()))), undefined);
		assert.deepEqual(counts.lookupAndDelete(key), value);
		assert.equal(counts.delete(key), false);
		assert.deepEqual(counts.deleteMany([{ pid: 8, comm: "" }, key]), { count: 1, way: "batch" });
		assert.equal([...counts.entries({ take: true })].length, 1);
		assert.equal([...counts.entries()].length, 0);
		assert.throws(() => counts.update({ pid: -1, comm: "" }, value), /pid/);
		assert.throws(() => counts.lookup({ pid: 1, com: "" }), /no member com; there is pid, comm/);
		assert.throws(() => counts.sum(key), /nothing to sum/);
	}),
);

test(
	"per-CPU values are arrays, and add up",
	onBothKernels((kernel) => {
		for (const type of ["percpu_hash", "percpu_array"] as const) {
			using map = typed(kernel, type, TYPES.u32, TYPES.value);
			const counts = TypedMap.of<number, unknown[]>(map);
			const cpus = kernel.possibleCpus;
			const value = (cpu: number) => ({ count: BigInt(cpu), last: 0 - cpu, ratio: [cpu, 1] });
			const values = Array.from({ length: cpus }, (_, cpu) => value(cpu));
			counts.update(3, values);
			assert.deepEqual(counts.lookup(3), values);
			const total = (cpus * (cpus - 1)) / 2;
			const sum = { count: BigInt(total), last: -total, ratio: [total, cpus] };
			assert.deepEqual(counts.sum(3), sum);
			assert.deepEqual(new Map(counts.sums()).get(3), sum);
			counts.updateAll(2, value(5));
			assert.deepEqual(
				new Map(counts.entries()).get(2),
				Array.from({ length: cpus }, () => value(5)),
			);
			assert.throws(() => counts.update(1, [value(0)].slice(1)), /takes an array of \d+, not an array of 0/);
		}
	}),
);

test(
	"queues and stacks have types where they are given",
	onBothKernels((kernel) => {
		for (const type of ["queue", "stack"] as const) {
			using map = BpfMap.create(kernel, { name: "q", type, keySize: 0, valueSize: 24, maxEntries: 2 });
			assert.throws(() => TypedMap.of(map), { code: "ERR_NO_BTF" });
			const values = TypedMap.of(map, { btf: TYPES.btf, key: 0, value: TYPES.value });
			const value = (last: number) => ({ count: 0n, last, ratio: [0, 0] });
			for (const [last, room] of [
				[1, true],
				[2, true],
				[3, false],
			] as const)
				assert.equal(values.push(value(last)), room);
			const order = type === "queue" ? [1, 2] : [2, 1];
			assert.deepEqual(values.peek(), value(order[0]!));
			assert.deepEqual(
				[values.pop(), values.pop(), values.pop(), values.peek()],
				[...order.map(value), undefined, undefined],
			);
			assert.throws(() => values.lookup(1), /has no keys/);
			assert.throws(
				() => new TypedMap(map, { btf: TYPES.btf, key: 0, value: TYPES.key }),
				/values have 24 bytes, the type 12/,
			);
		}
	}),
);

test(
	"bloom filters and prefix tries",
	onKernel((kernel) => {
		using bloom = BpfMap.create(kernel, {
			name: "bloom",
			type: "bloom_filter",
			keySize: 0,
			valueSize: 4,
			maxEntries: 100,
			extra: 5n,
		});
		const seen = TypedMap.of(bloom, { btf: TYPES.btf, key: 0, value: TYPES.u32 });
		seen.push(77);
		assert.deepEqual([seen.contains(77), seen.contains(78)], [true, false]);
		using map = typed(kernel, "lpm_trie", TYPES.lpm, TYPES.u64, { flags: MAP_FLAGS.BPF_F_NO_PREALLOC });
		const routes = TypedMap.of(map);
		routes.update("10.0.0.0/8", 8n);
		routes.update("10.1.0.0/16", 16n);
		assert.deepEqual(
			[routes.lookup("10.1.2.3"), routes.lookup("10.2.0.0"), routes.lookup("11.0.0.0")],
			[16n, 8n, undefined],
		);
		assert.deepEqual([...map.keys()].map(formatLpmKey).sort(), ["10.0.0.0/8", "10.1.0.0/16"]);
		assert.deepEqual([...routes.entries()].find(([, value]) => value === 16n)?.[0], { prefixlen: 16, address: 0x10a });
	}),
);

test("keys of prefix tries as text", () => {
	const rows = [
		"10.0.0.0/8",
		"0.0.0.0/0",
		"2001:db8::/32",
		"::/0",
		"::1/128",
		"fe80::1:0:0:1/64",
		"1:2:3:4:5:6:7:8/128",
	];
	for (const text of rows) assert.equal(formatLpmKey(lpmKey(text)), text);
	assert.equal(formatLpmKey(lpmKey("::ffff:1.2.3.4")), "::ffff:102:304/128");
	assert.equal(formatLpmKey(lpmKey("1.2.3.4", 8)), "1.2.3.4/32");
	for (const bad of [
		"",
		"1.2.3",
		"1.2.3.256/8",
		"1.2.3.4/33",
		"1.2.3.4/",
		":::",
		"1:2::3::4",
		"1:2:3:4:5:6:7:8:9",
		"12345::",
		"1:2:3:4:5:6:7::8/129",
	]) {
		assert.throws(() => lpmKey(bad), RangeError, bad);
	}
	assert.throws(() => lpmKey("::1", 8), /makes a key of 20 bytes, the map has keys of 8/);
});

test(
	"variables of a data section are read and written in place, or through the map",
	onBothKernels((kernel) => {
		for (const flags of [MAP_FLAGS.BPF_F_MMAPABLE, 0, MAP_FLAGS.BPF_F_MMAPABLE | MAP_FLAGS.BPF_F_RDONLY_PROG]) {
			using map = BpfMap.create(kernel, {
				name: "data",
				type: "array",
				keySize: 4,
				valueSize: 20,
				maxEntries: 1,
				flags,
			});
			{
				using section = DataSection.of(map, { btf: TYPES.btf, value: TYPES.data });
				assert.equal(section.mapped, flags !== 0);
				section.set("hits", 1n << 63n);
				section.set("mode", -1);
				section.variable("who").set("skep");
				assert.deepEqual([section.get("hits"), section.get("mode"), section.get("who")], [1n << 63n, -1, "skep"]);
				assert.deepEqual(
					[...map.lookup(new Uint8Array(4))!],
					[0, 0, 0, 0, 0, 0, 0, 128, 255, 255, 255, 255, 115, 107, 101, 112, 0, 0, 0, 0],
				);
				assert.throws(() => section.get("miss"), /no variable miss; there are: hits, mode, who/);
				assert.throws(() => section.set("mode", 1n << 40n), RangeError);
			}
			map.freeze();
			if (flags === MAP_FLAGS.BPF_F_MMAPABLE) continue;
			using frozen = new DataSection(map, [{ name: "raw", offset: 12, size: 4, type: 0 }]);
			assert.deepEqual(frozen.get("raw"), new TextEncoder().encode("skep"));
			assert.throws(() => frozen.set("raw", new Uint8Array(4)), { code: "EPERM" });
			assert.throws(() => frozen.set("raw", 7), /has no type: it takes bytes/);
		}
	}),
);

test(
	"BTF of the kernel and of programs is found by id",
	onBothKernels((kernel) => {
		using fd = loadBtf(kernel, TYPES.bytes);
		using first = KernelBtf.fromFd(kernel, fd.release());
		assert.deepEqual([first.isKernel, first.name, first.size], [false, "", TYPES.bytes.length]);
		using again = KernelBtf.byId(kernel, first.id);
		assert.deepEqual(again.bytes(), TYPES.bytes);
		assert.equal(again.decode().find("key", "struct"), TYPES.key);
		assert.throws(() => KernelBtf.byId(kernel, 0x7fff_fff0), { code: "ENOENT" });
	}),
);
