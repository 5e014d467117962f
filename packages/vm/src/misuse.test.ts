// The same misuse on both kernels: what Linux answers is what the virtual kernel must answer. One row a case.
import assert from "node:assert/strict";
import { totalmem } from "node:os";
import { type TestContext, test } from "node:test";
import { encode, insn } from "@skep/bpf/isa";
import { type Attributes, ERRNO, errnoName, type Kernel } from "@skep/bpf/kernel";
import { ATTACH_TYPES, MAP_FLAGS, type MapType, type ProgramType } from "@skep/bpf/uapi";
import { openLinux } from "@skep/linux";
import { BAD_FD, Bench, bytes, KEYLESS, RETURN, shape, u32 } from "./misuse.test-support.ts";
import { type Case, containers, MAPS, mapped } from "./misuse-maps.test-support.ts";
import { VirtualKernel } from "./virtual-kernel.ts";

const program = (...list: Parameters<typeof encode>[0][number][]): Uint8Array => encode(list);
const raw = (...slots: readonly (readonly number[])[]): Uint8Array => new Uint8Array(slots.flat());
const {
	BPF_F_NO_PREALLOC,
	BPF_F_MMAPABLE,
	BPF_F_RDONLY,
	BPF_F_WRONLY,
	BPF_F_RDONLY_PROG,
	BPF_F_NO_COMMON_LRU,
	BPF_F_NUMA_NODE,
} = MAP_FLAGS;
const HUGE = 0xffff_ffff;
const EXCHANGE = insn.atomic("xchg", 8, 10, -8, 10);
const RETURN_0 = [insn.mov(64, 0, { imm: 0 }), insn.exit()];

/** Every type of map with every one of these shapes. */
const SHAPES: readonly (readonly [string, Partial<Attributes["MAP_CREATE"]>])[] = [
	["as it is", {}],
	["no entries", { max_entries: 0 }],
	["no key", { key_size: 0 }],
	["key of 8", { key_size: 8 }],
	["no value", { value_size: 0 }],
	["value of 3", { value_size: 3 }],
	["value of 40,000", { value_size: 40_000 }],
	["value of 64 MiB", { value_size: 1 << 26 }],
	["2^32 - 1 entries", { max_entries: HUGE }],
	["3000 entries", { max_entries: 3000 }],
	["unknown flag", { map_flags: 1 << 25 }],
	["no prealloc", { map_flags: BPF_F_NO_PREALLOC }],
	["no common LRU", { map_flags: BPF_F_NO_COMMON_LRU }],
	["mmapable", { map_flags: BPF_F_MMAPABLE }],
	["read-only and write-only", { map_flags: BPF_F_RDONLY | BPF_F_WRONLY }],
	["read-only for programs", { map_flags: BPF_F_RDONLY_PROG }],
	["read-only", { map_flags: BPF_F_RDONLY }],
	["map_extra", { map_extra: 3n }],
	["bad name", { map_name: "a b" }],
	["numa node 77", { map_flags: BPF_F_NUMA_NODE, numa_node: 77 }],
	["bad BTF", { btf_fd: BAD_FD, btf_key_type_id: 1, btf_value_type_id: 1 }],
	["key type without value type", { btf_key_type_id: 1 }],
];

/** A key of this type of map: for a trie as many bits and the bytes 0. */
const keyOf = (type: MapType, value: number): Uint8Array =>
	type === "lpm_trie" ? new Uint8Array([...u32(value), ...bytes(4)]) : u32(value);

const elements: readonly Case[] = MAPS.flatMap((type): Case[] => {
	const bare = KEYLESS.has(type);
	const key = bare ? {} : { key: keyOf(type, 1) };
	const size = type.includes("percpu") ? 8 * 64 : 8;
	return [
		[`${type}: lookup`, (b) => b.bpf("MAP_LOOKUP_ELEM", { map_fd: b.map(type), ...key, value: bytes(size) })],
		[
			`${type}: lookup, unknown flag`,
			(b) => b.bpf("MAP_LOOKUP_ELEM", { map_fd: b.map(type), ...key, value: bytes(size), flags: 8 }),
		],
		[
			`${type}: lookup, lock`,
			(b) => b.bpf("MAP_LOOKUP_ELEM", { map_fd: b.map(type), ...key, value: bytes(size), flags: 4 }),
		],
		[`${type}: lookup without a key`, (b) => b.bpf("MAP_LOOKUP_ELEM", { map_fd: b.map(type), value: bytes(size) })],
		[
			`${type}: lookup with a key`,
			(b) => b.bpf("MAP_LOOKUP_ELEM", { map_fd: b.map(type), key: keyOf(type, 1), value: bytes(size) }),
		],
		...[0, 1, 2, 3, 4, 8].map(
			(flags): Case => [
				`${type}: update, flags ${flags}`,
				(b) => b.bpf("MAP_UPDATE_ELEM", { map_fd: b.map(type), ...key, value: bytes(size), flags }),
			],
		),
		[
			`${type}: update beyond the end`,
			(b) =>
				b.bpf("MAP_UPDATE_ELEM", { map_fd: b.map(type), ...(bare ? {} : { key: keyOf(type, 2) }), value: bytes(size) }),
		],
		[`${type}: update, value first`, (b) => b.bpf("MAP_UPDATE_ELEM", { map_fd: b.map(type), value: bytes(size) })],
		[`${type}: delete`, (b) => b.bpf("MAP_DELETE_ELEM", { map_fd: b.map(type), key: keyOf(type, 1) })],
		[`${type}: next key`, (b) => b.bpf("MAP_GET_NEXT_KEY", { map_fd: b.map(type), next_key: bytes(8) })],
		[
			`${type}: next of the last key`,
			(b) => b.bpf("MAP_GET_NEXT_KEY", { map_fd: b.map(type), ...key, next_key: bytes(8) }),
		],
		[
			`${type}: lookup and delete`,
			(b) => b.bpf("MAP_LOOKUP_AND_DELETE_ELEM", { map_fd: b.map(type), ...key, value: bytes(size) }),
		],
		[
			`${type}: lookup and delete, lock`,
			(b) => b.bpf("MAP_LOOKUP_AND_DELETE_ELEM", { map_fd: b.map(type), ...key, value: bytes(size), flags: 4 }),
		],
		[
			`${type}: freeze twice`,
			(b) => {
				const map_fd = b.map(type);
				return `${errnoName(b.bpf("MAP_FREEZE", { map_fd }))} ${errnoName(b.bpf("MAP_FREEZE", { map_fd }))}`;
			},
		],
		[
			`${type}: update when frozen`,
			(b) => {
				const map_fd = b.map(type);
				b.bpf("MAP_FREEZE", { map_fd });
				return b.bpf("MAP_UPDATE_ELEM", { map_fd, ...key, value: bytes(size) });
			},
		],
		[
			`${type}: delete and take when frozen`,
			(b) => {
				const map_fd = b.map(type);
				b.bpf("MAP_FREEZE", { map_fd });
				const taken = b.bpf("MAP_LOOKUP_AND_DELETE_ELEM", { map_fd, ...key, value: bytes(size) });
				return `${errnoName(b.bpf("MAP_DELETE_ELEM", { map_fd, key: keyOf(type, 1) }))} ${errnoName(taken)}`;
			},
		],
		[
			`${type}: batch of a map that is empty`,
			(b) => {
				const attr = { map_fd: b.map(type), out_batch: bytes(8), keys: bytes(32), values: bytes(size * 4), count: 2 };
				return `${errnoName(b.bpf("MAP_LOOKUP_BATCH", attr))} ${attr.count}`;
			},
		],
		[
			`${type}: take a batch`,
			(b) => {
				const attr = { map_fd: b.map(type), out_batch: bytes(8), keys: bytes(32), values: bytes(size * 4), count: 2 };
				return `${errnoName(b.bpf("MAP_LOOKUP_AND_DELETE_BATCH", attr))} ${attr.count}`;
			},
		],
		[
			`${type}: write a batch, delete it`,
			(b) => {
				const map_fd = b.map(type);
				const keys = new Uint8Array([0, 1, 2].flatMap((value) => [...keyOf(type, value)]));
				const update = { map_fd, keys, values: bytes(size * 3), count: 3 };
				const written = errnoName(b.bpf("MAP_UPDATE_BATCH", update));
				const remove = { map_fd, keys, count: 3 };
				return `${written} ${update.count} ${errnoName(b.bpf("MAP_DELETE_BATCH", remove))} ${remove.count}`;
			},
		],
		[
			`${type}: batch, unknown flags`,
			(b) => {
				const attr = {
					map_fd: b.map(type),
					out_batch: bytes(8),
					keys: bytes(32),
					values: bytes(size * 4),
					count: 2,
					elem_flags: 8,
				};
				return b.bpf("MAP_LOOKUP_BATCH", attr);
			},
		],
		[`${type}: mmap`, (b) => mapped(b, b.map(type), 0, 4096, false)],
		[`${type}: mmap, writable`, (b) => mapped(b, b.map(type), 0, 4096, true)],
		[
			`${type}: mmap with BPF_F_MMAPABLE`,
			(b) => (type === "array" ? mapped(b, b.map(type, { map_flags: BPF_F_MMAPABLE }), 0, 4096, true) : 0),
		],
		[
			`${type}: mmap too much`,
			(b) => mapped(b, b.map(type, type === "array" ? { map_flags: BPF_F_MMAPABLE } : {}), 0, 1 << 20, false),
		],
	];
});

const log = (b: Bench, insns: Uint8Array, room: number): string => {
	const attr = { prog_type: 1, insns, license: "GPL", log_level: 1, log_buf: bytes(room) };
	return errnoName(b.answer(b.bpf("PROG_LOAD", attr)));
};
const testRun = (b: Bench, type: ProgramType, more: Partial<Attributes["PROG_TEST_RUN"]>): string => {
	const attr: Attributes["PROG_TEST_RUN"] = { prog_fd: b.program(type), ...more };
	const result = b.bpf("PROG_TEST_RUN", attr);
	const out =
		result === 0 || result === -ERRNO.ENOSPC ? ` ${attr.retval} ${attr.data_size_out} ${attr.ctx_size_out}` : "";
	return `${errnoName(result)}${out}`;
};
const context = (...words: number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);

const others: readonly Case[] = [
	...(["MAP_LOOKUP_ELEM", "MAP_UPDATE_ELEM", "MAP_LOOKUP_AND_DELETE_ELEM"] as const).flatMap((command): Case[] => [
		[`${command}: bad descriptor`, (b) => b.bpf(command, { map_fd: BAD_FD, key: u32(0), value: bytes(8) })],
		[`${command}: a program's`, (b) => b.bpf(command, { map_fd: b.program(), key: u32(0), value: bytes(8) })],
	]),
	["unknown map type", (b) => b.bpf("MAP_CREATE", { map_type: 200, key_size: 4, value_size: 4, max_entries: 1 })],
	["map type 0", (b) => b.bpf("MAP_CREATE", { map_type: 0, key_size: 4, value_size: 4, max_entries: 1 })],
	[
		"full hash",
		(b) => {
			const fd = b.map("hash");
			return [b.put(fd, 1), b.put(fd, 2), b.put(fd, 3), b.put(fd, 2)].map(errnoName).join();
		},
	],
	[
		"hash: BPF_EXIST and BPF_NOEXIST",
		(b) => {
			const fd = b.map("hash");
			return [b.put(fd, 1, 2), b.put(fd, 1, 1), b.put(fd, 1, 1), b.put(fd, 1, 2), b.put(fd, 1, 4)]
				.map(errnoName)
				.join();
		},
	],
	...containers,
	["read-only map, written", (b) => b.put(b.map("hash", { map_flags: BPF_F_RDONLY }), 1)],
	["write-only map, read", (b) => b.get(b.map("hash", { map_flags: BPF_F_WRONLY }), 1)],
	[
		"write-only map, next key",
		(b) => b.bpf("MAP_GET_NEXT_KEY", { map_fd: b.map("hash", { map_flags: BPF_F_WRONLY }), next_key: bytes(4) }),
	],
	[
		"freeze with a writable mapping",
		(b) => {
			const map_fd = b.map("array", { map_flags: BPF_F_MMAPABLE });
			const mapping = b.kernel.mmap(map_fd, 0, 4096, true);
			const busy = b.bpf("MAP_FREEZE", { map_fd });
			if (typeof mapping !== "number") mapping.unmap();
			return `${errnoName(busy)} ${errnoName(b.bpf("MAP_FREEZE", { map_fd }))} ${errnoName(mapped(b, map_fd, 0, 4096, true))}`;
		},
	],
	[
		"mmap of what is read-only for programs",
		(b) => mapped(b, b.map("array", { map_flags: BPF_F_MMAPABLE | BPF_F_RDONLY_PROG }), 0, 4096, true),
	],
	["ring buffer: producer page writable", (b) => mapped(b, b.map("ringbuf"), 4096, 4096, true)],
	["ring buffer: both pages and the data twice", (b) => mapped(b, b.map("ringbuf"), 4096, 4096 + 2 * 4096, false)],
	["ring buffer: a page too many", (b) => mapped(b, b.map("ringbuf"), 4096, 4096 + 3 * 4096, false)],
	["mmap: nothing", (b) => mapped(b, b.map("ringbuf"), 0, 0, false)],
	["mmap: bad descriptor", (b) => mapped(b, BAD_FD, 0, 4096, false)],
	["mmap: a program's descriptor", (b) => mapped(b, b.program(), 0, 4096, false)],
	[
		"program array: not a program",
		(b) => b.bpf("MAP_UPDATE_ELEM", { map_fd: b.map("prog_array"), key: u32(0), value: u32(b.map("array")) }),
	],
	[
		"program array: bad descriptor",
		(b) => b.bpf("MAP_UPDATE_ELEM", { map_fd: b.map("prog_array"), key: u32(0), value: u32(BAD_FD) }),
	],
	[
		"program array: put, look, delete twice",
		(b) => {
			const map_fd = b.map("prog_array");
			const put = b.bpf("MAP_UPDATE_ELEM", { map_fd, key: u32(0), value: u32(b.program()) });
			const found = b.bpf("MAP_LOOKUP_ELEM", { map_fd, key: u32(0), value: bytes(4) });
			const remove = () => b.bpf("MAP_DELETE_ELEM", { map_fd, key: u32(0) });
			return [put, found, remove(), remove(), b.bpf("MAP_DELETE_ELEM", { map_fd, key: u32(9) })].map(errnoName).join();
		},
	],
	[
		"program array: two types",
		(b) => {
			const map_fd = b.map("prog_array");
			const put = (at: number, fd: number) => b.bpf("MAP_UPDATE_ELEM", { map_fd, key: u32(at), value: u32(fd) });
			return [put(0, b.program("xdp")), put(1, b.program("socket_filter")), put(1, b.program("xdp"))]
				.map(errnoName)
				.join();
		},
	],
	[
		"close twice",
		(b) => {
			const fd = b.bpf("MAP_CREATE", shape("hash", {}));
			return [b.kernel.close(fd), b.kernel.close(fd)].map(errnoName).join();
		},
	],
	// programs
	["no instructions", (b) => b.loads(bytes(0))],
	["unknown program type", (b) => b.bpf("PROG_LOAD", { prog_type: 200, insns: RETURN, license: "GPL" })],
	["program type 0", (b) => b.bpf("PROG_LOAD", { prog_type: 0, insns: RETURN, license: "GPL" })],
	["unknown program flags", (b) => b.loads(RETURN, "socket_filter", { prog_flags: 1 << 20 })],
	["bad program name", (b) => b.loads(RETURN, "socket_filter", { prog_name: "a b" })],
	["program without exit", (b) => b.loads(program(insn.mov(64, 0, { imm: 0 })))],
	["jump beyond the end", (b) => b.loads(program(insn.mov(64, 0, { imm: 0 }), insn.ja(5), insn.exit()))],
	["jump before the start", (b) => b.loads(program(insn.mov(64, 0, { imm: 0 }), insn.ja(-5), insn.exit()))],
	[
		"jump into a wide load",
		(b) =>
			b.loads(
				program(
					insn.mov(64, 0, { imm: 0 }),
					insn.jump("eq", 64, 0, { imm: 1 }, 1),
					insn.loadPseudo(1, 1, 7),
					insn.exit(),
				),
			),
	],
	[
		"unreachable instruction",
		(b) => b.loads(program(insn.mov(64, 0, { imm: 0 }), insn.exit(), insn.mov(64, 0, { imm: 1 }), insn.exit())),
	],
	["unknown opcode", (b) => b.loads(raw([0xff, 0, 0, 0, 0, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]))],
	["reserved field", (b) => b.loads(raw([0xb7, 0, 1, 0, 0, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]))],
	["register 11", (b) => b.loads(raw([0xb7, 11, 0, 0, 0, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]))],
	["half a wide load", (b) => b.loads(raw([0xb7, 0, 0, 0, 0, 0, 0, 0], [0x18, 0, 0, 0, 0, 0, 0, 0]))],
	["r10 written", (b) => b.loads(program(insn.mov(64, 10, { imm: 0 }), insn.mov(64, 0, { imm: 0 }), insn.exit()))],
	["r10 exchanged", (b) => b.loads(program(insn.store(8, 10, -8, { imm: 0 }), EXCHANGE, ...RETURN_0))],
	["unknown helper", (b) => b.loads(program(insn.call(3000), insn.mov(64, 0, { imm: 0 }), insn.exit()))],
	[
		"helper of other programs",
		(b) => b.loads(program(insn.mov(64, 2, { imm: 0 }), insn.call(44), insn.mov(64, 0, { imm: 0 }), insn.exit())),
	],
	[
		"helper that wants the GPL",
		(b) =>
			b.loads(program(insn.call(35), insn.mov(64, 0, { imm: 0 }), insn.exit()), "raw_tracepoint", {
				license: "proprietary",
			}),
	],
	[
		"map by a bad descriptor",
		(b) => b.loads(program(insn.loadPseudo(1, 1, BAD_FD), insn.mov(64, 0, { imm: 0 }), insn.exit())),
	],
	[
		"map by a program's descriptor",
		(b) => b.loads(program(insn.loadPseudo(1, 1, b.program()), insn.mov(64, 0, { imm: 0 }), insn.exit())),
	],
	[
		"value beyond the map",
		(b) => {
			const insns = program(
				insn.loadPseudo(1, 2, b.map("array", { max_entries: 1 })),
				insn.mov(64, 0, { imm: 0 }),
				insn.exit(),
			);
			new DataView(insns.buffer).setUint32(12, 8, true);
			return b.loads(insns);
		},
	],
	[
		"value of a hash",
		(b) => b.loads(program(insn.loadPseudo(1, 2, b.map("hash")), insn.mov(64, 0, { imm: 0 }), insn.exit())),
	],
	["log level without a buffer", (b) => b.loads(RETURN, "socket_filter", { log_level: 1 })],
	["unknown log level", (b) => b.loads(RETURN, "socket_filter", { log_level: 64, log_buf: bytes(256) })],
	["log that does not fit", (b) => log(b, program(insn.mov(64, 0, { imm: 0 })), 4)],
	["log that fits", (b) => log(b, program(insn.mov(64, 0, { imm: 0 })), 4096)],
	["tracing without a target", (b) => b.loads(RETURN, "tracing", { expected_attach_type: ATTACH_TYPES.trace_raw_tp })],
	["bad BTF of a program", (b) => b.loads(RETURN, "socket_filter", { prog_btf_fd: BAD_FD })],
	// test runs
	...[0, 13, 14, 1500, 3520, 3521, 3712, 3713, 9000, 73_152, 73_153].flatMap((size): Case[] => [
		[
			`xdp: packet of ${size}`,
			(b) => testRun(b, "xdp", { data_in: bytes(size), data_out: bytes(size + 256), repeat: 1 }),
		],
		[
			`socket filter: packet of ${size}`,
			(b) => testRun(b, "socket_filter", { data_in: bytes(size), data_out: bytes(size + 256), repeat: 1 }),
		],
	]),
	// IPv4, IPv6 and ARP, with a header's bytes and with one less.
	...[
		[0x0800, 33],
		[0x0800, 34],
		[0x86dd, 53],
		[0x86dd, 54],
		[0x0806, 15],
	].map(([protocol = 0, size = 0]): Case => {
		const data_in = bytes(size);
		new DataView(data_in.buffer).setUint16(12, protocol);
		const name = `socket_filter: packet of ${size} bytes, protocol ${protocol.toString(16)}`;
		return [name, (b) => testRun(b, "socket_filter", { data_in, data_out: bytes(size), repeat: 1 })];
	}),
	["xdp: short buffer", (b) => testRun(b, "xdp", { data_in: bytes(64), data_out: bytes(10) })],
	["xdp: no buffer", (b) => testRun(b, "xdp", { data_in: bytes(64) })],
	["xdp: repeat 5", (b) => testRun(b, "xdp", { data_in: bytes(64), repeat: 5 })],
	["xdp: unknown flags", (b) => testRun(b, "xdp", { data_in: bytes(64), flags: 8 })],
	["xdp: batch", (b) => testRun(b, "xdp", { data_in: bytes(64), batch_size: 1 })],
	[
		"xdp: context",
		(b) => testRun(b, "xdp", { data_in: bytes(64), ctx_in: context(0, 64, 0, 0, 0, 0), ctx_out: bytes(24) }),
	],
	["xdp: context of zeros", (b) => testRun(b, "xdp", { data_in: bytes(64), ctx_in: bytes(24), ctx_out: bytes(24) })],
	[
		"xdp: context, metadata",
		(b) =>
			testRun(b, "xdp", {
				data_in: bytes(64),
				data_out: bytes(99),
				ctx_in: context(8, 64, 0, 0, 0, 0),
				ctx_out: bytes(24),
			}),
	],
	["xdp: context, odd metadata", (b) => testRun(b, "xdp", { data_in: bytes(64), ctx_in: context(7, 64, 0, 0, 0, 0) })],
	["xdp: context, wrong end", (b) => testRun(b, "xdp", { data_in: bytes(64), ctx_in: context(0, 65, 0, 0, 0, 0) })],
	["xdp: context, shorter end", (b) => testRun(b, "xdp", { data_in: bytes(64), ctx_in: context(0, 60, 0, 0, 0, 0) })],
	["xdp: context, data_meta", (b) => testRun(b, "xdp", { data_in: bytes(64), ctx_in: context(0, 64, 1, 0, 0, 0) })],
	["xdp: context, device 1", (b) => testRun(b, "xdp", { data_in: bytes(64), ctx_in: context(0, 64, 0, 1, 0, 0) })],
	[
		"xdp: context, no such device",
		(b) => testRun(b, "xdp", { data_in: bytes(64), ctx_in: context(0, 64, 0, 77_777, 0, 0) }),
	],
	[
		"xdp: context, queue without device",
		(b) => testRun(b, "xdp", { data_in: bytes(64), ctx_in: context(0, 64, 0, 0, 1, 0) }),
	],
	["xdp: context, queue 9 of lo", (b) => testRun(b, "xdp", { data_in: bytes(64), ctx_in: context(0, 64, 0, 1, 9, 0) })],
	["xdp: context, egress", (b) => testRun(b, "xdp", { data_in: bytes(64), ctx_in: context(0, 64, 0, 0, 0, 1) })],
	["xdp: long context, zeros", (b) => testRun(b, "xdp", { data_in: bytes(64), ctx_in: bytes(64) })],
	["xdp: long context", (b) => testRun(b, "xdp", { data_in: bytes(64), ctx_in: bytes(64).fill(1) })],
	["socket filter: on a CPU", (b) => testRun(b, "socket_filter", { data_in: bytes(64), cpu: 1 })],
	["raw tracepoint: nothing", (b) => testRun(b, "raw_tracepoint", {})],
	["raw tracepoint: packet", (b) => testRun(b, "raw_tracepoint", { data_in: bytes(64) })],
	["raw tracepoint: twelve arguments", (b) => testRun(b, "raw_tracepoint", { ctx_in: bytes(96) })],
	["raw tracepoint: thirteen", (b) => testRun(b, "raw_tracepoint", { ctx_in: bytes(104) })],
	["raw tracepoint: repeat", (b) => testRun(b, "raw_tracepoint", { ctx_in: bytes(8), repeat: 2 })],
	["raw tracepoint: CPU without its flag", (b) => testRun(b, "raw_tracepoint", { ctx_in: bytes(8), cpu: 1 })],
	["raw tracepoint: CPU 1", (b) => testRun(b, "raw_tracepoint", { ctx_in: bytes(8), cpu: 1, flags: 1 })],
	["raw tracepoint: CPU 99999", (b) => testRun(b, "raw_tracepoint", { ctx_in: bytes(8), cpu: 99_999, flags: 1 })],
	["tracepoint: cannot be test-run", (b) => testRun(b, "tracepoint", { ctx_in: bytes(8) })],
	["syscall: nothing", (b) => testRun(b, "syscall", {})],
	["syscall: a packet", (b) => testRun(b, "syscall", { data_in: bytes(64) })],
	["syscall: twice", (b) => testRun(b, "syscall", { repeat: 2 })],
	["syscall: a context", (b) => testRun(b, "syscall", { ctx_in: bytes(64) })],
	["syscall: a context back", (b) => testRun(b, "syscall", { ctx_in: bytes(64), ctx_out: bytes(64) })],
	["syscall: 64 KiB", (b) => testRun(b, "syscall", { ctx_in: bytes(65_536) })],
	["syscall: may not sleep", (b) => b.loads(RETURN, "syscall", { prog_flags: 0 })],
	["test run: bad descriptor", (b) => b.bpf("PROG_TEST_RUN", { prog_fd: BAD_FD })],
	["test run: a map", (b) => b.bpf("PROG_TEST_RUN", { prog_fd: b.map("hash") })],
	// ids, information, BTF
	["id 0", (b) => b.bpf("MAP_GET_FD_BY_ID", { id: 0 })],
	["no such map", (b) => b.bpf("MAP_GET_FD_BY_ID", { id: 0x7fff_fff0 })],
	["no such program", (b) => b.bpf("PROG_GET_FD_BY_ID", { id: 0x7fff_fff0 })],
	["no such link", (b) => b.bpf("LINK_GET_FD_BY_ID", { id: 0x7fff_fff0 })],
	["no such BTF", (b) => b.bpf("BTF_GET_FD_BY_ID", { id: 0x7fff_fff0 })],
	["map by id, unknown flags", (b) => b.bpf("MAP_GET_FD_BY_ID", { id: 1, open_flags: 1 })],
	["program by id, flags", (b) => b.bpf("PROG_GET_FD_BY_ID", { id: 1, open_flags: 8 })],
	["after the last id", (b) => b.bpf("MAP_GET_NEXT_ID", { start_id: 0x7fff_fff0 })],
	["after INT_MAX", (b) => b.bpf("MAP_GET_NEXT_ID", { start_id: 0x7fff_ffff })],
	["information of a bad descriptor", (b) => b.bpf("OBJ_GET_INFO_BY_FD", { bpf_fd: BAD_FD, kind: "map", info: {} })],
	["BTF: empty", (b) => b.answer(b.bpf("BTF_LOAD", { btf: bytes(0) }))],
	["BTF: garbage", (b) => b.answer(b.bpf("BTF_LOAD", { btf: bytes(64).fill(7) }))],
	["statistics: unknown type", (b) => b.answer(b.bpf("ENABLE_STATS", { type: 7 }))],
	// links
	["raw tracepoint: bad program", (b) => b.bpf("RAW_TRACEPOINT_OPEN", { name: "sched_switch", prog_fd: BAD_FD })],
	[
		"raw tracepoint: of another type",
		(b) => b.bpf("RAW_TRACEPOINT_OPEN", { name: "sched_switch", prog_fd: b.program("xdp") }),
	],
	[
		"raw tracepoint: no such event",
		(b) => b.bpf("RAW_TRACEPOINT_OPEN", { name: "no_such_event", prog_fd: b.program("raw_tracepoint") }),
	],
	["raw tracepoint: no name", (b) => b.bpf("RAW_TRACEPOINT_OPEN", { prog_fd: b.program("raw_tracepoint") })],
	[
		"raw tracepoint: attached twice",
		(b) => {
			const prog_fd = b.program("raw_tracepoint");
			b.keep(b.bpf("RAW_TRACEPOINT_OPEN", { name: "sched_switch", prog_fd }));
			return b.answer(b.bpf("RAW_TRACEPOINT_OPEN", { name: "sched_switch", prog_fd }));
		},
	],
	[
		"link: bad program",
		(b) => b.bpf("LINK_CREATE", { prog_fd: BAD_FD, target_fd: 0, attach_type: ATTACH_TYPES.perf_event }),
	],
	["link: program 0", (b) => b.bpf("LINK_CREATE", { attach_type: ATTACH_TYPES.perf_event })],
	[
		"perf link: bad event",
		(b) =>
			b.bpf("LINK_CREATE", {
				prog_fd: b.program("tracepoint"),
				target_fd: BAD_FD,
				attach_type: ATTACH_TYPES.perf_event,
			}),
	],
	[
		"perf link: a map",
		(b) =>
			b.bpf("LINK_CREATE", {
				prog_fd: b.program("tracepoint"),
				target_fd: b.map("hash"),
				attach_type: ATTACH_TYPES.perf_event,
			}),
	],
	[
		"perf link: an XDP program",
		(b) => b.bpf("LINK_CREATE", { prog_fd: b.program("xdp"), target_fd: BAD_FD, attach_type: ATTACH_TYPES.perf_event }),
	],
	["link: unknown attach type", (b) => b.bpf("LINK_CREATE", { prog_fd: b.program("xdp"), attach_type: 200 })],
	[
		"xdp link: no device",
		(b) =>
			b.bpf("LINK_CREATE", { prog_fd: b.program("xdp"), target_ifindex: 0x7fff_0000, attach_type: ATTACH_TYPES.xdp }),
	],
	[
		"xdp link: two modes",
		(b) =>
			b.bpf("LINK_CREATE", { prog_fd: b.program("xdp"), target_ifindex: 1, attach_type: ATTACH_TYPES.xdp, flags: 6 }),
	],
	[
		"xdp link: a tracepoint program",
		(b) => b.bpf("LINK_CREATE", { prog_fd: b.program("tracepoint"), target_ifindex: 1, attach_type: ATTACH_TYPES.xdp }),
	],
	["link update: bad link", (b) => b.bpf("LINK_UPDATE", { link_fd: BAD_FD, new_prog_fd: b.program("xdp") })],
	[
		"link update: of a raw tracepoint",
		(b) => {
			const link_fd = b.keep(
				b.bpf("RAW_TRACEPOINT_OPEN", { name: "sched_switch", prog_fd: b.program("raw_tracepoint") }),
			);
			return b.bpf("LINK_UPDATE", { link_fd, new_prog_fd: b.program("raw_tracepoint") });
		},
	],
	[
		"link detach: of a raw tracepoint",
		(b) => {
			const link_fd = b.keep(
				b.bpf("RAW_TRACEPOINT_OPEN", { name: "sched_switch", prog_fd: b.program("raw_tracepoint") }),
			);
			return b.bpf("LINK_DETACH", { link_fd });
		},
	],
	["link detach: bad link", (b) => b.bpf("LINK_DETACH", { link_fd: BAD_FD })],
	["pin: bad descriptor", (b) => b.bpf("OBJ_PIN", { pathname: "/sys/fs/bpf/x", bpf_fd: BAD_FD })],
	["pin: unknown flags", (b) => b.bpf("OBJ_PIN", { pathname: "/sys/fs/bpf/x", bpf_fd: b.map("hash"), file_flags: 1 })],
	["perf event: no such tracepoint", (b) => b.kernel.perfEventOpen({ type: 2, config: 0xffff_fff0n }, -1, 0, -1, 8)],
	["perf event: no task, no CPU", (b) => b.kernel.perfEventOpen({ type: 1, config: 10n }, -1, -1, -1, 8)],
	["perf event: CPU 99999", (b) => b.kernel.perfEventOpen({ type: 1, config: 10n }, -1, 99_999, -1, 8)],
	["perf event: bad descriptor", (b) => b.kernel.perfEventIoctl(BAD_FD, "ENABLE", 0)],
];

const LARGE: ReadonlySet<MapType> = new Set<MapType>(["percpu_array", "bloom_filter"]);
const creations: readonly Case[] = MAPS.flatMap((type) =>
	// Linux makes the entries of a per-CPU array one by one until memory is out, has half a gigabyte for a filter, and a
	// machine of 32 GiB has room for the others: nothing to try on a machine in use.
	SHAPES.filter(([, more]) => more.max_entries !== HUGE || (!LARGE.has(type) && totalmem() < 2 ** 35)).map(
		([name, more]): Case => [`create ${type}: ${name}`, (b) => b.create(type, more)],
	),
);

const CASES: readonly Case[] = [...creations, ...elements, ...others];

function answers(kernel: Kernel): Map<string, string> {
	return new Map(
		CASES.map(([name, run]) => {
			const bench = new Bench(kernel);
			try {
				const result = run(bench);
				return [name, typeof result === "string" ? result : result >= 0 ? "0" : errnoName(result)];
			} finally {
				bench.end();
			}
		}),
	);
}

function linuxOrSkip(t: TestContext): Kernel | undefined {
	if (process.platform !== "linux") {
		t.skip(`needs Linux, this is ${process.platform}`);
		return undefined;
	}
	const kernel = openLinux();
	const fd = kernel.bpf("MAP_CREATE", shape("array", {}));
	if (fd < 0) {
		t.skip(`needs CAP_BPF: bpf(MAP_CREATE) says ${errnoName(fd)}`);
		return undefined;
	}
	kernel.close(fd);
	return kernel;
}

test("case names are unique", () => assert.equal(new Set(CASES.map(([name]) => name)).size, CASES.length));

test("both kernels answer the same misuse with the same errno", (t) => {
	const linux = linuxOrSkip(t);
	if (!linux) return;
	const virtual = new VirtualKernel({ cpus: linux.possibleCpus, tracepoints: ["sched:sched_switch"] });
	const before = virtual.system.memory.used;
	const theirs = answers(linux);
	const ours = answers(virtual);
	assert.deepEqual(
		[...ours]
			.filter(([name, answer]) => theirs.get(name) !== answer)
			.map(([name, answer]) => `${name}: ${answer}, Linux ${theirs.get(name)}`),
		[],
	);
	const { tables, memory } = virtual.system;
	const left = [tables.descriptors, tables.maps, tables.programs, tables.links, tables.events].map(
		(table) => table.size,
	);
	assert.deepEqual(left, [0, 0, 0, 0, 0], "nothing is left of what was closed");
	assert.ok(memory.used - before < 8192, "and no memory but that of contexts");
});
