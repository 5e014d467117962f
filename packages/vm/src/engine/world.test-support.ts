// What the generated programs run on: maps of every type whose behaviour does not hang on chance, and packets.
import { type Random, words } from "./random.test-support.ts";
import { type Entry, hexOf, type SceneMap, type SceneType } from "./scene.test-support.ts";

/** The value of map `io`: what registers and stack begin with, what they end with, memory at run-time distances. */
export const LAYOUT = { input: 0, output: 144, memory: 288, size: 352 } as const;
/** Ten registers and eight words of stack. */
export const WORDS = 18;

/** Texts for helpers that want constants, in the read-only map; each ends with a NUL. */
export const FORMATS: readonly { readonly text: string; readonly args: number }[] = [
	{ text: "%d %u", args: 2 },
	{ text: "%x|%llx|%X", args: 3 },
	{ text: "<%5d><%-6u>", args: 2 },
	{ text: "%04x %% %i", args: 2 },
	{ text: "%lu,%ld", args: 2 },
	{ text: "%c%+d", args: 2 },
	{ text: "no arguments", args: 0 },
];
export const NEEDLES: readonly string[] = ["", "abcd", "ab", "abcdefgh"];
const TEXTS = [...FORMATS.map((each) => each.text), ...NEEDLES];
export const textOffset = (text: string): number =>
	TEXTS.slice(0, TEXTS.indexOf(text)).reduce((sum, each) => sum + each.length + 1, 0);
const TEXT_SIZE = 128;

export const MAPS = [
	{ name: "io", type: "array", keySize: 4, valueSize: LAYOUT.size, maxEntries: 1 },
	{ name: "table", type: "array", keySize: 4, valueSize: 24, maxEntries: 4 },
	{ name: "hash", type: "hash", keySize: 4, valueSize: 24, maxEntries: 4 },
	{ name: "own", type: "percpu_array", keySize: 4, valueSize: 24, maxEntries: 3 },
	{ name: "own_hash", type: "percpu_hash", keySize: 4, valueSize: 20, maxEntries: 4 },
	// Never full: which entry would have to go is not the same on every run.
	{ name: "recent", type: "lru_hash", keySize: 4, valueSize: 24, maxEntries: 64 },
	{ name: "queue", type: "queue", keySize: 0, valueSize: 8, maxEntries: 3 },
	{ name: "stack", type: "stack", keySize: 0, valueSize: 8, maxEntries: 3 },
	// Records of a run are taken out before the next one, so that it does not matter where in the ring it begins.
	{ name: "ring", type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: 4096 },
	{ name: "text", type: "array", keySize: 4, valueSize: TEXT_SIZE, maxEntries: 1, readOnly: true },
	{ name: "routes", type: "lpm_trie", keySize: 8, valueSize: 24, maxEntries: 4 },
	{ name: "outer", type: "array_of_maps", keySize: 4, valueSize: 4, maxEntries: 3, inner: "table" },
	// Two of them: a map of programs takes one type only.
	{ name: "next_xdp", type: "prog_array", keySize: 4, valueSize: 4, maxEntries: 3 },
	{ name: "next_skb", type: "prog_array", keySize: 4, valueSize: 4, maxEntries: 3 },
] as const satisfies readonly SceneMap[];
export type MapName = (typeof MAPS)[number]["name"];
export const mapNumber = (name: MapName): number => MAPS.findIndex((map) => map.name === name);
export const mapRow = (name: MapName): SceneMap => MAPS[mapNumber(name)]!;

/** Maps with keys that a program looks up, updates and deletes in. */
export const KEYED = ["table", "hash", "own", "own_hash", "recent"] as const satisfies readonly MapName[];
/** Keys that programs use: with some of them, arrays are at an end and hashes full. */
export const KEYS = 7;

const u32 = (value: number): string => hexOf(new Uint8Array(Uint32Array.of(value).buffer));

/** The entry that never changes. */
export const TEXT_ENTRY: Entry = {
	map: "text",
	key: u32(0),
	value: hexOf(
		new TextEncoder().encode(
			TEXTS.map((each) => `${each}\0`)
				.join("")
				.padEnd(TEXT_SIZE, "\0"),
		),
	),
};

/** Lengths of prefixes that programs use: the last one is too long. */
export const PREFIXES = [0, 1, 8, 15, 16, 24, 32, 33] as const;
/** Their bits: some have much in common. */
export const BITS = [0, 0x0a, 0x010a, 0x02010a, 0x80010a, 0x0302010a, -1] as const;
const prefix = (random: Random): string => u32(random.pick(PREFIXES.slice(0, -1))) + u32(random.pick(BITS) >>> 0);

/** What maps hold before a run. */
export function entries(random: Random): Entry[] {
	const io = words(random, LAYOUT.size);
	io.fill(0, LAYOUT.output, LAYOUT.memory);
	const list: Entry[] = [TEXT_ENTRY, { map: "io", key: u32(0), value: hexOf(io) }];
	for (const name of KEYED) {
		const { type, maxEntries, valueSize } = mapRow(name);
		const isArray = type.endsWith("array");
		const most = Math.min(maxEntries, KEYS);
		const first = isArray ? 0 : random.below(KEYS - most + 1);
		const count = isArray ? most : random.below(most + 1);
		for (let i = 0; i < count; i++)
			list.push({ map: name, key: u32(first + i), value: hexOf(words(random, 24).subarray(0, valueSize)) });
	}
	for (const name of ["queue", "stack"] as const)
		for (let i = random.below(4); i > 0; i--) list.push({ map: name, key: "", value: hexOf(words(random, 8)) });
	for (let i = random.below(5); i > 0; i--)
		list.push({ map: "routes", key: prefix(random), value: hexOf(words(random, 24)) });
	list.push({ map: "outer", key: u32(1), value: "table" });
	// Slot 0: another program; slot 1: the program itself; slot 2: nothing.
	for (const name of ["next_xdp", "next_skb"] as const) {
		list.push({ map: name, key: u32(0), value: "tail" });
		list.push({ map: name, key: u32(1), value: "main" });
	}
	return list;
}

/** Ethernet's two addresses, a type that is IPv4, IPv6, ARP, VLAN, a length, or anything, and bytes. */
export function packet(random: Random, type: SceneType): Uint8Array<ArrayBuffer> {
	const kind = random.pick([0x0800, 0x86dd, 0x0806, 0x8100, 0x0100, random.below(65536)]);
	// A socket takes no IP packet that is shorter than its header.
	const least = type === "xdp" ? 14 : kind === 0x0800 ? 34 : kind === 0x86dd ? 54 : 14;
	const length = least + random.below(random.oneIn(4) ? 300 : 66);
	const bytes = new Uint8Array(Math.ceil(length / 8) * 8);
	bytes.set(words(random, bytes.length));
	const view = new DataView(bytes.buffer);
	view.setUint16(12, kind);
	if (type === "socket_filter") {
		// To this host, to all, to a group, to somebody else.
		const first = random.pick([0x00, 0xff, 0x01, 0x02]);
		bytes.fill(first === 0x01 || first === 0x02 ? random.below(256) : first, 0, 6);
		bytes[0] = first;
	}
	return bytes.slice(0, length);
}
