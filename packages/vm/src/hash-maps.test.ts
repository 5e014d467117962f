// Hash maps of every kind, in generated code and in JavaScript: after each call both machines hold the same bytes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { encode, type Instruction, insn, PSEUDO } from "@skep/bpf/isa";
import { BpfMap, Program } from "@skep/bpf/live";
import { HELPERS, type MapType } from "@skep/bpf/uapi";
import { Random } from "./engine/random.test-support.ts";
import { HEADER_BYTES } from "./maps/header.ts";
import { blockAddresses } from "./maps/index.ts";
import { VirtualKernel, type VirtualKernelOptions } from "./virtual-kernel.ts";

/** Machines that are to be the same all the time. */
const GROUPS: readonly (readonly VirtualKernelOptions[])[] = [
	[{ engine: "interpreter" }, { engine: "jit" }, { engine: "jit", checked: false }],
	[
		{ shared: true, engine: "interpreter" },
		{ shared: true, engine: "jit" },
	],
];
const TYPES = ["hash", "percpu_hash", "lru_hash", "lru_percpu_hash"] as const satisfies readonly MapType[];
const SHAPES: readonly { readonly key: number; readonly value: number; readonly entries: number }[] = [
	{ key: 4, value: 8, entries: 5 },
	{ key: 8, value: 4, entries: 64 },
	{ key: 16, value: 24, entries: 9 },
	{ key: 1, value: 1, entries: 7 },
	{ key: 7, value: 13, entries: 3000 },
	{ key: 12, value: 256, entries: 300 },
	{ key: 20, value: 40, entries: 1 },
	{ key: 64, value: 300, entries: 16 },
	{ key: 65, value: 8, entries: 16 },
];
const CALLS = 400;
/** Where an instruction of the input says what to do, with which flags, key and value. */
const INPUT = { work: 0, flags: 8, key: 16, value: 16 + 72, size: 16 + 72 + 304 } as const;
const ETHERNET = 14;

const imm = (value: number) => ({ imm: value });
const helper = (name: string): Instruction => insn.call(HELPERS.find((row) => row.name === name)!.id);

/** Looks up, updates or deletes as its packet says; the key is on the stack or, `isFar`, in the packet. */
function program(map: BpfMap, keySize: number, isFar: boolean): Instruction[] {
	const reference = insn.loadPseudo(1, PSEUDO.mapFd, map.fd.number);
	const key: Instruction[] = [insn.mov(64, 2, { reg: 7 }), insn.alu("add", 64, 2, imm(INPUT.key))];
	const toStack: Instruction[] = [];
	for (let at = 0; at < keySize; at++)
		toStack.push(insn.load(1, 0, 7, INPUT.key + at), insn.store(1, 10, -72 + at, { reg: 0 }));
	const near = [insn.mov(64, 2, { reg: 10 }), insn.alu("add", 64, 2, imm(-72))];
	const end = [insn.exit()];
	const begin = [reference, ...(isFar ? key : near)];
	const found = [
		...begin,
		helper("map_lookup_elem"),
		insn.jump("eq", 64, 0, imm(0), 3),
		insn.load(1, 1, 0, 0),
		insn.alu("add", 64, 1, imm(1)),
		insn.store(1, 0, 0, { reg: 1 }),
		...end,
	];
	const updated = [
		...begin,
		insn.mov(64, 3, { reg: 7 }),
		insn.alu("add", 64, 3, imm(INPUT.value)),
		insn.load(8, 4, 7, INPUT.flags),
		helper("map_update_elem"),
		...end,
	];
	// Each part begins with an instruction of two slots.
	return [
		insn.load(4, 7, 1, 0),
		insn.alu("add", 64, 7, imm(ETHERNET)),
		insn.mov(64, 0, imm(0)),
		...(isFar ? [] : toStack),
		insn.load(4, 8, 7, INPUT.work),
		insn.jump("eq", 64, 8, imm(1), found.length + 2),
		insn.jump("eq", 64, 8, imm(2), found.length + updated.length + 2),
		...found,
		...updated,
		...begin,
		helper("map_delete_elem"),
		...end,
	];
}

/** All that the machine holds of a map. */
function contents(kernel: VirtualKernel): string {
	const { tables, memory } = kernel.system;
	const [map] = tables.maps.values();
	const { header, data, bucketMask, headBytes, stride, copies, blockShift } = map!;
	const ranges: [number, number][] = [
		[header, HEADER_BYTES],
		[data, (bucketMask + 1) * 4],
	];
	for (const [i, address] of blockAddresses(map!, memory).entries())
		ranges.push([address, (i % 2 === 0 ? headBytes : stride * copies) << blockShift]);
	return ranges.map(([at, size]) => Buffer.from(memory.u8.subarray(at, at + size)).toString("hex")).join("\n");
}

for (const type of TYPES)
	for (const [number, { key, value, entries }] of SHAPES.entries())
		test(`${type}, ${entries} entries, keys of ${key} and values of ${value} bytes`, () => {
			const isFar = number % 2 === 1;
			for (const group of GROUPS) compare(group);

			function compare(group: readonly VirtualKernelOptions[]): void {
				const random = new Random(number * 10 + TYPES.indexOf(type));
				const machines = group.map((options) => {
					const kernel = new VirtualKernel({ cpus: 2, cpu: 1, ...options });
					const map = BpfMap.create(kernel, { name: "map", type, keySize: key, valueSize: value, maxEntries: entries });
					const insns = encode(program(map, key, isFar));
					return { kernel, loaded: Program.load(kernel, { name: "one", type: "xdp", insns, license: "GPL" }) };
				});
				const results = new Set<number>();
				for (let call = 0; call < CALLS; call++) {
					const packet = new Uint8Array(ETHERNET + INPUT.size);
					const view = new DataView(packet.buffer, ETHERNET);
					view.setUint32(INPUT.work, random.pick([0, 0, 1, 1, 1, 2]), true);
					view.setUint32(INPUT.flags, random.pick([0, 0, 0, 0, 1, 2, 4]), true);
					const which = random.below(Math.min(entries * 2, 40));
					// Keys that differ in their last byte, their first or both.
					packet[ETHERNET + INPUT.key + key - 1] = which;
					if (random.oneIn(2)) packet[ETHERNET + INPUT.key] = which & 3;
					for (let i = 0; i < value; i++) packet[ETHERNET + INPUT.value + i] = random.below(256);
					const said = machines.map(({ loaded }) => loaded.testRun({ data: packet }).retval);
					assert.deepEqual(
						said,
						said.map(() => said[0]),
						`call ${call}`,
					);
					results.add(said[0]!);
					if (call % 10 !== 0 && call < CALLS - 10) continue;
					const [first, ...others] = machines.map(({ kernel }) => contents(kernel));
					for (const other of others) assert.ok(other === first, `after call ${call}`);
				}
				assert.ok(results.size > 3, [...results].join());
			}
		});

test("that a lookup found something says nothing of what the same lookup gave before", () => {
	for (const type of ["array", "hash"] as const) {
		const faults = GROUPS.flat().map((options) => {
			const kernel = new VirtualKernel(options);
			const map = BpfMap.create(kernel, { name: "map", type, keySize: 4, valueSize: 8, maxEntries: 4 });
			map.update(Uint8Array.of(1, 0, 0, 0), new Uint8Array(8));
			const insns = [
				insn.mov(64, 8, imm(9)),
				insn.mov(64, 6, imm(0)),
				insn.mov(64, 7, imm(2)),
				insn.store(4, 10, -4, { reg: 8 }),
				insn.mov(64, 2, { reg: 10 }),
				insn.alu("add", 64, 2, imm(-4)),
				insn.loadPseudo(1, PSEUDO.mapFd, map.fd.number),
				helper("map_lookup_elem"),
				insn.alu("add", 64, 7, imm(-1)),
				insn.jump("eq", 64, 7, imm(0), 3),
				insn.mov(64, 6, { reg: 0 }),
				insn.mov(64, 8, imm(1)),
				insn.ja(-11),
				insn.jump("eq", 64, 0, imm(0), 1),
				insn.store(8, 6, 0, imm(7)),
				insn.mov(64, 0, imm(0)),
				insn.exit(),
			];
			const program = Program.load(kernel, { name: "one", type: "xdp", insns: encode(insns), license: "GPL" });
			try {
				program.testRun({ data: new Uint8Array(ETHERNET) });
				return options.checked === false ? undefined : "no fault";
			} catch (error) {
				return (error as Error).message;
			}
		});
		const seen = faults.filter((each) => each !== undefined);
		assert.match(seen[0]!, /store of 8 bytes at 0x0: nothing is there/);
		assert.deepEqual([...new Set(seen)], [seen[0]]);
	}
});
