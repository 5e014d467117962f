import { FormatError } from "#base";
import { byOpcode, type Field, fieldsOf, rowOf } from "./fields.ts";
import type { Instruction } from "./instruction.ts";
import { INSTRUCTIONS, type InstructionRow } from "./table.ts";

/** One kind of operand in a row's text: how it is written, what it looks like, what it sets. */
interface Operand {
	readonly field: Field;
	readonly pattern: string;
	format(insn: Instruction): string;
	parse(text: string, into: Partial<Record<Field, number>>): void;
}

const REGISTER = "10|[0-9]";
const NUMBER = "-?(?:0x[0-9a-f]+|\\d+)";
const signed = (n: number): string => (n < 0 ? `${n}` : `+${n}`);
const spaced = (n: number): string => (n < 0 ? ` - ${-n}` : ` + ${n}`);

/** Decimal or hex, with a sign; RangeError where it does not fit (hex may also be given as unsigned). */
const number = (text: string, bits: 16 | 32): number => {
	const clean = text.replaceAll(" ", "").replace(/^\+/, "");
	const value = clean.startsWith("-") ? -Number(clean.slice(1)) : Number(clean);
	const limit = 2 ** (bits - 1);
	if (value >= limit && value < 2 * limit && bits === 32) return value - 2 * limit;
	if (value < -limit || value >= limit) throw new RangeError(`${text} does not fit in ${bits} bits`);
	return value;
};

const register = (field: "dst" | "src", letter: "r" | "w"): Operand => ({
	field,
	pattern: `${letter}(?:${REGISTER})`,
	format: (i) => `${letter}${i[field]}`,
	parse: (t, into) => {
		into[field] = Number(t.slice(1));
	},
});
const plain = (field: Field, bits: 16 | 32, pattern: string, format: (i: Instruction) => string): Operand => ({
	field,
	pattern,
	format,
	parse: (t, into) => {
		into[field] = t === "" ? 0 : number(t.replace(",", ""), bits);
	},
});

const OPERANDS: Readonly<Record<string, Operand>> = {
	dst: register("dst", "r"),
	wdst: register("dst", "w"),
	src: register("src", "r"),
	wsrc: register("src", "w"),
	imm: plain("imm", 32, NUMBER, (i) => `${i.imm}`),
	off: plain("offset", 16, ` ?[+-] ?(?:0x[0-9a-f]+|\\d+)`, (i) => spaced(i.offset)),
	jump: plain("offset", 16, `[+-](?:0x[0-9a-f]+|\\d+)`, (i) => signed(i.offset)),
	ljump: plain("imm", 32, `[+-](?:0x[0-9a-f]+|\\d+)`, (i) => signed(i.imm)),
	jimm: plain("imm", 32, `[+-](?:0x[0-9a-f]+|\\d+)`, (i) => signed(i.imm)),
	plus: plain("imm", 32, `(?: [+-] (?:0x[0-9a-f]+|\\d+))?`, (i) => (i.imm === 0 ? "" : spaced(i.imm))),
	fd: plain("offset", 16, `(?:, ${NUMBER})?`, (i) => (i.offset === 0 ? "" : `, ${i.offset}`)),
	next: plain("immHigh", 32, `(?: [+-] (?:0x[0-9a-f]+|\\d+))?`, (i) => (i.immHigh ? spaced(i.immHigh) : "")),
	next32: plain("immHigh", 32, NUMBER, (i) => `${i.immHigh ?? 0}`),
	high16: {
		field: "imm",
		pattern: "0x[0-9a-f]{1,4}|\\d{1,5}",
		format: (i) => `${i.imm >>> 16}`,
		parse: (t, into) => {
			into.imm = ((into.imm ?? 0) & 0xffff) | (Number(t) << 16);
		},
	},
	low16: {
		field: "imm",
		pattern: "0x[0-9a-f]{1,4}|\\d{1,5}",
		format: (i) => `${i.imm & 0xffff}`,
		parse: (t, into) => {
			into.imm = ((into.imm ?? 0) & ~0xffff) | (Number(t) & 0xffff);
		},
	},
	imm64: {
		field: "imm",
		pattern: NUMBER,
		format: (i) => `0x${((BigInt((i.immHigh ?? 0) >>> 0) << 32n) | BigInt(i.imm >>> 0)).toString(16)}`,
		parse: (t, into) => {
			const value = t.startsWith("-") ? -BigInt(t.slice(1)) : BigInt(t);
			if (BigInt.asIntN(64, value) !== value && BigInt.asUintN(64, value) !== value)
				throw new RangeError(`${t} does not fit in 64 bits`);
			into.imm = Number(BigInt.asIntN(32, value));
			into.immHigh = Number(BigInt.asIntN(32, value >> 32n));
		},
	},
};

const operand = (name: string): Operand => {
	const found = OPERANDS[name];
	if (!found) throw new Error(`the instruction table has no operand {${name}}`);
	return found;
};
const BRACES = /\{(\w+)\}/g;

interface Template {
	readonly pieces: readonly (string | Operand)[];
	readonly pattern: RegExp;
	readonly operands: readonly { readonly name: string; readonly operand: Operand }[];
	readonly row: InstructionRow;
}

const quoted = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll(" ", " +");

const compile = (row: InstructionRow): Template => {
	const pieces: (string | Operand)[] = [];
	const operands: { name: string; operand: Operand }[] = [];
	let pattern = "^";
	row.text.split(BRACES).forEach((part, index) => {
		if (index % 2 === 0) {
			pieces.push(part);
			pattern += quoted(part);
			return;
		}
		const o = operand(part);
		pieces.push(o);
		if (operands.some((x) => x.name === part)) pattern += `\\k<${part}>`;
		else {
			operands.push({ name: part, operand: o });
			pattern += `(?<${part}>${o.pattern})`;
		}
	});
	return { pieces, operands, row, pattern: new RegExp(`${pattern}$`) };
};

let templates: ReadonlyMap<InstructionRow, Template> | undefined;
const all = (): ReadonlyMap<InstructionRow, Template> => {
	templates ??= new Map(INSTRUCTIONS.map((row) => [row, compile(row)]));
	return templates;
};

/** The text of an instruction, as llvm-objdump writes it but with decimal numbers: `r0 = *(u32 *)(r1 + 8)`. FormatError where no row of the table fits. */
export function format(insn: Instruction): string {
	const { pieces } = all().get(rowOf(insn))!;
	let text = "";
	for (const p of pieces) text += typeof p === "string" ? p : p.format(insn);
	return text;
}

/** The instruction that a text says; the inverse of `format`. Numbers may be decimal or hex. FormatError for text of no instruction. */
export function parse(text: string): Instruction {
	const clean = text.trim().replace(/\s+/g, " ");
	for (const { pattern, operands, row } of all().values()) {
		const match = pattern.exec(clean);
		if (!match) continue;
		const set: Partial<Record<Field, number>> = {};
		try {
			for (const { name, operand: o } of operands) o.parse(match.groups?.[name] ?? "", set);
		} catch (cause) {
			throw new FormatError({ offset: 0, path: row.name }, `"${clean}": ${(cause as RangeError).message}`);
		}
		const wide = fieldsOf(row).has("immHigh");
		const insn = {
			opcode: row.opcode,
			dst: set.dst ?? 0,
			src: set.src ?? row.fixed.src ?? 0,
			offset: set.offset ?? row.fixed.offset ?? 0,
			imm: set.imm ?? row.fixed.imm ?? 0,
		};
		const result = wide ? { ...insn, immHigh: set.immHigh ?? 0 } : insn;
		// Two rows may share a text's shape only where numbers tell them apart; the table decides.
		if (byOpcode(row.opcode).length > 0 && rowOf(result) === row) return result;
	}
	throw new FormatError({ offset: 0, path: "text" }, `"${clean}" is no instruction`);
}
