// Misuse of maps that hold maps, of tries, filters, storage and arenas: rows of misuse.test.ts.
import { errnoName } from "@skep/bpf/kernel";
import type { MapType } from "@skep/bpf/uapi";
import { BAD_FD, type Bench, bytes, u32 } from "./misuse.test-support.ts";

export type Case = readonly [name: string, run: (b: Bench) => number | string];

export const MAPS: readonly MapType[] = [
	"hash",
	"array",
	"percpu_hash",
	"percpu_array",
	"lru_hash",
	"lru_percpu_hash",
	"ringbuf",
	"prog_array",
	"perf_event_array",
	"queue",
	"stack",
	"lpm_trie",
	"array_of_maps",
	"hash_of_maps",
	"user_ringbuf",
	"bloom_filter",
	"task_storage",
	"cgrp_storage",
	"arena",
];

export function mapped(b: Bench, fd: number, offset: number, length: number, writable: boolean): number {
	const mapping = b.kernel.mmap(fd, offset, length, writable);
	if (typeof mapping === "number") return mapping;
	mapping.unmap();
	return 0;
}

export const containers: readonly Case[] = [
	...(["array_of_maps", "hash_of_maps"] as const).flatMap((type): Case[] => [
		[`${type}: without an inner map`, (b) => b.create(type, { inner_map_fd: BAD_FD })],
		[`${type}: of a program's descriptor`, (b) => b.create(type, { inner_map_fd: b.program() })],
		[`${type}: of maps of maps`, (b) => b.create(type, { inner_map_fd: b.map(type) })],
		...MAPS.map((inner): Case => [`${type}: of ${inner}`, (b) => b.create(type, { inner_map_fd: b.map(inner) })]),
		[
			`${type}: put, look, put another, take, delete twice`,
			(b) => {
				const map_fd = b.map(type);
				const put = (fd: number, flags = 0) => b.bpf("MAP_UPDATE_ELEM", { map_fd, key: u32(1), value: u32(fd), flags });
				const get = (key: number) => b.bpf("MAP_LOOKUP_ELEM", { map_fd, key: u32(key), value: bytes(4) });
				const remove = () => b.bpf("MAP_DELETE_ELEM", { map_fd, key: u32(1) });
				return [
					put(b.map("array"), 2),
					put(b.map("array"), 1),
					put(b.map("array")),
					put(b.map("array", { max_entries: 3 })),
					put(b.map("array", { value_size: 4 })),
					put(b.map("hash")),
					put(BAD_FD),
					get(1),
					get(0),
					b.bpf("MAP_LOOKUP_AND_DELETE_ELEM", { map_fd, key: u32(1), value: bytes(4) }),
					remove(),
					remove(),
				]
					.map(errnoName)
					.join();
			},
		],
		[
			`${type}: arrays of any length`,
			(b) => {
				const inner = { map_flags: 1 << 12 };
				const map_fd = b.map(type, { inner_map_fd: b.map("array", inner) });
				const put = (fd: number) => b.bpf("MAP_UPDATE_ELEM", { map_fd, key: u32(1), value: u32(fd) });
				return [put(b.map("array", { ...inner, max_entries: 9 })), put(b.map("array"))].map(errnoName).join();
			},
		],
	]),
	["inner map of an array", (b) => b.create("array", { inner_map_fd: BAD_FD })],
	[
		"trie: longest prefixes",
		(b) => {
			const fd = b.map("lpm_trie", { max_entries: 4 });
			const key = (bits: number, ...of: number[]) => Uint8Array.of(bits, 0, 0, 0, ...of, ...bytes(4 - of.length));
			const put = (bits: number, value: number, ...of: number[]) =>
				b.bpf("MAP_UPDATE_ELEM", { map_fd: fd, key: key(bits, ...of), value: bytes(8).fill(value), flags: 0 });
			const get = (bits: number, ...of: number[]) => {
				const value = bytes(8);
				return `${errnoName(b.bpf("MAP_LOOKUP_ELEM", { map_fd: fd, key: key(bits, ...of), value }))}${value[0]}`;
			};
			const remove = (bits: number, ...of: number[]) =>
				errnoName(b.bpf("MAP_DELETE_ELEM", { map_fd: fd, key: key(bits, ...of) }));
			const walk = () => {
				let last: Uint8Array | undefined;
				const seen: string[] = [];
				for (let i = 0; i < 9; i++) {
					const next_key = bytes(8);
					if (b.bpf("MAP_GET_NEXT_KEY", { map_fd: fd, ...(last ? { key: last } : {}), next_key }) !== 0) break;
					seen.push(`${next_key[0]}/${[...next_key.subarray(4)].join(".")}`);
					last = next_key;
				}
				return seen.join(" ");
			};
			return [
				put(33, 1, 10),
				put(8, 1, 10),
				put(16, 2, 10, 1),
				put(24, 3, 10, 1, 2),
				put(16, 4, 10, 2),
				put(8, 5, 11),
				walk(),
				get(32, 10, 1, 2, 3),
				get(32, 10, 1, 9, 3),
				get(32, 10, 9, 9, 3),
				get(32, 12, 9, 9, 3),
				get(9, 10, 1),
				remove(15, 10, 1),
				remove(8, 10),
				walk(),
				get(32, 10, 9, 9, 3),
				remove(8, 10),
				remove(16, 10, 1),
				walk(),
				get(32, 10, 1, 9, 9),
				remove(24, 10, 1, 2),
				remove(16, 10, 2),
				walk(),
				put(0, 7),
				get(32, 1, 2, 3, 4),
				walk(),
			].join();
		},
	],
	[
		"trie: batches",
		(b) => {
			const map_fd = b.map("lpm_trie", { max_entries: 8 });
			const keys = new Uint8Array([3, 1, 2].flatMap((i) => [32, 0, 0, 0, i, 0, 0, 0]));
			const written = b.bpf("MAP_UPDATE_BATCH", { map_fd, keys, values: bytes(24), count: 3 });
			const out = { map_fd, out_batch: bytes(8), keys: bytes(16), values: bytes(16), count: 2 };
			const one = `${errnoName(b.bpf("MAP_LOOKUP_BATCH", out))}${out.count} ${out.keys.join(".")}`;
			const next = { ...out, in_batch: out.out_batch, count: 2 };
			const two = `${errnoName(b.bpf("MAP_LOOKUP_BATCH", next))}${next.count} ${next.keys.subarray(0, 8).join(".")}`;
			return [errnoName(written), one, two, errnoName(b.bpf("MAP_DELETE_BATCH", { map_fd, keys, count: 3 }))].join();
		},
	],
	[
		"filter: what is in it",
		(b) => {
			const map_fd = b.map("bloom_filter", { max_entries: 100 });
			const put = (value: number, flags = 0) =>
				b.bpf("MAP_UPDATE_ELEM", { map_fd, value: bytes(8).fill(value), flags });
			const has = (value: number) => b.bpf("MAP_LOOKUP_ELEM", { map_fd, value: bytes(8).fill(value) });
			return [has(1), put(1), put(1), has(1), put(1, 1), put(1, 2)].map(errnoName).join();
		},
	],
	["filter: sixteen functions", (b) => b.create("bloom_filter", { map_extra: 16n })],
	["filter: fifteen functions", (b) => b.create("bloom_filter", { map_extra: 15n })],
	["trie: keys of 4", (b) => b.create("lpm_trie", { key_size: 4 })],
	["trie: keys of 260", (b) => b.create("lpm_trie", { key_size: 260 })],
	["trie: keys of 261", (b) => b.create("lpm_trie", { key_size: 261 })],
	["trie: prealloc", (b) => b.create("lpm_trie", { map_flags: 0 })],
	["storage: without types", (b) => b.create("task_storage", { btf_key_type_id: 0, btf_value_type_id: 0 })],
	["storage: an entry", (b) => b.create("task_storage", { max_entries: 1 })],
	["storage: another size", (b) => b.create("task_storage", { value_size: 16 })],
	["types of another size", (b) => b.create("hash", { ...b.types(), key_size: 8 })],
	["types as they are", (b) => b.create("hash", b.types())],
	["types that are not there", (b) => b.create("hash", { ...b.types(), btf_value_type_id: 3 })],
	["arena: not mmapable", (b) => b.create("arena", { map_flags: 0 })],
	["arena: an address", (b) => b.create("arena", { map_extra: 1n << 44n })],
	["arena: off a page", (b) => b.create("arena", { map_extra: 4097n })],
	["arena: across 4 GiB", (b) => b.create("arena", { map_extra: (1n << 44n) - 4096n })],
	["arena: more than 4 GiB", (b) => b.create("arena", { max_entries: (1 << 20) + 1 })],
	["arena: another address", (b) => mapped(b, b.map("arena"), 4096, 4096, true)],
	["user ring buffer: consumer page writable", (b) => mapped(b, b.map("user_ringbuf"), 0, 4096, true)],
	["user ring buffer: the rest writable", (b) => mapped(b, b.map("user_ringbuf"), 4096, 3 * 4096, true)],
	["user ring buffer: a page too many", (b) => mapped(b, b.map("user_ringbuf"), 4096, 4 * 4096, true)],
];
