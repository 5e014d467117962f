// A program with its maps and a packet, on any kernel of the contract: what it returns, what is left of the packet, what
// the maps hold. As text it is a case of `cases.test-support.ts`:
//
//   -- type            socket_filter, xdp, syscall
//   -- maps            `NAME TYPE KEY VALUE ENTRIES [WORD …]` (sizes in bytes), and what is in them before the run:
//                      `NAME[KEY] = VALUE` in hex, `NAME += VALUE` for queues, filters and user rings,
//                      `NAME[KEY] = program P` for prog_array, `NAME[KEY] = map M` for maps of maps;
//                      per-CPU maps: the value of CPU 0 before, of all CPUs up to the last that is not 0 afterwards.
//                      Words: read-only; inner=M: what maps in it are like; timer, lock: values begin with one
//   -- asm             the program; maps by name: map_by_fd(NAME); `call helper NAME`, `call kfunc NAME`
//   -- asm P           further programs
//   -- packet          its input; 64 zeros without
//   -- advance         nanoseconds that go by afterwards
//   -- result          what it returns, 32 bits
//   -- packet out      the packet afterwards, where it matters
//   -- after           what the maps hold afterwards (ring buffers: `NAME += RECORD`): those that are named are compared whole, but that zeros in an array
//                      need no line; `NAME empty` where nothing is in it
import { spawnSync } from "node:child_process";
import { Btf, BtfBuilder } from "@skep/bpf/btf";
import { encode, format, type Instruction, slotsOf } from "@skep/bpf/isa";
import { errnoName, type Kernel, type ProgTestRun } from "@skep/bpf/kernel";
import { BpfMap, type Fd, loadBtf, Program, type ProgramBtf, RingBufferReader, UserRingBuffer } from "@skep/bpf/live";
import { MAP_FLAGS, type MapType, PROG_FLAGS } from "@skep/bpf/uapi";
import { VirtualKernel } from "@skep/vm";

export type SceneType = "socket_filter" | "xdp" | "syscall";

export interface SceneMap {
	readonly name: string;
	readonly type: MapType;
	readonly keySize: number;
	readonly valueSize: number;
	readonly maxEntries: number;
	/** Programs may only read it, and nobody may write once it is filled. */
	readonly readOnly?: boolean;
	/** Maps of maps: name of one that maps in it are like. */
	readonly inner?: string;
	/** What each value begins with. */
	readonly field?: FieldName;
}

const FIELDS = ["timer", "lock"] as const;
type FieldName = (typeof FIELDS)[number];

/** Kernel functions that scenes call: `imm` of the call is the place in this list. */
const KFUNCS = [
	"bpf_throw",
	"bpf_iter_num_new",
	"bpf_iter_num_next",
	"bpf_iter_num_destroy",
	"bpf_arena_alloc_pages",
	"bpf_arena_free_pages",
	"bpf_rcu_read_lock",
	"bpf_rcu_read_unlock",
	"bpf_dynptr_adjust",
	"bpf_dynptr_size",
	"bpf_dynptr_is_null",
	"bpf_dynptr_is_rdonly",
	"bpf_dynptr_clone",
	"bpf_dynptr_from_xdp",
	"bpf_dynptr_slice",
	"bpf_preempt_disable",
	"bpf_preempt_enable",
] as const;
export const kfuncNumber = (name: string): number => (KFUNCS as readonly string[]).indexOf(name);
const isKfuncCall = (one: Instruction): boolean => one.opcode === 0x85 && one.src === 2;

/** The types of a kernel that has these functions and nothing else. */
export const KFUNC_TYPES = (() => {
	const builder = new BtfBuilder();
	const type = builder.add({ kind: "func_proto", ret: 0, params: [] });
	for (const name of KFUNCS) builder.add({ kind: "func", name, type, linkage: "static" });
	return builder.encode();
})();

const kernelTypes = new WeakMap<Kernel, ReadonlyMap<string, number>>();
/** BTF id of a kernel function. */
function kfuncId(kernel: Kernel, name: string): number {
	let ids = kernelTypes.get(kernel);
	if (!ids) {
		const bytes = kernel.btf();
		if (typeof bytes === "number") throw new Error(`the kernel's types: ${errnoName(bytes)}`);
		const btf = Btf.decode(bytes);
		ids = new Map(KFUNCS.map((each) => [each, btf.find(each, "func") ?? 0]));
		kernelTypes.set(kernel, ids);
	}
	return ids.get(name) || Number.MAX_SAFE_INTEGER % 0x7fff_ffff;
}

/** Key and value of a map whose values begin with a timer or a lock. */
function fieldTypes(field: FieldName, valueSize: number): { bytes: Uint8Array; key: number; value: number } {
	const builder = new BtfBuilder();
	const int = { kind: "int", bits: 32, offset: 0, signed: false, char: false, bool: false } as const;
	const word = builder.add({ ...int, name: "unsigned int", size: 4 });
	const byte = builder.add({ ...int, name: "unsigned char", size: 1, bits: 8 });
	const member = (name: string, type: number, at: number) => ({ name, type, bitOffset: at * 8, bitSize: 0 });
	const array = (type: number, length: number) => builder.add({ kind: "array", type, index: word, length });
	const size = field === "timer" ? 16 : 4;
	const opaque = array(word, size / 4);
	const own = builder.add({
		kind: "struct",
		name: field === "timer" ? "bpf_timer" : "bpf_spin_lock",
		size,
		members: [member("opaque", field === "timer" ? opaque : word, 0)],
	});
	const rest = array(byte, valueSize - size);
	const members = [member("own", own, 0), member("rest", rest, size)];
	const value = builder.add({ kind: "struct", name: "value", size: valueSize, members });
	return { bytes: builder.encode(), key: word, value };
}

const MAP_FLAGS_OF: Partial<Readonly<Record<MapType, number>>> = {
	lpm_trie: MAP_FLAGS.BPF_F_NO_PREALLOC,
	arena: MAP_FLAGS.BPF_F_MMAPABLE,
};
/** Where arenas are in user space: nobody maps them. */
const ARENA = (1n << 44n) + (1n << 28n);
/** Maps that are not looked into afterwards. */
const CLOSED: ReadonlySet<MapType> = new Set<MapType>([
	"prog_array",
	"array_of_maps",
	"hash_of_maps",
	"bloom_filter",
	"user_ringbuf",
	"arena",
]);

/** An entry in hex; prog_array: the value is a program's name; queues and stacks: no key. */
export interface Entry {
	readonly map: string;
	readonly key: string;
	readonly value: string;
}

export interface Scene {
	readonly type: SceneType;
	readonly maps: readonly SceneMap[];
	/** By name, the first one is run. Wide loads and map numbers: `imm` is an index of `maps`. */
	readonly programs: ReadonlyMap<string, readonly Instruction[]>;
}

export interface Outcome {
	readonly result: number;
	/** In hex. */
	readonly packet: string;
	/** Sorted by key, queues and stacks in their order; maps in the scene's order. */
	readonly entries: readonly Entry[];
}

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytesOf = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(text, "hex"));
const MAP_REFERENCES: readonly number[] = [1, 2];
export const refersToMap = (one: Instruction): boolean => one.opcode === 0x18 && MAP_REFERENCES.includes(one.src);
const isQueue = (map: SceneMap): boolean => map.type === "queue" || map.type === "stack";

/** Keeps this thread on the first CPU: per-CPU values and the CPU's number are then the same on every run. False: it could not. */
export function stayOnOneCpu(cpu = 0): boolean {
	const { status } = spawnSync("taskset", ["-p", "-c", String(cpu), String(process.pid)]);
	return status === 0;
}

const FUNCTION_TYPES = (() => {
	const builder = new BtfBuilder();
	const int = { kind: "int", size: 8, bits: 64, offset: 0, signed: true, char: false, bool: false } as const;
	const ret = builder.add({ ...int, name: "int", size: 4, bits: 32 });
	const word = builder.add({ ...int, name: "long" });
	const params = ["a", "b", "c", "d", "e"].map((name) => ({ name, type: word }));
	const context = builder.add({ kind: "func_proto", ret, params: params.slice(0, 1) });
	const main = builder.add({ kind: "func", name: "scene", type: context, linkage: "global" });
	const proto = builder.add({ kind: "func_proto", ret, params });
	const callee = builder.add({ kind: "func", name: "callee", type: proto, linkage: "static" });
	return { bytes: builder.encode(), main, callee };
})();

/** Records of `bpf_func_info`; callbacks need them. Undefined: a program without. */
function functionInfo(insns: readonly Instruction[]): Uint8Array | undefined {
	const starts = new Set<number>();
	let hasCallbacks = false;
	let slot = 0;
	for (const one of insns) {
		const isAddress = one.opcode === 0x18 && one.src === 4;
		hasCallbacks ||= isAddress;
		if (isAddress || (one.opcode === 0x85 && one.src === 1)) starts.add(slot + 1 + one.imm);
		slot += slotsOf(one);
	}
	if (!hasCallbacks) return undefined;
	const { main, callee } = FUNCTION_TYPES;
	const rows = [...starts].sort((a, b) => a - b).flatMap((start) => [start, callee]);
	return new Uint8Array(Uint32Array.of(0, main, ...rows).buffer);
}

/** Maps of one kind of scene on one kernel, for many programs one after another. */
export class Stage implements Disposable {
	readonly #kernel: Kernel;
	readonly #shapes: readonly SceneMap[];
	readonly #maps = new Map<string, BpfMap>();
	readonly #inner = new Map<string, string>();
	#types: Fd | undefined;

	constructor(kernel: Kernel, shapes: readonly SceneMap[]) {
		this.#kernel = kernel;
		this.#shapes = shapes;
	}

	/** @throws VerifierError where the kernel refuses a program */
	load(scene: Scene): Performance {
		const loaded = new Map<string, Program>();
		try {
			for (const [name, insns] of scene.programs) {
				const patched = insns.map((one) => {
					if (isKfuncCall(one)) return { ...one, imm: kfuncId(this.#kernel, KFUNCS[one.imm]!) };
					return refersToMap(one) ? { ...one, imm: this.#map(scene.maps[one.imm]!).fd.number } : one;
				});
				const flags = scene.type === "syscall" ? PROG_FLAGS.BPF_F_SLEEPABLE : 0;
				const program = { name: "scene", type: scene.type, insns: encode(patched), license: "GPL", flags };
				const btf = this.#functions(insns);
				loaded.set(name, Program.load(this.#kernel, { ...program, btf }));
			}
		} catch (error) {
			for (const program of loaded.values()) program.close();
			throw error;
		}
		const used = new Set(
			[...scene.programs.values()]
				.flat()
				.filter(refersToMap)
				.map((one) => scene.maps[one.imm]!),
		);
		// What stands in a map of maps is there too.
		for (const { inner } of [...used]) {
			const like = inner === undefined ? undefined : this.#shapes.find((each) => each.name === inner)!;
			const sameSizes = (each: SceneMap) => each.keySize === like!.keySize && each.valueSize === like!.valueSize;
			if (like) for (const each of this.#shapes) if (each.type === like.type && sameSizes(each)) used.add(each);
		}
		return new Performance(
			loaded,
			this.#shapes.filter((shape) => used.has(shape)).map((shape) => [shape, this.#map(shape)] as const),
			this.#kernel.possibleCpus,
			this.#inner,
		);
	}

	#functions(insns: readonly Instruction[]): ProgramBtf | undefined {
		const funcInfo = functionInfo(insns);
		if (!funcInfo) return undefined;
		this.#types ??= loadBtf(this.#kernel, FUNCTION_TYPES.bytes);
		const lineInfo = new Uint8Array(0);
		return { fd: this.#types.number, funcInfo, funcRecordSize: 8, lineInfo, lineRecordSize: 16 };
	}

	/** Maps are made when a program first names them. Read-only ones are empty until `Performance.run` fills them. */
	#map(shape: SceneMap): BpfMap {
		let map = this.#maps.get(shape.name);
		if (!map) {
			const { readOnly, inner, field, ...rest } = shape;
			const flags = readOnly ? MAP_FLAGS.BPF_F_RDONLY_PROG : (MAP_FLAGS_OF[shape.type] ?? 0);
			const like = inner === undefined ? undefined : this.#map(this.#shapes.find((each) => each.name === inner)!);
			const types = field === undefined ? undefined : fieldTypes(field, shape.valueSize);
			using btf = types && loadBtf(this.#kernel, types.bytes);
			map = BpfMap.create(this.#kernel, {
				...rest,
				flags,
				...(like ? { innerFd: like.fd.number } : {}),
				...(types && btf ? { btf: { fd: btf.number, key: types.key, value: types.value } } : {}),
				...(shape.type === "arena" ? { extra: ARENA } : {}),
			});
			this.#maps.set(shape.name, map);
		}
		return map;
	}

	/** Fills and freezes what programs may only read: before the first program that needs its content is loaded. */
	freeze(entries: readonly Entry[]): void {
		for (const shape of this.#shapes.filter((each) => each.readOnly)) {
			const map = this.#map(shape);
			for (const entry of entries) if (entry.map === shape.name) map.update(bytesOf(entry.key), bytesOf(entry.value));
			map.freeze();
		}
	}

	close(): void {
		for (const map of this.#maps.values()) map.close();
		this.#maps.clear();
		this.#inner.clear();
		this.#types?.close();
		this.#types = undefined;
	}
	[Symbol.dispose](): void {
		this.close();
	}
}

/** A scene's programs, loaded, and the maps that they use. */
export class Performance implements Disposable {
	readonly #programs: ReadonlyMap<string, Program>;
	readonly #maps: readonly (readonly [SceneMap, BpfMap])[];
	readonly #cpus: number;
	/** By map: what was last put where programs cannot write, of maps for all scenes and of this one's programs. */
	readonly #inner: Map<string, string>;
	readonly #slots = new Map<string, string>();

	constructor(
		programs: ReadonlyMap<string, Program>,
		maps: readonly (readonly [SceneMap, BpfMap])[],
		cpus: number,
		inner: Map<string, string>,
	) {
		this.#programs = programs;
		this.#maps = maps;
		this.#cpus = cpus;
		this.#inner = inner;
	}

	/** One run of the first program: `entries` are all that maps hold before. */
	run(packet: Uint8Array, entries: readonly Entry[], advance = 0): Outcome {
		for (const [shape, map] of this.#maps) {
			if (shape.readOnly) continue;
			const own = entries.filter((entry) => entry.map === shape.name);
			// Linux waits for its readers at each change of these. (A virtual kernel may be put back to before it.)
			const isSlow = map.kernel.name === "linux";
			const slots = shape.inner !== undefined ? this.#inner : shape.type === "prog_array" ? this.#slots : undefined;
			const held = isSlow ? slots : undefined;
			const text = JSON.stringify(own);
			if (held?.get(shape.name) === text) continue;
			held?.set(shape.name, text);
			empty(shape, map);
			for (const entry of own) this.#put(shape, map, entry);
		}
		const [first] = this.#programs.values();
		// `Program.testRun` leaves less room than a program may make of it.
		const prog_fd = first!.fd.number;
		const attr: ProgTestRun =
			first!.type === "syscall" ? { prog_fd } : { prog_fd, data_in: packet, data_out: new Uint8Array(4096), repeat: 1 };
		const error = first!.kernel.bpf("PROG_TEST_RUN", attr);
		if (error !== 0) throw new Error(`test run of ${packet.length} bytes: ${errnoName(error)}`);
		if (advance > 0) pass(first!.kernel, advance);
		return {
			result: attr.retval ?? 0,
			packet: hexOf((attr.data_out ?? packet).subarray(0, attr.data_out ? attr.data_size_out : packet.length)),
			entries: this.#maps.flatMap(([shape, map]) => contents(shape, map)),
		};
	}

	#put(shape: SceneMap, map: BpfMap, { key, value }: Entry): void {
		if (isQueue(shape) || shape.type === "bloom_filter") map.push(bytesOf(value));
		else if (shape.type === "user_ringbuf") {
			using ring = new UserRingBuffer(map);
			ring.write(bytesOf(value));
		} else if (shape.inner !== undefined) {
			const inner = this.#maps.find(([each]) => each.name === value)![1];
			map.update(bytesOf(key), new Uint8Array(Uint32Array.of(inner.fd.number).buffer));
		} else if (shape.type === "prog_array") {
			const program = this.#programs.get(value);
			if (program) map.update(bytesOf(key), new Uint8Array(Uint32Array.of(program.fd.number).buffer));
		} else if (map.perCpu) {
			const all = new Uint8Array(map.stride * this.#cpus);
			all.set(bytesOf(value));
			map.update(bytesOf(key), all);
		} else map.update(bytesOf(key), bytesOf(value));
	}

	/** Slots of programs hold on to them, so they are emptied first. */
	close(): void {
		for (const [shape, map] of this.#maps) if (shape.type === "prog_array") empty(shape, map);
		for (const program of this.#programs.values()) program.close();
	}
	[Symbol.dispose](): void {
		this.close();
	}
}

/** Time goes by. */
function pass(kernel: Kernel, nanoseconds: number): void {
	if (kernel instanceof VirtualKernel) kernel.advance(BigInt(nanoseconds));
	// A timer of Linux may be a little late.
	else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, nanoseconds / 1e6 + 20);
}

function empty(shape: SceneMap, map: BpfMap): void {
	if (shape.type === "bloom_filter" || shape.type === "user_ringbuf" || shape.type === "arena") return;
	if (isQueue(shape)) while (map.lookupAndDelete() !== undefined);
	else if (shape.type === "ringbuf") records(map);
	else if (shape.type === "array" || shape.type === "percpu_array") {
		const zeros = new Uint8Array(map.valueBytes);
		for (let i = 0; i < shape.maxEntries; i++) map.update(new Uint8Array(Uint32Array.of(i).buffer), zeros);
	} else for (const key of [...map.keys()]) map.delete(key);
}

/** What stands in a ring buffer, in hex: nothing is left in it. */
function records(map: BpfMap): string[] {
	const found: string[] = [];
	using reader = new RingBufferReader(map);
	reader.drain((view, offset, length) => {
		found.push(hexOf(new Uint8Array(view.buffer, view.byteOffset + offset, length)));
	});
	return found;
}

/** In hex; of a per-CPU value as many CPUs as are needed to tell it, however many this machine has. */
function valueText(map: BpfMap, value: Uint8Array<ArrayBuffer>): string {
	if (!map.perCpu) return hexOf(value);
	const values = map.split(value);
	while (values.length > 1 && values.at(-1)!.every((byte) => byte === 0)) values.pop();
	return hexOf(value.subarray(0, values.length * map.stride));
}

function contents(shape: SceneMap, map: BpfMap): Entry[] {
	const entries: Entry[] = [];
	if (shape.readOnly || CLOSED.has(shape.type)) return entries;
	if (isQueue(shape)) {
		for (let value = map.lookupAndDelete(); value !== undefined; value = map.lookupAndDelete())
			entries.push({ map: shape.name, key: "", value: hexOf(value) });
		return entries;
	}
	if (shape.type === "ringbuf") return records(map).map((value) => ({ map: shape.name, key: "", value }));
	for (const key of map.keys())
		entries.push({ map: shape.name, key: hexOf(key), value: valueText(map, map.lookup(key)!) });
	return entries.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

const spaced = (hex: string): string => hex.replace(/(..)(?=.)/g, "$1 ");
const entryText = ({ map, key, value }: Entry, kind: "program" | "map" = "program"): string => {
	if (key === "") return `${map} += ${value}`;
	return `${map}[${key}] = ${/^[0-9a-f]*$/.test(value) ? value : `${kind} ${value}`}`;
};
/** What an array holds where nobody wrote. */
const isZero = (map: SceneMap, entry: Entry): boolean => map.type.endsWith("array") && /^0*$/.test(entry.value);

/** A program's text; maps by their names. */
function asmText(scene: Scene, insns: readonly Instruction[]): string {
	return insns
		.map((one) =>
			refersToMap(one)
				? format(one).replace(/(map_\w+)\(-?\d+\)/, (_, word) => `${word}(${scene.maps[one.imm]!.name})`)
				: isKfuncCall(one)
					? `call kfunc ${KFUNCS[one.imm]}`
					: format(one),
		)
		.join("\n");
}

/** A scene as a case. Entries of arrays that are zero before need no line. */
export function sceneText(
	name: string,
	scene: Scene,
	packet: Uint8Array,
	before: readonly Entry[],
	after: Outcome,
): string {
	const used = new Set(
		[...scene.programs.values()]
			.flat()
			.filter(refersToMap)
			.map((one) => scene.maps[one.imm]!),
	);
	for (const { inner } of [...used]) for (const map of scene.maps) if (map.name === inner) used.add(map);
	const maps = scene.maps.filter((map) => used.has(map));
	const lines = [`== ${name}`, "-- type", scene.type, "-- maps"];
	for (const map of maps) {
		const { type, keySize, valueSize, maxEntries, readOnly, inner, field } = map;
		const words = [readOnly ? "read-only" : "", inner === undefined ? "" : `inner=${inner}`, field ?? ""];
		lines.push([map.name, type, keySize, valueSize, maxEntries, ...words.filter((word) => word !== "")].join(" "));
	}
	for (const entry of before)
		for (const map of maps)
			if (map.name === entry.map && !isZero(map, entry)) lines.push(entryText(entry, map.inner ? "map" : "program"));
	for (const [which, insns] of scene.programs)
		lines.push(which === "main" ? "-- asm" : `-- asm ${which}`, asmText(scene, insns));
	lines.push("-- packet", spaced(hexOf(packet)), "-- result", String(after.result));
	if (after.packet !== hexOf(packet)) lines.push("-- packet out", spaced(after.packet));
	lines.push("-- after");
	for (const map of maps.filter((each) => !each.readOnly && !CLOSED.has(each.type))) {
		const held = after.entries.filter((entry) => entry.map === map.name && !isZero(map, entry));
		lines.push(...(held.length > 0 ? held.map((entry) => entryText(entry)) : [`${map.name} empty`]));
	}
	return `${lines.join("\n")}\n`;
}

/** What two outcomes differ in, as lines `what: one / other`; none: they agree. */
export function differences(one: Outcome, other: Outcome): string[] {
	const found: string[] = [];
	if (one.result !== other.result) found.push(`result: ${one.result} / ${other.result}`);
	if (one.packet !== other.packet) found.push(`packet: ${one.packet} / ${other.packet}`);
	const a = one.entries.map((entry) => entryText(entry));
	const b = other.entries.map((entry) => entryText(entry));
	for (let i = 0; i < Math.max(a.length, b.length); i++)
		if (a[i] !== b[i]) found.push(`${a[i] ?? "nothing"} / ${b[i] ?? "nothing"}`);
	return found;
}

/** A scene as a case says it, and what is expected of it. */
export interface SceneCase {
	readonly scene: Scene;
	readonly packet: Uint8Array<ArrayBuffer>;
	readonly before: readonly Entry[];
	readonly result: number | undefined;
	/** In hex; undefined: whatever it is. */
	readonly packetOut: string | undefined;
	/** By map. */
	readonly after: ReadonlyMap<string, readonly Entry[]>;
	/** Nanoseconds. */
	readonly advance: number;
}

const NO_PACKET = new Uint8Array(64);

/** `NAME[KEY] = VALUE`, `NAME += VALUE`, `NAME[KEY] = program P`; undefined: another kind of line. */
function parseEntry(line: string): Entry | undefined {
	const match = /^(\w+)(?:\[([0-9a-f ]*)\] =| \+=) (?:(?:program|map) (\w+)|([0-9a-f ]*))$/.exec(line);
	if (!match) return undefined;
	const [, map = "", key = "", program, value = ""] = match;
	return { map, key: key.replaceAll(" ", ""), value: program ?? value.replaceAll(" ", "") };
}

function parseMap(line: string): SceneMap {
	const [name = "", type = "", ...rest] = line.split(/\s+/);
	const [keySize = 0, valueSize = 0, maxEntries = 0] = rest.map(Number);
	const words = rest.slice(3);
	const inner = words.find((word) => word.startsWith("inner="))?.slice("inner=".length);
	const field = FIELDS.find((each) => words.includes(each));
	return {
		name,
		type: type as MapType,
		keySize,
		valueSize,
		maxEntries,
		readOnly: words.includes("read-only"),
		...(inner === undefined ? {} : { inner }),
		...(field === undefined ? {} : { field }),
	};
}

/** The sections of a case with `-- type`. `assemble`: text of a program, maps as numbers. @throws Error for lines that are none */
export function parseScene(
	sections: ReadonlyMap<string, string>,
	assemble: (text: string) => readonly Instruction[],
): SceneCase {
	const lines = (name: string) => (sections.get(name) ?? "").split("\n").filter((line) => line !== "");
	const entryOf = (line: string): Entry => {
		const entry = parseEntry(line);
		if (!entry) throw new Error(`"${line}" is no entry of a map`);
		return entry;
	};
	const definitions = lines("maps");
	const maps = definitions.filter((line) => !parseEntry(line)).map(parseMap);
	const numbers = (text: string): string =>
		text.replace(/map_by_fd\((\w+)\)/g, (_, name: string) => {
			const index = maps.findIndex((map) => map.name === name);
			if (index < 0) throw new Error(`no map ${name}`);
			return `map_by_fd(${index})`;
		});
	const programs = new Map<string, readonly Instruction[]>();
	for (const [head, text] of sections) {
		const [word, name = "main"] = head.split(" ");
		if (word === "asm") programs.set(name, assemble(numbers(text)));
	}
	const after = new Map<string, Entry[]>();
	for (const line of lines("after")) {
		const empty = /^(\w+) empty$/.exec(line)?.[1];
		const entry = empty === undefined ? entryOf(line) : undefined;
		const name = empty ?? entry!.map;
		after.set(name, [...(after.get(name) ?? []), ...(entry ? [entry] : [])]);
	}
	const hex = (name: string) => sections.get(name)?.replace(/\s/g, "");
	const result = sections.get("result");
	return {
		scene: { type: sections.get("type") as SceneType, maps, programs },
		packet: sections.has("packet") ? bytesOf(hex("packet")!) : NO_PACKET,
		before: definitions.filter((line) => parseEntry(line)).map(entryOf),
		result: result === undefined ? undefined : Number(result) >>> 0,
		packetOut: hex("packet out"),
		after,
		advance: Number(sections.get("advance") ?? 0),
	};
}

/** What is not as the case says; none: all is. @throws VerifierError, VmFault */
export function sceneFailures(kernel: Kernel, one: SceneCase): string[] {
	using stage = new Stage(kernel, one.scene.maps);
	stage.freeze(one.before);
	using performance = stage.load(one.scene);
	const outcome = performance.run(one.packet, one.before, one.advance);
	const shapes = new Map(one.scene.maps.map((map) => [map.name, map]));
	const isTold = (entry: Entry) => one.after.has(entry.map) && !isZero(shapes.get(entry.map)!, entry);
	return differences(
		{ ...outcome, entries: outcome.entries.filter(isTold) },
		{
			result: one.result ?? outcome.result,
			packet: one.packetOut ?? outcome.packet,
			entries: one.scene.maps.flatMap((map) => (one.after.get(map.name) ?? []).filter(isTold)),
		},
	);
}
