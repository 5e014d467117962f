import { FormatError } from "@skep/bpf/base";
import { decode, type Instruction, type Mnemonic, rowOf, type Shape, slotsOf } from "@skep/bpf/isa";
import { codeAddress, type Executable } from "#machine";
import { OPERATION, type Operation } from "./operations.ts";
import { setTraps, type Trace } from "./trap.ts";

/** Instructions as the interpreter takes them. A cache: made again from the bytes at any time. */
export interface Code extends Executable {
	/** Four words a slot: operation and registers, jump target or offset, immediate, its high half. */
	readonly words: Int32Array;
	readonly slots: number;
	/** A load from where nothing is gives 0 instead of a fault, as tracing programs may follow any pointer. */
	readonly probe: boolean;
	/** Stretches of instructions that ran: +1 where one began, -1 behind its end. See `slotCounts`. */
	readonly edges: Float64Array | undefined;
	/** Where each instruction is announced before it runs; undefined: it is not. */
	readonly traced: { readonly trace: Trace; readonly bare: Int32Array } | undefined;
	/** The bytes that it was made of. */
	readonly insns: Uint8Array;
	/** Slots of wide loads that give the address of a map's value. */
	readonly values: ReadonlySet<number>;
	/** Slots of wide loads that give the address of a function. */
	readonly functions: ReadonlySet<number>;
	/** What an engine that translates has made of it, or knows of it. */
	translation: object | undefined;
}

/** A wide load whose immediate stands for something. `imm` and `high` are the instruction's own words. */
export interface Reference {
	readonly kind: "map" | "map-value" | "variable" | "map-by-index" | "map-value-by-index";
	readonly imm: number;
	readonly high: number;
	readonly slot: number;
}

/** Where an arena is. */
export interface ArenaPlace {
	/** Guest address of its first byte. */
	readonly guest: number;
	/** Address of its first byte in user space. */
	readonly user: bigint;
	/** False: addresses stay the kernel's, whatever the cast. */
	readonly casts: boolean;
}

export interface PrepareOptions {
	/** See `Executable.id`. */
	readonly id: number;
	/** Guest address (both words) of what a wide load refers to; undefined: running it is a fault. */
	readonly resolve?: (reference: Reference) => { readonly low: number; readonly high: number } | undefined;
	/** What addr_space_cast goes by; absent: addresses are the same on both sides, but for the high word. */
	readonly arena?: ArenaPlace | undefined;
	/** Default: false. */
	readonly probe?: boolean;
	/** Counts how often each slot runs. Default: false. */
	readonly count?: boolean;
	/** Announces each instruction (`Trace.observe`); all codes of a machine share one. */
	readonly trace?: Trace | undefined;
}

const REFERENCES: Partial<Record<Mnemonic, Reference["kind"]>> = {
	ld_map_fd: "map",
	ld_map_value: "map-value",
	ld_variable: "variable",
	ld_map_index: "map-by-index",
	ld_map_index_value: "map-value-by-index",
};
const JUMPS: readonly Shape[] = ["jump", "jump_imm", "jump_reg"];
const MAX_SLOTS = 1 << 24;

/** Decodes little-endian instructions. @throws FormatError as `decode` does, and for more than 2^24 slots */
export function prepare(insns: Uint8Array, options: PrepareOptions): Code {
	const slots = insns.length >> 3;
	if (slots > MAX_SLOTS)
		throw new FormatError({ offset: 0, path: "Insn" }, `${slots} instruction slots, expected at most ${MAX_SLOTS}`);
	const list = decode(insns);
	const begins = new Uint8Array(slots);
	let slot = 0;
	for (const insn of list) {
		begins[slot] = 1;
		slot += slotsOf(insn);
	}
	// Where no instruction begins, and behind the last one, stands `outside`; a jump to there gets one that names the jump.
	const lost: number[] = [slots - 1];
	const own: number[] = [];
	const words = new Int32Array((slots + 1) * 4);
	for (let k = 0; k <= slots; k++) put(words, k, OPERATION.outside, 0, 0, 0, Math.max(k - 1, 0), 0);
	const target = (from: number, distance: number): number => {
		const to = from + 1 + distance;
		if (begins[to] === 1 && (to !== from || !options.trace)) return to;
		// An instruction that jumps to itself is announced each time: by way of a slot of its own.
		if (begins[to] === 1) own.push(lost.length);
		lost.push(from);
		return slots + lost.length - 1;
	};
	const references = { values: new Set<number>(), functions: new Set<number>() };
	slot = 0;
	for (const insn of list) {
		prepareOne(words, slot, insn, options, target, references);
		slot += slotsOf(insn);
	}
	const all = new Int32Array((slots + lost.length) * 4);
	all.set(words);
	for (let k = 1; k < lost.length; k++) put(all, slots + k, OPERATION.outside, 0, 0, 0, lost[k]!, 0);
	for (const k of own) put(all, slots + k, OPERATION.ja, 0, 0, lost[k]!, 0, 0);
	return {
		id: options.id,
		words: all,
		slots,
		probe: options.probe ?? false,
		edges: options.count ? new Float64Array(slots + lost.length + 1) : undefined,
		traced: options.trace && { trace: options.trace, bare: setTraps(all, begins) },
		insns,
		...references,
		translation: undefined,
	};
}

/** addr_space_cast's immediate: destination and source, 16 bits each; 1 is the arena as user space sees it. */
const TO_USER = 1 << 16;

function prepareOne(
	words: Int32Array,
	slot: number,
	insn: Instruction,
	options: PrepareOptions,
	target: (from: number, distance: number) => number,
	references: { readonly values: Set<number>; readonly functions: Set<number> },
): void {
	const row = rowOf(insn, slot);
	const { dst, src, offset, imm, immHigh = 0 } = insn;
	const operation = OPERATION[row.name];
	const kind = REFERENCES[row.name];
	if (kind !== undefined) {
		const to = options.resolve?.({ kind, imm, high: immHigh, slot });
		// Parts of an arena come and go.
		if (to && kind.startsWith("map-value") && !options.arena) references.values.add(slot);
		if (to) put(words, slot, OPERATION.ld_imm64, dst, 0, 0, to.low, to.high);
		else put(words, slot, operation, dst, 0, 0, imm, immHigh);
	} else if (row.name === "ld_code") {
		const to = target(slot, imm);
		const { low, high } = codeAddress(options.id, to);
		references.functions.add(slot);
		put(words, slot, OPERATION.ld_imm64, dst, 0, 0, low, high);
	} else if (row.name === "addr_space_cast") {
		// The second word: from a low word in user space to the guest's. The fourth: user space's high word, 0 to the kernel's.
		const { guest, user, casts } = options.arena ?? { guest: 0, user: 0n, casts: false };
		const delta = (guest - Number(BigInt.asUintN(32, user))) | 0;
		const toUser = imm === TO_USER && casts;
		put(
			words,
			slot,
			operation,
			dst,
			src,
			toUser ? -delta : delta,
			imm,
			toUser ? Number(BigInt.asIntN(32, user >> 32n)) : 0,
		);
	} else if (row.name === "jal" || row.name === "call_function")
		put(words, slot, operation, dst, 0, target(slot, imm), imm, 0);
	else if (JUMPS.includes(row.shape)) put(words, slot, operation, dst, src, target(slot, offset), imm, 0);
	else put(words, slot, operation, dst, src, offset, imm, immHigh);
}

function put(
	words: Int32Array,
	slot: number,
	operation: Operation,
	dst: number,
	src: number,
	second: number,
	imm: number,
	high: number,
): void {
	const at = slot * 4;
	words[at] = operation | (dst << 9) | (src << 17);
	words[at + 1] = second;
	words[at + 2] = imm;
	words[at + 3] = high;
}

/** How often each slot ran, from `edges`; all 0 where it was not asked for. A wide instruction's second slot has its first's. */
export function slotCounts(code: Code): Float64Array {
	const counts = new Float64Array(code.slots);
	let sum = 0;
	for (let slot = 0; slot < code.slots; slot++) {
		sum += code.edges?.[slot] ?? 0;
		counts[slot] = sum;
	}
	return counts;
}
