// Random programs for tests: structured control flow, all operators and widths, memory and calls, from a list of numbers.
import {
	type AtomicOp,
	type BinaryOp,
	Builder,
	type Condition,
	type Func,
	type Inst,
	type Size,
	type Slot,
	type Variable,
	type Width,
} from "#ir";

const OPERATORS: readonly BinaryOp[] = [
	"add",
	"sub",
	"mul",
	"udiv",
	"sdiv",
	"umod",
	"smod",
	"and",
	"or",
	"xor",
	"shl",
	"lshr",
	"ashr",
];
const CONDITIONS: readonly Condition[] = ["eq", "ne", "ult", "ule", "ugt", "uge", "slt", "sle", "sgt", "sge", "set"];
const CONSTANTS = [
	0n,
	1n,
	2n,
	3n,
	7n,
	8n,
	10n,
	255n,
	65535n,
	0x7fffffffn,
	0x80000000n,
	0xffffffffn,
	0x100000000n,
	0xcbf29ce484222325n,
	-1n,
	-2n,
	-8n,
	-0x80000000n,
	1n << 63n,
];

export interface RandomOptions {
	/** Statements that need only what a socket filter may do. */
	readonly kernel?: boolean;
}

/** The same numbers give the same program. */
export function randomFunc(numbers: readonly number[], options: RandomOptions = {}): Func {
	return new Random(numbers, options).func();
}

class Random {
	readonly #numbers: readonly number[];
	readonly #b: Builder;
	readonly #kernel: boolean;
	#at = 0;
	#vars: Variable[] = [];
	#slots: { slot: Slot; base: Inst }[] = [];
	#map!: Inst;
	#ctx!: Inst;
	#depth = 0;
	#budget = 60;

	constructor(numbers: readonly number[], options: RandomOptions) {
		this.#numbers = numbers;
		this.#kernel = options.kernel === true;
		this.#b = new Builder({
			name: "random",
			section: "xdp",
			global: true,
			params: [{ name: "ctx", type: { kind: "ctx" } }],
			result: { kind: "int", bits: 32, signed: false },
			position: undefined,
		});
	}

	#pick(n: number): number {
		return (this.#numbers[this.#at++] ?? 0) % n;
	}
	#of<T>(list: readonly T[]): T {
		return list[this.#pick(list.length)]!;
	}

	func(): Func {
		const b = this.#b;
		this.#ctx = b.emit({ op: "param", index: 0 }, [], 64, "ctx");
		for (let k = 0; k < 6; k++) {
			const v: Variable = { name: `v${k}`, width: k % 2 ? 64 : 32, space: "scalar" };
			b.write(v, b.constant(this.#of(CONSTANTS), v.width));
			this.#vars.push(v);
		}
		for (const size of [8, 16, 4, 24]) {
			const slot = b.slot(`s${size}`, size, 8);
			const base = b.emit({ op: "slot", slot }, [], 64, "stack");
			b.emit({ op: "zero", offset: 0, size, align: 8 }, [base], 64);
			this.#slots.push({ slot, base });
		}
		const key = this.#slots[2]!.base;
		const map = b.emit({ op: "map", map: "m" }, [], 64, "map");
		this.#map = b.emit(
			{ op: "call", callee: { kind: "helper", id: 1, name: "map_lookup_elem" } },
			[map, key],
			64,
			"map_value",
		);
		if (this.#kernel) {
			const good = b.newBlock();
			const bad = b.newBlock();
			b.terminate({
				op: "branch",
				condition: "eq",
				on: 64,
				args: [this.#map, b.constant(0, 64)],
				then: bad,
				else: good,
				position: undefined,
			});
			b.seal(good);
			b.seal(bad);
			b.enter(bad);
			b.terminate({ op: "return", args: [b.constant(0, 32)], position: undefined });
			b.enter(good);
		}
		this.#statements(4 + this.#pick(12));
		const sum = this.#vars.reduce<Inst | undefined>(
			(s, v) => (s ? b.emit({ op: "binary", operator: "xor" }, [s, b.read(v)], 64) : b.read(v)),
			undefined,
		);
		if (b.reachable) {
			b.emit({ op: "store", size: 8, offset: 56 }, [this.#map, sum!], 64);
			b.terminate({ op: "return", args: [sum!], position: undefined });
		}
		return b.finish();
	}

	#statements(n: number): void {
		for (let k = 0; k < n && this.#b.reachable && this.#budget-- > 0; k++) this.#statement();
	}

	#value(width: Width): Inst {
		const b = this.#b;
		if (this.#pick(4) === 0) return b.constant(this.#of(CONSTANTS), width);
		const v = this.#of(this.#vars);
		const value = b.read(v);
		if (v.width === width) return value;
		if (width === 32) return b.emit({ op: "truncate" }, [value], 32);
		return b.emit({ op: "extend", from: 32, signed: this.#pick(2) === 0 }, [value], 64);
	}

	#expression(width: Width): Inst {
		const b = this.#b;
		switch (this.#pick(9)) {
			case 0:
				return b.emit(
					{ op: "extend", from: this.#of([8, 16] as const), signed: this.#pick(2) === 0 },
					[this.#value(this.#of([32, 64] as const))],
					width,
				);
			case 1:
				return b.emit(
					{ op: "swap", bits: this.#of(width === 64 ? ([16, 32, 64] as const) : ([16, 32] as const)) },
					[this.#value(width)],
					width,
				);
			case 2: {
				const on = this.#of([32, 64] as const);
				return b.emit(
					{ op: "compare", condition: this.#of(CONDITIONS), on },
					[this.#value(on), this.#value(on)],
					width,
				);
			}
			case 3:
				return this.#load(width);
			default:
				return b.emit({ op: "binary", operator: this.#of(OPERATORS) }, [this.#value(width), this.#value(width)], width);
		}
	}

	#target(size: number): { base: Inst; offset: number } {
		if (this.#pick(2) === 0) return { base: this.#map, offset: size * this.#pick(Math.floor(56 / size)) };
		const fitting = this.#slots.filter((s) => s.slot.size >= size);
		const s = this.#of(fitting);
		const offset = size * this.#pick(Math.floor(s.slot.size / size));
		if (this.#pick(3) === 0 && offset > 0)
			return { base: this.#b.emit({ op: "offset", offset }, [s.base], 64, "stack"), offset: 0 };
		return { base: s.base, offset };
	}

	#load(width: Width): Inst {
		const b = this.#b;
		const size = this.#of(width === 64 ? ([1, 2, 4, 8] as const) : ([1, 2, 4] as const));
		const signed = size < 8 && this.#pick(2) === 0;
		if (!this.#kernel && this.#pick(3) === 0)
			return b.emit({ op: "load", size, signed, offset: size * this.#pick(4) }, [this.#ctx], width);
		const { base, offset } = this.#target(size);
		return b.emit({ op: "load", size, signed, offset }, [base], width);
	}

	#statement(): void {
		const b = this.#b;
		switch (this.#pick(this.#depth < 3 ? 13 : 9)) {
			case 0:
			case 1:
			case 2:
			case 3: {
				const v = this.#of(this.#vars);
				b.write(v, this.#expression(v.width));
				return;
			}
			case 4: {
				const size: Size = this.#of([1, 2, 4, 8] as const);
				const { base, offset } = this.#target(size);
				b.emit({ op: "store", size, offset }, [base, this.#value(size === 8 ? 64 : 32)], 64);
				return;
			}
			case 5: {
				const size = this.#of([4, 8] as const);
				const { base, offset } = this.#target(size);
				const operator: AtomicOp = this.#of(["add", "or", "and", "xor", "xchg", "cmpxchg"] as const);
				const w: Width = size === 8 ? 64 : 32;
				const args = operator === "cmpxchg" ? [base, this.#value(w), this.#value(w)] : [base, this.#value(w)];
				const fetch = operator === "xchg" || operator === "cmpxchg" || this.#pick(2) === 0;
				const r = b.emit({ op: "atomic", operator, size, offset, fetch }, args, w);
				if (fetch) b.write(this.#vars[size === 8 ? 1 : 0]!, r);
				return;
			}
			case 6: {
				const r = b.emit({ op: "call", callee: { kind: "helper", id: 7, name: "get_prandom_u32" } }, [], 64);
				if (this.#kernel) return;
				const v = this.#of(this.#vars);
				b.write(v, v.width === 64 ? r : b.emit({ op: "truncate" }, [r], 32));
				return;
			}
			case 7: {
				const s = this.#of(this.#slots);
				if (this.#pick(2) === 0 || this.#kernel) {
					const size = 1 + this.#pick(s.slot.size);
					b.emit({ op: "zero", offset: this.#pick(s.slot.size - size + 1), size, align: 1 }, [s.base], 64);
				} else
					b.emit(
						{ op: "call", callee: { kind: "helper", id: 113, name: "probe_read_kernel" } },
						[s.base, b.constant(s.slot.size, 32), this.#value(64)],
						64,
					);
				return;
			}
			case 8: {
				if (this.#kernel || this.#pick(2) === 0) {
					b.emit(
						{ op: "copy", toOffset: 0, fromOffset: 8, size: this.#of([4, 7, 8, 16]), align: 8 },
						[this.#slots[1]!.base, this.#slots[3]!.base],
						64,
					);
				} else this.#record();
				return;
			}
			case 9:
			case 10: {
				const on = this.#of([32, 64] as const);
				const then = b.newBlock();
				const otherwise = b.newBlock();
				const after = b.newBlock();
				b.terminate({
					op: "branch",
					condition: this.#of(CONDITIONS),
					on,
					args: [this.#value(on), this.#value(on)],
					then,
					else: otherwise,
					position: undefined,
				});
				b.seal(then);
				b.seal(otherwise);
				this.#depth++;
				for (const way of [then, otherwise]) {
					b.enter(way);
					this.#statements(this.#pick(4));
					if (this.#pick(12) === 11 && b.reachable)
						b.terminate({ op: "return", args: [this.#value(64)], position: undefined });
					b.jump(after);
				}
				this.#depth--;
				b.seal(after);
				if (after.predecessors.length > 0) b.enter(after);
				return;
			}
			default:
				this.#loop();
		}
	}

	#record(): void {
		const b = this.#b;
		const map = b.emit({ op: "map", map: "r" }, [], 64, "map");
		const record = b.emit(
			{ op: "call", callee: { kind: "helper", id: 131, name: "ringbuf_reserve" } },
			[map, b.constant(64, 64), b.constant(0, 64)],
			64,
			"ringbuf",
		);
		b.emit({ op: "zero", offset: 0, size: 64, align: 8 }, [record], 64);
		for (let k = this.#pick(6); k > 0; k--) {
			const size = this.#of([1, 2, 4, 8] as const);
			const offset = size * this.#pick(64 / size);
			if (this.#pick(4) === 0)
				b.emit({ op: "copy", toOffset: 16, fromOffset: 0, size: 16, align: 8 }, [record, this.#slots[1]!.base], 64);
			else b.emit({ op: "store", size, offset }, [record, this.#value(size === 8 ? 64 : 32)], 64);
		}
		b.emit(
			{ op: "call", callee: { kind: "helper", id: 132, name: "ringbuf_submit" } },
			[record, b.constant(0, 64)],
			64,
		);
	}

	#loop(): void {
		const b = this.#b;
		const i: Variable = { name: "i", width: this.#of([32, 64] as const), space: "scalar" };
		const rounds = 1 + this.#pick(5);
		b.write(i, b.constant(0, i.width));
		const head = b.newBlock();
		const body = b.newBlock();
		const after = b.newBlock();
		b.jump(head);
		b.enter(head);
		b.terminate({
			op: "branch",
			condition: "ult",
			on: i.width,
			args: [b.read(i), b.constant(rounds, i.width)],
			then: body,
			else: after,
			position: undefined,
		});
		b.seal(body);
		b.enter(body);
		this.#depth++;
		this.#statements(this.#pick(4));
		if (this.#pick(6) === 5 && b.reachable) {
			const more = b.newBlock();
			b.terminate({
				op: "branch",
				condition: "eq",
				on: 32,
				args: [this.#value(32), this.#value(32)],
				then: after,
				else: more,
				position: undefined,
			});
			b.seal(more);
			b.enter(more);
		}
		this.#depth--;
		b.write(i, b.emit({ op: "binary", operator: "add" }, [b.read(i), b.constant(1, i.width)], i.width));
		b.jump(head);
		b.seal(head);
		b.seal(after);
		b.enter(after);
	}
}
