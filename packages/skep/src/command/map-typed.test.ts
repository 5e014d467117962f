// Entries by their types on both kernels: every kind of type shown and given back, values a CPU, sums, objects in maps.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BtfBuilder } from "@skep/bpf/btf";
import { encode, insn } from "@skep/bpf/isa";
import type { Kernel } from "@skep/bpf/kernel";
import { BpfMap, loadBtf, Program } from "@skep/bpf/live";
import type { MapType } from "@skep/bpf/uapi";
import { type Front, onBoth } from "./desk.test-support.ts";

const int = (name: string, size: number, signed = false, more: { bool?: true; char?: true } = {}) =>
	({ kind: "int", name, size, bits: size * 8, offset: 0, signed, char: false, bool: false, ...more }) as const;
const member = (name: string, type: number, bitOffset: number, bitSize = 0) => ({ name, type, bitOffset, bitSize });

/** Types that the maps here are of; sizes in bytes. */
function types() {
	const b = new BtfBuilder();
	const u32 = b.add(int("unsigned int", 4));
	const u64 = b.add(int("unsigned long long", 8));
	const s16 = b.add(int("short", 2, true));
	const u8 = b.add(int("unsigned char", 1));
	const bool = b.add(int("_Bool", 1, false, { bool: true }));
	const char = b.add(int("char", 1, true));
	const array = (type: number, length: number) => b.add({ kind: "array", type, index: u32, length });
	const mode = b.add({
		kind: "enum",
		name: "mode",
		size: 4,
		signed: true,
		values: [
			{ name: "OFF", value: -1 },
			{ name: "ON", value: 1 },
		],
	});
	const big = b.add({
		kind: "enum64",
		name: "big",
		size: 8,
		signed: false,
		values: [{ name: "HUGE", value: 1n << 40n }],
	});
	const point = b.add({ kind: "struct", name: "point", size: 4, members: [member("x", s16, 0), member("y", s16, 16)] });
	const either = b.add({
		kind: "union",
		name: "",
		size: 4,
		members: [member("word", u32, 0), member("bytes", array(u8, 4), 0)],
	});
	const pointer = b.add({ kind: "ptr", type: point });
	const mode_t = b.add({ kind: "typedef", name: "mode_t", type: mode });
	const record = b.add({
		kind: "struct",
		name: "record",
		size: 80,
		members: [
			member("mode", b.add({ kind: "const", type: mode_t }), 0),
			member("", either, 32),
			member("big", big, 64),
			member("points", array(point, 2), 128),
			member("grid", array(array(u8, 2), 2), 192),
			member("on", bool, 224),
			member("low", u32, 232, 3),
			member("name", array(char, 8), 256),
			member("at", pointer, 320),
			member("total", u64, 384),
			member("delta", s16, 448),
			member("raw", array(u8, 8), 512),
		],
	});
	const counts = b.add({
		kind: "struct",
		name: "counts",
		size: 16,
		members: [member("packets", u64, 0), member("mode", mode, 64), member("drops", u32, 96)],
	});
	const colour = b.add({ kind: "enum", name: "colour", size: 4, signed: false, values: [{ name: "RED", value: 7 }] });
	const quad = array(u32, 4);
	return { bytes: b.encode(), u32, u64, record, counts, colour, quad };
}

function make(
	kernel: Kernel,
	type: MapType,
	value: "record" | "counts" | "u64" | "quad",
	key: "u32" | "colour" = "u32",
): BpfMap {
	const all = types();
	const sizes = { record: 80, counts: 16, u64: 8, quad: 16 } as const;
	using btf = loadBtf(kernel, all.bytes);
	return BpfMap.create(kernel, {
		name: "typed",
		type,
		keySize: 4,
		valueSize: sizes[value],
		maxEntries: type.endsWith("array") ? 1 : 8,
		btf: { fd: btf.number, key: all[key], value: all[value] },
	});
}

const at = (map: BpfMap): string[] => ["id", String(map.info().id)];
const update = (front: Front, map: BpfMap, key: string, value: string) =>
	front.run(["map", "update", ...at(map), "key", "json", key, "value", "json", value]);

const FULL =
	'{"mode":"OFF","":{"word":67305985,"bytes":[1,2,3,4]},"big":"HUGE","points":[{"x":-1,"y":2},{"x":3,"y":-4}],"grid":[[1,2],[3,4]],"on":true,"low":"0x5","name":"abc","at":81985529216486895,"total":18446744073709551615,"delta":-7,"raw":[0,255,0,0,0,0,0,9]}';

test(
	"what a dump shows can be given back: every kind of type, exact",
	onBoth(async (front) => {
		using map = make(front.kernel, "hash", "record", "colour");
		const partly =
			'{"mode":-1,"bytes":[1,2,3,4],"big":1099511627776,"points":[{"x":-1,"y":2},{"x":3,"y":-4}],"grid":[[1,2],[3,4]],"on":1,"low":5,"name":"abc","at":"0x123456789abcdef","total":"18446744073709551615","delta":-7,"raw":[0,255,0,0,0,0,0,9]}';
		await update(front, map, '"RED"', partly);
		const shown = `{"key":"RED","value":${FULL}}`;
		assert.equal((await front.run(["map", "lookup", ...at(map), "key", "json", "7"])).text, `${shown}\n`);
		const before = (await front.json(["map", "lookup", ...at(map), "key", "json", "7"])) as { value: string[] };
		await update(front, map, "7", FULL);
		const after = (await front.json(["map", "lookup", ...at(map), "key", "json", "7"])) as { value: string[] };
		assert.deepEqual(after.value, before.value);
		assert.equal((await front.run(["map", "dump", ...at(map)])).text, `[${shown}]\n`);
		assert.equal((await front.run(["map", "getnext", ...at(map)])).text, '{"key":null,"next_key":"RED"}\n');
		assert.deepEqual(await front.json(["map", "getnext", ...at(map)]), {
			key: null,
			next_key: ["0x07", "0x00", "0x00", "0x00"],
			formatted: { key: null, next_key: "RED" },
		});
		await assert.rejects(front.run(["map", "getnext", ...at(map), "key", "json", '"RED"']), /no key after this one/);
		// A text that is none is shown as chars, and taken back as such.
		await update(front, map, "7", '{"name":[255,1,65]}');
		const odd = (await front.json(["map", "lookup", ...at(map), "key", "json", "7"])) as {
			value: string[];
			formatted: { value: { name: unknown } };
		};
		assert.deepEqual(odd.value.slice(32, 36), ["0xff", "0x01", "0x41", "0x00"]);
		await update(front, map, "7", JSON.stringify({ name: odd.formatted.value.name }));
		const again = (await front.json(["map", "lookup", ...at(map), "key", "json", "7"])) as { value: string[] };
		assert.deepEqual(again.value, odd.value);
		await update(front, map, "7", '{"raw":"ü"}');
		assert.match((await front.run(["map", "dump", ...at(map)])).text, /"raw":\[195,188,0,0,0,0,0,0\]/);
	}),
);

test(
	"values that do not fit are refused with the place",
	onBoth(async (front) => {
		using map = make(front.kernel, "hash", "record", "colour");
		const refused: readonly (readonly [key: string, value: string, why: RegExp])[] = [
			['"BLUE"', "{}", /key: enum colour has no BLUE; there are RED/],
			["7", '{"mode":"AUTO"}', /value: mode: enum mode has no AUTO; there are OFF, ON/],
			["7", '{"delta":40000}', /value: delta: 40000, expected -32768 to 32767/],
			["7", '{"points":[{"x":1},{"y":"high"}]}', /value: points\[1\]\.y: "high", expected a number/],
			["7", '{"points":[{},{},{}]}', /value: points: 3 elements, there is room for 2/],
			["7", '{"grid":[[1,256]]}', /value: grid\[0\]\[1\]: 256, expected 0 to 255/],
			["7", '{"low":8}', /value: low: 8, expected 0 to 7/],
			["7", '{"name":"longer than 8"}', /value: name: .* has 13 bytes, there is room for 8/],
			["7", '{"nmae":"x"}', /value: no member nmae; there is mode, word, bytes,/],
			["7", '{"on":"yes"}', /value: on: "yes", expected true or false/],
			["7", "[1]", /value: an array of 1, expected an object/],
			["7", '{"total":1.5}', /value: total: 1\.5, expected a whole number/],
		];
		for (const [key, value, why] of refused) await assert.rejects(update(front, map, key, value), why, value);
		assert.equal((await front.run(["map", "dump", ...at(map)])).text, "[]\n");
	}),
);

test(
	"values a CPU: one for all, some, as dumped; sums of what can be added",
	onBoth(async (front) => {
		const cpus = front.kernel.possibleCpus;
		using map = make(front.kernel, "percpu_hash", "counts");
		await update(front, map, "1", '{"packets":9007199254740993,"mode":"ON","drops":2}');
		type Entry = { formatted: { values: { cpu: number; value: { packets: number; drops: number } }[]; sum: unknown } };
		const dump = async () => ((await front.json(["map", "dump", ...at(map)])) as Entry[])[0]!.formatted;
		assert.match(
			(await front.run(["map", "dump", ...at(map)])).text,
			new RegExp(`"sum":\\{"packets":${9007199254740993n * BigInt(cpus)},"drops":${2 * cpus}\\}\\}\\]\\n$`),
		);
		await update(front, map, "1", '{"values":[{"cpu":1,"value":{"packets":5}}]}');
		const some = await dump();
		assert.deepEqual(
			some.values.map(({ value }) => value.drops),
			Array.from({ length: cpus }, (_, cpu) => (cpu === 1 ? 0 : 2)),
		);
		await update(front, map, "2", '{"values":[{"cpu":1,"value":{"packets":5}}]}');
		const text = (await front.run(["map", "lookup", ...at(map), "key", "json", "2"])).text;
		assert.match(text, /"sum":\{"packets":5,"drops":0\}\}\n$/);
		await assert.rejects(
			update(front, map, "1", `{"values":[{"cpu":${cpus},"value":{}}]}`),
			new RegExp(`there is no CPU ${cpus}, they are 0 to ${cpus - 1}`),
		);
		using plain = make(front.kernel, "percpu_array", "u64");
		await update(front, plain, "0", JSON.stringify(Array.from({ length: cpus }, (_, cpu) => cpu + 1)));
		assert.match(
			(await front.run(["map", "dump", ...at(plain)])).text,
			new RegExp(`\\{"cpu":1,"value":2\\}.*"sum":${(cpus * (cpus + 1)) / 2}\\}\\]`),
		);
		await update(front, plain, "0", "3");
		assert.match((await front.run(["map", "dump", ...at(plain)])).text, new RegExp(`"sum":${3 * cpus}\\}`));
		await assert.rejects(
			update(front, plain, "0", "[1]"),
			new RegExp(`value: an array of 1, map typed has one for each of ${cpus} CPUs`),
		);
		// Where a value is an array, an array is one value.
		using quads = make(front.kernel, "percpu_array", "quad");
		await update(front, quads, "0", "[1,2,3,4]");
		assert.match(
			(await front.run(["map", "dump", ...at(quads)])).text,
			new RegExp(`"sum":\\[${[1, 2, 3, 4].map((n) => n * cpus).join(",")}\\]`),
		);
	}),
);

test(
	"maps of maps and of programs say what they hold",
	onBoth(async (front) => {
		const kernel = front.kernel;
		using inner = BpfMap.create(kernel, { name: "inner", type: "array", keySize: 4, valueSize: 8, maxEntries: 1 });
		const sizes = { keySize: 4, valueSize: 4, maxEntries: 2 };
		using outer = BpfMap.create(kernel, { name: "outer", type: "hash_of_maps", ...sizes, innerFd: inner.fd.number });
		outer.put(new Uint8Array(4), inner);
		const { id } = inner.info();
		const [entry] = (await front.json(["map", "dump", ...at(outer)])) as { inner_map_id: number }[];
		assert.equal(entry!.inner_map_id, id);
		assert.match((await front.run(["map", "dump", ...at(outer)])).text, new RegExp(`inner_map_id: ?\\n?${id} \\n`));
		const insns = encode([insn.mov(64, 0, { imm: 2 }), insn.exit()]);
		using program = Program.load(kernel, { name: "held", type: "xdp", insns, license: "GPL" });
		using jumps = BpfMap.create(kernel, { name: "jumps", type: "prog_array", ...sizes });
		jumps.put(new Uint8Array(4), program);
		const held = (await front.json(["map", "lookup", ...at(jumps), "key", "0", "0", "0", "0"])) as { prog_id: number };
		assert.equal(held.prog_id, program.info().id);
	}),
);
