// What the cases of misuse stand on: a kernel, and descriptors that are closed after each case.
import assert from "node:assert/strict";
import { BtfBuilder } from "@skep/bpf/btf";
import { encode, insn } from "@skep/bpf/isa";
import { type Attributes, type CommandName, errnoName, type Kernel } from "@skep/bpf/kernel";
import { MAP_FLAGS, MAP_TYPES, type MapType, PROG_FLAGS, PROGRAM_TYPES, type ProgramType } from "@skep/bpf/uapi";

/** Open nowhere. */
export const BAD_FD = 987_654;
export const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
export const bytes = (length: number): Uint8Array => new Uint8Array(length);

/** What a case has at hand; everything that it opens is closed after it. */
export class Bench {
	readonly kernel: Kernel;
	readonly #open: number[] = [];
	constructor(kernel: Kernel) {
		this.kernel = kernel;
	}
	bpf<C extends CommandName>(command: C, attr: Attributes[C]): number {
		return this.kernel.bpf(command, attr);
	}
	/** A descriptor that must come about. */
	keep(fd: number): number {
		assert.ok(fd >= 0, `the case's own preparation: ${errnoName(fd)}`);
		this.#open.push(fd);
		return fd;
	}
	/** A result that may be a descriptor: closed, and 0 then. */
	answer(result: number): number {
		if (result <= 0) return result;
		this.kernel.close(result);
		return 0;
	}
	create(type: MapType, more: Partial<Attributes["MAP_CREATE"]> = {}): number {
		return this.answer(this.bpf("MAP_CREATE", { ...shape(type, {}), ...this.#companions(type), ...more }));
	}
	map(type: MapType, more: Partial<Attributes["MAP_CREATE"]> = {}): number {
		return this.keep(this.bpf("MAP_CREATE", { ...shape(type, {}), ...this.#companions(type), ...more }));
	}
	/** What maps of a type cannot be made without: a map to stand inside, types of keys and values. */
	#companions(type: MapType): Partial<Attributes["MAP_CREATE"]> {
		if (type === "array_of_maps" || type === "hash_of_maps") return { inner_map_fd: this.map("array") };
		return type === "task_storage" || type === "cgrp_storage" ? this.types() : {};
	}
	/** int and unsigned long for keys and values. */
	types(): Partial<Attributes["MAP_CREATE"]> {
		return { btf_fd: this.keep(this.bpf("BTF_LOAD", { btf: INTS })), btf_key_type_id: 1, btf_value_type_id: 2 };
	}
	loads(insns: Uint8Array, type: ProgramType = "socket_filter", more: Partial<Attributes["PROG_LOAD"]> = {}): number {
		return this.answer(this.#load(insns, type, more));
	}
	program(type: ProgramType = "socket_filter", more: Partial<Attributes["PROG_LOAD"]> = {}): number {
		return this.keep(this.#load(RETURN, type, more));
	}
	#load(insns: Uint8Array, type: ProgramType, more: Partial<Attributes["PROG_LOAD"]>): number {
		const prog_flags = type === "syscall" ? PROG_FLAGS.BPF_F_SLEEPABLE : 0;
		return this.bpf("PROG_LOAD", { prog_type: PROGRAM_TYPES[type].value, insns, license: "GPL", prog_flags, ...more });
	}
	put(map_fd: number, key: number, flags = 0, size = 8): number {
		return this.bpf("MAP_UPDATE_ELEM", { map_fd, key: u32(key), value: bytes(size), flags });
	}
	get(map_fd: number, key: number, flags = 0, size = 8): number {
		return this.bpf("MAP_LOOKUP_ELEM", { map_fd, key: u32(key), value: bytes(size), flags });
	}
	end(): void {
		for (const fd of this.#open.splice(0).reverse()) this.kernel.close(fd);
	}
}

/** int and unsigned long, types 1 and 2. */
const INTS = (() => {
	const builder = new BtfBuilder();
	const int = { kind: "int", offset: 0, char: false, bool: false } as const;
	builder.add({ ...int, name: "int", size: 4, bits: 32, signed: true });
	builder.add({ ...int, name: "unsigned long", size: 8, bits: 64, signed: false });
	return builder.encode();
})();

const BARE: ReadonlySet<MapType> = new Set<MapType>(["ringbuf", "user_ringbuf", "arena"]);
/** Maps without keys. */
export const KEYLESS: ReadonlySet<MapType> = new Set<MapType>([...BARE, "queue", "stack", "bloom_filter"]);
const OF_DESCRIPTORS: ReadonlySet<MapType> = new Set<MapType>([
	"prog_array",
	"perf_event_array",
	"array_of_maps",
	"hash_of_maps",
]);

/** MAP_CREATE of a small map of this type. */
export function shape(type: MapType, more: Partial<Attributes["MAP_CREATE"]>): Attributes["MAP_CREATE"] {
	const isStorage = type === "task_storage" || type === "cgrp_storage";
	const flags = type === "lpm_trie" || isStorage ? MAP_FLAGS.BPF_F_NO_PREALLOC : 0;
	return {
		map_type: MAP_TYPES[type].value,
		key_size: KEYLESS.has(type) ? 0 : type === "lpm_trie" ? 8 : 4,
		value_size: BARE.has(type) ? 0 : OF_DESCRIPTORS.has(type) ? 4 : 8,
		max_entries: type === "ringbuf" || type === "user_ringbuf" ? 4096 : isStorage ? 0 : 2,
		map_flags: type === "arena" ? MAP_FLAGS.BPF_F_MMAPABLE : flags,
		...more,
	};
}

/** The smallest program: 2, XDP_PASS. */
export const RETURN = encode([insn.mov(64, 0, { imm: 2 }), insn.exit()]);
