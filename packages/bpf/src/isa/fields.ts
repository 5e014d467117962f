import { type ByteSource, FormatError } from "#base";
import type { Instruction } from "./instruction.ts";
import { INSTRUCTIONS, type InstructionRow } from "./table.ts";

/** Fields of an encoded instruction besides its opcode. */
export type Field = "dst" | "src" | "offset" | "imm" | "immHigh";

/** Which field an operand in a row's text stands for. */
const FIELD_OF: Readonly<Record<string, readonly Field[]>> = {
	dst: ["dst"],
	wdst: ["dst"],
	src: ["src"],
	wsrc: ["src"],
	imm: ["imm"],
	ljump: ["imm"],
	jimm: ["imm"],
	plus: ["imm"],
	high16: ["imm"],
	low16: ["imm"],
	off: ["offset"],
	jump: ["offset"],
	fd: ["offset"],
	next: ["immHigh"],
	next32: ["immHigh"],
	imm64: ["imm", "immHigh"],
};

const FREE: ReadonlyMap<InstructionRow, ReadonlySet<Field>> = new Map(
	INSTRUCTIONS.map((row) => [row, new Set([...row.text.matchAll(/\{(\w+)\}/g)].flatMap((m) => FIELD_OF[m[1]!] ?? []))]),
);

/** The fields of a row that may hold any value of their range. */
export const fieldsOf = (row: InstructionRow): ReadonlySet<Field> => FREE.get(row)!;

interface Candidate {
	readonly row: InstructionRow;
	readonly dst: boolean;
	/** -1: any register. */
	readonly src: number;
	/** undefined: free. */
	readonly offset: number | undefined;
	readonly imm: number | undefined;
	readonly wide: boolean;
}

const ROWS: readonly (readonly Candidate[])[] = (() => {
	const table: Candidate[][] = Array.from({ length: 256 }, () => []);
	for (const row of INSTRUCTIONS) {
		const free = fieldsOf(row);
		table[row.opcode]!.push({
			row,
			dst: free.has("dst"),
			src: free.has("src") ? -1 : (row.fixed.src ?? 0),
			offset: free.has("offset") ? undefined : (row.fixed.offset ?? 0),
			imm: free.has("imm") ? undefined : (row.fixed.imm ?? 0),
			wide: free.has("immHigh"),
		});
	}
	return table;
})();

/** Rows that share an opcode byte; empty for unknown opcodes. */
export const byOpcode = (opcode: number): readonly InstructionRow[] => (ROWS[opcode] ?? []).map((c) => c.row);

const mismatch = (c: Candidate, i: Instruction): [Field, string] | undefined => {
	if (c.offset !== undefined && i.offset !== c.offset) return ["offset", `${i.offset}, expected ${c.offset}`];
	if (c.imm !== undefined && i.imm !== c.imm) return ["imm", `${i.imm}, expected ${c.imm}`];
	if (c.src >= 0 && i.src !== c.src) return ["src", `${i.src}, expected ${c.src}`];
	if (c.src < 0 && !(i.src >= 0 && i.src <= 10)) return ["src", `${i.src}, expected a register up to 10`];
	if (c.dst ? !(i.dst >= 0 && i.dst <= 10) : i.dst !== 0)
		return ["dst", `${i.dst}, expected ${c.dst ? "a register up to 10" : "0"}`];
	return undefined;
};

const hex = (n: number): string => `0x${n.toString(16).padStart(2, "0")}`;

/**
 * The table's row for an instruction. FormatError where the opcode is unknown or a reserved field is set; `slot` and
 * `source` go into it (the offset is the slot's byte).
 */
export function rowOf(insn: Instruction, slot = 0, source: ByteSource = {}): InstructionRow {
	const candidates = ROWS[insn.opcode];
	let best: [Field, string] | undefined;
	let count = 0;
	if (candidates)
		for (const c of candidates) {
			const wrong = mismatch(c, insn);
			if (!wrong) return c.row;
			count++;
			best ??= wrong;
		}
	const fail = (path: string, message: string): FormatError =>
		new FormatError(
			{
				...(source.file === undefined ? {} : { file: source.file }),
				...(source.section === undefined ? {} : { section: source.section }),
				offset: (source.origin ?? 0) + slot * 8,
				path: `Insn[${slot}]/${path}`,
			},
			message,
		);
	if (!best) throw fail("opcode", `unknown opcode ${hex(insn.opcode)}`);
	if (count === 1) throw fail(best[0], `${best[0]} of ${hex(insn.opcode)} is ${best[1]}`);
	const { dst, src, offset, imm } = insn;
	throw fail(
		best[0],
		`no instruction of opcode ${hex(insn.opcode)} has dst ${dst}, src ${src}, offset ${offset}, imm ${imm}; expected one of ${candidates!.map((c) => c.row.name).join(", ")}`,
	);
}

/** 2 for instructions with a 64-bit immediate, else 1. */
export const slotsOf = (insn: Instruction): 1 | 2 => (insn.opcode === WIDE ? 2 : 1);

/** Opcode of the only instructions that take two slots. */
export const WIDE = 0x18;
