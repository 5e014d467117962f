import type { Instruction } from "./instruction.ts";

export type AluOp =
	| "add"
	| "sub"
	| "mul"
	| "div"
	| "sdiv"
	| "or"
	| "and"
	| "lsh"
	| "rsh"
	| "mod"
	| "smod"
	| "xor"
	| "mov"
	| "arsh";
/** `set`: a & b is not 0. The s… ones compare as signed. */
export type JumpOp = "eq" | "gt" | "ge" | "set" | "ne" | "sgt" | "sge" | "lt" | "le" | "slt" | "sle";
export type AtomicOp = "add" | "or" | "and" | "xor" | "xchg" | "cmpxchg";
/** Second operand: a register (0..10) or a signed 32-bit number, which 64-bit instructions extend with its sign. */
export type Operand = { readonly reg: number } | { readonly imm: number };
/** Bytes of a memory access. */
export type AccessSize = 1 | 2 | 4 | 8;

const ALU: Readonly<Record<AluOp, number>> = {
	add: 0x00,
	sub: 0x10,
	mul: 0x20,
	div: 0x30,
	sdiv: 0x30,
	or: 0x40,
	and: 0x50,
	lsh: 0x60,
	rsh: 0x70,
	mod: 0x90,
	smod: 0x90,
	xor: 0xa0,
	mov: 0xb0,
	arsh: 0xc0,
};
const JUMP: Readonly<Record<JumpOp, number>> = {
	eq: 0x10,
	gt: 0x20,
	ge: 0x30,
	set: 0x40,
	ne: 0x50,
	sgt: 0x60,
	sge: 0x70,
	lt: 0xa0,
	le: 0xb0,
	slt: 0xc0,
	sle: 0xd0,
};
const SIZE: Readonly<Record<AccessSize, number>> = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 };
const ATOMIC: Readonly<Record<AtomicOp, number>> = {
	add: 0x00,
	or: 0x40,
	and: 0x50,
	xor: 0xa0,
	xchg: 0xe0,
	cmpxchg: 0xf0,
};

/** What the source field of a wide load says about its immediate (RFC 9669 section 5.4). */
export const PSEUDO = {
	/** imm: a map's fd. */
	mapFd: 1,
	/** imm: a map's fd; immHigh: offset in its single value. */
	mapValue: 2,
	/** imm: BTF id of a kernel variable; immHigh: fd of a module's BTF. */
	variable: 3,
	/** imm: distance to a subprogram, from the next slot pair's end as for calls. */
	code: 4,
	mapIndex: 5,
	mapIndexValue: 6,
} as const;

/** What the source field of a call says about its immediate. */
export const CALL = { helper: 0, function: 1, kfunc: 2 } as const;

const insn = (opcode: number, dst: number, src: number, offset: number, imm: number): Instruction => ({
	opcode,
	dst,
	src,
	offset,
	imm,
});

/** dst op= operand. */
export const alu = (op: AluOp, width: 32 | 64, dst: number, operand: Operand): Instruction => {
	const offset = op === "sdiv" || op === "smod" ? 1 : 0;
	const opcode = ALU[op] | (width === 64 ? 7 : 4);
	return "reg" in operand ? insn(opcode | 8, dst, operand.reg, offset, 0) : insn(opcode, dst, 0, offset, operand.imm);
};
export const mov = (width: 32 | 64, dst: number, operand: Operand): Instruction => alu("mov", width, dst, operand);
export const neg = (width: 32 | 64, dst: number): Instruction => insn(width === 64 ? 0x87 : 0x84, dst, 0, 0, 0);
/** dst = the low `from` bits of src, extended with their sign to `width`. */
export const movsx = (width: 32 | 64, from: 8 | 16 | 32, dst: number, src: number): Instruction =>
	insn(width === 64 ? 0xbf : 0xbc, dst, src, from, 0);
/** le, be: to (or from) that order, zero-extended from `bits`; bswap: unconditional. */
export const endian = (kind: "le" | "be" | "bswap", bits: 16 | 32 | 64, dst: number): Instruction =>
	insn(kind === "le" ? 0xd4 : kind === "be" ? 0xdc : 0xd7, dst, 0, 0, bits);
/** dst = src as a pointer of another address space. */
export const addrSpaceCast = (dst: number, src: number, to: number, from: number): Instruction =>
	insn(0xbf, dst, src, 1, (to << 16) | (from & 0xffff));

/** dst = memory at [base + offset]; `signed` extends with the sign (not for 8 bytes). */
export const load = (
	size: AccessSize,
	dst: number,
	base: number,
	offset: number,
	options: { readonly signed?: boolean } = {},
): Instruction => insn((options.signed && size !== 8 ? 0x81 : 0x61) | SIZE[size], dst, base, offset, 0);
/** Memory at [base + offset] = operand. */
export const store = (size: AccessSize, base: number, offset: number, operand: Operand): Instruction =>
	"reg" in operand
		? insn(0x63 | SIZE[size], base, operand.reg, offset, 0)
		: insn(0x62 | SIZE[size], base, 0, offset, operand.imm);
/**
 * Atomic operation of `src` on [base + offset]. With `fetch` the old value comes back in `src`; xchg always fetches;
 * cmpxchg compares with r0 and gives the old value in r0.
 */
export const atomic = (
	op: AtomicOp,
	size: 4 | 8,
	base: number,
	offset: number,
	src: number,
	options: { readonly fetch?: boolean } = {},
): Instruction =>
	insn(
		size === 8 ? 0xdb : 0xc3,
		base,
		src,
		offset,
		ATOMIC[op] | (options.fetch || op === "xchg" || op === "cmpxchg" ? 1 : 0),
	);
export const loadAcquire = (size: AccessSize, dst: number, base: number, offset: number): Instruction =>
	insn(0xc3 | SIZE[size], dst, base, offset, 0x100);
export const storeRelease = (size: AccessSize, base: number, offset: number, src: number): Instruction =>
	insn(0xc3 | SIZE[size], base, src, offset, 0x110);

/** dst = a 64-bit number (two slots). */
export const loadImm64 = (dst: number, value: bigint | number): Instruction => {
	const v = BigInt(value);
	return {
		opcode: 0x18,
		dst,
		src: 0,
		offset: 0,
		imm: Number(BigInt.asIntN(32, v)),
		immHigh: Number(BigInt.asIntN(32, v >> 32n)),
	};
};
/** A wide load whose immediate is a reference: see PSEUDO. */
export const loadPseudo = (
	dst: number,
	pseudo: (typeof PSEUDO)[keyof typeof PSEUDO],
	imm = 0,
	immHigh = 0,
): Instruction => ({ opcode: 0x18, dst, src: pseudo, offset: 0, imm, immHigh });

/** Offsets of jumps count slots from the next instruction. */
export const jump = (op: JumpOp, width: 32 | 64, dst: number, operand: Operand, offset: number): Instruction => {
	const opcode = JUMP[op] | (width === 64 ? 5 : 6);
	return "reg" in operand ? insn(opcode | 8, dst, operand.reg, offset, 0) : insn(opcode, dst, 0, offset, operand.imm);
};
export const ja = (offset: number): Instruction => insn(0x05, 0, 0, offset, 0);
/** `gotol`: 32-bit distance. */
export const jaLong = (offset: number): Instruction => insn(0x06, 0, 0, 0, offset);
export const mayGoto = (offset: number): Instruction => insn(0xe5, 0, 0, offset, 0);

/** Calls a helper by number. */
export const call = (helper: number): Instruction => insn(0x85, 0, CALL.helper, 0, helper);
/** Calls the function `distance` slots after the next instruction. */
export const callFunction = (distance: number): Instruction => insn(0x85, 0, CALL.function, 0, distance);
/** `fdIndex`: 0 for vmlinux, else the position of the module's BTF in fd_array. */
export const callKfunc = (id: number, fdIndex = 0): Instruction => insn(0x85, 0, CALL.kfunc, fdIndex, id);
export const callRegister = (dst: number): Instruction => insn(0x8d, dst, 0, 0, 0);
export const exit = (): Instruction => insn(0x95, 0, 0, 0, 0);
