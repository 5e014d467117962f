import { LinkError } from "#base";
import type { CoreResult } from "./core.ts";

/** Helper number of the call that a poisoned instruction becomes; libbpf's too, so every log reader knows it. */
export const INVALID_CORE_CALL = 0xbad2310;

const CALL = 0x85;
const LD_IMM64 = 0x18;
const CLASS_LDX = 1;
const CLASS_ST = 2;
const CLASS_STX = 3;
const CLASS_ALU = 4;
const CLASS_ALU64 = 7;
/** Bytes by the size bits of a load or store, and back. */
const SIZE_BYTES: Readonly<Record<number, number>> = { 0: 4, 8: 2, 16: 1, 24: 8 };
const SIZE_BITS: Readonly<Record<number, number>> = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 };

/**
 * Writes what a relocation came to into its instruction. Where the target lacks it the instruction (both slots of an
 * ld_imm64) becomes `call 0xbad2310`, which no verifier passes, and the reason is returned.
 * @throws LinkError where the instruction is of another kind, holds another number than the object's BTF says, or the new
 * number does not fit
 */
export function patchInstruction(
	insns: Uint8Array,
	slot: number,
	result: CoreResult,
	place: { readonly symbol: string; readonly insn: number },
): string | undefined {
	const refuse = (why: string) =>
		new LinkError(`CO-RE relocation of ${place.symbol} at instruction ${place.insn}: ${why}`, place);
	const at = slot * 8;
	if (at + 8 > insns.length) throw refuse(`the function has ${insns.length / 8} instructions`);
	const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
	const code = insns[at]!;
	const wide = code === LD_IMM64;
	if (wide && (at + 16 > insns.length || insns[at + 8] !== 0)) throw refuse("the second half of ld_imm64 is missing");
	if (result.value === undefined) {
		poison(view, at);
		if (wide) poison(view, at + 8);
		return result.missing;
	}
	const { value, original } = result;
	const check = (there: bigint): void => {
		if (original !== undefined && there !== original)
			throw refuse(`the instruction holds ${there}, by the object's BTF it should be ${original}`);
	};
	if (wide) {
		const there = (BigInt(view.getUint32(at + 12, true)) << 32n) | BigInt(view.getUint32(at + 4, true));
		check(original !== undefined && original < 0n ? BigInt.asIntN(64, there) : there);
		view.setUint32(at + 4, Number(BigInt.asUintN(32, value)), true);
		view.setUint32(at + 12, Number(BigInt.asUintN(32, value >> 32n)), true);
		return undefined;
	}
	switch (code & 7) {
		case CLASS_ALU:
		case CLASS_ALU64: {
			if ((code & 8) !== 0)
				throw refuse(`an instruction 0x${code.toString(16)} with two registers has no room for a number`);
			const there = view.getInt32(at + 4, true);
			check(original !== undefined && original > 0x7fffffffn ? BigInt.asUintN(32, BigInt(there)) : BigInt(there));
			if (value < -0x80000000n || value > 0xffffffffn) throw refuse(`${value} does not fit into 32 bits`);
			view.setInt32(at + 4, Number(BigInt.asIntN(32, value)), true);
			return undefined;
		}
		case CLASS_LDX:
		case CLASS_ST:
		case CLASS_STX: {
			check(BigInt(view.getInt16(at + 2, true)));
			if (value > 0x7fffn) throw refuse(`offset ${value} does not fit into an instruction, the highest is 32767`);
			if (result.fixedSize !== undefined) {
				poison(view, at);
				return result.fixedSize;
			}
			view.setInt16(at + 2, Number(value), true);
			const { size } = result;
			if (size && size.original !== size.value) {
				const there = SIZE_BYTES[code & 0x18]!;
				if (there !== size.original)
					throw refuse(`the instruction takes ${there} bytes, the field has ${size.original}`);
				const bits = SIZE_BITS[size.value];
				if (bits === undefined) throw refuse(`the field has ${size.value} bytes on this kernel`);
				insns[at] = (code & ~0x18) | bits;
			}
			return undefined;
		}
		default:
			throw refuse(
				`instruction 0x${code.toString(16)}, expected arithmetic with a number, a load, a store or ld_imm64`,
			);
	}
}

function poison(view: DataView, at: number): void {
	view.setUint32(at, CALL, true);
	view.setInt32(at + 4, INVALID_CORE_CALL, true);
}
