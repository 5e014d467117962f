import { type BinaryOp, type Block, Editor, type Func, type Inst, replaceUses } from "#ir";
import { isNarrow } from "#passes";

/**
 * Rewrites what the machine has no instruction for: signed division and modulo below v4, and phis of 32 bits with an
 * operand that may have more.
 */
export function legalise(func: Func, cpu: "v3" | "v4"): void {
	const editor = new Editor(func);
	narrowPhis(func, editor);
	if (cpu === "v3") expandSignedDivision(func, editor);
}

function narrowPhis(func: Func, editor: Editor): void {
	for (const b of func.blocks)
		for (const phi of b.phis) {
			if (phi.width !== 32) continue;
			phi.args.forEach((a, k) => {
				if (a.width === 32 || isNarrow(a, 32)) return;
				const from = b.predecessors[k]!;
				const low = editor.make({ op: "truncate" }, [a], 32, { block: from, position: a.position });
				from.insts.push(low);
				phi.args[k] = low;
			});
		}
}

function expandSignedDivision(func: Func, editor: Editor): void {
	const replaced = new Map<Inst, Inst>();
	for (const b of func.blocks) {
		if (!b.insts.some((i) => i.op === "binary" && (i.operator === "sdiv" || i.operator === "smod"))) continue;
		const insts: Inst[] = [];
		for (const i of b.insts) {
			if (i.op === "binary" && (i.operator === "sdiv" || i.operator === "smod"))
				replaced.set(i, divide(i, i.operator, b, insts, editor));
			else insts.push(i);
		}
		b.insts = insts;
	}
	replaceUses(func, replaced);
}

/**
 * RFC 9669 on magnitudes: |x| = (x ^ s) - s with s = x >> (width - 1). x / 0 is 0 and x % 0 is x as the unsigned
 * instructions have it; the smallest number divided by -1 wraps to itself.
 */
function divide(
	i: Inst & { op: "binary" },
	operator: "sdiv" | "smod",
	block: Block,
	insts: Inst[],
	editor: Editor,
): Inst {
	const w = i.width;
	const add = (op: BinaryOp, a: Inst, b: Inst): Inst => {
		const made = editor.make({ op: "binary", operator: op }, [a, b], w, { block, position: i.position });
		insts.push(made);
		return made;
	};
	const number = (n: bigint): Inst => {
		const made = editor.constant(n, w, { block, position: i.position });
		insts.push(made);
		return made;
	};
	const [a, b] = i.args as [Inst, Inst];
	const magnitude = (x: Inst, sign: Inst): Inst => add("sub", add("xor", x, sign), sign);
	if (b.op === "const") {
		const divisor = BigInt.asIntN(w, b.value);
		if (divisor === 0n) return operator === "sdiv" ? number(0n) : low(a);
		if (divisor === 1n || divisor === -1n) {
			if (operator === "smod") return number(0n);
			return divisor === 1n ? low(a) : add("sub", number(0n), a);
		}
		const positive = BigInt.asUintN(w, divisor < 0n ? -divisor : divisor);
		const shift = positive.toString(2).length - 1;
		if (positive === 1n << BigInt(shift)) {
			// Round towards zero: negative numbers get divisor - 1 first.
			const biased = add("add", a, add("lshr", add("ashr", a, number(BigInt(w - 1))), number(BigInt(w - shift))));
			if (operator === "smod") return add("sub", a, add("and", biased, number(-positive)));
			const quotient = add("ashr", biased, number(BigInt(shift)));
			return divisor < 0n ? add("sub", number(0n), quotient) : quotient;
		}
		const sign = add("ashr", a, number(BigInt(w - 1)));
		const result = add(operator === "sdiv" ? "udiv" : "umod", magnitude(a, sign), number(positive));
		const signed = magnitude(result, sign);
		return operator === "sdiv" && divisor < 0n ? add("sub", number(0n), signed) : signed;
	}
	const top = number(BigInt(w - 1));
	const sa = add("ashr", a, top);
	const sb = add("ashr", b, top);
	if (operator === "smod") return magnitude(add("umod", magnitude(a, sa), magnitude(b, sb)), sa);
	return magnitude(add("udiv", magnitude(a, sa), magnitude(b, sb)), add("xor", sa, sb));

	function low(x: Inst): Inst {
		if (w === 64 || x.width === 32 || isNarrow(x, 32)) return x;
		const made = editor.make({ op: "truncate" }, [x], 32, { block, position: i.position });
		insts.push(made);
		return made;
	}
}
