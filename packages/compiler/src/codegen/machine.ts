import type { AluOp, JumpOp } from "@skep/bpf/isa";
import type { AtomicOp, Callee, CoreAccess, Position, Size, Slot, Width } from "#ir";
import type { CompiledReference } from "./output.ts";

/** r0..r9 can be allocated; r10 is the frame pointer; numbers from FIRST_VIRTUAL are virtual registers. */
export const FRAME = 10;
export const FIRST_VIRTUAL = 11;
export const ALLOCATABLE = 10;
/** The five arguments and the result: what a call changes. */
export const CALL_CHANGES = [0, 1, 2, 3, 4, 5] as const;
export const NONE = -1;

/** A move is an operation of its own here. */
export type AluOperator = Exclude<AluOp, "mov">;
export type JumpCondition = JumpOp;

export type Reference = CompiledReference extends infer R
	? R extends { slot: number }
		? Omit<R, "slot">
		: never
	: never;

/** A place on the stack: a slot of the IR or a spilled register. */
export interface Place {
	readonly name: string;
	readonly size: number;
	readonly align: Size;
	/** Absent: a spilled register. */
	readonly slot?: Slot;
	/** From r10, negative; set by the frame. */
	offset: number;
}

/**
 * One machine instruction, or a pair that must stay together. One shape for all kinds keeps the allocator's loops
 * simple. `kind` decides what the fields mean:
 *
 * move     dst = src, 64 bit             move32   dst = low half of src
 * imm      dst = imm (width)             wide     dst = value            ref   dst = address of `reference`
 * core     dst = value, relocated        place    dst = r10 + place + offset
 * alu      dst op= src, or imm where src is NONE      neg      dst = -dst      swap  dst to or from network order
 * movsx    dst = sign-extended low `size` bytes of src (v4)
 * load     dst = [src + offset]          store    [dst + offset] = src, or imm where src is NONE
 * atomic   [dst + offset] op= src        call     r0 = call (r1 … rN)
 * set      dst = src cc src2 (or imm) ? 1 : 0; dst is neither src nor src2
 * branch   if dst cc src (or imm)        jump, exit
 */
export interface Machine {
	kind:
		| "move"
		| "move32"
		| "imm"
		| "wide"
		| "ref"
		| "core"
		| "place"
		| "alu"
		| "neg"
		| "swap"
		| "movsx"
		| "load"
		| "store"
		| "atomic"
		| "call"
		| "set"
		| "branch"
		| "jump"
		| "exit";
	dst: number;
	src: number;
	src2: number;
	imm: number;
	offset: number;
	width: Width;
	size: Size;
	position: Position | undefined;
	operator?: AluOperator;
	condition?: JumpCondition;
	atomic?: AtomicOp;
	fetch?: boolean;
	signed?: boolean;
	value?: bigint;
	reference?: Reference;
	core?: CoreAccess;
	place?: Place;
	callee?: Callee;
	/** Arguments of a call. */
	count?: number;
	then?: MachineBlock;
	else?: MachineBlock;
}

export interface MachineBlock {
	/** Place in the list of blocks. */
	index: number;
	depth: number;
	insts: Machine[];
	/** Which way of the branch is the common one. */
	likely?: boolean | undefined;
	/** A loop starts here. */
	header: boolean;
	/** Reached by unlikely ways only. */
	cold: boolean;
}

export const machineBlock = (index: number, depth: number, insts: Machine[], header: boolean): MachineBlock => ({
	index,
	depth,
	insts,
	cold: false,
	header,
});

export interface MachineFunc {
	blocks: MachineBlock[];
	/** One more than the highest register number in use. */
	registers: number;
	/** By virtual register: how to make the value anew instead of spilling it. */
	remake: Map<number, Machine>;
	/** Virtual registers that spilling made; they must get a register. */
	temporary: Set<number>;
	places: Map<Slot, Place>;
	spills: Place[];
}

/** Register of argument `index`, from 0. */
export const indexOfArgument = (index: number): number => index + 1;

export const machine = (kind: Machine["kind"], position: Position | undefined, fields: Partial<Machine>): Machine => ({
	kind,
	dst: NONE,
	src: NONE,
	src2: NONE,
	imm: 0,
	offset: 0,
	width: 64,
	size: 8,
	position,
	...fields,
});

/** Calls `use` for each register that `m` reads. r10 counts too. */
export function eachUse(m: Machine, use: (r: number) => void): void {
	switch (m.kind) {
		case "move":
		case "move32":
		case "movsx":
		case "load":
			use(m.src);
			return;
		case "alu":
		case "store":
		case "atomic":
		case "branch":
			use(m.dst);
			if (m.src >= 0) use(m.src);
			if (m.atomic === "cmpxchg") use(0);
			return;
		case "neg":
		case "swap":
			use(m.dst);
			return;
		case "set":
			use(m.src);
			if (m.src2 >= 0) use(m.src2);
			return;
		case "call":
			for (let r = 1; r <= m.count!; r++) use(r);
			return;
		case "exit":
			use(0);
			return;
	}
}

/** The register that `m` writes, or NONE. A call writes r0 and destroys r1..r5 besides. */
export function definition(m: Machine): number {
	switch (m.kind) {
		case "store":
		case "branch":
		case "jump":
		case "exit":
			return NONE;
		case "call":
			return 0;
		case "atomic":
			return m.atomic === "cmpxchg" ? 0 : m.fetch ? m.src : NONE;
		default:
			return m.dst;
	}
}

export function machineSuccessors(b: MachineBlock): MachineBlock[] {
	const last = b.insts[b.insts.length - 1];
	if (last?.kind === "jump") return [last.then!];
	if (last?.kind === "branch") return last.then === last.else ? [last.then!] : [last.then!, last.else!];
	return [];
}

/** Whether a call, a store or a jump stands here: what may not be dropped though nobody reads its result. */
export const hasEffect = (m: Machine): boolean =>
	m.kind === "store" ||
	m.kind === "atomic" ||
	m.kind === "call" ||
	m.kind === "branch" ||
	m.kind === "jump" ||
	m.kind === "exit";
