import { analyseGraph, type Block, Editor, type Func, type Inst, type Size } from "#ir";
import type { PassContext } from "./context.ts";
import { callEffects } from "./helper-memory.ts";
import { type Area, type Event, findAreas } from "./memory.ts";

/**
 * A helper that fills a slot which is then only copied into a record or another slot fills that place directly.
 * Where the helper writes a string, the zeroing of the slot becomes one of the place.
 */
export function readDirectly(func: Func, context: PassContext): number {
	let changes = 0;
	for (let round = 0; round < 16; round++) {
		const graph = analyseGraph(func);
		const areas = findAreas(func, context);
		const done = areas.some(
			(a) => a.kind === "stack" && redirect(func, a, areas, context, (x, y) => graph.dominates(x, y)),
		);
		if (!done) break;
		changes++;
	}
	return changes;
}

function redirect(
	func: Func,
	area: Area,
	areas: readonly Area[],
	context: PassContext,
	dominates: (a: Block, b: Block) => boolean,
): boolean {
	if (area.events.size !== 1) return false;
	const [[block, events]] = [...area.events] as [[Block, Event[]]];
	const fills = events.filter((e) => e.inst.op === "call" && (e.kind === "write" || e.kind === "text"));
	const zeros = events.filter((e) => e.inst.op === "zero");
	const reads = events.filter((e) => e.kind === "read");
	if (fills.length !== 1 || reads.length !== 1 || fills.length + zeros.length + reads.length !== events.length)
		return false;
	const fill = fills[0]!;
	const call = fill.inst as Inst & { op: "call" };
	const read = reads[0]!.inst;
	const at = (i: Inst): number => block.insts.indexOf(i);
	if (
		fill.offset === undefined ||
		fill.size === undefined ||
		at(read) < at(call) ||
		zeros.some((z) => at(z.inst) > at(call))
	)
		return false;
	const to = targetOf(read, fill, block, func);
	if (!to) return false;
	const { base, offset, removed } = to;
	const target = areas.find((a) => a.pointers.has(base));
	if (!target || target === area || target.pointers.get(base) === undefined) return false;
	if (base.block !== block ? !dominates(base.block, block) : at(base) > at(call)) return false;
	const start = target.pointers.get(base)! + offset;
	const between = (target.events.get(block) ?? []).filter(
		(e) => at(e.inst) > at(call) && at(e.inst) < at(removed[removed.length - 1]!) && !removed.includes(e.inst),
	);
	if (
		between.some(
			(e) =>
				e.offset === undefined || e.size === undefined || (e.offset < start + fill.size! && start < e.offset + e.size),
		)
	)
		return false;
	// The call must not use the place in another way.
	if (call.args.some((a, k) => target.pointers.has(a) && callEffects(call, context).some((e) => e.argument === k)))
		return false;
	const editor = new Editor(func);
	const where = { block, position: call.position };
	const pointer = editor.make({ op: "offset", offset }, [base], 64, where, base.space);
	const argument = call.args.findIndex((a) => area.pointers.has(a));
	call.args[argument] = pointer;
	const before: Inst[] = [];
	if (fill.kind === "text") {
		if (zeros.length === 0 && target.kind === "stack") return undo(call, argument, area, fill);
		before.push(
			editor.make(
				{ op: "zero", offset, size: fill.size, align: (1 << Math.min(3, lowZeros(start))) as Size },
				[base],
				64,
				where,
			),
		);
	}
	before.push(pointer);
	const gone = new Set([...removed, ...zeros.map((z) => z.inst)]);
	block.insts = block.insts.flatMap((i) => (gone.has(i) ? [] : i === call ? [...before, i] : [i]));
	return true;
}

function undo(call: Inst, argument: number, area: Area, fill: Event): boolean {
	for (const [pointer, offset] of area.pointers) if (offset === fill.offset) call.args[argument] = pointer;
	return false;
}

const lowZeros = (n: number): number => (n === 0 ? 3 : 31 - Math.clz32(n & -n));

/** Where the one reader takes all that was filled: a copy, or a load that is only stored. */
function targetOf(
	read: Inst,
	fill: Event,
	block: Block,
	func: Func,
): { base: Inst; offset: number; removed: Inst[] } | undefined {
	if (read.op === "copy" && read.size === fill.size)
		return { base: read.args[0]!, offset: read.toOffset, removed: [read] };
	if (read.op !== "load" || read.size !== fill.size) return undefined;
	const users: Inst[] = [];
	for (const b of func.blocks) {
		for (const i of [...b.phis, ...b.insts]) if (i.args.includes(read)) users.push(i);
		const t = b.terminator;
		if (t && "args" in t && (t.args as Inst[]).includes(read)) return undefined;
	}
	const [store] = users;
	if (
		users.length !== 1 ||
		store?.op !== "store" ||
		store.block !== block ||
		store.args[1] !== read ||
		store.size !== read.size
	)
		return undefined;
	return { base: store.args[0]!, offset: store.offset, removed: [read, store] };
}
