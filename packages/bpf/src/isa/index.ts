/**
 * Instructions: one table (RFC 9669 and what Linux and LLVM added), and what follows from it.
 *
 * `decode` and `encode` go between bytes and `Instruction[]`, `format` and `parse` between an instruction and its text;
 * all four read `INSTRUCTIONS` and nothing else. `rowOf` names an instruction (`add64_imm`). `insn` has small typed
 * builders for code generators. What instructions *do* is written once in each engine, not here.
 *
 * Slots are units of 8 bytes; a wide instruction (`slotsOf` 2) fills two. Jump distances count slots.
 */
export type { AccessSize, AluOp, AtomicOp, JumpOp, Operand } from "./build.ts";
export * as insn from "./build.ts";
export { CALL, PSEUDO } from "./build.ts";
export { byOpcode, type Field, fieldsOf, rowOf, slotsOf, WIDE } from "./fields.ts";
export type { Instruction } from "./instruction.ts";
export { type Group, INSTRUCTIONS, type InstructionRow, type Mnemonic, type Shape } from "./table.ts";
export { format, parse } from "./text.ts";
export { decode, encode, type WireOptions } from "./wire.ts";
