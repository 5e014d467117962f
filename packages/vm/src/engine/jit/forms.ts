import { INSTRUCTIONS, type Shape } from "@skep/bpf/isa";
import { OPERATION } from "../operations.ts";

/** What an instruction is, taken apart once; by its number in `OPERATION`. */
export interface Form {
	readonly name: string;
	readonly shape: Shape | "outside";
	/** What is done: `add`, `jslt` without its width: `slt`, `fetch_or`, `cmpxchg`. */
	readonly verb: string;
	/** The second operand is the immediate, not a register. */
	readonly immediate: boolean;
	/** On 64 bits; else on the low 32, and the result's high half is 0. */
	readonly wide: boolean;
	/** Bytes that an access takes, bits that an extension or a swap looks at; 0 elsewhere. */
	readonly size: number;
	/** The load extends the sign. */
	readonly signed: boolean;
}

const SIZES: Readonly<Record<string, number>> = { b: 1, h: 2, w: 4, dw: 8 };

function formOf(name: string, shape: Shape): Form {
	const access = /^(.*)_(b|h|w|dw)$/.exec(name);
	if (access) {
		const verb = access[1]!.replace(/^atomic_/, "");
		const size = SIZES[access[2]!]!;
		const immediate = shape === "store_imm";
		return { name, shape, verb, immediate, wide: size === 8, size, signed: verb === "ldxs" };
	}
	const extended = /^movsx(8|16|32)_(32|64)$/.exec(name);
	if (extended) {
		const [, bits, width] = extended;
		return { name, shape, verb: "movsx", immediate: false, wide: width === "64", size: Number(bits), signed: true };
	}
	const computed = /^(\w+?)(16|32|64)(?:_(imm|reg))?$/.exec(name);
	if (computed && shape !== "wide") {
		const [, verb, width, operand] = computed;
		const named = shape === "jump_imm" || shape === "jump_reg" ? verb!.slice(1) : verb!;
		const size = shape === "endian" ? Number(width) : 0;
		return { name, shape, verb: named, immediate: operand === "imm", wide: width === "64", size, signed: false };
	}
	return { name, shape, verb: name, immediate: false, wide: true, size: 0, signed: false };
}

export const FORMS: readonly Form[] = (() => {
	const forms: Form[] = [];
	for (const { name, shape } of INSTRUCTIONS) forms[OPERATION[name]] = formOf(name, shape);
	const none = { verb: "outside", immediate: false, wide: false, size: 0, signed: false } as const;
	forms[OPERATION.outside] = { name: "outside", shape: "outside", ...none };
	return forms;
})();

/** One prepared instruction, as `Code.words` has it. */
export interface Step {
	readonly slot: number;
	readonly form: Form;
	readonly dst: number;
	readonly src: number;
	/** The offset, or the slot that is jumped to. */
	readonly second: number;
	readonly imm: number;
	readonly high: number;
}

export function stepAt(words: Int32Array, slot: number): Step {
	const at = slot * 4;
	const first = words[at]!;
	return {
		slot,
		form: FORMS[first & 255]!,
		dst: (first >>> 9) & 15,
		src: (first >>> 17) & 15,
		second: words[at + 1]!,
		imm: words[at + 2]!,
		high: words[at + 3]!,
	};
}

const ARGUMENTS = 0b11_1110;
const fetches = (verb: string): boolean => verb.startsWith("fetch_") || verb === "xchg";

/** Registers that an instruction reads, as bits; of a call of a function: what `callee` takes. */
export function readsOf({ form, dst, src }: Step, callee: number): number {
	const d = 1 << dst;
	const s = 1 << src;
	switch (form.shape) {
		case "alu_imm":
			return form.verb === "mov" ? 0 : d;
		case "alu_reg":
			return form.verb === "mov" ? s : d | s;
		case "unary":
		case "endian":
		case "store_imm":
		case "jump_imm":
			return d;
		case "extend":
		case "cast":
		case "load":
		case "atomic_load":
		case "packet":
			return s;
		case "store_reg":
		case "jump_reg":
			return d | s;
		case "atomic":
			return d | s | (form.verb === "cmpxchg" ? 1 : 0);
		case "call":
			return form.name === "call_function" ? callee : ARGUMENTS;
		case "call_reg":
			return ARGUMENTS | d;
		case "exit":
			return 1;
		default:
			return 0;
	}
}

/** The register that an instruction writes; -1: none. */
export function writeOf({ form, dst, src }: Step): number {
	switch (form.shape) {
		case "alu_imm":
		case "alu_reg":
		case "unary":
		case "extend":
		case "cast":
		case "endian":
		case "wide":
		case "load":
		case "atomic_load":
			return dst;
		case "atomic":
			return form.verb === "cmpxchg" ? 0 : fetches(form.verb) ? src : -1;
		case "packet":
		case "call":
		case "call_reg":
			return 0;
		default:
			return -1;
	}
}
