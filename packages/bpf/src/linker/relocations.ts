import { FormatError, LinkError } from "#base";
import { type ElfRelocation, R_BPF, SHF, SHT, STT } from "#elf";
import { insn, WIDE } from "#isa";
import type { InputFile } from "./input.ts";
import type { OutputSection, Placement } from "./sections.ts";
import type { OutputSymbol, ResolvedSymbols } from "./symbols.ts";

/** A relocation of the result. */
export interface OutputRelocation {
	readonly offset: number;
	readonly symbol: OutputSymbol | undefined;
	readonly type: number;
	readonly addend?: bigint;
}

const CALL = insn.call(0).opcode;
const KNOWN: ReadonlySet<number> = new Set([R_BPF.ld64, R_BPF.abs64, R_BPF.abs32, R_BPF.nodyld32, R_BPF.call]);

/**
 * Relocations with the offsets and symbols of the result. Those against a section count from where that file's part of it
 * begins, so the addend is moved along: in place, in `contents` (by section), or in the relocation where it has one.
 * @throws LinkError, FormatError
 */
export function moveRelocations(
	inputs: readonly InputFile[],
	placements: readonly (readonly (Placement | undefined)[])[],
	resolved: ResolvedSymbols,
	contents: ReadonlyMap<OutputSection, Uint8Array>,
): Map<OutputSection, OutputRelocation[]> {
	const moved = new Map<OutputSection, OutputRelocation[]>();
	for (const [n, input] of inputs.entries()) {
		for (const [i, section] of input.elf.sections.entries()) {
			const place = placements[n]![i];
			if (!place || place.shared || section.relocations.length === 0) continue;
			let list = moved.get(place.section);
			if (!list) {
				list = [];
				moved.set(place.section, list);
			}
			const bytes = contents.get(place.section)!;
			for (const [k, r] of section.relocations.entries()) {
				const path = `.rel${section.name}[${k}]`;
				if (!KNOWN.has(r.type))
					throw new LinkError(
						`relocation of type ${r.type} in section "${section.name}" of ${input.name} is not known`,
						{
							section: section.name,
						},
					);
				const at = place.at + r.offset;
				const source = input.elf.symbols[r.symbol];
				const symbol = resolved.maps[n]![r.symbol];
				if (source && !symbol)
					throw new LinkError(
						`section "${section.name}" of ${input.name} refers to "${source.name}", which stands in a section that is left out`,
						{ symbol: source.name, section: section.name },
					);
				let addend = r.addend;
				if (source?.type === STT.section && typeof source.section === "number") {
					const by = placements[n]![source.section]!.at;
					if (addend !== undefined) addend += BigInt(by);
					else if (by !== 0) {
						const room = section.type === SHT.nobits ? 0 : place.at + section.size;
						const error = (message: string) =>
							new FormatError({ file: input.name, section: section.name, offset: r.offset, path }, message);
						addInPlace(
							bytes.subarray(0, room),
							at,
							by,
							r,
							(section.flags & SHF.exec) !== 0,
							input.elf.littleEndian,
							error,
						);
					}
				}
				list.push({ offset: at, symbol, type: r.type, ...(addend === undefined ? {} : { addend }) });
			}
		}
	}
	return moved;
}

function addInPlace(
	bytes: Uint8Array,
	at: number,
	by: number,
	r: ElfRelocation,
	code: boolean,
	littleEndian: boolean,
	error: (message: string) => FormatError,
): void {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const room = (size: number): void => {
		if (at + size > bytes.length) throw error(`a relocation of ${size} bytes reaches past the section's end`);
	};
	const add32 = (offset: number, value: number): void => {
		const sum = view.getInt32(offset, littleEndian) + value;
		if (sum > 0x7fffffff) throw error(`${sum} does not fit the 32 bits of the place that refers to it`);
		view.setInt32(offset, sum, littleEndian);
	};
	if (code) {
		room(8);
		const opcode = view.getUint8(at);
		if (opcode === CALL) add32(at + 4, by / 8);
		else if (opcode === WIDE) add32(at + 4, by);
		else throw error(`opcode 0x${opcode.toString(16)}, expected a call or a wide load`);
		return;
	}
	if (r.type === R_BPF.abs64 || r.type === R_BPF.ld64) {
		room(8);
		view.setBigInt64(at, view.getBigInt64(at, littleEndian) + BigInt(by), littleEndian);
	} else {
		room(4);
		add32(at, by);
	}
}
