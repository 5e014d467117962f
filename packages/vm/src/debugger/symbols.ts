import { Btf } from "@skep/bpf/btf";
import type { System } from "#objects";

/** Where an instruction comes from. Lines and columns from 1; 0: unknown. */
export interface SourcePlace {
	readonly slot: number;
	readonly file: string;
	readonly line: number;
	readonly column: number;
	/** The text of the line. */
	readonly text: string;
}

export interface FunctionPlace {
	readonly slot: number;
	readonly name: string;
}

/** Functions and source lines of one loaded program. */
export interface ProgramSymbols {
	readonly program: number;
	readonly name: string;
	readonly slots: number;
	/** By slot; the first is the program itself. */
	readonly functions: readonly FunctionPlace[];
	/** By slot; empty: it was loaded without. */
	readonly lines: readonly SourcePlace[];
	functionAt(slot: number): FunctionPlace;
	lineAt(slot: number): SourcePlace | undefined;
}

const FUNC_RECORD = 8;
const LINE_RECORD = 16;

/** Reads a program's functions and lines from what it was loaded with; undefined: there is no such program. */
export function symbolsOf(system: System, id: number): ProgramSymbols | undefined {
	const program = system.tables.programs.get(id);
	if (!program) return undefined;
	const bytes = system.tables.btfs.get(program.btf)?.bytes;
	const btf = bytes && Btf.decode(bytes);
	const functions = btf ? functionsOf(btf, program.funcInfo) : [];
	if (functions[0]?.slot !== 0) functions.unshift({ slot: 0, name: program.name || `program ${id}` });
	const lines = btf ? linesOf(btf, program.lineInfo) : [];
	const slots = program.insns.length / 8;
	const lineOf = new Int32Array(slots).fill(-1);
	for (const [i, { slot }] of lines.entries()) lineOf.fill(i, slot);
	return {
		program: id,
		name: program.name || `program ${id}`,
		slots,
		functions,
		lines,
		functionAt: (slot) => functions.findLast((each) => each.slot <= slot) ?? functions[0]!,
		lineAt: (slot) => lines[lineOf[slot] ?? -1],
	};
}

function functionsOf(btf: Btf, info: Uint8Array): FunctionPlace[] {
	const view = new DataView(info.buffer, info.byteOffset, info.byteLength);
	const found: FunctionPlace[] = [];
	for (let at = 0; at + FUNC_RECORD <= info.length; at += FUNC_RECORD)
		found.push({ slot: view.getUint32(at, true), name: btf.name(view.getUint32(at + 4, true)) });
	return found.sort((a, b) => a.slot - b.slot);
}

function linesOf(btf: Btf, info: Uint8Array): SourcePlace[] {
	const view = new DataView(info.buffer, info.byteOffset, info.byteLength);
	const found: SourcePlace[] = [];
	for (let at = 0; at + LINE_RECORD <= info.length; at += LINE_RECORD) {
		const place = view.getUint32(at + 12, true);
		found.push({
			slot: view.getUint32(at, true),
			file: btf.string(view.getUint32(at + 4, true)),
			text: btf.string(view.getUint32(at + 8, true)),
			line: place >>> 10,
			column: place & 1023,
		});
	}
	return found.sort((a, b) => a.slot - b.slot);
}
