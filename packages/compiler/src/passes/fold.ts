import {
	type Block,
	Editor,
	type Func,
	type Inst,
	type Position,
	removeTrivialPhis,
	replaceUses,
	reversePostorder,
	type Size,
	type Width,
} from "#ir";
import { evaluateBinary, evaluateExtend, evaluateSwap } from "./arithmetic.ts";
import { isNarrow, significantBits } from "./bits.ts";
import { type Comparison, simplifyComparison } from "./comparison.ts";
import { countUses } from "./uses.ts";

const COMMUTES = new Set(["add", "mul", "and", "or", "xor"]);

/** Constants, algebra, powers of two, needless extensions and truncations, addresses. Returns how much was changed. */
export function fold(func: Func): number {
	let changes = 0;
	for (let round = 0; round < 6; round++) {
		const n = new Folder(func).run();
		changes += n;
		if (n === 0) break;
		removeTrivialPhis(func);
	}
	return changes;
}

/** What the rules need: fresh instructions in front of the one at hand, and how often a value is used. */
export class Folder {
	readonly #func: Func;
	readonly #editor: Editor;
	readonly #uses: Map<Inst, number>;
	readonly #replaced = new Map<Inst, Inst>();
	#block!: Block;
	#position: Position | undefined;
	#out: Inst[] = [];
	#changes = 0;

	constructor(func: Func) {
		this.#func = func;
		this.#editor = new Editor(func);
		this.#uses = countUses(func);
	}

	single(i: Inst): boolean {
		return (this.#uses.get(i) ?? 0) <= 1;
	}

	make(operation: Parameters<Editor["make"]>[0], args: Inst[], width: Width, space: Inst["space"] = "scalar"): Inst {
		const i = this.#editor.make(operation, args, width, { block: this.#block, position: this.#position }, space);
		this.#out.push(i);
		for (const a of args) this.#uses.set(a, (this.#uses.get(a) ?? 0) + 1);
		return i;
	}

	constant(value: bigint, width: Width): Inst {
		return this.make({ op: "const", value: BigInt.asUintN(width, value) }, [], width);
	}

	/** `x` as an operation of `width` reads it. */
	low(x: Inst, width: Width): Inst {
		return width === 64 || isNarrow(x, 32) ? x : this.make({ op: "truncate" }, [x], 32);
	}

	run(): number {
		for (const b of reversePostorder(this.#func)) {
			this.#block = b;
			const insts = b.insts;
			this.#out = [];
			for (const i of insts) {
				this.#position = i.position;
				this.#resolve(i.args);
				const r = this.#simplify(i);
				if (r === i) this.#out.push(i);
				else {
					this.#replaced.set(i, r);
					this.#uses.set(r, (this.#uses.get(r) ?? 0) + (this.#uses.get(i) ?? 0));
					this.#changes++;
				}
			}
			const t = b.terminator;
			if (t && "args" in t) {
				this.#resolve(t.args);
				if (t.op === "branch") this.#branch(t);
			}
			b.insts = this.#out;
		}
		replaceUses(this.#func, this.#replaced);
		return this.#changes;
	}

	#resolve(args: Inst[]): void {
		for (let k = 0; k < args.length; k++)
			for (let r = this.#replaced.get(args[k]!); r; r = this.#replaced.get(r)) args[k] = r;
	}

	#branch(t: NonNullable<Block["terminator"]> & { op: "branch" }): void {
		if (t.args[0].op === "const" && t.args[1].op === "const") return;
		this.#position = t.position;
		const c = simplifyComparison(this, { condition: t.condition, on: t.on, a: t.args[0], b: t.args[1] }, true);
		if (c.a === t.args[0] && c.b === t.args[1] && c.condition === t.condition && c.on === t.on && !c.inverted) return;
		this.#changes++;
		t.condition = c.condition;
		t.on = c.on;
		t.args = [c.a, c.b];
		if (c.inverted) {
			[t.then, t.else] = [t.else, t.then];
			if (t.likely !== undefined) t.likely = !t.likely;
		}
	}

	#simplify(i: Inst): Inst {
		switch (i.op) {
			case "binary":
				return this.#binary(i);
			case "extend":
				return this.#extend(i);
			case "truncate":
				return this.#truncate(i);
			case "swap": {
				const a = i.args[0]!;
				if (a.op === "const") return this.constant(evaluateSwap(i.bits, a.value), i.width);
				if (a.op === "swap" && a.bits === i.bits && isNarrow(a.args[0]!, i.bits)) return a.args[0]!;
				return i;
			}
			case "compare":
				return this.#compare(i);
			case "offset":
				return this.#offset(i);
			case "load":
				if (!i.core) this.#address(i, 0, "offset");
				// As wide as its result: there is nothing to extend.
				if (i.signed && i.size * 8 === i.width) i.signed = false;
				return i;
			case "store":
				this.#address(i, 0, "offset");
				this.#stored(i, 1, i.size);
				return i;
			case "atomic":
			case "zero":
				this.#address(i, 0, "offset");
				return i;
			case "copy":
				this.#address(i, 0, "toOffset");
				this.#address(i, 1, "fromOffset");
				return i;
			default:
				return i;
		}
	}

	/** [offset(base, c) + k] is [base + c + k]. The context's and relocated steps stay as they are. */
	#address(i: Inst, k: number, field: "offset" | "toOffset" | "fromOffset"): void {
		const base = i.args[k]!;
		if (base.op !== "offset" || base.args.length !== 1 || base.core) return;
		const holder = i as unknown as Record<typeof field, number>;
		const sum = holder[field] + base.offset;
		if (sum < -32768 || sum > 32767) return;
		holder[field] = sum;
		i.args[k] = base.args[0]!;
		this.#changes++;
	}

	/** What is stored needs no more than its low bytes. */
	#stored(i: Inst, k: number, size: Size): void {
		for (let v = i.args[k]!; ; v = i.args[k]!) {
			const bits = size * 8;
			let inner: Inst | undefined;
			if (v.op === "extend" && v.from >= bits) inner = v.args[0]!;
			else if (v.op === "truncate" && bits <= 32) inner = v.args[0]!;
			else if (
				v.op === "binary" &&
				v.operator === "and" &&
				v.args[1]!.op === "const" &&
				BigInt.asUintN(bits, v.args[1]!.value) === (1n << BigInt(bits)) - 1n &&
				bits <= v.width
			)
				inner = v.args[0]!;
			if (!inner) return;
			i.args[k] = inner;
			this.#changes++;
		}
	}

	#offset(i: Inst & { op: "offset" }): Inst {
		const [base, amount] = i.args;
		if (amount?.op === "const") {
			const n = BigInt.asIntN(64, amount.value);
			if (n >= -0x40000000n && n <= 0x40000000n)
				return this.make({ op: "offset", offset: i.offset + Number(n) }, [base!], 64, i.space);
			return i;
		}
		if (amount || i.core) return i;
		if (i.offset === 0 && base!.space === i.space) return base!;
		if (base!.op === "offset" && base!.args.length === 1 && !base!.core) {
			const sum = i.offset + base!.offset;
			if (Math.abs(sum) <= 0x40000000) return this.make({ op: "offset", offset: sum }, [base!.args[0]!], 64, i.space);
		}
		return i;
	}

	#extend(i: Inst & { op: "extend" }): Inst {
		const a = i.args[0]!;
		if (a.op === "const") return this.constant(evaluateExtend(i.from, i.signed, i.width, a.value), i.width);
		if (!i.signed) {
			if (i.from === 32 && a.width === 32) return a;
			return isNarrow(a, i.from) && (i.width === 64 || isNarrow(a, 32)) && significantBits(a) <= i.from ? a : i;
		}
		if (significantBits(a) < i.from) return a;
		const signed =
			(a.op === "load" && a.signed && a.size * 8 <= i.from) || (a.op === "extend" && a.signed && a.from <= i.from);
		if (signed && a.width === i.width) return a;
		if (signed && this.single(a)) {
			// Nobody else sees it: extended at once to the width that is wanted.
			a.width = i.width;
			return a;
		}
		return i;
	}

	#truncate(i: Inst & { op: "truncate" }): Inst {
		const a = i.args[0]!;
		if (a.op === "const") return this.constant(a.value, 32);
		if (isNarrow(a, 32)) return a;
		if (a.op === "extend") {
			const inner = a.args[0]!;
			if (a.from === 32) return inner.width === 32 ? inner : this.make({ op: "truncate" }, [inner], 32);
			return this.make({ op: "extend", from: a.from, signed: a.signed }, [inner], 32);
		}
		if (a.op === "binary" && this.single(a)) {
			const { operator } = a;
			const count = a.args[1]!;
			if (
				COMMUTES.has(operator) ||
				operator === "sub" ||
				(operator === "shl" && count.op === "const" && (count.value & 63n) < 32n)
			)
				return this.make({ op: "binary", operator }, a.args.slice(), 32);
		}
		return i;
	}

	#compare(i: Inst & { op: "compare" }): Inst {
		const c: Comparison = simplifyComparison(
			this,
			{ condition: i.condition, on: i.on, a: i.args[0]!, b: i.args[1]! },
			false,
		);
		if (c.known !== undefined) return this.constant(c.known ? 1n : 0n, i.width);
		const { a, b, condition, on } = c;
		const zero = b.op === "const" && b.value === 0n;
		if (zero && significantBits(a) <= 1) {
			if (condition === "ne") return a;
			if (condition === "eq")
				return this.make({ op: "binary", operator: "xor" }, [a, this.constant(1n, i.width)], i.width);
		}
		if (zero && condition === "slt")
			return this.make({ op: "binary", operator: "lshr" }, [a, this.constant(BigInt(on - 1), on)], on);
		if (condition === "set" && b.op === "const") {
			const mask = BigInt.asUintN(on, b.value);
			if (mask !== 0n && (mask & (mask - 1n)) === 0n) {
				const shift = BigInt(mask.toString(2).length - 1);
				const shifted =
					shift === 0n ? a : this.make({ op: "binary", operator: "lshr" }, [a, this.constant(shift, on)], on);
				return this.make({ op: "binary", operator: "and" }, [shifted, this.constant(1n, on)], on);
			}
		}
		if (a === i.args[0] && b === i.args[1] && condition === i.condition && on === i.on) return i;
		return this.make({ op: "compare", condition, on }, [a, b], i.width);
	}

	#binary(i: Inst & { op: "binary" }): Inst {
		let [a, b] = i.args as [Inst, Inst];
		const { operator, width } = i;
		if (a.op === "const" && b.op === "const")
			return this.constant(evaluateBinary(operator, width, a.value, b.value), width);
		if (a.op === "const" && COMMUTES.has(operator)) {
			[a, b] = [b, a];
			i.args = [a, b];
		}
		if (a === b) {
			if (operator === "sub" || operator === "xor") return this.constant(0n, width);
			if (operator === "and" || operator === "or") return this.low(a, width);
		}
		if (operator === "sdiv" || operator === "smod") {
			// Division is the same for both signs where neither operand has one.
			if (significantBits(a) < width && significantBits(b) < width)
				return this.make({ op: "binary", operator: operator === "sdiv" ? "udiv" : "umod" }, [a, b], width);
		}
		if (operator === "ashr" && significantBits(a) < width)
			return this.make({ op: "binary", operator: "lshr" }, [a, b], width);
		if (b.op !== "const") {
			if (
				a.op === "const" &&
				BigInt.asUintN(width, a.value) === 0n &&
				operator !== "sub" &&
				operator !== "add" &&
				operator !== "or" &&
				operator !== "xor"
			)
				return this.constant(0n, width);
			return i;
		}
		return this.#withConstant(i, a, b, BigInt.asUintN(width, b.value));
	}

	#withConstant(i: Inst & { op: "binary" }, a: Inst, b: Inst, c: bigint): Inst {
		const { operator, width } = i;
		const all = (1n << BigInt(width)) - 1n;
		const power = c !== 0n && (c & (c - 1n)) === 0n ? BigInt(c.toString(2).length - 1) : undefined;
		switch (operator) {
			case "add":
			case "sub": {
				if (c === 0n) return this.low(a, width);
				if (operator === "sub")
					return this.make({ op: "binary", operator: "add" }, [a, this.constant(-c, width)], width);
				const inner = this.#inner(a, "add", width);
				if (inner)
					return this.make({ op: "binary", operator: "add" }, [inner.x, this.constant(inner.c + c, width)], width);
				return i;
			}
			case "mul":
				if (c === 0n) return this.constant(0n, width);
				if (c === 1n) return this.low(a, width);
				if (power !== undefined)
					return this.make({ op: "binary", operator: "shl" }, [a, this.constant(power, width)], width);
				return i;
			case "udiv":
				if (c === 0n) return this.constant(0n, width);
				if (c === 1n) return this.low(a, width);
				if (power !== undefined)
					return this.make({ op: "binary", operator: "lshr" }, [a, this.constant(power, width)], width);
				return i;
			case "umod":
				if (c === 0n) return this.low(a, width);
				if (power !== undefined)
					return this.make({ op: "binary", operator: "and" }, [a, this.constant(c - 1n, width)], width);
				return i;
			case "sdiv":
				if (c === 0n) return this.constant(0n, width);
				return c === 1n ? this.low(a, width) : i;
			case "smod":
				if (c === 0n) return this.low(a, width);
				return c === 1n ? this.constant(0n, width) : i;
			case "and": {
				if (c === 0n) return this.constant(0n, width);
				if (c === all) return this.low(a, width);
				const bits = BigInt(significantBits(a));
				if (bits <= BigInt(width) && (c & ((1n << bits) - 1n)) === (1n << bits) - 1n) return a;
				const inner = this.#inner(a, "and", width);
				if (inner)
					return this.make({ op: "binary", operator: "and" }, [inner.x, this.constant(inner.c & c, width)], width);
				// A 64-bit mask of low bits is a 32-bit mask, which is always an immediate.
				if (width === 64 && c <= 0xffffffffn && c > 0x7fffffffn) {
					if (c === 0xffffffffn) return this.make({ op: "truncate" }, [a], 32);
					return this.make({ op: "binary", operator: "and" }, [a, this.constant(c, 32)], 32);
				}
				return i;
			}
			case "or":
				if (c === 0n) return this.low(a, width);
				return c === all ? this.constant(all, width) : i;
			case "xor":
				return c === 0n ? this.low(a, width) : i;
			case "shl":
			case "lshr":
			case "ashr": {
				const count = b.op === "const" ? b.value & BigInt(width - 1) : 0n;
				if (count === 0n) return this.low(a, width);
				if (operator === "lshr" && significantBits(a) <= Number(count) && (width === 64 || isNarrow(a, 32)))
					return this.constant(0n, width);
				const inner = this.#inner(a, operator, width);
				if (inner) {
					const sum = (inner.c & BigInt(width - 1)) + count;
					if (sum < BigInt(width))
						return this.make({ op: "binary", operator }, [inner.x, this.constant(sum, width)], width);
					if (operator !== "ashr") return this.constant(0n, width);
				}
				return i;
			}
		}
	}

	/** `a` as x op constant of the same kind that nobody else reads: then no check of it gets lost. */
	#inner(a: Inst, operator: string, width: Width): { x: Inst; c: bigint } | undefined {
		if (a.op !== "binary" || a.operator !== operator || a.width !== width || !this.single(a)) return undefined;
		const c = a.args[1]!;
		return c.op === "const" ? { x: a.args[0]!, c: c.value } : undefined;
	}
}
