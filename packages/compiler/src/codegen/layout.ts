import { type Machine, type MachineBlock, type MachineFunc, machineSuccessors } from "./machine.ts";

const last = (b: MachineBlock): Machine => b.insts[b.insts.length - 1]!;

/** Sends jumps past blocks that only jump on, makes one of blocks that do the same, and drops what cannot be reached. */
export function threadJumps(func: MachineFunc): void {
	for (let round = 0; round < 3; round++) {
		// A jump to a lone exit is an exit: as short, and equal to others of its kind.
		for (const b of func.blocks) {
			const m = last(b);
			const exit = m.kind === "jump" && m.then!.insts.length === 1 ? m.then!.insts[0]! : undefined;
			if (exit?.kind === "exit") b.insts[b.insts.length - 1] = { ...exit, position: m.position };
		}
		const merged = mergeTails(func);
		for (const b of func.blocks) {
			const m = last(b);
			if (m.kind !== "jump" && m.kind !== "branch") continue;
			m.then = destination(m.then!, merged);
			if (m.else) m.else = destination(m.else, merged);
			if (m.kind === "branch" && m.then === m.else) b.insts[b.insts.length - 1] = { ...m, kind: "jump" };
		}
		dropUnreached(func);
		if (merged.size === 0) return;
	}
}

function destination(block: MachineBlock, merged: Map<MachineBlock, MachineBlock>): MachineBlock {
	let b = block;
	for (let steps = 0; steps < 64; steps++) {
		const m = merged.get(b);
		if (m) b = m;
		else if (b.insts.length === 1 && last(b).kind === "jump" && last(b).then !== b) b = last(b).then!;
		else break;
	}
	return b;
}

/** Blocks that end a path and hold the same instructions as an earlier one. */
function mergeTails(func: MachineFunc): Map<MachineBlock, MachineBlock> {
	const merged = new Map<MachineBlock, MachineBlock>();
	const seen = new Map<string, MachineBlock>();
	for (const b of func.blocks) {
		const end = last(b);
		if (end.kind === "branch" || b.insts.length > 6 || (end.kind === "jump" && b.insts.length === 1)) continue;
		const key = b.insts.map(contentOf).join(";");
		const first = seen.get(key);
		if (first && first !== b) merged.set(b, first);
		else seen.set(key, b);
	}
	return merged;
}

const contentOf = (m: Machine): string =>
	[
		m.kind,
		m.dst,
		m.src,
		m.src2,
		m.imm,
		m.offset,
		m.width,
		m.size,
		m.operator,
		m.condition,
		m.atomic,
		m.fetch,
		m.signed,
		m.value,
		m.reference && JSON.stringify(m.reference),
		m.core && JSON.stringify(m.core),
		m.place?.offset,
		m.callee && JSON.stringify(m.callee),
		m.then?.index,
	].join();

function dropUnreached(func: MachineFunc): void {
	const seen = new Set<MachineBlock>([func.blocks[0]!]);
	const work = [func.blocks[0]!];
	for (let b = work.pop(); b; b = work.pop())
		for (const s of machineSuccessors(b))
			if (!seen.has(s)) {
				seen.add(s);
				work.push(s);
			}
	func.blocks = func.blocks.filter((b) => seen.has(b));
	for (const [i, b] of func.blocks.entries()) b.index = i;
}

/** Blocks that only unlikely ways lead to, for the weights of the allocator and for the order. */
export function markCold(func: MachineFunc): void {
	const warm = new Set<MachineBlock>();
	const work = [func.blocks[0]!];
	for (let b = work.pop(); b; b = work.pop()) {
		if (warm.has(b)) continue;
		warm.add(b);
		const m = last(b);
		if (m.kind === "branch" && b.likely !== undefined) work.push(b.likely ? m.then! : m.else!);
		else work.push(...machineSuccessors(b));
	}
	for (const b of func.blocks) b.cold = !warm.has(b);
}

/**
 * The order in which blocks are emitted: each block is followed by the way that goes on, so that it falls through;
 * a loop whose head decides about leaving stands with its head at the end, so that a round costs one jump.
 */
export function orderBlocks(func: MachineFunc): MachineBlock[] {
	const placed = new Set<MachineBlock>();
	const order: MachineBlock[] = [];
	const entry = func.blocks[0]!;
	let next: MachineBlock | undefined = entry;
	while (next) {
		let b: MachineBlock | undefined = next;
		while (b) {
			placed.add(b);
			order.push(b);
			b = follower(b, placed);
		}
		next = undefined;
		for (const cold of [false, true]) next ??= func.blocks.find((x) => !placed.has(x) && x.cold === cold);
	}
	return order;
}

function follower(b: MachineBlock, placed: ReadonlySet<MachineBlock>): MachineBlock | undefined {
	const m = last(b);
	let next: MachineBlock | undefined;
	if (m.kind === "jump") next = placed.has(m.then!) ? undefined : m.then;
	else if (m.kind === "branch") {
		const ways = [m.then!, m.else!].filter((w) => !placed.has(w));
		next = ways.length === 2 ? prefer(b, ways[0]!, ways[1]!) : ways[0];
	}
	if (!next?.header || next.depth <= b.depth) return next;
	const head = last(next);
	if (head.kind !== "branch") return next;
	const inside = [head.then!, head.else!].filter((w) => w.depth >= next!.depth && w !== next && !placed.has(w));
	// Through edge blocks of their own the ways may look outside: only the clear case is turned.
	return inside.length === 1 && jumpsBack(inside[0]!, next) ? inside[0]! : next;
}

/** Whether following jumps from the body comes back to the head by a plain jump somewhere. */
function jumpsBack(body: MachineBlock, head: MachineBlock): boolean {
	const seen = new Set<MachineBlock>();
	const work = [body];
	for (let b = work.pop(); b; b = work.pop()) {
		if (seen.has(b) || b.depth < head.depth) continue;
		seen.add(b);
		const m = last(b);
		if (m.kind === "jump" && m.then === head) return true;
		work.push(...machineSuccessors(b).filter((s) => s !== head));
	}
	return false;
}

function prefer(b: MachineBlock, then: MachineBlock, otherwise: MachineBlock): MachineBlock {
	if (b.likely !== undefined) return b.likely ? then : otherwise;
	if (then.cold !== otherwise.cold) return then.cold ? otherwise : then;
	if (then.depth !== otherwise.depth) return then.depth > otherwise.depth ? then : otherwise;
	const leaves = (x: MachineBlock): boolean => last(x).kind === "exit";
	if (leaves(then) !== leaves(otherwise)) return leaves(then) ? otherwise : then;
	if (machineSuccessors(then).includes(otherwise)) return then;
	if (machineSuccessors(otherwise).includes(then)) return otherwise;
	return then.index <= otherwise.index ? then : otherwise;
}
