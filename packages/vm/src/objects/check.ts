import { FormatError } from "@skep/bpf/base";
import { byOpcode, decode, type Instruction, rowOf, slotsOf, WIDE } from "@skep/bpf/isa";
import { ERRNO } from "@skep/bpf/kernel";
import { helper, type ProgramType, PSEUDO_CALL, PSEUDO_LOAD } from "@skep/bpf/uapi";
import { helperFits, helperFunction, kernelFunction } from "#helpers";
import { HOOKS } from "#hooks";

/** Why a program is not taken: what the log says, and the errno that goes with it. */
export interface Objection {
	readonly slot: number;
	readonly text: string;
	readonly errno: number;
}

export interface CheckInput {
	readonly insns: Uint8Array;
	readonly type: ProgramType;
	readonly gpl: boolean;
	/** Slot of the function that is called where the program throws; undefined: it has none. */
	readonly handler: number | undefined;
	/** Name of a function by its BTF id. */
	kfuncName(id: number): string | undefined;
	/** What is wrong with a wide load that refers to a map; undefined: nothing. */
	mapFault(insn: Instruction, slot: number): Objection | undefined;
}

const STX = 0x03;
const JUMP = 0x05;
const JUMP32 = 0x06;
const CALL = 0x85;
const EXIT = 0x95;
const JA = 0x05;
const JA32 = 0x06;

const invalid = (slot: number, text: string, errno: number = ERRNO.EINVAL): Objection => ({ slot, text, errno });

/**
 * What can be told of a program without following its values: instructions are known, jumps stay in their function and hit
 * instructions, functions end, nothing is unreachable, r10 stays, helpers and maps are there. Undefined: no objection.
 */
export function checkStructure(input: CheckInput): Objection | undefined {
	let list: Instruction[];
	try {
		list = decode(input.insns);
	} catch (error) {
		if (!(error instanceof FormatError)) throw error;
		return undecodable(input.insns, error);
	}
	const slots: number[] = [];
	const bySlot: (Instruction | undefined)[] = [];
	let slot = 0;
	for (const insn of list) {
		slots.push(slot);
		bySlot[slot] = insn;
		slot += slotsOf(insn);
	}
	const end = slot;
	const starts = new Set([0]);
	if (input.handler !== undefined && bySlot[input.handler]) starts.add(input.handler);
	for (const [i, insn] of list.entries()) {
		const target = functionTarget(insn, slots[i]!);
		if (target === undefined) continue;
		if (target < 0 || target >= end || !bySlot[target])
			return invalid(slots[i]!, `invalid insn idx ${slots[i]} insn_idx_in_range ${target}`);
		starts.add(target);
	}
	const isThrow = (insn: Instruction): boolean =>
		insn.opcode === CALL && insn.src === PSEUDO_CALL.BPF_PSEUDO_KFUNC_CALL && input.kfuncName(insn.imm) === "bpf_throw";
	return flow(list, slots, bySlot, end, starts, isThrow) ?? contents(input, list, slots);
}

function undecodable(insns: Uint8Array, error: FormatError): Objection {
	const slot = Number(/Insn\[(\d+)\]/.exec(error.place.path)?.[1] ?? 0);
	const opcode = insns[slot * 8] ?? 0;
	if (byOpcode(opcode).length === 0) return invalid(slot, `unknown opcode ${opcode.toString(16).padStart(2, "0")}`);
	if (opcode === WIDE) return invalid(slot, "invalid bpf_ld_imm64 insn");
	return invalid(slot, error.message);
}

/** Where a call or a wide load of a function leads; undefined: it is neither. */
function functionTarget(insn: Instruction, slot: number): number | undefined {
	if (insn.opcode === CALL && insn.src === PSEUDO_CALL.BPF_PSEUDO_CALL) return slot + 1 + insn.imm;
	if (insn.opcode === WIDE && insn.src === PSEUDO_LOAD.BPF_PSEUDO_FUNC) return slot + 1 + insn.imm;
	return undefined;
}

function jumpTarget(insn: Instruction, slot: number): number | undefined {
	const kind = insn.opcode & 7;
	if (kind !== JUMP && kind !== JUMP32) return undefined;
	if (insn.opcode === CALL || insn.opcode === EXIT || insn.opcode === 0x8d || insn.opcode === 0x0d) return undefined;
	return slot + 1 + (insn.opcode === JA32 ? insn.imm : insn.offset);
}

const isEnd = (insn: Instruction): boolean => insn.opcode === EXIT || insn.opcode === JA || insn.opcode === JA32;

/** Jumps, ends of functions, and that every instruction can be reached. */
function flow(
	list: readonly Instruction[],
	slots: readonly number[],
	bySlot: readonly (Instruction | undefined)[],
	end: number,
	starts: ReadonlySet<number>,
	isThrow: (insn: Instruction) => boolean,
): Objection | undefined {
	const order = [...starts].sort((a, b) => a - b);
	let part = 0;
	for (const [i, insn] of list.entries()) {
		const slot = slots[i]!;
		while (order[part + 1] !== undefined && slot >= order[part + 1]!) part++;
		const from = order[part]!;
		const to = order[part + 1] ?? end;
		const target = jumpTarget(insn, slot);
		if (target !== undefined) {
			if (target < from || target >= to) return invalid(slot, `jump out of range from insn ${slot} to ${target}`);
			if (!bySlot[target]) return invalid(slot, `jump into the middle of ldimm64 insn ${target}`);
		}
		if (slot + slotsOf(insn) === to && !isEnd(insn) && !isThrow(insn)) {
			return invalid(slot, "last insn is not an exit or jmp");
		}
	}
	const seen = new Uint8Array(end);
	const open = [...starts];
	while (open.length > 0) {
		const slot = open.pop()!;
		if (slot >= end || seen[slot] !== 0) continue;
		seen[slot] = 1;
		const insn = bySlot[slot]!;
		const target = jumpTarget(insn, slot);
		if (target !== undefined) open.push(target);
		if (!isEnd(insn) && !(isThrow(insn) && (slot + 1 === end || starts.has(slot + 1)))) open.push(slot + slotsOf(insn));
	}
	const lost = slots.find((slot) => seen[slot] === 0);
	return lost === undefined ? undefined : invalid(lost, `unreachable insn ${lost}`);
}

/** Whether an instruction writes a register that it names. */
function writes(insn: Instruction, register: number): boolean {
	const kind = insn.opcode & 7;
	if (kind === 0x00 || kind === 0x01 || kind === 0x04 || kind === 0x07) return insn.dst === register;
	if (kind !== STX || (insn.dst !== register && insn.src !== register)) return false;
	const { name, shape } = rowOf(insn);
	return shape === "atomic_load"
		? insn.dst === register
		: insn.src === register && (name.startsWith("atomic_fetch") || name.startsWith("atomic_xchg"));
}

function contents(input: CheckInput, list: readonly Instruction[], slots: readonly number[]): Objection | undefined {
	for (const [i, insn] of list.entries()) {
		const slot = slots[i]!;
		if (writes(insn, 10)) return invalid(slot, "frame pointer is read only", ERRNO.EACCES);
		const wrong =
			insn.opcode === CALL ? call(input, insn, slot) : insn.opcode === WIDE ? wide(input, insn, slot) : undefined;
		if (wrong) return wrong;
	}
	return undefined;
}

function call(input: CheckInput, insn: Instruction, slot: number): Objection | undefined {
	if (insn.src === PSEUDO_CALL.BPF_PSEUDO_KFUNC_CALL) {
		const name = input.kfuncName(insn.imm);
		if (name === undefined) return invalid(slot, `kernel btf_id ${insn.imm} is not a function`);
		return kernelFunction(name)
			? undefined
			: invalid(slot, `calling kernel function ${name} is not allowed`, ERRNO.EACCES);
	}
	if (insn.src !== 0) return undefined;
	if (!helperFunction(insn.imm)) return invalid(slot, `invalid func unknown#${insn.imm}`);
	const row = helper(insn.imm)!;
	if (!helperFits(insn.imm, input.type))
		return invalid(slot, `program of this type cannot use helper bpf_${row.name}#${insn.imm}`);
	if (row.gpl && !input.gpl)
		return invalid(slot, "cannot call GPL-restricted function from non-GPL compatible program");
	return undefined;
}

function wide(input: CheckInput, insn: Instruction, slot: number): Objection | undefined {
	switch (insn.src) {
		case 0:
		case PSEUDO_LOAD.BPF_PSEUDO_FUNC:
			return undefined;
		case PSEUDO_LOAD.BPF_PSEUDO_BTF_ID:
			return invalid(slot, `ldimm64 insn specifies invalid btf_id ${insn.imm}: the virtual kernel has no variables`);
		default:
			return input.mapFault(insn, slot);
	}
}

/** Whether this kernel has the type of program at all. */
export const hasProgramType = (type: ProgramType): boolean => HOOKS[type] !== undefined;
