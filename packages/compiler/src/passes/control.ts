import { type Block, type Func, type Inst, removeTrivialPhis, removeUnreachable, type Terminator } from "#ir";
import { evaluateCondition, NEGATED } from "./arithmetic.ts";
import { retarget, threadPhis } from "./thread.ts";

type Branch = Terminator & { op: "branch" };

/** Decided branches, jumps through empty blocks and through phis of constants, chains of blocks. Returns the number of changes. */
export function simplifyControl(func: Func): number {
	let changes = 0;
	for (let round = 0; round < 8; round++) {
		const before = changes;
		for (const b of func.blocks) changes += decide(b);
		if (changes > before) removeUnreachable(func);
		removeTrivialPhis(func);
		changes += threadPhis(func);
		for (const b of func.blocks) changes += skipEmpty(func, b);
		removeUnreachable(func);
		removeTrivialPhis(func);
		changes += mergeChains(func);
		if (changes === before) break;
	}
	return changes;
}

function dropEdge(from: Block, to: Block): void {
	const k = to.predecessors.indexOf(from);
	to.predecessors = to.predecessors.filter((_, i) => i !== k);
	for (const phi of to.phis) phi.args = phi.args.filter((_, i) => i !== k);
}

/** A branch on constants, on what a branch above has told already, or with both ways the same becomes a jump. */
function decide(b: Block): number {
	const t = b.terminator;
	if (t?.op !== "branch") return 0;
	if (t.then !== t.else) {
		const way = outcome(b, t);
		if (way === undefined) return 0;
		dropEdge(b, way ? t.else : t.then);
		b.terminator = { op: "jump", target: way ? t.then : t.else, position: t.position };
		return 1;
	}
	b.terminator = { op: "jump", target: t.then, position: t.position };
	return 1;
}

function outcome(b: Block, t: Branch): boolean | undefined {
	const [x, y] = t.args;
	if (x.op === "const" && y.op === "const") return evaluateCondition(t.condition, t.on, x.value, y.value);
	let below = b;
	for (let steps = 0; steps < 16 && below.predecessors.length === 1; steps++) {
		const above = below.predecessors[0]!;
		const u = above.terminator;
		if (u?.op === "branch" && u.then !== u.else && u.on === t.on && u.args[0] === x && sameValue(u.args[1], y)) {
			const held = below === u.then;
			if (u.condition === t.condition) return held;
			if (NEGATED[u.condition] === t.condition) return !held;
		}
		below = above;
	}
	return undefined;
}

const sameValue = (a: Inst, b: Inst): boolean =>
	a === b || (a.op === "const" && b.op === "const" && a.value === b.value && a.width === b.width);

/** Jumps to a block that only jumps on go where it goes. */
function skipEmpty(func: Func, b: Block): number {
	const t = b.terminator;
	if (t?.op !== "jump" || b.insts.length > 0 || b.phis.length > 0 || b === func.entry || t.target === b) return 0;
	const to = t.target;
	let changes = 0;
	for (const p of [...b.predecessors]) {
		const from = to.predecessors.indexOf(b);
		const already = to.predecessors.indexOf(p);
		if (already >= 0) {
			// Both ways of p would lead to the same place: right only where the phis do not care.
			if (p === b || to.phis.some((phi) => phi.args[from] !== phi.args[already])) continue;
		} else {
			for (const phi of to.phis) phi.args.push(phi.args[from]!);
			to.predecessors.push(p);
		}
		retarget(p, b, to);
		b.predecessors = b.predecessors.filter((x) => x !== p);
		changes++;
	}
	return changes;
}

/** A block and its only successor, of which it is the only predecessor, become one. */
function mergeChains(func: Func): number {
	let changes = 0;
	const gone = new Set<Block>();
	for (const b of func.blocks) {
		if (gone.has(b)) continue;
		for (let t = b.terminator; t?.op === "jump"; t = b.terminator) {
			const next = t.target;
			if (next === b || next === func.entry || next.predecessors.length !== 1 || next.phis.length > 0) break;
			for (const i of next.insts) {
				i.block = b;
				b.insts.push(i);
			}
			b.terminator = next.terminator;
			const after = next.terminator;
			const ways = after?.op === "jump" ? [after.target] : after?.op === "branch" ? [after.then, after.else] : [];
			for (const s of ways) s.predecessors = s.predecessors.map((p) => (p === next ? b : p));
			gone.add(next);
			changes++;
		}
	}
	if (changes > 0) func.blocks = func.blocks.filter((b) => !gone.has(b));
	return changes;
}
