import type { Node } from "#frontend";
import type { Inst, Variable } from "#ir";
import { instOf } from "./integer.ts";
import type { Lowering } from "./lowering.ts";
import { integerOperand } from "./operand.ts";
import { knownRange, type Value } from "./value.ts";

/** The index as a number that is proved to be within the length; undefined after SK3003. */
export function boundedIndex(
	l: Lowering,
	indexNode: Node,
	index: Value,
	length: number,
	node: Node,
	arrayText: string,
): { constant: number } | { inst: Inst } | undefined {
	const i = integerOperand(l, index, indexNode, "index");
	if (!i) return undefined;
	const [low, high] = knownRange(i);
	const text = l.text(indexNode);
	// Only a local stays what it was when it was checked.
	const advice = (test: string) =>
		indexNode.type === "Identifier"
			? `check it before: if (${text} ${test}) …`
			: `keep it in a const i and check that: if (i ${test}) …`;
	if (i.constant !== undefined) {
		if (i.constant >= 0n && i.constant < BigInt(length)) return { constant: Number(i.constant) };
		l.error("SK3003", node, `index ${i.constant} of an array of ${length}`, `the last one is ${length - 1}`);
		return undefined;
	}
	if (low < 0n && !i.open && high < BigInt(length) && i.signed) {
		l.error("SK3003", node, `nothing says that ${text} is not negative`, `${advice(">= 0")}, or make it unsigned`);
		return undefined;
	}
	if (high >= BigInt(length)) {
		l.error("SK3003", node, `nothing says that ${text} is less than ${length}`, advice(`< ${arrayText}.length`));
		return undefined;
	}
	l.at(node);
	const inst = instOf(l, i);
	const wide = i.bits === 64 ? inst : l.b.emit({ op: "extend", from: 32, signed: false }, [inst], 64);
	return { inst: visible(l, inst, wide, length) };
}

const DIVISIONS = new Set(["umod", "smod", "udiv", "sdiv"]);
const SHIFTS = new Set(["shl", "lshr", "ashr"]);

/** Whether a value is made by what leaves the verifier without a bound: divisions, shifts by a count it does not know. */
function forgets(value: Inst, length: number, seen: Set<Inst>): boolean {
	if (seen.has(value)) return false;
	seen.add(value);
	if (value.op === "binary") {
		const [, b] = value.args;
		if (DIVISIONS.has(value.operator) || (SHIFTS.has(value.operator) && b!.op !== "const")) return true;
		// A mask tells the bound again.
		if (value.operator === "and" && value.args.some((a) => a.op === "const" && a.value < length)) return false;
	} else if (value.op !== "phi" && value.op !== "extend" && value.op !== "truncate") return false;
	return value.args.some((a) => forgets(a, length, seen));
}

/** Where the verifier forgot the index's bound, it is said once more, where it can be seen. */
function visible(l: Lowering, index: Inst, wide: Inst, length: number): Inst {
	if (!forgets(index, length, new Set())) return wide;
	const bounded: Variable = { name: "index", width: 64, space: "scalar" };
	const inside = l.join();
	const outside = l.join();
	const end = l.join();
	l.branch("ult", 64, wide, l.constant(length, 64), inside, outside);
	l.enter(inside);
	l.b.write(bounded, wide);
	l.goto(end);
	l.enter(outside);
	l.b.write(bounded, l.constant(0, 64));
	l.goto(end);
	l.enter(end);
	return l.b.read(bounded);
}
