// One machine, several workers at the same time: what must add up does, in every engine.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { BtfBuilder } from "@skep/bpf/btf";
import { insn } from "@skep/bpf/isa";
import { ERRNO } from "@skep/bpf/kernel";
import { BpfMap, loadBtf, RingBufferReader } from "@skep/bpf/live";
import { MAP_FLAGS, type MapType } from "@skep/bpf/uapi";
import { hashOf } from "./maps/hash-entry.ts";
import { HEADER, headerWord, type MapState } from "./maps/index.ts";
import { type JoinOptions, VirtualKernel } from "./virtual-kernel.ts";
import {
	Crew,
	ENGINES,
	go,
	helper,
	imm,
	jump,
	load,
	mapIn,
	PASS,
	reg,
	stackIn,
	valueIn,
} from "./workers.test-support.ts";

const WORKERS = 3;

const crew = new Crew(WORKERS);
after(() => crew.close());

/** Rounds that one run of the counting program makes. */
const TIMES = 301;

const machine = (options: ConstructorParameters<typeof VirtualKernel>[0] = {}): VirtualKernel =>
	new VirtualKernel({ cpus: WORKERS + 1, shared: true, ...options });

const make = (
	kernel: VirtualKernel,
	type: MapType,
	maxEntries: number,
	sizes: { readonly key?: number; readonly value?: number; readonly flags?: number } = {},
): BpfMap =>
	BpfMap.create(kernel, {
		name: type.replaceAll("_", ""),
		type,
		keySize: sizes.key ?? 4,
		valueSize: sizes.value ?? 8,
		maxEntries,
		...(sizes.flags === undefined ? {} : { flags: sizes.flags }),
	});

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const longs = (bytes: Uint8Array | undefined): BigUint64Array =>
	new BigUint64Array(bytes!.buffer, bytes!.byteOffset, bytes!.byteLength / 8);
const stateOf = (kernel: VirtualKernel, map: BpfMap): MapState =>
	kernel.system.tables.maps.get(kernel.system.tables.descriptors.get(map.fd.number)!.id)!;

for (const [engine, { rounds, ...options }] of Object.entries(ENGINES)) {
	test(`${engine}: BPF's atomics are atomic`, async () => {
		const kernel = machine(options);
		using counts = make(kernel, "array", 1, { value: 128 });
		using own = make(kernel, "percpu_array", 1, { value: 16 });
		counts.update(u32(0), new Uint8Array(new BigUint64Array(16).fill(~0n, 5, 6).buffer));
		const program = load(kernel, [
			valueIn(6, counts),
			mapIn(1, own),
			...stackIn(2, -8),
			insn.store(4, 10, -8, imm(0)),
			helper("map_lookup_elem"),
			jump("eq", 0, imm(0), "none"),
			insn.mov(64, 7, reg(0)),
			helper("get_smp_processor_id"),
			insn.mov(64, 8, reg(0)),
			insn.mov(64, 9, imm(TIMES)),
			"round",
			// A high word that carries, and low words on both sides of it.
			insn.loadImm64(1, 0x1_0000_0001n),
			insn.atomic("add", 8, 6, 0, 1),
			insn.mov(64, 1, imm(3)),
			insn.atomic("add", 4, 6, 8, 1),
			// What was there before is xored into a sum: every number once.
			insn.mov(64, 1, imm(1)),
			insn.atomic("add", 8, 6, 16, 1, { fetch: true }),
			insn.atomic("xor", 8, 6, 24, 1),
			insn.mov(64, 1, imm(1)),
			insn.atomic("add", 4, 6, 80, 1, { fetch: true }),
			insn.atomic("xor", 4, 6, 84, 1, { fetch: true }),
			insn.mov(64, 1, imm(1)),
			insn.alu("lsh", 64, 1, reg(8)),
			insn.mov(64, 2, reg(1)),
			insn.atomic("or", 8, 6, 32, 2),
			insn.alu("xor", 64, 1, imm(-1)),
			insn.atomic("and", 8, 6, 40, 1, { fetch: true }),
			// Counted by comparing and exchanging, until nobody comes between.
			"again",
			insn.load(8, 0, 6, 48),
			insn.mov(64, 1, reg(0)),
			insn.mov(64, 2, reg(0)),
			insn.alu("add", 64, 2, imm(1)),
			insn.atomic("cmpxchg", 8, 6, 48, 2),
			jump("ne", 0, reg(1), "again"),
			"again32",
			insn.load(4, 0, 6, 56),
			insn.mov(64, 1, reg(0)),
			insn.mov(64, 2, reg(0)),
			insn.alu("add", 64, 2, imm(1)),
			insn.atomic("cmpxchg", 4, 6, 56, 2),
			jump("ne", 0, reg(1), "again32"),
			// Nothing that is exchanged is lost: what was put in came out, but for the last.
			insn.load(8, 1, 7, 0),
			insn.alu("add", 64, 1, imm(1)),
			insn.store(8, 7, 0, reg(1)),
			insn.atomic("xchg", 8, 6, 64, 1),
			insn.load(8, 2, 7, 8),
			insn.alu("add", 64, 2, reg(1)),
			insn.store(8, 7, 8, reg(2)),
			// Counted under a lock of its own making.
			"locked",
			insn.mov(64, 1, imm(1)),
			insn.atomic("xchg", 4, 6, 88, 1),
			jump("ne", 1, imm(0), "locked"),
			insn.load(8, 1, 6, 96),
			insn.alu("add", 64, 1, imm(1)),
			insn.store(8, 6, 96, reg(1)),
			insn.mov(64, 1, imm(0)),
			insn.storeRelease(4, 6, 88, 1),
			insn.loadAcquire(8, 1, 6, 96),
			insn.alu("sub", 64, 9, imm(1)),
			jump("ne", 9, imm(0), "round"),
			"none",
			...PASS,
		]);
		await crew.run(kernel, options, () => [{ kind: "run", program: program.fd.number, times: rounds / 20 }]);
		const each = (rounds / 20) * TIMES;
		const all = BigInt(WORKERS * each);
		const found = longs(counts.lookup(u32(0)));
		const words = new Uint32Array(found.buffer);
		let xored = 0n;
		for (let i = all & ~3n; i < all; i++) xored ^= i;
		assert.equal(found[0], all * 0x1_0000_0001n);
		assert.equal(words[2], Number(all) * 3);
		assert.deepEqual([found[2], found[3]], [all, xored]);
		assert.deepEqual([words[20], words[21]], [Number(all), Number(xored)]);
		const bits = ((1n << BigInt(WORKERS + 1)) - 1n) ^ 1n;
		assert.deepEqual([found[4], found[5]], [bits, BigInt.asUintN(64, ~bits)]);
		assert.deepEqual([found[6], words[14]], [all, Number(all)]);
		assert.equal(found[12], all, "under a lock");
		const owns = longs(own.lookup(u32(0)));
		let put = 0n;
		let taken = found[8]!;
		for (let cpu = 0; cpu <= WORKERS; cpu++) {
			assert.equal(owns[cpu * 2], cpu === 0 ? 0n : BigInt(each), "per-CPU values are each processor's own");
			put += (owns[cpu * 2]! * (owns[cpu * 2]! + 1n)) / 2n;
			taken += owns[cpu * 2 + 1]!;
		}
		assert.equal(taken, put);
	});

	test(`${engine}: spin locks`, async () => {
		const kernel = machine(options);
		const types = fieldTypes("bpf_spin_lock", 4);
		using btf = loadBtf(kernel, types.bytes);
		using locked = BpfMap.create(kernel, {
			name: "locked",
			type: "array",
			keySize: 4,
			valueSize: 32,
			maxEntries: 1,
			btf: { fd: btf.number, key: types.key, value: types.value },
		});
		const program = load(kernel, [
			mapIn(1, locked),
			...stackIn(2, -8),
			insn.store(4, 10, -8, imm(0)),
			helper("map_lookup_elem"),
			jump("eq", 0, imm(0), "none"),
			insn.mov(64, 6, reg(0)),
			insn.mov(64, 1, reg(6)),
			helper("spin_lock"),
			insn.load(8, 1, 6, 8),
			insn.load(8, 2, 6, 16),
			insn.alu("add", 64, 1, imm(1)),
			insn.alu("sub", 64, 2, imm(1)),
			insn.store(8, 6, 8, reg(1)),
			insn.store(8, 6, 16, reg(2)),
			insn.mov(64, 1, reg(6)),
			helper("spin_unlock"),
			"none",
			...PASS,
		]);
		const done = crew.run(kernel, options, () => [{ kind: "run", program: program.fd.number, times: rounds }]);
		const all = BigInt(WORKERS * rounds);
		// Under the lock, system calls see both or neither.
		const value = new Uint8Array(32);
		for (let isOver = false; !isOver; ) {
			isOver = await Promise.race([done.then(() => true), soon()]);
			const flags = 4;
			assert.equal(kernel.bpf("MAP_LOOKUP_ELEM", { map_fd: locked.fd.number, key: u32(0), value, flags }), 0);
			assert.equal(longs(value)[1]! + longs(value)[2]!, longs(value)[1] === 0n ? 0n : 1n << 64n);
		}
		await done;
		assert.deepEqual([...longs(locked.lookup(u32(0)))].slice(1, 3), [all, BigInt.asUintN(64, -all)]);
		assert.equal(kernel.system.memory.words[stateOf(kernel, locked).data >> 2], 0, "the lock is free");
	});

	test(`${engine}: what stays is found, while the rest of its bucket comes and goes`, async () => {
		const kernel = machine(options);
		using map = make(kernel, "hash", 64);
		using keys = make(kernel, "array", 32, { value: 4 });
		using missed = make(kernel, "array", 1);
		const inBucket: number[] = [];
		for (let key = 0; inBucket.length < 32; key++)
			if ((hashOf(u32(key), 0, 4) & stateOf(kernel, map).bucketMask) === 5) inBucket.push(key);
		for (const [i, key] of inBucket.entries()) keys.update(u32(i), u32(key));
		// The first to come is the last that is come to.
		map.update(u32(inBucket[0]!), new Uint8Array(8));
		const changes = load(kernel, [
			helper("get_prandom_u32"),
			insn.mov(64, 7, reg(0)),
			insn.alu("and", 64, 7, imm(32)),
			insn.alu("and", 64, 0, imm(31)),
			// The first one stays.
			jump("ne", 0, imm(0), "other"),
			insn.mov(64, 0, imm(1)),
			"other",
			insn.store(4, 10, -12, reg(0)),
			mapIn(1, keys),
			...stackIn(2, -12),
			helper("map_lookup_elem"),
			jump("eq", 0, imm(0), "end"),
			insn.load(4, 1, 0, 0),
			insn.store(4, 10, -12, reg(1)),
			mapIn(1, map),
			...stackIn(2, -12),
			jump("eq", 7, imm(0), "delete"),
			...stackIn(3, -8),
			insn.store(8, 10, -8, imm(0)),
			insn.mov(64, 4, imm(0)),
			helper("map_update_elem"),
			go("end"),
			"delete",
			helper("map_delete_elem"),
			"end",
			...PASS,
		]);
		const looks = load(kernel, [
			insn.store(4, 10, -12, imm(inBucket[0]!)),
			insn.mov(64, 9, imm(20)),
			"again",
			mapIn(1, map),
			...stackIn(2, -12),
			helper("map_lookup_elem"),
			jump("ne", 0, imm(0), "there"),
			valueIn(6, missed),
			insn.mov(64, 1, imm(1)),
			insn.atomic("add", 8, 6, 0, 1),
			"there",
			insn.alu("sub", 64, 9, imm(1)),
			jump("ne", 9, imm(0), "again"),
			...PASS,
		]);
		await crew.run(kernel, options, (cpu) => [
			cpu === 1
				? { kind: "run", program: looks.fd.number, times: rounds / 5 }
				: { kind: "run", program: changes.fd.number, times: rounds },
		]);
		assert.equal(longs(missed.lookup(u32(0)))[0], 0n);
	});

	for (const type of ["hash", "lru_hash", "percpu_hash", "lru_percpu_hash", "lpm_trie"] as const)
		test(`${engine}: ${type}, changed by all`, async () => await changedByAll(type, options, rounds));

	test(`${engine}: a queue and a ring buffer: every element exactly once, and whole`, async () => {
		const kernel = machine(options);
		using queue = make(kernel, "queue", 64, { key: 0 });
		using ring = make(kernel, "ringbuf", 4096, { key: 0, value: 0 });
		using own = make(kernel, "percpu_array", 1, { value: 24 });
		// Puts the number of its turn in, as far as there is room, and sends on what comes out: with its checksum, and now
		// and then a record that it throws away.
		const program = load(kernel, [
			mapIn(1, own),
			...stackIn(2, -8),
			insn.store(4, 10, -8, imm(0)),
			helper("map_lookup_elem"),
			jump("eq", 0, imm(0), "none"),
			insn.mov(64, 9, reg(0)),
			helper("get_smp_processor_id"),
			insn.alu("lsh", 64, 0, imm(32)),
			insn.load(8, 1, 9, 0),
			insn.alu("or", 64, 1, reg(0)),
			insn.store(8, 10, -16, reg(1)),
			mapIn(1, queue),
			...stackIn(2, -16),
			insn.mov(64, 3, imm(0)),
			helper("map_push_elem"),
			jump("ne", 0, imm(0), "full"),
			insn.load(8, 1, 9, 0),
			insn.alu("add", 64, 1, imm(1)),
			insn.store(8, 9, 0, reg(1)),
			"full",
			mapIn(1, ring),
			insn.mov(64, 2, imm(24)),
			insn.mov(64, 3, imm(0)),
			helper("ringbuf_reserve"),
			jump("ne", 0, imm(0), "room"),
			go("none"),
			"room",
			insn.mov(64, 6, reg(0)),
			mapIn(1, queue),
			...stackIn(2, -16),
			helper("map_pop_elem"),
			jump("ne", 0, imm(0), "empty"),
			insn.load(8, 1, 10, -16),
			insn.store(8, 6, 0, reg(1)),
			insn.alu("xor", 64, 1, imm(-1)),
			insn.store(8, 6, 8, reg(1)),
			helper("get_smp_processor_id"),
			insn.store(4, 6, 16, reg(0)),
			insn.load(8, 1, 9, 8),
			insn.store(4, 6, 20, reg(1)),
			insn.alu("add", 64, 1, imm(1)),
			insn.store(8, 9, 8, reg(1)),
			insn.mov(64, 1, reg(6)),
			insn.mov(64, 2, imm(0)),
			helper("ringbuf_submit"),
			go("none"),
			"empty",
			insn.mov(64, 1, reg(6)),
			insn.mov(64, 2, imm(0)),
			helper("ringbuf_discard"),
			"none",
			...PASS,
		]);
		using reader = new RingBufferReader(ring);
		const seen = new Set<bigint>();
		const next = new Map<number, number>();
		const drain = () =>
			reader.drain((view, at, length) => {
				assert.equal(length, 24);
				const number = view.getBigUint64(at, true);
				assert.equal(view.getBigUint64(at + 8, true), BigInt.asUintN(64, ~number), "a whole record");
				assert.ok(!seen.has(number), `${number} once`);
				seen.add(number);
				// Of each processor in order.
				const cpu = view.getUint32(at + 16, true);
				assert.equal(view.getUint32(at + 20, true), next.get(cpu) ?? 0);
				next.set(cpu, view.getUint32(at + 20, true) + 1);
			});
		const done = crew.run(kernel, options, () => [{ kind: "run", program: program.fd.number, times: 4 * rounds }]);
		while (!(await Promise.race([done.then(() => true), soon()]))) drain();
		drain();
		const each = longs(own.lookup(u32(0)));
		const left: bigint[] = [];
		for (let value = queue.pop(); value; value = queue.pop()) left.push(longs(value)[0]!);
		const all = new Set([...seen, ...left]);
		assert.equal(all.size, seen.size + left.length);
		for (let cpu = 1; cpu <= WORKERS; cpu++) {
			const pushed = each[cpu * 3]!;
			assert.ok(pushed > 0n);
			for (let i = 0n; i < pushed; i++) assert.ok(all.delete((BigInt(cpu) << 32n) | i), `${cpu}: ${i}`);
			assert.equal(Number(each[cpu * 3 + 1]), next.get(cpu) ?? 0);
		}
		assert.equal(all.size, 0);
	});
}

/** Programs and system calls of all workers update and delete; what is always there is always found; then it is counted. */
async function changedByAll(type: MapType, options: Omit<JoinOptions, "cpu">, rounds: number): Promise<void> {
	const KEYS = 48;
	const isTrie = type === "lpm_trie";
	const isLru = type.startsWith("lru");
	const isPerCpu = type.includes("percpu");
	const ALWAYS = 0xffff;
	const kernel = machine(options);
	const flags = isTrie ? { flags: MAP_FLAGS.BPF_F_NO_PREALLOC } : {};
	using map = make(kernel, type, 32, { key: isTrie ? 8 : 4, ...flags });
	using missed = make(kernel, "array", 1);
	const keyOf = (number: number): Uint8Array => (isTrie ? new Uint8Array([32, 0, 0, 0, ...u32(number)]) : u32(number));
	if (!isLru) map.update(keyOf(ALWAYS), new Uint8Array(isPerCpu ? 8 * (WORKERS + 1) : 8));
	const key = isTrie ? -16 : -12;
	const key8 = [insn.store(4, 10, -16, imm(32)), insn.store(4, 10, -12, imm(ALWAYS))];
	const program = load(kernel, [
		...key8,
		mapIn(1, map),
		...stackIn(2, key),
		helper("map_lookup_elem"),
		jump("ne", 0, imm(0), "there"),
		valueIn(6, missed),
		insn.mov(64, 1, imm(1)),
		insn.atomic("add", 8, 6, 0, 1),
		"there",
		helper("get_prandom_u32"),
		insn.mov(64, 6, reg(0)),
		insn.mov(64, 7, reg(0)),
		insn.alu("rsh", 64, 7, imm(16)),
		insn.alu("mod", 32, 6, imm(KEYS)),
		insn.store(4, 10, -12, reg(6)),
		insn.store(4, 10, -8, reg(7)),
		insn.store(4, 10, -4, reg(6)),
		insn.alu("and", 64, 7, imm(3)),
		mapIn(1, map),
		...stackIn(2, key),
		jump("eq", 7, imm(0), "delete"),
		jump("eq", 7, imm(1), "look"),
		...stackIn(3, -8),
		insn.mov(64, 4, imm(0)),
		helper("map_update_elem"),
		go("end"),
		"look",
		helper("map_lookup_elem"),
		jump("eq", 0, imm(0), "end"),
		insn.load(8, 1, 0, 0),
		go("end"),
		"delete",
		helper("map_delete_elem"),
		"end",
		...PASS,
	]);
	await crew.run(kernel, options, (cpu) => [
		{ kind: "run", program: program.fd.number, times: rounds / 2 },
		...(isTrie || isPerCpu || cpu !== 1
			? []
			: [{ kind: "churn" as const, map: map.fd.number, keys: KEYS, times: rounds / 4 }]),
		{ kind: "run", program: program.fd.number, times: rounds / 2 },
	]);
	if (!isLru) assert.equal(longs(missed.lookup(u32(0)))[0], 0n, "what is always there is always found");
	const keys = [...map.keys()].map((each) => Buffer.from(each).toString("hex"));
	assert.equal(new Set(keys).size, keys.length, "every key once");
	for (const each of map.keys()) {
		const number = new DataView(each.buffer, each.byteOffset).getUint32(isTrie ? 4 : 0, true);
		const found = new DataView(map.lookup(each)!.buffer);
		if (number !== ALWAYS && !isPerCpu) assert.equal(found.getUint32(4, true), number, "the value is the key's own");
	}
	const { memory } = kernel.system;
	const state = stateOf(kernel, map);
	const word = (field: number): number => memory.words[headerWord(state, field)]!;
	assert.equal(word(HEADER.used), keys.length);
	assert.equal(word(HEADER.lock), 0);
	if (isTrie) return;
	const head = (link: number): number => {
		const block = memory.words[(state.directory >> 2) + ((link - 1) >> state.blockShift) * 2]!;
		return (block + ((link - 1) & ((1 << state.blockShift) - 1)) * state.headBytes) >> 2;
	};
	const chain = (first: number, next: number): Set<number> => {
		const links = new Set<number>();
		for (let link = first; link !== 0; link = memory.words[head(link) + next]!) {
			assert.ok(!links.has(link), "no circle");
			links.add(link);
		}
		return links;
	};
	const free = chain(word(HEADER.free), 0);
	assert.equal(free.size + keys.length, word(HEADER.made), "every entry is used or free");
	if (!isLru) return;
	const young = chain(word(HEADER.newest), 3);
	const old = chain(word(HEADER.oldest), 2);
	assert.equal(young.size, keys.length);
	assert.deepEqual([...old].reverse(), [...young]);
}

const soon = (): Promise<false> => new Promise((resolve) => setImmediate(() => resolve(false)));

/** Types of a map whose values begin with what is the kernel's own; three numbers follow. */
function fieldTypes(
	name: "bpf_spin_lock" | "bpf_timer",
	fieldSize: number,
): { readonly bytes: Uint8Array; readonly key: number; readonly value: number; readonly size: number } {
	const builder = new BtfBuilder();
	const int = { kind: "int", offset: 0, signed: false, char: false, bool: false } as const;
	const word = builder.add({ ...int, name: "unsigned int", size: 4, bits: 32 });
	const long = builder.add({ ...int, name: "unsigned long", size: 8, bits: 64 });
	const member = (name: string, type: number, at: number) => ({ name, type, bitOffset: at * 8, bitSize: 0 });
	const field = builder.add({ kind: "struct", name, size: fieldSize, members: [member("val", word, 0)] });
	const first = Math.max(fieldSize, 8);
	const numbers = ["a", "b", "c"].map((each, i) => member(each, long, first + i * 8));
	const size = first + 24;
	const value = builder.add({ kind: "struct", name: "value", size, members: [member("own", field, 0), ...numbers] });
	return { bytes: builder.encode(), key: word, value, size };
}

test("a queue and a stack by system calls of all workers: every element exactly once", async () => {
	for (const type of ["queue", "stack"] as const) {
		const kernel = machine();
		using map = make(kernel, type, 16, { key: 0 });
		const taken = (await crew.run(kernel, {}, () => [{ kind: "queue", map: map.fd.number, times: 2000 }])).flat();
		for (let value = map.pop(); value; value = map.pop()) {
			const words = new Uint32Array(value.buffer);
			taken.push(words[1]! * 2 ** 20 + words[0]!);
		}
		assert.equal(taken.length, WORKERS * 2000);
		assert.equal(new Set(taken).size, taken.length);
	}
});

test("a worker runs programs; what makes and ends objects is the owner's", () => {
	const kernel = machine({ time: 5n });
	using counts = make(kernel, "array", 4);
	using program = load(kernel, [mapIn(1, counts), ...PASS]);
	const shared = kernel.share();
	const worker = VirtualKernel.join(structuredClone(shared), { cpu: 1, engine: "interpreter" });
	assert.deepEqual(kernel.workers, [1]);
	assert.equal(
		worker.bpf("MAP_UPDATE_ELEM", { map_fd: counts.fd.number, key: u32(3), value: new Uint8Array(8).fill(7) }),
		0,
	);
	assert.deepEqual(counts.lookup(u32(3)), new Uint8Array(8).fill(7));
	assert.equal(worker.verdict(program.fd.number, new Uint8Array(64)), 2);
	kernel.clock.advance(37n);
	assert.equal(worker.clock.monotonic(), 42n);
	const refused = (what: () => unknown, text: RegExp): void =>
		assert.throws(what, (error) => (error as { code?: string }).code === "ERR_WORKER" && text.test(String(error)));
	refused(() => make(worker, "hash", 4), /MAP_CREATE is the machine's owner's/);
	refused(() => load(worker, PASS), /PROG_LOAD/);
	refused(() => worker.snapshot(), /a snapshot/);
	refused(() => worker.advance(1n), /making time go/);
	refused(() => kernel.snapshot(), /while workers run \(CPU 1\)/);
	refused(() => VirtualKernel.join(shared, { cpu: 1 }), /CPU 1 is another worker/);
	refused(() => VirtualKernel.join(shared, { cpu: 0 }), /CPU 0 is the machine's owner/);
	assert.throws(() => VirtualKernel.join(shared, { cpu: WORKERS + 1 }), RangeError);
	refused(() => kernel.verdict(program.fd.number, new Uint8Array(64), 0, 1), /CPU 1 is a worker/);
	refused(() => worker.verdict(program.fd.number, new Uint8Array(64), 0, 2), /it is CPU 1 and runs nothing on others/);
	// What needs more than memory, programs leave to the owner too.
	const timers = fieldTypes("bpf_timer", 16);
	using btf = loadBtf(kernel, timers.bytes);
	const types = { fd: btf.number, key: timers.key, value: timers.value };
	const blueprint = { type: "array", keySize: 4, valueSize: timers.size, maxEntries: 1, btf: types } as const;
	using timed = BpfMap.create(kernel, { name: "timed", ...blueprint });
	using starts = load(kernel, [
		...lookupFirst(timed),
		insn.mov(64, 1, reg(0)),
		mapIn(2, timed),
		insn.mov(64, 3, imm(0)),
		helper("timer_init"),
		"none",
		...PASS,
	]);
	worker.follow(kernel.share());
	refused(() => worker.verdict(starts.fd.number, new Uint8Array(64)), /timers and work items/);
	assert.equal(kernel.verdict(starts.fd.number, new Uint8Array(64)), 2);
	// What the worker closes is its own; what the owner closes stays.
	worker.close(counts.fd.number);
	counts.close();
	assert.equal(worker.verdict(program.fd.number, new Uint8Array(64)), 2);
	assert.ok(kernel.system.tables.maps.size > 0);
	// What comes later is told.
	using later = make(kernel, "hash", 4);
	using next = load(kernel, [mapIn(1, later), ...stackIn(2, -8), insn.store(8, 10, -8, imm(0)), ...updateOf(later)]);
	assert.throws(() => worker.verdict(next.fd.number, new Uint8Array(64)), /is no XDP program/);
	const text = worker.user("what the worker has stays its own");
	worker.follow(structuredClone(kernel.share()));
	assert.equal(worker.verdict(next.fd.number, new Uint8Array(64)), 2);
	assert.deepEqual([...later.keys()], [u32(0)]);
	assert.ok(worker.free(text));
	// Its own descriptors are none of the owner's, and stay.
	const own = worker.bpf("MAP_GET_FD_BY_ID", { id: stateOf(kernel, later).id });
	assert.ok(own > 1000);
	worker.follow(structuredClone(kernel.share()));
	assert.equal(worker.bpf("MAP_DELETE_ELEM", { map_fd: own, key: u32(0) }), 0);
	assert.deepEqual([...later.keys()], []);
	worker.leave();
	assert.deepEqual(kernel.workers, []);
	refused(() => worker.verdict(next.fd.number, new Uint8Array(64)), /it has left/);
	VirtualKernel.join(kernel.share(), { cpu: 1 });
	assert.ok(kernel.releaseWorker(1));
	assert.ok(!kernel.releaseWorker(1));
	const snapshot = kernel.snapshot();
	const before = kernel.share();
	kernel.restore(snapshot);
	refused(() => VirtualKernel.join(before, { cpu: 2 }), /restored/);
	assert.throws(() => new VirtualKernel().share(), /not shared: make the kernel with/);
	// Where the owner has run programs, no worker is.
	assert.equal(kernel.verdict(next.fd.number, new Uint8Array(64), 0, 3), 2);
	refused(() => VirtualKernel.join(kernel.share(), { cpu: 3 }), /CPU 3 is the machine's owner/);
});

const lookupFirst = (map: BpfMap) => [
	mapIn(1, map),
	...stackIn(2, -8),
	insn.store(4, 10, -8, imm(0)),
	helper("map_lookup_elem"),
	jump("eq", 0, imm(0), "none"),
];
const updateOf = (map: BpfMap) => [
	mapIn(1, map),
	...stackIn(2, -8),
	...stackIn(3, -8),
	insn.mov(64, 4, imm(0)),
	helper("map_update_elem"),
	...PASS,
];

test("on shared memory, maps take all of theirs when they are made", () => {
	const kernel = machine({ memory: 1 << 20 });
	const tooMany = { map_type: 11, key_size: 8, value_size: 8, max_entries: 1 << 20, map_flags: 1 };
	assert.equal(kernel.bpf("MAP_CREATE", tooMany), -ERRNO.ENOMEM);
});
