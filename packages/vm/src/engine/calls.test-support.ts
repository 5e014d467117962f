// Items of random programs that call: maps, packets, text, functions, other programs. Each ends with scalars in r0 … r5.
import { type Instruction, insn, PSEUDO } from "@skep/bpf/isa";
import { HELPERS } from "@skep/bpf/uapi";
import {
	accesses,
	contextInto,
	fresh,
	KEPT,
	mapInto,
	type Place,
	STACK,
	stackInto,
	unlessZero,
} from "./pieces.test-support.ts";
import { immediate, type Random } from "./random.test-support.ts";
import type { SceneType } from "./scene.test-support.ts";
import {
	BITS,
	FORMATS,
	KEYED,
	KEYS,
	LAYOUT,
	type MapName,
	mapNumber,
	mapRow,
	NEEDLES,
	PREFIXES,
	textOffset,
} from "./world.test-support.ts";

/** Functions of a program, by number: see `functions` of the generator. */
export const FUNCTION = { scalar: 0, memory: 1, round: 2, entry: 3 } as const;

/** What an item may do. `registers`: scalars that it may change; r0 and, but in a loop, r1 … r9 are among them. */
export interface Setting {
	readonly random: Random;
	readonly type: SceneType;
	readonly registers: readonly number[];
}

const helperId = (name: string): number => HELPERS.find((row) => row.name === name)!.id;
const call = (name: string): Instruction => insn.call(helperId(name));
const imm = (value: number) => ({ imm: value });

/** Of the setting's registers those that outlive a call, and r0. */
const kept = ({ registers }: Setting): number[] => registers.filter((r) => r === 0 || r > 5);

/** A key in its place on the stack: a constant, or out of a register. */
function key(random: Random): Instruction[] {
	if (random.oneIn(2)) return [insn.store(4, 10, STACK.key, imm(random.below(KEYS)))];
	return [
		insn.mov(64, 1, { reg: random.pick(KEPT) }),
		insn.alu("and", 64, 1, imm(7)),
		insn.store(4, 10, STACK.key, { reg: 1 }),
	];
}

/** A value in its place on the stack, from registers. */
const value = (random: Random): Instruction[] =>
	[0, 8, 16].map((at) => insn.store(8, 10, STACK.value + at, { reg: random.below(10) }));

/** r0 is a pointer or 0: what the program does there, and a scalar in r0 either way. */
function atPointer(setting: Setting, room: number): Instruction[] {
	const { random } = setting;
	// Pointers outlive being put on the stack.
	const spilled = random.oneIn(4)
		? [
				insn.store(8, 10, STACK.pointer, { reg: 1 }),
				insn.mov(64, 1, imm(immediate(random))),
				insn.load(8, 1, 10, STACK.pointer),
			]
		: [];
	const found = [
		insn.mov(64, 1, { reg: 0 }),
		insn.mov(64, 0, random.oneIn(2) ? { reg: random.pick(KEPT) } : imm(immediate(random))),
		...spilled,
		...accesses(random, { base: 1, low: 0, room }, kept(setting)),
	];
	return unlessZero(random, 0, found, [insn.mov(64, 0, imm(immediate(random)))]);
}

function lookup(setting: Setting): Instruction[] {
	const { random } = setting;
	if (random.oneIn(8)) return lookupOther(setting);
	const name = random.pick(KEYED);
	const before = [...key(random), ...stackInto(2, STACK.key), mapInto(1, name), call("map_lookup_elem")];
	return [...before, ...atPointer(setting, mapRow(name).valueSize)];
}

/** Another CPU's value, or of a CPU that there is not. */
function lookupOther(setting: Setting): Instruction[] {
	const { random } = setting;
	const name = random.pick(["own", "own_hash"] as const satisfies readonly MapName[]);
	const which = [insn.mov(64, 3, imm(random.pick([0, 1, 1, 2, 100_000])))];
	const before = [
		...key(random),
		...stackInto(2, STACK.key),
		...which,
		mapInto(1, name),
		call("map_lookup_percpu_elem"),
	];
	return [...before, ...atPointer(setting, mapRow(name).valueSize)];
}

/** A prefix in the key's place: length, bits. */
function prefix(random: Random): Instruction[] {
	const bits = random.oneIn(3)
		? insn.store(4, 10, STACK.key + 4, { reg: random.pick(KEPT) })
		: insn.store(4, 10, STACK.key + 4, imm(random.pick(BITS)));
	return [insn.store(4, 10, STACK.key, imm(random.pick(PREFIXES))), bits];
}

/** Longest prefixes: lookup, update, delete. */
function trie(setting: Setting): Instruction[] {
	const { random } = setting;
	const kind = random.below(4);
	const at = [...prefix(random), ...stackInto(2, STACK.key)];
	if (kind < 2) {
		const before = [...at, mapInto(1, "routes"), call("map_lookup_elem")];
		return [...before, ...atPointer(setting, mapRow("routes").valueSize)];
	}
	if (kind === 2) return [...at, mapInto(1, "routes"), call("map_delete_elem")];
	const flags = insn.mov(64, 4, imm(random.pick(UPDATES)));
	return [...value(random), ...at, ...stackInto(3, STACK.value), flags, mapInto(1, "routes"), call("map_update_elem")];
}

/** A map in a map, and an entry of it. */
function nested(setting: Setting): Instruction[] {
	const { random } = setting;
	const inner = [
		insn.mov(64, 1, { reg: 0 }),
		insn.store(4, 10, STACK.key, imm(random.below(KEYS))),
		...stackInto(2, STACK.key),
		call("map_lookup_elem"),
		...atPointer(setting, mapRow("table").valueSize),
	];
	return [
		insn.store(4, 10, STACK.key, imm(random.pick([0, 1, 1, 1, 2, 3]))),
		...stackInto(2, STACK.key),
		mapInto(1, "outer"),
		call("map_lookup_elem"),
		...unlessZero(random, 0, inner, [insn.mov(64, 0, imm(immediate(random)))]),
	];
}

/** BPF_ANY mostly, NOEXIST, EXIST, and what no map takes. */
const UPDATES = [0, 0, 0, 0, 1, 1, 2, 2, 3, 8, -1];

function update({ random }: Setting): Instruction[] {
	return [
		...value(random),
		...key(random),
		...stackInto(2, STACK.key),
		...stackInto(3, STACK.value),
		insn.mov(64, 4, imm(random.pick(UPDATES))),
		mapInto(1, random.pick(KEYED)),
		call("map_update_elem"),
	];
}

const remove = ({ random }: Setting): Instruction[] => [
	...key(random),
	...stackInto(2, STACK.key),
	mapInto(1, random.pick(KEYED)),
	call("map_delete_elem"),
];

function queue({ random }: Setting): Instruction[] {
	const name = random.pick(["queue", "stack"] as const satisfies readonly MapName[]);
	if (random.oneIn(2))
		return [
			insn.store(8, 10, STACK.value, { reg: random.below(10) }),
			...stackInto(2, STACK.value),
			insn.mov(64, 3, imm(random.pick([0, 0, 2, 1]))),
			mapInto(1, name),
			call("map_push_elem"),
		];
	return [
		...stackInto(2, STACK.words + 8 * random.below(8)),
		mapInto(1, name),
		call(random.pick(["map_pop_elem", "map_peek_elem"])),
	];
}

/** Sizes of records: the last one a ring of a page never takes. */
const RECORDS = [8, 16, 24, 64, 4096] as const;
const RING_QUERIES = [0, 1, 9] as const;

function ring(setting: Setting): Instruction[] {
	const { random } = setting;
	const kind = random.below(4);
	if (kind === 0) {
		const { at, size } = piece(random, 1);
		const flags = insn.mov(64, 4, imm(random.pick([0, 0, 1, 2, 4])));
		return [mapInto(1, "ring"), ...stackInto(2, at), insn.mov(64, 3, imm(size)), flags, call("ringbuf_output")];
	}
	if (kind === 1) return [mapInto(1, "ring"), insn.mov(64, 2, imm(random.pick(RING_QUERIES))), call("ringbuf_query")];
	const size = random.pick(RECORDS);
	const room = Math.min(size, 64);
	const end = random.oneIn(4) ? "ringbuf_discard" : "ringbuf_submit";
	// All of it is written: what was there before is anybody's.
	const clear = Array.from({ length: room / 8 }, (_, i) => insn.store(8, 1, i * 8, imm(i)));
	const found = [
		insn.mov(64, 1, { reg: 0 }),
		insn.mov(64, 0, imm(immediate(random))),
		...clear,
		...accesses(random, { base: 1, low: 0, room }, kept(setting)),
		insn.mov(64, 2, imm(0)),
		call(end),
		insn.mov(64, 0, imm(size)),
	];
	return [
		mapInto(1, "ring"),
		insn.mov(64, 2, imm(size)),
		insn.mov(64, 3, imm(0)),
		call("ringbuf_reserve"),
		...unlessZero(random, 0, found, [insn.mov(64, 0, imm(immediate(random)))]),
	];
}

/** A piece of the words on the stack: at a multiple of `unit`. */
function piece(random: Random, unit: number, least = unit): { readonly at: number; readonly size: number } {
	const first = random.below((64 - least) / unit) * unit;
	return { at: STACK.words + first, size: Math.min(64 - first, least + random.below(5) * unit) };
}

function checksum({ random }: Setting): Instruction[] {
	const side = (pointer: number): Instruction[] => {
		if (random.oneIn(4)) return [insn.mov(64, pointer, imm(0)), insn.mov(64, pointer + 1, imm(0))];
		const { at, size } = piece(random, 4);
		return [...stackInto(pointer, at), insn.mov(64, pointer + 1, imm(size))];
	};
	return [insn.mov(64, 5, { reg: random.pick(KEPT) }), ...side(1), ...side(3), call("csum_diff")];
}

/** Reads a piece of the packet onto the stack, or XDP: writes it. */
function bytes({ random, type }: Setting): Instruction[] {
	const { at, size } = piece(random, 1);
	const offset = random.pick([random.below(80), random.below(80), random.below(400), 0x1_0000, -1]);
	const how = type === "xdp" ? random.pick(["xdp_load_bytes", "xdp_store_bytes"]) : "skb_load_bytes";
	const place = random.oneIn(3)
		? [insn.mov(64, 2, { reg: random.pick(KEPT) }), insn.alu("and", 64, 2, imm(127))]
		: [insn.mov(64, 2, imm(offset))];
	return [contextInto(1), ...place, ...stackInto(3, at), insn.mov(64, 4, imm(size)), call(how)];
}

/** Moves an end of the packet. */
const adjust = ({ random }: Setting): Instruction[] => [
	contextInto(1),
	insn.mov(64, 2, imm(random.pick([random.below(64) - 32, 4 * (random.below(32) - 16), 500, -300, 5000]))),
	call(random.pick(["xdp_adjust_head", "xdp_adjust_tail", "xdp_adjust_meta"])),
];

/** Accesses to the packet behind a check of its end, at a fixed or a run-time distance. */
function packet(setting: Setting): Instruction[] {
	const { random } = setting;
	const isMeta = random.oneIn(6);
	const low = random.below(isMeta ? 8 : 60);
	const room = 1 + random.below(12);
	const place: Place = { base: 2, low, room, isPacket: true };
	const distance =
		isMeta || random.oneIn(2)
			? []
			: [
					insn.mov(64, 5, { reg: random.pick(KEPT) }),
					insn.alu("and", 64, 5, imm(31)),
					insn.alu("add", 64, 2, { reg: 5 }),
				];
	const inside = accesses(random, place, kept(setting));
	return [
		contextInto(1),
		insn.load(4, 2, 1, isMeta ? 8 : 0),
		insn.load(4, 3, 1, isMeta ? 0 : 4),
		insn.mov(64, 0, imm(immediate(random))),
		...distance,
		insn.mov(64, 4, { reg: 2 }),
		insn.alu("add", 64, 4, imm(low + room)),
		insn.jump("gt", 64, 4, { reg: 3 }, inside.length),
		...inside,
	];
}

/** Fields of `struct __sk_buff` that a test run sets or leaves 0: len … hash, cb. */
const SKB_FIELDS = [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64] as const;
const SKB_CB = [48, 52, 56, 60, 64] as const;
const XDP_FIELDS = [12, 16] as const;

function context({ random, type }: Setting): Instruction[] {
	if (type === "xdp") return [contextInto(1), insn.load(4, 0, 1, random.pick(XDP_FIELDS))];
	if (random.oneIn(3))
		return [
			contextInto(1),
			insn.store(4, 1, random.pick(SKB_CB), { reg: random.pick(KEPT) }),
			insn.load(4, 0, 1, random.pick(SKB_CB)),
		];
	return [contextInto(1), insn.load(4, 0, 1, random.pick(SKB_FIELDS))];
}

const ABSOLUTE = [0x30, 0x28, 0x20] as const;
const INDIRECT = [0x50, 0x48, 0x40] as const;

/** The old loads of packets: the context in r6, the result in r0; outside, the program ends. */
function legacy({ random }: Setting): Instruction[] {
	const distance = random.oneIn(12) ? random.below(200) : random.below(4);
	const is = random.oneIn(2);
	const load = is
		? { opcode: random.pick(ABSOLUTE), dst: 0, src: 0, offset: 0, imm: distance }
		: { opcode: random.pick(INDIRECT), dst: 0, src: 7, offset: 0, imm: distance };
	return [
		contextInto(6),
		...(is ? [] : [insn.alu("and", 64, 7, imm(random.oneIn(12) ? 63 : 3))]),
		load,
		insn.mov(64, 6, imm(immediate(random))),
	];
}

function compare({ random }: Setting): Instruction[] {
	const needle = random.pick(NEEDLES);
	const { at, size } = piece(random, 8, 8);
	const same = random.oneIn(2)
		? [insn.store(4, 10, at, imm(0x64636261)), insn.store(4, 10, at + 4, imm(random.pick([0, 0x68676665, 1])))]
		: [];
	return [
		...same,
		...stackInto(1, at),
		insn.mov(64, 2, imm(1 + random.below(size))),
		insn.loadPseudo(3, PSEUDO.mapValue, mapNumber("text"), textOffset(needle)),
		call("strncmp"),
	];
}

function print({ random }: Setting): Instruction[] {
	const { text, args } = random.pick(FORMATS);
	const { at, size } = piece(random, 8);
	return [
		...value(random),
		...stackInto(1, at),
		insn.mov(64, 2, imm(1 + random.below(size))),
		insn.loadPseudo(3, PSEUDO.mapValue, mapNumber("text"), textOffset(text)),
		...(args === 0 ? [insn.mov(64, 4, imm(0))] : stackInto(4, STACK.value)),
		insn.mov(64, 5, imm(args * 8)),
		call("snprintf"),
	];
}

/** Numbers as text, eight characters each, and what is none. */
const NUMBERS = [
	"12345678",
	"-1230x1f",
	" \t-42zzz",
	"0x1fG001",
	"0779 abc",
	"abcdef01",
	"+1234567",
	"99999999",
] as const;
const BASES = [0, 0, 8, 10, 10, 16, 16, 7, 32] as const;

function number64({ random }: Setting): Instruction[] {
	const text = random.pick(NUMBERS);
	const half = (at: number): number => [3, 2, 1, 0].reduce((word, i) => (word << 8) | text.charCodeAt(at + i), 0);
	const at = STACK.words + 8 * random.below(8);
	return [
		insn.store(4, 10, at, imm(half(0))),
		insn.store(4, 10, at + 4, imm(half(4))),
		...stackInto(1, at),
		insn.mov(64, 2, imm(1 + random.below(8))),
		insn.mov(64, 3, imm(random.pick(BASES))),
		...stackInto(4, STACK.words + 8 * random.below(8)),
		call(random.pick(["strtol", "strtoul"])),
	];
}

/** A dynptr to the map's memory: read, written, looked through; at a distance that may be too far. */
function dynptr(setting: Setting): Instruction[] {
	const { random } = setting;
	const room = random.pick([8, 24, 64]);
	const { at, size } = piece(random, 1);
	const distance = random.oneIn(2)
		? (register: number) => [insn.mov(64, register, imm(random.below(72)))]
		: (register: number) => [
				insn.mov(64, register, { reg: random.pick(KEPT) }),
				insn.alu("and", 64, register, imm(63)),
			];
	const make = [
		insn.loadPseudo(1, PSEUDO.mapValue, mapNumber("io"), LAYOUT.memory),
		insn.mov(64, 2, imm(room)),
		insn.mov(64, 3, imm(random.oneIn(10) ? 1 : 0)),
		...stackInto(4, STACK.dynptr),
		call("dynptr_from_mem"),
	];
	const kind = random.below(3);
	if (kind === 0) {
		const flags = insn.mov(64, 5, imm(random.oneIn(10) ? 1 : 0));
		const where = [...stackInto(3, STACK.dynptr), ...distance(4)];
		return [...make, ...stackInto(1, at), insn.mov(64, 2, imm(size)), ...where, flags, call("dynptr_read")];
	}
	if (kind === 1) {
		const from = [...stackInto(3, at), insn.mov(64, 4, imm(size)), insn.mov(64, 5, imm(random.oneIn(10) ? 1 : 0))];
		return [...make, ...stackInto(1, STACK.dynptr), ...distance(2), ...from, call("dynptr_write")];
	}
	const length = 1 + random.below(16);
	const look = [...stackInto(1, STACK.dynptr), ...distance(2), insn.mov(64, 3, imm(length)), call("dynptr_data")];
	// At any distance: no atomic operations, which want one of their size.
	const found = [
		insn.mov(64, 1, { reg: 0 }),
		insn.mov(64, 0, imm(immediate(random))),
		...accesses(random, { base: 1, low: 0, room: length, isPacket: true }, kept(setting)),
	];
	return [...make, ...look, ...unlessZero(random, 0, found, [insn.mov(64, 0, imm(immediate(random)))])];
}

/** Reads of memory that the kernel makes for a program: the map's, or from nowhere. */
function probe({ random }: Setting): Instruction[] {
	const { at, size } = piece(random, 1);
	const from = random.oneIn(5)
		? [insn.mov(64, 3, imm(0))]
		: [insn.loadPseudo(3, PSEUDO.mapValue, mapNumber("io"), LAYOUT.memory + random.below(24))];
	return [
		...from,
		...stackInto(1, at),
		insn.mov(64, 2, imm(size)),
		call(random.pick(["probe_read_kernel", "probe_read_kernel_str"])),
	];
}

const number = ({ random, type }: Setting): Instruction[] => {
	if (type === "xdp" && random.oneIn(2)) {
		if (random.oneIn(2)) return [contextInto(1), call("xdp_get_buff_len")];
		return [insn.mov(64, 1, imm(1)), insn.mov(64, 2, imm(random.below(2))), call("redirect")];
	}
	return [call(random.pick(["get_smp_processor_id", "get_numa_node_id"]))];
};

const memoryFunction = (): Instruction[] => [...stackInto(1, STACK.words), insn.callFunction(FUNCTION.memory)];
const scalarFunction = (): Instruction[] => [insn.callFunction(FUNCTION.scalar)];

/** A function so many times over, with the words on the stack; it may end earlier. */
const rounds = ({ random }: Setting): Instruction[] => [
	// Linux calls it its own bug where it knows that there are no rounds.
	...(random.oneIn(2)
		? [insn.mov(64, 1, { reg: random.pick(KEPT) }), insn.alu("and", 64, 1, imm(7))]
		: [insn.mov(64, 1, imm(1 + random.below(7)))]),
	insn.loadPseudo(2, PSEUDO.code, FUNCTION.round),
	...stackInto(3, STACK.words),
	insn.mov(64, 4, imm(random.oneIn(10) ? 1 : 0)),
	call("loop"),
];

/** A function for each entry: of arrays, whose order is known. */
const each = ({ random }: Setting): Instruction[] => [
	mapInto(1, random.pick(["table", "own"])),
	insn.loadPseudo(2, PSEUDO.code, FUNCTION.entry),
	...stackInto(3, STACK.words),
	insn.mov(64, 4, imm(random.oneIn(10) ? 1 : 0)),
	call("for_each_map_elem"),
];

/** To another program, to the beginning, or on: as two bits of a register say. */
const tail = ({ random, type }: Setting): Instruction[] => [
	insn.mov(64, 3, { reg: random.pick(KEPT) }),
	insn.alu("and", 64, 3, imm(7)),
	contextInto(1),
	mapInto(2, type === "xdp" ? "next_xdp" : "next_skb"),
	call("tail_call"),
	insn.mov(64, 0, imm(immediate(random))),
];

type Kind = (setting: Setting) => Instruction[];
const BOTH: readonly Kind[] = [
	lookup,
	lookup,
	lookup,
	lookup,
	update,
	update,
	update,
	remove,
	remove,
	queue,
	ring,
	bytes,
	bytes,
	context,
	compare,
	print,
	probe,
	number,
	scalarFunction,
	memoryFunction,
	memoryFunction,
	rounds,
	each,
	trie,
	trie,
	trie,
	nested,
	number64,
	dynptr,
	dynptr,
];
const XDP: readonly Kind[] = [...BOTH, packet, packet, packet, packet, adjust, adjust, checksum];
const FILTER: readonly Kind[] = [...BOTH, legacy, legacy, legacy];

/** One call. `straight`: within a loop of a few rounds, where tail calls and callbacks would be too many. */
export function callItem(setting: Setting, straight: boolean): Instruction[] {
	const { random, type } = setting;
	if (!straight && random.oneIn(20)) return [...tail(setting), ...fresh(random)];
	let kind = random.pick(type === "xdp" ? XDP : FILTER);
	if (straight && (kind === rounds || kind === each || kind === legacy || kind === adjust)) kind = lookup;
	return [...kind(setting), ...fresh(random)];
}
