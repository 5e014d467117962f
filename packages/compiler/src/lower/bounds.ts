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

/** The verifier forgets the bound of a remainder: it is said once more, where it can be seen. */
function visible(l: Lowering, index: Inst, wide: Inst, length: number): Inst {
	if (
		index.op !== "binary" ||
		(index.operator !== "umod" && index.operator !== "smod" && index.operator !== "udiv" && index.operator !== "sdiv")
	)
		return wide;
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
