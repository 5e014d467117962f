import {
	CALLEE_SAVED,
	type Callables,
	CODE_TAG,
	type Cpu,
	FRAME_WORDS,
	MAX_FRAMES,
	MAY_GOTO_LIMIT,
	type Memory,
	R6,
	R10,
	STACK_FRAME_SIZE,
} from "#machine";
import { divide, divideSigned, modulo, moduloSigned, mulHigh, swap } from "./arithmetic.ts";
import { atomic32, atomic64, loadAcquire, sharedAtomic32, sharedAtomic64, storeRelease } from "./atomics.ts";
import { aligned, badCode, none, outside, reachLoad, reachStore, spent, stackFull, unresolved } from "./faults.ts";
import type { Is, Operation } from "./operations.ts";
import type { Code } from "./prepare.ts";
import { openTrap } from "./trap.ts";

/** Runs code from a slot to its exit, in the frame that `cpu.depth` says. */
export type Perform = (code: Code, slot: number, cpu: Cpu, memory: Memory, calls: Callables<Code>) => void;

/**
 * Runs a program from its first instruction to exit. Arguments in r1 … r5 of `cpu.registers`, result in r0; `cpu.fuel`
 * is set by the caller and counted down; r10 is set here. No other run may be going on on this cpu; callbacks nest.
 * @throws VmFault, and whatever `calls` throws
 */
export function run(code: Code, cpu: Cpu, memory: Memory, calls: Callables<Code>, perform: Perform = execute): void {
	cpu.depth = 0;
	cpu.nested = 0;
	cpu.tail = 0;
	cpu.code = code.id;
	cpu.mayGoto = MAY_GOTO_LIMIT;
	cpu.registers[R10] = cpu.stack + MAX_FRAMES * STACK_FRAME_SIZE;
	cpu.registers[R10 + 1] = 0;
	perform(code, 0, cpu, memory, calls);
}

/**
 * Goes on with a run that ended with an error of `Trace.observe`, from what `cpu` says, to its exit. Not where
 * callbacks were under way (`cpu.nested`): of those, the helper's part is lost.
 * @throws VmFault, and whatever `calls` throws
 */
export function resume(cpu: Cpu, memory: Memory, calls: Callables<Code>): void {
	const code = calls.code?.(cpu.code) ?? none("program", cpu.code, cpu.pc);
	execute(code, cpu.pc, cpu, memory, calls, 0);
}

/**
 * Calls a function by its code address from within a helper, in the next frame of the stack. Arguments in r1 … r5,
 * result in r0; r6 … r10, pc and depth are afterwards as before; r1 … r5 are lost.
 * @throws VmFault, and whatever `calls` throws
 */
export function callback(
	low: number,
	high: number,
	cpu: Cpu,
	memory: Memory,
	calls: Callables<Code>,
	perform: Perform = execute,
): void {
	const { pc, code } = cpu;
	const callee = codeAt(low, high, pc, calls, undefined);
	push(cpu, pc + 1);
	cpu.code = callee.id;
	cpu.nested++;
	perform(callee, low >>> 3, cpu, memory, calls);
	cpu.nested--;
	pop(cpu);
	cpu.pc = pc;
	cpu.code = code;
}

/** As `Perform`. `base`: the depth at which exit ends it. */
export function execute(
	first: Code,
	entry: number,
	cpu: Cpu,
	memory: Memory,
	calls: Callables<Code>,
	base: number = cpu.depth,
): void {
	const r = cpu.registers;
	const stackHigh = cpu.stack + MAX_FRAMES * STACK_FRAME_SIZE;
	let stackLow = stackHigh - (cpu.depth + 1) * STACK_FRAME_SIZE;
	let code = first;
	let words = code.words;
	let edges = code.edges;
	let view = memory.view;
	const { shared } = memory;
	// Regions last read and written; the frames in use are a third one.
	let readLow = 0;
	let readHigh = 0;
	let writeLow = 0;
	let writeHigh = 0;
	let fuel = cpu.fuel;
	let pc = entry;
	// Fuel is counted where a stretch of instructions ends; this one began here.
	let start = pc;
	let going = true;
	for (;;) {
		const i = pc << 2;
		const w = words[i]!;
		const operation = (w & 255) as Operation;
		const d = (w >>> 8) & 31;
		const s = (w >>> 16) & 31;
		const im = words[i + 2]!;
		pc++;
		// biome-ignore lint/suspicious/noConfusingLabels: one switch, three ways out of it
		exit: {
			// biome-ignore lint/suspicious/noConfusingLabels: as above
			callout: {
				// One row an instruction. `break`: the jump is taken; `continue`: go on with the next one.
				// biome-ignore format: table
				switch (operation) {
					case 0 satisfies Is<"add64_imm">: { const a = r[d]!, b = im, x = (a + b) | 0; r[d + 1] = (r[d + 1]! + (im >> 31) + (((a & b) | ((a | b) & ~x)) >>> 31)) | 0; r[d] = x; continue; }
					case 1 satisfies Is<"add64_reg">: { const a = r[d]!, b = r[s]!, x = (a + b) | 0; r[d + 1] = (r[d + 1]! + (r[s + 1]!) + (((a & b) | ((a | b) & ~x)) >>> 31)) | 0; r[d] = x; continue; }
					case 2 satisfies Is<"sub64_imm">: { const a = r[d]!, b = im, x = (a - b) | 0; r[d + 1] = (r[d + 1]! - (im >> 31) - (((~a & b) | ((~a | b) & x)) >>> 31)) | 0; r[d] = x; continue; }
					case 3 satisfies Is<"sub64_reg">: { const a = r[d]!, b = r[s]!, x = (a - b) | 0; r[d + 1] = (r[d + 1]! - (r[s + 1]!) - (((~a & b) | ((~a | b) & x)) >>> 31)) | 0; r[d] = x; continue; }
					case 4 satisfies Is<"mul64_imm">: { const a = r[d]!, b = im; r[d + 1] = (mulHigh(a, b) + Math.imul(r[d + 1]!, b) + Math.imul(a, im >> 31)) | 0; r[d] = Math.imul(a, b); continue; }
					case 5 satisfies Is<"mul64_reg">: { const a = r[d]!, b = r[s]!; r[d + 1] = (mulHigh(a, b) + Math.imul(r[d + 1]!, b) + Math.imul(a, r[s + 1]!)) | 0; r[d] = Math.imul(a, b); continue; }
					case 6 satisfies Is<"div64_imm">: divide(r, d, im, im >> 31); continue;
					case 7 satisfies Is<"div64_reg">: divide(r, d, r[s]!, r[s + 1]!); continue;
					case 8 satisfies Is<"or64_imm">: r[d] = r[d]! | im; r[d + 1] = r[d + 1]! | (im >> 31); continue;
					case 9 satisfies Is<"or64_reg">: r[d] = r[d]! | r[s]!; r[d + 1] = r[d + 1]! | (r[s + 1]!); continue;
					case 10 satisfies Is<"and64_imm">: r[d] = r[d]! & im; r[d + 1] = r[d + 1]! & (im >> 31); continue;
					case 11 satisfies Is<"and64_reg">: r[d] = r[d]! & r[s]!; r[d + 1] = r[d + 1]! & (r[s + 1]!); continue;
					case 12 satisfies Is<"lsh64_imm">: { const n = im & 63, a = r[d]!; if (n >= 32) { r[d + 1] = a << n; r[d] = 0; } else if (n > 0) { r[d + 1] = (r[d + 1]! << n) | (a >>> (32 - n)); r[d] = a << n; } continue; }
					case 13 satisfies Is<"lsh64_reg">: { const n = r[s]! & 63, a = r[d]!; if (n >= 32) { r[d + 1] = a << n; r[d] = 0; } else if (n > 0) { r[d + 1] = (r[d + 1]! << n) | (a >>> (32 - n)); r[d] = a << n; } continue; }
					case 14 satisfies Is<"rsh64_imm">: { const n = im & 63, a = r[d + 1]!; if (n >= 32) { r[d] = a >>> n; r[d + 1] = 0; } else if (n > 0) { r[d] = (r[d]! >>> n) | (a << (32 - n)); r[d + 1] = a >>> n; } continue; }
					case 15 satisfies Is<"rsh64_reg">: { const n = r[s]! & 63, a = r[d + 1]!; if (n >= 32) { r[d] = a >>> n; r[d + 1] = 0; } else if (n > 0) { r[d] = (r[d]! >>> n) | (a << (32 - n)); r[d + 1] = a >>> n; } continue; }
					case 16 satisfies Is<"mod64_imm">: modulo(r, d, im, im >> 31); continue;
					case 17 satisfies Is<"mod64_reg">: modulo(r, d, r[s]!, r[s + 1]!); continue;
					case 18 satisfies Is<"xor64_imm">: r[d] = r[d]! ^ im; r[d + 1] = r[d + 1]! ^ (im >> 31); continue;
					case 19 satisfies Is<"xor64_reg">: r[d] = r[d]! ^ r[s]!; r[d + 1] = r[d + 1]! ^ (r[s + 1]!); continue;
					case 20 satisfies Is<"mov64_imm">: { const x = im; r[d + 1] = x >> 31; r[d] = x; continue; }
					case 21 satisfies Is<"mov64_reg">: { const x = r[s]!; r[d + 1] = r[s + 1]!; r[d] = x; continue; }
					case 22 satisfies Is<"arsh64_imm">: { const n = im & 63, a = r[d + 1]!; if (n >= 32) { r[d] = a >> n; r[d + 1] = a >> 31; } else if (n > 0) { r[d] = (r[d]! >>> n) | (a << (32 - n)); r[d + 1] = a >> n; } continue; }
					case 23 satisfies Is<"arsh64_reg">: { const n = r[s]! & 63, a = r[d + 1]!; if (n >= 32) { r[d] = a >> n; r[d + 1] = a >> 31; } else if (n > 0) { r[d] = (r[d]! >>> n) | (a << (32 - n)); r[d + 1] = a >> n; } continue; }
					case 24 satisfies Is<"sdiv64_imm">: divideSigned(r, d, im, im >> 31); continue;
					case 25 satisfies Is<"sdiv64_reg">: divideSigned(r, d, r[s]!, r[s + 1]!); continue;
					case 26 satisfies Is<"smod64_imm">: moduloSigned(r, d, im, im >> 31); continue;
					case 27 satisfies Is<"smod64_reg">: moduloSigned(r, d, r[s]!, r[s + 1]!); continue;
					case 28 satisfies Is<"neg64">: { const a = r[d]!; r[d + 1] = (~r[d + 1]! + (a === 0 ? 1 : 0)) | 0; r[d] = -a | 0; continue; }
					case 29 satisfies Is<"movsx8_64">: { const x = (r[s]! << 24) >> 24; r[d] = x; r[d + 1] = x >> 31; continue; }
					case 30 satisfies Is<"movsx16_64">: { const x = (r[s]! << 16) >> 16; r[d] = x; r[d + 1] = x >> 31; continue; }
					case 31 satisfies Is<"movsx32_64">: { const x = r[s]!; r[d] = x; r[d + 1] = x >> 31; continue; }
					case 32 satisfies Is<"add32_imm">: r[d] = (r[d]! + im) | 0; r[d + 1] = 0; continue;
					case 33 satisfies Is<"add32_reg">: r[d] = (r[d]! + r[s]!) | 0; r[d + 1] = 0; continue;
					case 34 satisfies Is<"sub32_imm">: r[d] = (r[d]! - im) | 0; r[d + 1] = 0; continue;
					case 35 satisfies Is<"sub32_reg">: r[d] = (r[d]! - r[s]!) | 0; r[d + 1] = 0; continue;
					case 36 satisfies Is<"mul32_imm">: r[d] = Math.imul(r[d]!, im); r[d + 1] = 0; continue;
					case 37 satisfies Is<"mul32_reg">: r[d] = Math.imul(r[d]!, r[s]!); r[d + 1] = 0; continue;
					case 38 satisfies Is<"div32_imm">: { const b = im; r[d] = b === 0 ? 0 : ((r[d]! >>> 0) / (b >>> 0)) >>> 0; r[d + 1] = 0; continue; }
					case 39 satisfies Is<"div32_reg">: { const b = r[s]!; r[d] = b === 0 ? 0 : ((r[d]! >>> 0) / (b >>> 0)) >>> 0; r[d + 1] = 0; continue; }
					case 40 satisfies Is<"or32_imm">: r[d] = r[d]! | im; r[d + 1] = 0; continue;
					case 41 satisfies Is<"or32_reg">: r[d] = r[d]! | r[s]!; r[d + 1] = 0; continue;
					case 42 satisfies Is<"and32_imm">: r[d] = r[d]! & im; r[d + 1] = 0; continue;
					case 43 satisfies Is<"and32_reg">: r[d] = r[d]! & r[s]!; r[d + 1] = 0; continue;
					case 44 satisfies Is<"lsh32_imm">: r[d] = r[d]! << im; r[d + 1] = 0; continue;
					case 45 satisfies Is<"lsh32_reg">: r[d] = r[d]! << r[s]!; r[d + 1] = 0; continue;
					case 46 satisfies Is<"rsh32_imm">: r[d] = r[d]! >>> im; r[d + 1] = 0; continue;
					case 47 satisfies Is<"rsh32_reg">: r[d] = r[d]! >>> r[s]!; r[d + 1] = 0; continue;
					case 48 satisfies Is<"mod32_imm">: { const b = im; if (b !== 0) r[d] = (r[d]! >>> 0) % (b >>> 0); r[d + 1] = 0; continue; }
					case 49 satisfies Is<"mod32_reg">: { const b = r[s]!; if (b !== 0) r[d] = (r[d]! >>> 0) % (b >>> 0); r[d + 1] = 0; continue; }
					case 50 satisfies Is<"xor32_imm">: r[d] = r[d]! ^ im; r[d + 1] = 0; continue;
					case 51 satisfies Is<"xor32_reg">: r[d] = r[d]! ^ r[s]!; r[d + 1] = 0; continue;
					case 52 satisfies Is<"mov32_imm">: r[d] = im; r[d + 1] = 0; continue;
					case 53 satisfies Is<"mov32_reg">: r[d] = r[s]!; r[d + 1] = 0; continue;
					case 54 satisfies Is<"arsh32_imm">: r[d] = r[d]! >> im; r[d + 1] = 0; continue;
					case 55 satisfies Is<"arsh32_reg">: r[d] = r[d]! >> r[s]!; r[d + 1] = 0; continue;
					case 56 satisfies Is<"sdiv32_imm">: { const b = im; r[d] = b === 0 ? 0 : (r[d]! / b) | 0; r[d + 1] = 0; continue; }
					case 57 satisfies Is<"sdiv32_reg">: { const b = r[s]!; r[d] = b === 0 ? 0 : (r[d]! / b) | 0; r[d + 1] = 0; continue; }
					case 58 satisfies Is<"smod32_imm">: { const b = im; if (b !== 0) r[d] = (r[d]! % b) | 0; r[d + 1] = 0; continue; }
					case 59 satisfies Is<"smod32_reg">: { const b = r[s]!; if (b !== 0) r[d] = (r[d]! % b) | 0; r[d + 1] = 0; continue; }
					case 60 satisfies Is<"neg32">: r[d] = -r[d]! | 0; r[d + 1] = 0; continue;
					case 61 satisfies Is<"movsx8_32">: r[d] = (r[s]! << 24) >> 24; r[d + 1] = 0; continue;
					case 62 satisfies Is<"movsx16_32">: r[d] = (r[s]! << 16) >> 16; r[d + 1] = 0; continue;
					case 63 satisfies Is<"addr_space_cast">: { const a = r[s]!; r[d] = a === 0 ? 0 : (a + words[i + 1]!) | 0; r[d + 1] = a === 0 ? 0 : words[i + 3]!; continue; }
					case 64 satisfies Is<"le16">: r[d] = r[d]! & 0xffff; r[d + 1] = 0; continue;
					case 65 satisfies Is<"le32">: r[d + 1] = 0; continue;
					case 66 satisfies Is<"le64">: continue;
					case 67 satisfies Is<"be16">: { const a = r[d]!; r[d] = ((a & 255) << 8) | ((a >>> 8) & 255); r[d + 1] = 0; continue; }
					case 68 satisfies Is<"be32">: r[d] = swap(r[d]!); r[d + 1] = 0; continue;
					case 69 satisfies Is<"be64">: { const a = r[d]!; r[d] = swap(r[d + 1]!); r[d + 1] = swap(a); continue; }
					case 70 satisfies Is<"bswap16">: { const a = r[d]!; r[d] = ((a & 255) << 8) | ((a >>> 8) & 255); r[d + 1] = 0; continue; }
					case 71 satisfies Is<"bswap32">: r[d] = swap(r[d]!); r[d + 1] = 0; continue;
					case 72 satisfies Is<"bswap64">: { const a = r[d]!; r[d] = swap(r[d + 1]!); r[d + 1] = swap(a); continue; }
					case 73 satisfies Is<"ld_imm64">: r[d] = im; r[d + 1] = words[i + 3]!; pc++; continue;
					case 74 satisfies Is<"ld_map_fd">: case 75 satisfies Is<"ld_map_value">: case 76 satisfies Is<"ld_variable">:
					case 77 satisfies Is<"ld_code">: case 78 satisfies Is<"ld_map_index">: case 79 satisfies Is<"ld_map_index_value">: throw unresolved(cpu, pc - 1);
					case 80 satisfies Is<"ldx_b">: { let at = (r[s]! + words[i + 1]!) | 0; if (r[s + 1]! !== 0 || ((at < readLow || at > readHigh - 1) && (at < stackLow || at > stackHigh - 1))) { at = reachLoad(code, cpu, memory, s, words[i + 1]!, 1, pc - 1); readLow = memory.foundStart; readHigh = memory.foundEnd; }
						r[d] = view.getUint8(at); r[d + 1] = 0; continue; }
					case 81 satisfies Is<"ldx_h">: { let at = (r[s]! + words[i + 1]!) | 0; if (r[s + 1]! !== 0 || ((at < readLow || at > readHigh - 2) && (at < stackLow || at > stackHigh - 2))) { at = reachLoad(code, cpu, memory, s, words[i + 1]!, 2, pc - 1); readLow = memory.foundStart; readHigh = memory.foundEnd; }
						r[d] = view.getUint16(at, true); r[d + 1] = 0; continue; }
					case 82 satisfies Is<"ldx_w">: { let at = (r[s]! + words[i + 1]!) | 0; if (r[s + 1]! !== 0 || ((at < readLow || at > readHigh - 4) && (at < stackLow || at > stackHigh - 4))) { at = reachLoad(code, cpu, memory, s, words[i + 1]!, 4, pc - 1); readLow = memory.foundStart; readHigh = memory.foundEnd; }
						r[d] = view.getInt32(at, true); r[d + 1] = 0; continue; }
					case 83 satisfies Is<"ldx_dw">: { let at = (r[s]! + words[i + 1]!) | 0; if (r[s + 1]! !== 0 || ((at < readLow || at > readHigh - 8) && (at < stackLow || at > stackHigh - 8))) { at = reachLoad(code, cpu, memory, s, words[i + 1]!, 8, pc - 1); readLow = memory.foundStart; readHigh = memory.foundEnd; }
						if (shared && (at & 7) === 0) { loadAcquire(memory, 8, at, r, d); continue; } r[d] = view.getInt32(at, true); r[d + 1] = view.getInt32(at + 4, true); continue; }
					case 84 satisfies Is<"ldxs_b">: { let at = (r[s]! + words[i + 1]!) | 0; if (r[s + 1]! !== 0 || ((at < readLow || at > readHigh - 1) && (at < stackLow || at > stackHigh - 1))) { at = reachLoad(code, cpu, memory, s, words[i + 1]!, 1, pc - 1); readLow = memory.foundStart; readHigh = memory.foundEnd; }
						const x = view.getInt8(at); r[d] = x; r[d + 1] = x >> 31; continue; }
					case 85 satisfies Is<"ldxs_h">: { let at = (r[s]! + words[i + 1]!) | 0; if (r[s + 1]! !== 0 || ((at < readLow || at > readHigh - 2) && (at < stackLow || at > stackHigh - 2))) { at = reachLoad(code, cpu, memory, s, words[i + 1]!, 2, pc - 1); readLow = memory.foundStart; readHigh = memory.foundEnd; }
						const x = view.getInt16(at, true); r[d] = x; r[d + 1] = x >> 31; continue; }
					case 86 satisfies Is<"ldxs_w">: { let at = (r[s]! + words[i + 1]!) | 0; if (r[s + 1]! !== 0 || ((at < readLow || at > readHigh - 4) && (at < stackLow || at > stackHigh - 4))) { at = reachLoad(code, cpu, memory, s, words[i + 1]!, 4, pc - 1); readLow = memory.foundStart; readHigh = memory.foundEnd; }
						const x = view.getInt32(at, true); r[d] = x; r[d + 1] = x >> 31; continue; }
					case 87 satisfies Is<"st_b">: { let at = (r[d]! + words[i + 1]!) | 0; if (r[d + 1]! !== 0 || ((at < writeLow || at > writeHigh - 1) && (at < stackLow || at > stackHigh - 1))) { at = reachStore(code, cpu, memory, d, words[i + 1]!, 1, pc - 1); writeLow = memory.foundStart; writeHigh = memory.foundEnd; }
						view.setInt8(at, im); continue; }
					case 88 satisfies Is<"st_h">: { let at = (r[d]! + words[i + 1]!) | 0; if (r[d + 1]! !== 0 || ((at < writeLow || at > writeHigh - 2) && (at < stackLow || at > stackHigh - 2))) { at = reachStore(code, cpu, memory, d, words[i + 1]!, 2, pc - 1); writeLow = memory.foundStart; writeHigh = memory.foundEnd; }
						view.setInt16(at, im, true); continue; }
					case 89 satisfies Is<"st_w">: { let at = (r[d]! + words[i + 1]!) | 0; if (r[d + 1]! !== 0 || ((at < writeLow || at > writeHigh - 4) && (at < stackLow || at > stackHigh - 4))) { at = reachStore(code, cpu, memory, d, words[i + 1]!, 4, pc - 1); writeLow = memory.foundStart; writeHigh = memory.foundEnd; }
						view.setInt32(at, im, true); continue; }
					case 90 satisfies Is<"st_dw">: { let at = (r[d]! + words[i + 1]!) | 0; if (r[d + 1]! !== 0 || ((at < writeLow || at > writeHigh - 8) && (at < stackLow || at > stackHigh - 8))) { at = reachStore(code, cpu, memory, d, words[i + 1]!, 8, pc - 1); writeLow = memory.foundStart; writeHigh = memory.foundEnd; }
						view.setInt32(at, im, true); view.setInt32(at + 4, im >> 31, true); continue; }
					case 91 satisfies Is<"stx_b">: { let at = (r[d]! + words[i + 1]!) | 0; if (r[d + 1]! !== 0 || ((at < writeLow || at > writeHigh - 1) && (at < stackLow || at > stackHigh - 1))) { at = reachStore(code, cpu, memory, d, words[i + 1]!, 1, pc - 1); writeLow = memory.foundStart; writeHigh = memory.foundEnd; }
						view.setInt8(at, r[s]!); continue; }
					case 92 satisfies Is<"stx_h">: { let at = (r[d]! + words[i + 1]!) | 0; if (r[d + 1]! !== 0 || ((at < writeLow || at > writeHigh - 2) && (at < stackLow || at > stackHigh - 2))) { at = reachStore(code, cpu, memory, d, words[i + 1]!, 2, pc - 1); writeLow = memory.foundStart; writeHigh = memory.foundEnd; }
						view.setInt16(at, r[s]!, true); continue; }
					case 93 satisfies Is<"stx_w">: { let at = (r[d]! + words[i + 1]!) | 0; if (r[d + 1]! !== 0 || ((at < writeLow || at > writeHigh - 4) && (at < stackLow || at > stackHigh - 4))) { at = reachStore(code, cpu, memory, d, words[i + 1]!, 4, pc - 1); writeLow = memory.foundStart; writeHigh = memory.foundEnd; }
						view.setInt32(at, r[s]!, true); continue; }
					case 94 satisfies Is<"stx_dw">: { let at = (r[d]! + words[i + 1]!) | 0; if (r[d + 1]! !== 0 || ((at < writeLow || at > writeHigh - 8) && (at < stackLow || at > stackHigh - 8))) { at = reachStore(code, cpu, memory, d, words[i + 1]!, 8, pc - 1); writeLow = memory.foundStart; writeHigh = memory.foundEnd; }
						if (shared && (at & 7) === 0) { storeRelease(memory, 8, at, r, s); continue; } view.setInt32(at, r[s]!, true); view.setInt32(at + 4, r[s + 1]!, true); continue; }
					case 95 satisfies Is<"atomic_add_w">: case 96 satisfies Is<"atomic_or_w">: case 97 satisfies Is<"atomic_and_w">:
					case 98 satisfies Is<"atomic_xor_w">: case 99 satisfies Is<"atomic_fetch_add_w">: case 100 satisfies Is<"atomic_fetch_or_w">:
					case 101 satisfies Is<"atomic_fetch_and_w">: case 102 satisfies Is<"atomic_fetch_xor_w">: case 103 satisfies Is<"atomic_xchg_w">:
					case 104 satisfies Is<"atomic_cmpxchg_w">:
					{ const at = reachStore(code, cpu, memory, d, words[i + 1]!, 4, pc - 1); aligned(cpu, at, 4, pc - 1); if (shared) sharedAtomic32(operation, memory.words, at, r, s); else atomic32(operation, view, at, r, s); continue; }
					case 105 satisfies Is<"atomic_add_dw">: case 106 satisfies Is<"atomic_or_dw">: case 107 satisfies Is<"atomic_and_dw">:
					case 108 satisfies Is<"atomic_xor_dw">: case 109 satisfies Is<"atomic_fetch_add_dw">: case 110 satisfies Is<"atomic_fetch_or_dw">:
					case 111 satisfies Is<"atomic_fetch_and_dw">: case 112 satisfies Is<"atomic_fetch_xor_dw">: case 113 satisfies Is<"atomic_xchg_dw">:
					case 114 satisfies Is<"atomic_cmpxchg_dw">:
					{ const at = reachStore(code, cpu, memory, d, words[i + 1]!, 8, pc - 1); aligned(cpu, at, 8, pc - 1); if (shared) sharedAtomic64(operation, memory.longs, at, r, s); else atomic64(operation, view, at, r, s); continue; }
					case 115 satisfies Is<"load_acquire_b">: { let at = (r[s]! + words[i + 1]!) | 0; if (r[s + 1]! !== 0 || ((at < readLow || at > readHigh - 1) && (at < stackLow || at > stackHigh - 1))) { at = reachLoad(code, cpu, memory, s, words[i + 1]!, 1, pc - 1); readLow = memory.foundStart; readHigh = memory.foundEnd; }
						if (shared) { loadAcquire(memory, 1, at, r, d); continue; } r[d] = view.getUint8(at); r[d + 1] = 0; continue; }
					case 116 satisfies Is<"load_acquire_h">: { let at = (r[s]! + words[i + 1]!) | 0; if (r[s + 1]! !== 0 || ((at < readLow || at > readHigh - 2) && (at < stackLow || at > stackHigh - 2))) { at = reachLoad(code, cpu, memory, s, words[i + 1]!, 2, pc - 1); readLow = memory.foundStart; readHigh = memory.foundEnd; }
						aligned(cpu, at, 2, pc - 1); if (shared) { loadAcquire(memory, 2, at, r, d); continue; } r[d] = view.getUint16(at, true); r[d + 1] = 0; continue; }
					case 117 satisfies Is<"load_acquire_w">: { let at = (r[s]! + words[i + 1]!) | 0; if (r[s + 1]! !== 0 || ((at < readLow || at > readHigh - 4) && (at < stackLow || at > stackHigh - 4))) { at = reachLoad(code, cpu, memory, s, words[i + 1]!, 4, pc - 1); readLow = memory.foundStart; readHigh = memory.foundEnd; }
						aligned(cpu, at, 4, pc - 1); if (shared) { loadAcquire(memory, 4, at, r, d); continue; } r[d] = view.getInt32(at, true); r[d + 1] = 0; continue; }
					case 118 satisfies Is<"load_acquire_dw">: { let at = (r[s]! + words[i + 1]!) | 0; if (r[s + 1]! !== 0 || ((at < readLow || at > readHigh - 8) && (at < stackLow || at > stackHigh - 8))) { at = reachLoad(code, cpu, memory, s, words[i + 1]!, 8, pc - 1); readLow = memory.foundStart; readHigh = memory.foundEnd; }
						aligned(cpu, at, 8, pc - 1); if (shared) { loadAcquire(memory, 8, at, r, d); continue; } r[d] = view.getInt32(at, true); r[d + 1] = view.getInt32(at + 4, true); continue; }
					case 119 satisfies Is<"store_release_b">: { const at = reachStore(code, cpu, memory, d, words[i + 1]!, 1, pc - 1); if (shared) { storeRelease(memory, 1, at, r, s); continue; } view.setInt8(at, r[s]!); continue; }
					case 120 satisfies Is<"store_release_h">: { const at = reachStore(code, cpu, memory, d, words[i + 1]!, 2, pc - 1); aligned(cpu, at, 2, pc - 1); if (shared) { storeRelease(memory, 2, at, r, s); continue; } view.setInt16(at, r[s]!, true); continue; }
					case 121 satisfies Is<"store_release_w">: { const at = reachStore(code, cpu, memory, d, words[i + 1]!, 4, pc - 1); aligned(cpu, at, 4, pc - 1); if (shared) { storeRelease(memory, 4, at, r, s); continue; } view.setInt32(at, r[s]!, true); continue; }
					case 122 satisfies Is<"store_release_dw">: { const at = reachStore(code, cpu, memory, d, words[i + 1]!, 8, pc - 1); aligned(cpu, at, 8, pc - 1); if (shared) { storeRelease(memory, 8, at, r, s); continue; } view.setInt32(at, r[s]!, true); view.setInt32(at + 4, r[s + 1]!, true); continue; }
					case 123 satisfies Is<"ld_abs_b">: leave(cpu, pc - 1, fuel - (pc - start)); going = calls.packet?.(im, 1, cpu) ?? none("packet data", im, pc - 1); break callout;
					case 124 satisfies Is<"ld_abs_h">: leave(cpu, pc - 1, fuel - (pc - start)); going = calls.packet?.(im, 2, cpu) ?? none("packet data", im, pc - 1); break callout;
					case 125 satisfies Is<"ld_abs_w">: leave(cpu, pc - 1, fuel - (pc - start)); going = calls.packet?.(im, 4, cpu) ?? none("packet data", im, pc - 1); break callout;
					case 126 satisfies Is<"ld_ind_b">: leave(cpu, pc - 1, fuel - (pc - start)); going = calls.packet?.((r[s]! + im) | 0, 1, cpu) ?? none("packet data", im, pc - 1); break callout;
					case 127 satisfies Is<"ld_ind_h">: leave(cpu, pc - 1, fuel - (pc - start)); going = calls.packet?.((r[s]! + im) | 0, 2, cpu) ?? none("packet data", im, pc - 1); break callout;
					case 128 satisfies Is<"ld_ind_w">: leave(cpu, pc - 1, fuel - (pc - start)); going = calls.packet?.((r[s]! + im) | 0, 4, cpu) ?? none("packet data", im, pc - 1); break callout;
					case 129 satisfies Is<"ja">: break;
					case 130 satisfies Is<"jal">: break;
					case 131 satisfies Is<"may_goto">: if (cpu.mayGoto === 0) break; cpu.mayGoto--; continue;
					case 132 satisfies Is<"jeq64_imm">: if (r[d]! === im && r[d + 1]! === (im >> 31)) break; continue;
					case 133 satisfies Is<"jeq64_reg">: if (r[d]! === r[s]! && r[d + 1]! === (r[s + 1]!)) break; continue;
					case 134 satisfies Is<"jgt64_imm">: { const a = r[d + 1]! >>> 0, b = (im >> 31) >>> 0; if (a > b || (a === b && r[d]! >>> 0 > im >>> 0)) break; continue; }
					case 135 satisfies Is<"jgt64_reg">: { const a = r[d + 1]! >>> 0, b = (r[s + 1]!) >>> 0; if (a > b || (a === b && r[d]! >>> 0 > r[s]! >>> 0)) break; continue; }
					case 136 satisfies Is<"jge64_imm">: { const a = r[d + 1]! >>> 0, b = (im >> 31) >>> 0; if (a > b || (a === b && r[d]! >>> 0 >= im >>> 0)) break; continue; }
					case 137 satisfies Is<"jge64_reg">: { const a = r[d + 1]! >>> 0, b = (r[s + 1]!) >>> 0; if (a > b || (a === b && r[d]! >>> 0 >= r[s]! >>> 0)) break; continue; }
					case 138 satisfies Is<"jset64_imm">: if (((r[d]! & im) | (r[d + 1]! & (im >> 31))) !== 0) break; continue;
					case 139 satisfies Is<"jset64_reg">: if (((r[d]! & r[s]!) | (r[d + 1]! & (r[s + 1]!))) !== 0) break; continue;
					case 140 satisfies Is<"jne64_imm">: if (r[d]! !== im || r[d + 1]! !== (im >> 31)) break; continue;
					case 141 satisfies Is<"jne64_reg">: if (r[d]! !== r[s]! || r[d + 1]! !== (r[s + 1]!)) break; continue;
					case 142 satisfies Is<"jsgt64_imm">: { const a = r[d + 1]!, b = im >> 31; if (a > b || (a === b && r[d]! >>> 0 > im >>> 0)) break; continue; }
					case 143 satisfies Is<"jsgt64_reg">: { const a = r[d + 1]!, b = r[s + 1]!; if (a > b || (a === b && r[d]! >>> 0 > r[s]! >>> 0)) break; continue; }
					case 144 satisfies Is<"jsge64_imm">: { const a = r[d + 1]!, b = im >> 31; if (a > b || (a === b && r[d]! >>> 0 >= im >>> 0)) break; continue; }
					case 145 satisfies Is<"jsge64_reg">: { const a = r[d + 1]!, b = r[s + 1]!; if (a > b || (a === b && r[d]! >>> 0 >= r[s]! >>> 0)) break; continue; }
					case 146 satisfies Is<"jlt64_imm">: { const a = r[d + 1]! >>> 0, b = (im >> 31) >>> 0; if (a < b || (a === b && r[d]! >>> 0 < im >>> 0)) break; continue; }
					case 147 satisfies Is<"jlt64_reg">: { const a = r[d + 1]! >>> 0, b = (r[s + 1]!) >>> 0; if (a < b || (a === b && r[d]! >>> 0 < r[s]! >>> 0)) break; continue; }
					case 148 satisfies Is<"jle64_imm">: { const a = r[d + 1]! >>> 0, b = (im >> 31) >>> 0; if (a < b || (a === b && r[d]! >>> 0 <= im >>> 0)) break; continue; }
					case 149 satisfies Is<"jle64_reg">: { const a = r[d + 1]! >>> 0, b = (r[s + 1]!) >>> 0; if (a < b || (a === b && r[d]! >>> 0 <= r[s]! >>> 0)) break; continue; }
					case 150 satisfies Is<"jslt64_imm">: { const a = r[d + 1]!, b = im >> 31; if (a < b || (a === b && r[d]! >>> 0 < im >>> 0)) break; continue; }
					case 151 satisfies Is<"jslt64_reg">: { const a = r[d + 1]!, b = r[s + 1]!; if (a < b || (a === b && r[d]! >>> 0 < r[s]! >>> 0)) break; continue; }
					case 152 satisfies Is<"jsle64_imm">: { const a = r[d + 1]!, b = im >> 31; if (a < b || (a === b && r[d]! >>> 0 <= im >>> 0)) break; continue; }
					case 153 satisfies Is<"jsle64_reg">: { const a = r[d + 1]!, b = r[s + 1]!; if (a < b || (a === b && r[d]! >>> 0 <= r[s]! >>> 0)) break; continue; }
					case 154 satisfies Is<"jeq32_imm">: if (r[d]! === im) break; continue;
					case 155 satisfies Is<"jeq32_reg">: if (r[d]! === r[s]!) break; continue;
					case 156 satisfies Is<"jgt32_imm">: if (r[d]! >>> 0 > im >>> 0) break; continue;
					case 157 satisfies Is<"jgt32_reg">: if (r[d]! >>> 0 > r[s]! >>> 0) break; continue;
					case 158 satisfies Is<"jge32_imm">: if (r[d]! >>> 0 >= im >>> 0) break; continue;
					case 159 satisfies Is<"jge32_reg">: if (r[d]! >>> 0 >= r[s]! >>> 0) break; continue;
					case 160 satisfies Is<"jset32_imm">: if ((r[d]! & im) !== 0) break; continue;
					case 161 satisfies Is<"jset32_reg">: if ((r[d]! & r[s]!) !== 0) break; continue;
					case 162 satisfies Is<"jne32_imm">: if (r[d]! !== im) break; continue;
					case 163 satisfies Is<"jne32_reg">: if (r[d]! !== r[s]!) break; continue;
					case 164 satisfies Is<"jsgt32_imm">: if (r[d]! > im) break; continue;
					case 165 satisfies Is<"jsgt32_reg">: if (r[d]! > r[s]!) break; continue;
					case 166 satisfies Is<"jsge32_imm">: if (r[d]! >= im) break; continue;
					case 167 satisfies Is<"jsge32_reg">: if (r[d]! >= r[s]!) break; continue;
					case 168 satisfies Is<"jlt32_imm">: if (r[d]! >>> 0 < im >>> 0) break; continue;
					case 169 satisfies Is<"jlt32_reg">: if (r[d]! >>> 0 < r[s]! >>> 0) break; continue;
					case 170 satisfies Is<"jle32_imm">: if (r[d]! >>> 0 <= im >>> 0) break; continue;
					case 171 satisfies Is<"jle32_reg">: if (r[d]! >>> 0 <= r[s]! >>> 0) break; continue;
					case 172 satisfies Is<"jslt32_imm">: if (r[d]! < im) break; continue;
					case 173 satisfies Is<"jslt32_reg">: if (r[d]! < r[s]!) break; continue;
					case 174 satisfies Is<"jsle32_imm">: if (r[d]! <= im) break; continue;
					case 175 satisfies Is<"jsle32_reg">: if (r[d]! <= r[s]!) break; continue;
					case 176 satisfies Is<"call_helper">: leave(cpu, pc - 1, fuel - (pc - start)); if (!calls.helper(im, cpu)) none("helper", im, pc - 1); break callout;
					case 177 satisfies Is<"call_function">: push(cpu, pc); stackLow -= STACK_FRAME_SIZE; break;
					case 178 satisfies Is<"call_kfunc">: leave(cpu, pc - 1, fuel - (pc - start)); if (!calls.kfunc?.(im, words[i + 1]!, cpu)) none("kfunc", im, pc - 1); break callout;
					case 179 satisfies Is<"callx">: {
						leave(cpu, pc - 1, fuel - (pc - start));
						if (r[d + 1]! === 0) {
							if (!calls.helper(r[d]!, cpu)) none("helper", r[d]!, pc - 1);
							break callout;
						}
						const callee = codeAt(r[d]!, r[d + 1]!, pc - 1, calls, first);
						if (edges !== undefined) count(edges, start, pc);
						push(cpu, pc);
						stackLow -= STACK_FRAME_SIZE;
						fuel = cpu.fuel;
						pc = start = r[d]! >>> 3;
						code = callee;
						cpu.code = code.id;
						words = code.words;
						edges = code.edges;
						continue;
					}
					case 180 satisfies Is<"exit">: break exit;
					case 181 satisfies Is<"outside">: throw outside(cpu, im);
					case 182 satisfies Is<"trap">: pc--; leave(cpu, pc, fuel - (pc - start)); openTrap(code, cpu); continue;
					default: operation satisfies never; throw outside(cpu, pc - 1);
				}
				fuel -= pc - start;
				if (edges !== undefined) count(edges, start, pc);
				pc = start = words[i + 1]!;
				if (fuel < 0) throw spent(cpu, i >> 2);
				continue;
			}
			// A callee has come back: it may have changed all but the frames.
			if (edges !== undefined) count(edges, start, pc);
			view = memory.view;
			readLow = readHigh = writeLow = writeHigh = 0;
			fuel = cpu.fuel;
			start = pc;
			if (fuel < 0) throw spent(cpu, pc - 1);
			if (going) {
				if (cpu.tail === 0) continue;
				code = calls.code?.(cpu.tail) ?? none("program", cpu.tail, pc - 1);
				cpu.tail = 0;
				cpu.code = code.id;
				cpu.mayGoto = MAY_GOTO_LIMIT;
				words = code.words;
				edges = code.edges;
				pc = start = 0;
				continue;
			}
			// No such packet data: the function ends with 0.
			going = true;
			r[0] = 0;
			r[1] = 0;
		}
		fuel -= pc - start;
		if (edges !== undefined) count(edges, start, pc);
		cpu.fuel = fuel;
		cpu.pc = pc - 1;
		if (fuel < 0) throw spent(cpu, pc - 1);
		if (cpu.depth === base) return;
		pc = start = pop(cpu);
		stackLow += STACK_FRAME_SIZE;
		if (cpu.code === code.id) continue;
		code = cpu.code === first.id ? first : (calls.code?.(cpu.code) ?? none("program", cpu.code, pc));
		words = code.words;
		edges = code.edges;
	}
}

function leave(cpu: Cpu, pc: number, fuel: number): void {
	cpu.pc = pc;
	cpu.fuel = fuel;
}

/** Instructions [from, to) ran once more: `slotCounts` sums up. */
function count(edges: Float64Array, from: number, to: number): void {
	edges[from]!++;
	edges[to]!--;
}

/** Keeps what the caller gets back and makes room for the callee's stack. */
function push(cpu: Cpu, returnTo: number): void {
	if (cpu.depth >= MAX_FRAMES - 1) throw stackFull(cpu, returnTo - 1);
	const { frames, registers } = cpu;
	const at = cpu.depth++ * FRAME_WORDS;
	frames[at] = cpu.code;
	frames[at + 1] = returnTo;
	for (let k = 0; k < 8; k++) frames[at + CALLEE_SAVED + k] = registers[R6 + k]!;
	frames[at + 10] = cpu.mayGoto;
	cpu.mayGoto = MAY_GOTO_LIMIT;
	registers[R10] = registers[R10]! - STACK_FRAME_SIZE;
}

/** Undoes `push`; gives the slot to return to. */
function pop(cpu: Cpu): number {
	const { frames, registers } = cpu;
	const at = --cpu.depth * FRAME_WORDS;
	cpu.code = frames[at]!;
	for (let k = 0; k < 8; k++) registers[R6 + k] = frames[at + CALLEE_SAVED + k]!;
	cpu.mayGoto = frames[at + 10]!;
	registers[R10] = cpu.stack + (MAX_FRAMES - cpu.depth) * STACK_FRAME_SIZE;
	registers[R10 + 1] = 0;
	return frames[at + 1]!;
}

/** The code that a code address lies in. */
function codeAt(low: number, high: number, pc: number, calls: Callables<Code>, own: Code | undefined): Code {
	const id = high & ~CODE_TAG;
	const code = (high & CODE_TAG) === 0 || id <= 0 ? undefined : own?.id === id ? own : calls.code?.(id);
	if (code === undefined || low < 0 || (low & 7) !== 0 || low >>> 3 >= code.slots) throw badCode(low, high, pc);
	return code;
}
