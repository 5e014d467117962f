import { analyseGraph, type Block, Editor, type Func, type Inst, removeTrivialPhis, type Terminator } from "#ir";
import { evaluateCondition } from "./arithmetic.ts";

type Branch = Terminator & { op: "branch" };

/** A predecessor whose constants decide the branch, and where it leads. */
interface Decided {
	readonly from: Block;
	readonly to: Block;
}

/**
 * A block that only branches on its phis is left out by predecessors that bring constants: they go straight to where
 * these lead. Conditions that were made values by `&&`, optional values (a flag beside a pointer) and the first test
 * of a counted loop become plain jumps. Returns the number of edges moved.
 */
export function threadPhis(func: Func): number {
	let changes = 0;
	// Moving edges makes no new circles, so the heads of loops stay those of now and those that moved.
	let heads: Set<Block> | undefined;
	for (let k = 0; k < func.blocks.length; k++) {
		const b = func.blocks[k]!;
		let decided = decidedEdges(b);
		if (decided.length === 0) continue;
		heads ??= new Set(analyseGraph(func).loops.keys());
		if (heads.has(b)) {
			decided = waysIn(func, b, decided);
			if (decided.length === 0) continue;
			heads.add(decided[0]!.to);
		}
		move(func, b, decided);
		removeTrivialPhis(func);
		changes += decided.length;
	}
	return changes;
}

/** Lets what goes from `p` to `from` go to `to`. */
export function retarget(p: Block, from: Block, to: Block): void {
	const t = p.terminator!;
	if (t.op === "jump") t.target = to;
	else if (t.op === "branch") {
		if (t.then === from) t.then = to;
		if (t.else === from) t.else = to;
	}
}

function decidedEdges(b: Block): Decided[] {
	const t = b.terminator;
	if (t?.op !== "branch" || t.then === t.else || b.phis.length === 0 || b.insts.length > 0 || b.predecessors.length < 2)
		return [];
	if (!t.args.some((a) => a.op === "phi" && a.block === b)) return [];
	const list: Decided[] = [];
	b.predecessors.forEach((from, k) => {
		const to = outcome(b, t, k);
		// Phis that feed each other round a loop would need all their values at once.
		if (to && to !== b && from !== b && !b.phis.some((phi) => phi.args[k]!.op === "phi" && phi.args[k]!.block === b))
			list.push({ from, to });
	});
	return list;
}

/** The head of a loop: only if all ways in go to one block, which is the head then. Else the loop had two entries. */
function waysIn(func: Func, b: Block, list: readonly Decided[]): Decided[] {
	const graph = analyseGraph(func);
	const back = b.predecessors.filter((p) => graph.dominates(b, p));
	if (back.length === 0) return [...list];
	const entries = b.predecessors.length - back.length;
	const into = list.filter((d) => !back.includes(d.from));
	const inside = graph.loops.get(b);
	return into.length === entries && into.every((d) => d.to === into[0]!.to && inside?.has(d.to)) ? into : [];
}

function outcome(b: Block, t: Branch, k: number): Block | undefined {
	const [x, y] = t.args.map((a) => (a.op === "phi" && a.block === b ? a.args[k]! : a)) as [Inst, Inst];
	if (x.op !== "const" || y.op !== "const") return undefined;
	return evaluateCondition(t.condition, t.on, x.value, y.value) ? t.then : t.else;
}

function move(func: Func, b: Block, decided: readonly Decided[]): void {
	const editor = new Editor(func);
	let id = func.blocks.reduce((n, x) => Math.max(n, x.id), 0);
	/** For each phi of the block: its value at the end of the blocks that define it now. */
	const values = new Map(b.phis.map((phi) => [phi, new Map<Block, Inst>([[b, phi]])]));
	for (const d of decided) {
		const k = b.predecessors.indexOf(d.from);
		const edge: Block = {
			id: ++id,
			phis: [],
			insts: [],
			terminator: { op: "jump", target: d.to, position: b.terminator!.position },
			predecessors: [d.from],
			sealed: true,
		};
		func.blocks.push(edge);
		for (const phi of b.phis) values.get(phi)!.set(edge, phi.args[k]!);
		const from = d.to.predecessors.indexOf(b);
		for (const phi of d.to.phis) {
			const a = phi.args[from]!;
			phi.args.push(values.get(a)?.get(edge) ?? a);
		}
		d.to.predecessors.push(edge);
		retarget(d.from, b, edge);
	}
	const gone = new Set(decided.map((d) => d.from));
	for (const phi of b.phis) phi.args = phi.args.filter((_, k) => !gone.has(b.predecessors[k]!));
	b.predecessors = b.predecessors.filter((p) => !gone.has(p));
	for (const [phi, ends] of values) repair(func, b, phi, ends, editor);
}

/** Gives the users of `phi` outside of its block the value that reaches them now, by phis where ways meet. */
function repair(func: Func, home: Block, phi: Inst, ends: ReadonlyMap<Block, Inst>, editor: Editor): void {
	const starts = new Map<Block, Inst>();
	const made = new Set<Inst>();
	const atEnd = (x: Block): Inst => ends.get(x) ?? atStart(x);
	const atStart = (x: Block): Inst => {
		const known = starts.get(x);
		if (known) return known;
		if (x.predecessors.length === 1) {
			const value = atEnd(x.predecessors[0]!);
			starts.set(x, value);
			return value;
		}
		const join = editor.make({ op: "phi" }, [], phi.width, { block: x, position: phi.position }, phi.space);
		if (phi.name !== undefined) join.name = phi.name;
		made.add(join);
		starts.set(x, join);
		x.phis.push(join);
		for (const p of x.predecessors) join.args.push(atEnd(p));
		return join;
	};
	for (const b of func.blocks) {
		for (const p of [...b.phis]) {
			if (made.has(p) || !p.args.includes(phi)) continue;
			p.args = p.args.map((a, k) => (a === phi && b.predecessors[k] !== home ? atEnd(b.predecessors[k]!) : a));
		}
		if (b === home) continue;
		for (const i of b.insts) if (i.args.includes(phi)) i.args = i.args.map((a) => (a === phi ? atStart(b) : a));
		const t = b.terminator;
		if (t && "args" in t) for (let k = 0; k < t.args.length; k++) if (t.args[k] === phi) t.args[k] = atStart(b);
	}
}
