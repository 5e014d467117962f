import { type Instruction, rowOf, slotsOf } from "#isa";

/** Instructions with their slots: jump distances count slots, lists count instructions. */
export interface Listing {
	readonly insns: readonly Instruction[];
	/** Slot at which each instruction begins. */
	readonly slots: Int32Array;
	/** Instruction that begins at each slot; -1: none does. */
	readonly at: Int32Array;
}

/** Where a jump leads if not to an instruction: behind the end, before the beginning, into a wide instruction. */
export const OUTSIDE = -1;

/** Instructions that run one after the other: only the first is jumped to, only the last one jumps. */
export interface Block {
	/** Instructions [first, end) of the listing. */
	readonly first: number;
	readonly end: number;
	/** Slot of the first instruction. */
	readonly slot: number;
	/** Block that the jump at the end leads to, or OUTSIDE; undefined: there is none. */
	readonly taken: number | undefined;
	/** Block that follows where nothing is jumped to, or OUTSIDE; undefined: behind `exit` and `goto`. */
	readonly next: number | undefined;
	/** Blocks that lead here, each once a way (a branch to the following block leads there twice). */
	readonly predecessors: readonly number[];
}

/** What can be reached from one entry without calling. Block 0 is the entry; the others are in the order of their slots. */
export interface Graph {
	readonly listing: Listing;
	readonly entry: number;
	readonly blocks: readonly Block[];
}

export function listing(insns: readonly Instruction[]): Listing {
	const slots = new Int32Array(insns.length);
	let slot = 0;
	for (const [i, one] of insns.entries()) {
		slots[i] = slot;
		slot += slotsOf(one);
	}
	const at = new Int32Array(slot).fill(-1);
	for (let i = 0; i < slots.length; i++) at[slots[i]!] = i;
	return { insns, slots, at };
}

const BRANCHES: ReadonlySet<string> = new Set(["jump", "jump_imm", "jump_reg"]);

/** Slot that the instruction at `slot` may jump to; undefined: it does not jump. Calls and exits do not. */
function targetOf(insn: Instruction, slot: number): number | undefined {
	const { name, shape } = rowOf(insn, slot);
	if (!BRANCHES.has(shape)) return undefined;
	return slot + 1 + (name === "jal" ? insn.imm : insn.offset);
}

const isLast = (insn: Instruction): boolean => {
	const { name } = rowOf(insn);
	return name === "exit" || name === "ja" || name === "jal";
};

/** Slots at which functions begin: the program's own, those called, those whose address is taken. Sorted; only valid ones. */
export function functionEntries(list: Listing): number[] {
	const entries = new Set(list.insns.length > 0 ? [0] : []);
	for (const [i, insn] of list.insns.entries()) {
		const { name } = rowOf(insn);
		if (name !== "call_function" && name !== "ld_code") continue;
		const to = list.slots[i]! + 1 + insn.imm;
		if ((list.at[to] ?? -1) >= 0) entries.add(to);
	}
	return [...entries].sort((a, b) => a - b);
}

/** The graph of the function that begins at slot `entry`, which must be one of an instruction. */
export function graphOf(list: Listing, entry: number): Graph {
	const { insns, slots, at } = list;
	const begin = at[entry] ?? -1;
	if (begin < 0) throw new RangeError(`no instruction begins at slot ${entry}`);
	// 1: reached, 2: a block begins there.
	const marks = new Uint8Array(insns.length);
	const work = [begin];
	marks[begin] = 2;
	while (work.length > 0) {
		for (let i = work.pop()!; i < insns.length; i++) {
			marks[i]! |= 1;
			const insn = insns[i]!;
			const to = targetOf(insn, slots[i]!);
			if (to !== undefined) {
				const target = at[to] ?? -1;
				if (target >= 0) {
					if (marks[target] === 0) work.push(target);
					marks[target]! |= 2;
				}
			}
			if (isLast(insn)) break;
			if (to !== undefined && i + 1 < insns.length) marks[i + 1]! |= 2;
			// What follows was already walked.
			if (i + 1 < insns.length && (marks[i + 1]! & 1) !== 0) break;
		}
	}
	const firsts: number[] = [begin];
	for (let i = 0; i < insns.length; i++) if (marks[i] === 3 && i !== begin) firsts.push(i);
	const blockAt = new Int32Array(insns.length).fill(OUTSIDE);
	for (const [index, first] of firsts.entries()) blockAt[first] = index;
	const predecessors: number[][] = firsts.map(() => []);
	const blocks = firsts.map((first, index): Block => {
		let end = first + 1;
		while (end < insns.length && blockAt[end] === OUTSIDE && !endsBlock(insns[end - 1]!)) end++;
		const last = insns[end - 1]!;
		const to = targetOf(last, slots[end - 1]!);
		const target = to === undefined ? undefined : (at[to] ?? -1);
		const taken = target === undefined ? undefined : target < 0 ? OUTSIDE : blockAt[target]!;
		const next = isLast(last) ? undefined : end < insns.length ? blockAt[end]! : OUTSIDE;
		for (const each of [taken, next]) if (each !== undefined && each !== OUTSIDE) predecessors[each]!.push(index);
		return { first, end, slot: slots[first]!, taken, next, predecessors: predecessors[index]! };
	});
	return { listing: list, entry, blocks };
}

const endsBlock = (insn: Instruction): boolean => isLast(insn) || BRANCHES.has(rowOf(insn).shape);

/** The blocks that may come right after one, without OUTSIDE. */
export function successors(block: Block): number[] {
	const found: number[] = [];
	if (block.next !== undefined && block.next !== OUTSIDE) found.push(block.next);
	if (block.taken !== undefined && block.taken !== OUTSIDE && block.taken !== block.next) found.push(block.taken);
	return found;
}
