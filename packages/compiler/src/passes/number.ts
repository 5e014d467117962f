import { analyseGraph, type Block, type Func, formatCore, type Inst, replaceUses } from "#ir";
import type { PassContext } from "./context.ts";

/**
 * Common values: a pure instruction is replaced by one that computes the same and stands above. Loads of the context
 * count as pure while nothing writes it and no helper moves the packet; loads of `.rodata` always do.
 */
export function numberValues(func: Func, context: PassContext): number {
	const graph = analyseGraph(func);
	const known = new Map<string, Inst[]>();
	const replaced = new Map<Inst, Inst>();
	const find = (i: Inst): Inst => {
		let r = i;
		for (let n = replaced.get(r); n; n = replaced.get(r)) r = n;
		return r;
	};
	const hoisted: Inst[] = [];
	const changing = func.blocks.some((b) => b.insts.some(changesContext));
	const leaving = new Map<Block, number>();
	let epochs = 0;
	for (const b of graph.order) {
		const only = b.predecessors.length === 1 ? leaving.get(b.predecessors[0]!) : undefined;
		let epoch = !changing ? 0 : b === func.entry ? 0 : (only ?? ++epochs);
		const phis = new Map<string, Inst>();
		for (const phi of b.phis) {
			for (let k = 0; k < phi.args.length; k++) phi.args[k] = find(phi.args[k]!);
			const key = `${phi.width}${phi.space} ${phi.args.map((a) => a.id).join()}`;
			const same = phis.get(key);
			if (same) replaced.set(phi, same);
			else phis.set(key, phi);
		}
		for (const i of b.insts) {
			for (let k = 0; k < i.args.length; k++) i.args[k] = find(i.args[k]!);
			if (changesContext(i)) epoch = ++epochs;
			const key = keyOf(i, epoch, context);
			if (key === undefined) continue;
			const list = known.get(key);
			if (!list && (i.op === "const" || i.op === "slot" || i.op === "map" || i.op === "global") && b !== func.entry) {
				// These make no code where they stand: all of them stand in the entry.
				hoisted.push(i);
				i.block = func.entry;
			}
			const above = list?.find((c) => graph.dominates(c.block, b));
			if (above) replaced.set(i, above);
			else if (list) list.push(i);
			else known.set(key, [i]);
		}
		leaving.set(b, epoch);
		const t = b.terminator;
		if (t && "args" in t) for (let k = 0; k < t.args.length; k++) t.args[k] = find(t.args[k]!);
	}
	replaceUses(func, replaced);
	if (replaced.size > 0 || hoisted.length > 0)
		for (const b of func.blocks) {
			b.phis = b.phis.filter((i) => !replaced.has(i));
			b.insts = b.insts.filter((i) => !replaced.has(i) && i.block === b);
		}
	func.entry.insts.unshift(...hoisted);
	return replaced.size;
}

const changesContext = (i: Inst): boolean =>
	(i.op === "call" && (i.callee.kind !== "helper" || i.callee.movesPacket === true)) ||
	((i.op === "store" || i.op === "atomic") && i.args[0]!.space === "ctx");

const COMMUTES = new Set(["add", "mul", "and", "or", "xor"]);

/** What two instructions must have in common to be one; undefined: they never are. */
function keyOf(i: Inst, epoch: number, context: PassContext): string | undefined {
	const head = `${i.width}${i.space}`;
	const [a, b] = i.args;
	switch (i.op) {
		case "const":
			return `${head} c${i.value}`;
		case "binary": {
			const [x, y] = COMMUTES.has(i.operator) && a!.id > b!.id ? [b!.id, a!.id] : [a!.id, b!.id];
			return `${head} ${i.operator} ${x} ${y}`;
		}
		case "extend":
			return `${head} e${i.from}${i.signed} ${a!.id}`;
		case "truncate":
			return `${head} t ${a!.id}`;
		case "swap":
			return `${head} w${i.bits} ${a!.id}`;
		case "compare":
			return `${head} ${i.condition}${i.on} ${a!.id} ${b!.id}`;
		case "slot":
			return `${head} s${i.slot.id}`;
		case "offset":
			return `${head} o${i.offset} ${a!.id} ${b?.id}${i.core ? formatCore(i.core) : ""}`;
		case "map":
			return `${head} m${i.map}`;
		case "global":
			return `${head} g${i.variable}`;
		case "core":
			return `${head} r${i.value} ${formatCore(i.core)}`;
		case "load": {
			if (i.shared) return undefined;
			const access = `l${i.size}${i.signed} ${a!.id} ${i.offset}${i.core ? formatCore(i.core) : ""}`;
			if (a!.space === "ctx") return `${head} x${epoch} ${access}`;
			if (a!.op === "global" && context.globals.get(a!.variable)?.section === ".rodata") return `${head} ${access}`;
			return undefined;
		}
		default:
			return undefined;
	}
}
