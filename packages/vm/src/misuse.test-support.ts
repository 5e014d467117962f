// What the cases of misuse stand on: a kernel, and descriptors that are closed after each case.
import assert from "node:assert/strict";
import { encode, insn } from "@skep/bpf/isa";
import { type Attributes, type CommandName, errnoName, type Kernel } from "@skep/bpf/kernel";
import { MAP_TYPES, type MapType, PROGRAM_TYPES, type ProgramType } from "@skep/bpf/uapi";

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
		return this.answer(this.bpf("MAP_CREATE", shape(type, more)));
	}
	map(type: MapType, more: Partial<Attributes["MAP_CREATE"]> = {}): number {
		return this.keep(this.bpf("MAP_CREATE", shape(type, more)));
	}
	loads(insns: Uint8Array, type: ProgramType = "socket_filter", more: Partial<Attributes["PROG_LOAD"]> = {}): number {
		return this.answer(this.#load(insns, type, more));
	}
	program(type: ProgramType = "socket_filter", more: Partial<Attributes["PROG_LOAD"]> = {}): number {
		return this.keep(this.#load(RETURN, type, more));
	}
	#load(insns: Uint8Array, type: ProgramType, more: Partial<Attributes["PROG_LOAD"]>): number {
		return this.bpf("PROG_LOAD", { prog_type: PROGRAM_TYPES[type].value, insns, license: "GPL", ...more });
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

/** MAP_CREATE of a small map of this type. */
export function shape(type: MapType, more: Partial<Attributes["MAP_CREATE"]>): Attributes["MAP_CREATE"] {
	const bare = type === "ringbuf" || type === "queue" || type === "stack";
	return {
		map_type: MAP_TYPES[type].value,
		key_size: bare ? 0 : 4,
		value_size: type === "ringbuf" ? 0 : type === "prog_array" || type === "perf_event_array" ? 4 : 8,
		max_entries: type === "ringbuf" ? 4096 : 2,
		...more,
	};
}

/** The smallest program: 2, XDP_PASS. */
export const RETURN = encode([insn.mov(64, 0, { imm: 2 }), insn.exit()]);
