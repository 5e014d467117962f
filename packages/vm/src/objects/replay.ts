import { BpfError, cstring } from "@skep/bpf/base";
import { type Btf, findMember } from "@skep/bpf/btf";
import { tracepointInput } from "#hooks";
import type { EmittedRecord, Memory, ReplayOutcome, ReplayRead, ReplayResult, ReplayState } from "#machine";
import { runProgram } from "./run.ts";
import { StructWriter } from "./structs.ts";
import type { System } from "./system.ts";
import type { ProgramState } from "./tables.ts";

/** One recorded run of a program, as `@skep/bpf/capture` reads it from a file; maps by their ids here. */
export interface ReplayEvent {
	/** Taken modulo the CPUs that this machine has. */
	readonly cpu: number;
	/** Nanoseconds since boot. */
	readonly clock: bigint;
	readonly task: {
		readonly pid: number;
		readonly tgid: number;
		readonly uid: number;
		readonly gid: number;
		readonly cgroup: bigint;
		/** 16 bytes. */
		readonly comm: Uint8Array;
	};
	/** The current task_struct, by its place in `objects`. */
	readonly current: number | undefined;
	readonly context: Uint8Array;
	/** Words of the context that are addresses of objects. */
	readonly pointers: readonly { readonly offset: number; readonly object: number }[];
	readonly objects: readonly ReplayObject[];
	readonly reads: readonly ReplayRead[];
	readonly results: readonly ReplayResult[];
	readonly outcomes: readonly ReplayOutcome[];
}

export interface ReplayObject {
	readonly fields: readonly { readonly shape: ReplayShape; readonly value: Uint8Array | number }[];
	readonly bytes: Uint8Array | undefined;
}

export interface ReplayShape {
	readonly struct: string;
	readonly path: readonly string[];
	readonly signed: boolean;
}

/** What a replayed run came to. */
export interface Replayed {
	readonly result: number;
	readonly emitted: readonly EmittedRecord[];
	/** Where the objects were, by number. */
	readonly addresses: readonly bigint[];
	/** Records that found no room here and did when they were recorded. */
	readonly refused: number;
}

/** Where objects are of which nothing but the address is known: nobody can look there. */
const UNKNOWN = 0xffff_c0de_0000_0000n;
const UNKNOWN_STEP = 0x1000n;

/**
 * Runs a program once more as it was recorded: on that processor, at that time, in that task, with the kernel's objects laid
 * out by this kernel's types. They are gone when it is over. @throws VmFault; BpfError where memory or types are missing
 */
export function replay(system: System, program: ProgramState, event: ReplayEvent): Replayed {
	const { memory, environment, clock } = system;
	const cpu = system.cpus[event.cpu % system.cpus.length]!;
	const before = { task: environment.task, replay: environment.replay };
	const { pid, tgid, uid, gid, cgroup, comm } = event.task;
	const placed = new Placed(system);
	try {
		const addresses = placed.place(event.objects);
		const context = event.context.slice();
		const view = new DataView(context.buffer);
		for (const { offset, object } of event.pointers) view.setBigUint64(offset, addresses[object]!, true);
		const current = event.current === undefined ? 0n : addresses[event.current]!;
		const state: ReplayState = {
			comm,
			taskStruct: current < UNKNOWN ? Number(current) : 0,
			results: [...event.results],
			reads: [...event.reads],
			outcomes: [...event.outcomes],
			emitted: [],
			refused: 0,
		};
		environment.task = { pid, tgid, comm: cstring(comm), uid, gid, parent: 0, cgroupId: cgroup };
		environment.replay = state;
		clock.set(event.clock);
		const input = tracepointInput(memory, system.scratch[cpu.id]!, context);
		if (input.context === 0) throw noMemory(context.length);
		const result = runProgram(system, program, input, cpu, 0n);
		return { result, emitted: state.emitted, addresses, refused: state.refused };
	} finally {
		environment.task = before.task;
		environment.replay = before.replay;
		placed.release();
	}
}

const noMemory = (size: number): BpfError =>
	new BpfError("ERR_NO_MEMORY", `the virtual kernel has no memory left for ${size} bytes of a recorded event`);

/** Objects of one event in the machine's memory. */
class Placed {
	readonly #memory: Memory;
	readonly #btf: Btf | undefined;
	readonly #places: Places | undefined;
	readonly #parts: number[] = [];

	constructor(system: System) {
		this.#memory = system.memory;
		this.#btf = system.btf;
		this.#places = system.btf && placesOf(system.btf);
	}

	place(objects: readonly ReplayObject[]): bigint[] {
		const addresses = objects.map((object, i) => this.#allocate(object) ?? UNKNOWN + BigInt(i) * UNKNOWN_STEP);
		for (const [i, object] of objects.entries()) {
			if (addresses[i]! >= UNKNOWN) continue;
			const at = Number(addresses[i]);
			if (object.bytes) this.#memory.u8.set(object.bytes, at);
			for (const { shape, value } of object.fields) {
				const place = this.#places?.find(shape);
				if (!place) continue;
				this.#write(at, place, typeof value === "number" ? addresses[value]! : value, shape);
			}
		}
		return addresses;
	}

	release(): void {
		for (const part of this.#parts) this.#memory.free(part);
	}

	/** Room for everything that is known to be there; undefined: nothing is. */
	#allocate({ fields, bytes }: ReplayObject): bigint | undefined {
		let size = bytes?.length;
		for (const { shape } of fields) {
			const struct = this.#places?.sizeOf(shape.struct);
			if (struct !== undefined) size = Math.max(size ?? 0, struct);
		}
		if (size === undefined) return undefined;
		const address = this.#memory.allocate(size, "kernel", false);
		if (address === undefined) throw noMemory(size);
		this.#parts.push(address);
		return BigInt(address);
	}

	#write(base: number, { type, offset, room, bits }: Place, value: Uint8Array | bigint, shape: ReplayShape): void {
		const number = typeof value === "bigint" ? value : numberOf(value, shape.signed);
		if (bits !== undefined) {
			new StructWriter(this.#memory, this.#btf!).write(
				base + bits.base,
				bits.struct,
				{ [bits.name]: number },
				bits.name,
			);
			return;
		}
		const kind = this.#btf!.type(type).kind;
		if (kind === "array" || kind === "struct" || kind === "union") {
			if (typeof value !== "bigint") this.#memory.u8.set(value.subarray(0, room), base + offset);
			return;
		}
		let rest = BigInt.asUintN(64, number);
		for (let i = 0; i < room; i++, rest >>= 8n) this.#memory.u8[base + offset + i] = Number(rest & 255n);
	}
}

/** As it stands in memory, little-endian, of at most eight bytes. */
function numberOf(bytes: Uint8Array, signed: boolean): bigint {
	const width = Math.min(8, bytes.length);
	let value = 0n;
	for (let i = width - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
	return signed ? BigInt.asIntN(width * 8, value) : value;
}

/** Where a field is by a kernel's types. */
interface Place {
	/** Resolved. */
	readonly type: number;
	/** From the struct's beginning, in bytes. */
	readonly offset: number;
	/** Bytes that it takes. */
	readonly room: number;
	/** Of a bit-field: the struct that has it. */
	readonly bits: { readonly struct: number; readonly base: number; readonly name: string } | undefined;
}

/** Looked up once a kernel and shape. */
class Places {
	readonly #btf: Btf;
	readonly #sizes = new Map<string, number | undefined>();
	readonly #found = new WeakMap<ReplayShape, { readonly place: Place | undefined }>();

	constructor(btf: Btf) {
		this.#btf = btf;
	}

	sizeOf(struct: string): number | undefined {
		if (!this.#sizes.has(struct)) {
			const id = this.#id(struct);
			this.#sizes.set(struct, id === undefined ? undefined : this.#btf.sizeOf(id));
		}
		return this.#sizes.get(struct);
	}

	/** undefined: these types have no such field, so no program that was loaded reads it. */
	find(shape: ReplayShape): Place | undefined {
		let found = this.#found.get(shape);
		if (!found) {
			found = { place: this.#look(shape) };
			this.#found.set(shape, found);
		}
		return found.place;
	}

	#id(struct: string): number | undefined {
		return this.#btf.find(struct, "struct") ?? this.#btf.find(struct, "union") ?? this.#btf.find(struct, "typedef");
	}

	#look({ struct, path }: ReplayShape): Place | undefined {
		const btf = this.#btf;
		const root = this.#id(struct);
		if (root === undefined) return undefined;
		let type = btf.resolve(root);
		let offset = 0;
		let bits: Place["bits"];
		for (const step of path) {
			if (bits) return undefined;
			const index = /^\[(\d+)\]$/.exec(step)?.[1];
			const of = btf.type(type);
			if (index !== undefined) {
				if (of.kind !== "array" || Number(index) >= of.length) return undefined;
				offset += Number(index) * btf.sizeOf(of.type);
				type = btf.resolve(of.type);
				continue;
			}
			const found = findMember(btf, type, step);
			if (!found) return undefined;
			if (found.member.bitSize > 0) bits = { struct: type, base: offset, name: step };
			else offset += found.bitOffset / 8;
			type = btf.resolve(found.member.type);
		}
		return { type, offset, room: btf.sizeOf(type), bits };
	}
}

const places = new WeakMap<Btf, Places>();

function placesOf(btf: Btf): Places {
	let found = places.get(btf);
	if (!found) {
		found = new Places(btf);
		places.set(btf, found);
	}
	return found;
}
