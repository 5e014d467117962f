import { FormatError } from "@skep/bpf/base";
import { flowOf, functionEntries, graphOf, listing, OUTSIDE } from "@skep/bpf/cfg";
import { CALL, type Instruction, rowOf } from "@skep/bpf/isa";
import type { XlatedInsn } from "./xlated.ts";

/** Where control may go from the end of a block. */
export interface Way {
	/** Number of the block that it leads to. */
	readonly to: number;
	/** A jump that is taken, or the way on behind an instruction that does not jump, or not this time. */
	readonly kind: "jump" | "on";
	/** It leads back into a loop. */
	readonly back: boolean;
}

/** Instructions that run one after the other. */
export interface FlowBlock {
	readonly insns: readonly XlatedInsn[];
	readonly ways: readonly Way[];
	/** A loop begins here. */
	readonly loop: boolean;
}

/** One function of a program: block 0 is where it begins, the others are in the order of their slots. */
export interface FlowFunction {
	/** Prototype or name. */
	readonly title: string;
	readonly blocks: readonly FlowBlock[];
}

/** Something that goes on to the next instruction: stands for what the kernel alone knows. */
const PLAIN: Instruction = { opcode: 0xbf, dst: 0, src: 0, offset: 0, imm: 0 };

/** An instruction as the tables of the user API have it, as far as control flow goes. */
function known(each: XlatedInsn): Instruction {
	const { insn } = each;
	// Machine code is called by a number, and the distance stands elsewhere.
	if (insn.opcode === 0x85 && insn.src === CALL.function && each.calls !== undefined)
		return { ...insn, offset: 0, imm: each.calls - each.slot - 1 };
	if (insn.opcode === 0x85 && insn.src !== CALL.function) return { ...PLAIN };
	try {
		rowOf(insn);
		return insn;
	} catch (error) {
		if (!(error instanceof FormatError)) throw error;
		return insn.immHigh === undefined ? PLAIN : { ...PLAIN, opcode: insn.opcode, immHigh: 0 };
	}
}

/** The functions of a program and their blocks, by the rules of `@skep/bpf/cfg`. What nothing leads to is left out. */
export function flowFunctions(insns: readonly XlatedInsn[]): FlowFunction[] {
	if (insns.length === 0) return [];
	const list = listing(insns.map(known));
	const starts = new Set(functionEntries(list));
	for (const each of insns) if (each.proto !== undefined) starts.add(each.slot);
	return [...starts]
		.sort((a, b) => a - b)
		.map((entry, number): FlowFunction => {
			const graph = graphOf(list, entry);
			const { position, loops } = flowOf(graph);
			const headers = new Set(loops.map(({ header }) => header));
			const blocks = graph.blocks.map((block, i): FlowBlock => {
				const way = (to: number | undefined, kind: Way["kind"]): Way[] =>
					to === undefined || to === OUTSIDE ? [] : [{ to, kind, back: position[to]! <= position[i]! }];
				return {
					insns: insns.slice(block.first, block.end),
					ways: [...way(block.next, "on"), ...way(block.taken, "jump")],
					loop: headers.has(i),
				};
			});
			const proto = insns[list.at[entry]!]!.proto?.replace(/:$/, "");
			return { title: proto ?? (number === 0 ? "program" : `function at ${entry}`), blocks };
		});
}
