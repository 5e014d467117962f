import { type ByteSource, FormatError } from "#base";
import { rowOf, WIDE } from "./fields.ts";
import type { Instruction } from "./instruction.ts";

export interface WireOptions extends ByteSource {
	/** Default: true. */
	readonly littleEndian?: boolean;
}

/**
 * Bytes to instructions, in order; a wide one counts as one element of the list and two slots of the code. FormatError
 * (path `Insn[slot]/…`) for unknown opcodes, reserved fields that are set, wide instructions cut off, and a length that
 * is no multiple of 8.
 */
export function decode(bytes: Uint8Array, options: WireOptions = {}): Instruction[] {
	const { littleEndian = true } = options;
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const fail = (slot: number, path: string, message: string): FormatError =>
		new FormatError(
			{
				...(options.file === undefined ? {} : { file: options.file }),
				...(options.section === undefined ? {} : { section: options.section }),
				offset: (options.origin ?? 0) + slot * 8,
				path: `Insn[${slot}]${path}`,
			},
			message,
		);
	if (bytes.length % 8 !== 0)
		throw fail(bytes.length >> 3, "", `${bytes.length} bytes of instructions are no multiple of 8`);
	const count = bytes.length / 8;
	const list: Instruction[] = [];
	for (let slot = 0; slot < count; slot++) {
		const at = slot * 8;
		const opcode = bytes[at]!;
		const registers = bytes[at + 1]!;
		const low = registers & 15;
		const high = registers >> 4;
		const insn: Instruction = {
			opcode,
			dst: littleEndian ? low : high,
			src: littleEndian ? high : low,
			offset: view.getInt16(at + 2, littleEndian),
			imm: view.getInt32(at + 4, littleEndian),
		};
		rowOf(insn, slot, options);
		if (opcode !== WIDE) {
			list.push(insn);
			continue;
		}
		if (slot + 1 >= count) throw fail(slot, "", "the second slot of a wide instruction is missing");
		if (bytes[at + 8] !== 0 || bytes[at + 9] !== 0 || view.getInt16(at + 10, littleEndian) !== 0)
			throw fail(
				slot + 1,
				"",
				"the second slot of a wide instruction has an opcode, registers or an offset; expected 0",
			);
		list.push({ ...insn, immHigh: view.getInt32(at + 12, littleEndian) });
		slot++;
	}
	return list;
}

/** Instructions to bytes. FormatError for what the table does not have, or a number outside of its field. */
export function encode(list: readonly Instruction[], options: WireOptions = {}): Uint8Array<ArrayBuffer> {
	const { littleEndian = true } = options;
	let slots = 0;
	for (const i of list) slots += i.opcode === WIDE ? 2 : 1;
	const bytes = new Uint8Array(slots * 8);
	const view = new DataView(bytes.buffer);
	let slot = 0;
	for (const insn of list) {
		rowOf(insn, slot, options);
		const { opcode, dst, src, offset, imm, immHigh = 0 } = insn;
		if (offset !== (offset << 16) >> 16 || imm !== (imm | 0) || immHigh !== (immHigh | 0))
			throw new FormatError(
				{ offset: slot * 8, path: `Insn[${slot}]` },
				`offset ${offset}, imm ${imm} or its high half ${immHigh} does not fit its field`,
			);
		const at = slot * 8;
		bytes[at] = opcode;
		bytes[at + 1] = littleEndian ? (src << 4) | dst : (dst << 4) | src;
		view.setInt16(at + 2, offset, littleEndian);
		view.setInt32(at + 4, imm, littleEndian);
		if (opcode === WIDE) {
			view.setInt32(at + 12, immHigh, littleEndian);
			slot++;
		}
		slot++;
	}
	return bytes;
}
