// biome-ignore-all lint/suspicious/useDefaultSwitchClauseLast: 0 is the simplest choice and stands first
// Expressions of random programs, each with what it computes.
import {
	ALL,
	aluOf,
	arrayAt,
	type Bool,
	CELLS,
	CHARS,
	type Choose,
	EDGES,
	evaluate,
	I32,
	I64,
	INPUT,
	type Int,
	K,
	type Kind,
	reach,
	recordBytes,
	related,
	type Struct,
	TEXTS,
	type Text,
	U8,
	U32,
	U64,
	WIDE,
	type World,
	wrap,
} from "./agreement-world.test-support.ts";

export interface Variable {
	readonly name: string;
	readonly type: Kind | "boolean" | "chars8" | "point" | "cells";
	readonly mutable: boolean;
}
export interface Fn {
	readonly name: string;
	readonly parameters: readonly Kind[];
	readonly result: Kind;
	readonly optional: boolean;
	readonly run: (w: World, args: readonly bigint[]) => bigint | undefined;
}

/** Makes expressions of what is in scope. */
export class Expressions {
	protected readonly choose: Choose;
	protected names = 0;
	protected scope: Variable[] = [];
	protected functions: Fn[] = [];
	protected texts: string[] = [];
	protected labels: { name: string; loop: boolean }[] = [];
	/** Result type of the function at hand; undefined: the program itself. */
	protected result: { kind: Kind; optional: boolean } | undefined;
	protected statements = 26;
	protected depth = 0;
	protected inRecord = false;
	/** Functions are being made: nothing of the program is in scope. */
	protected making = true;

	constructor(choose: Choose) {
		this.choose = choose;
	}

	protected pick<T>(list: readonly T[]): T {
		return list[this.choose(list.length)]!;
	}
	protected name(prefix: string): string {
		return `${prefix}${this.names++}`;
	}

	protected literal(k: Kind): Int {
		const v = wrap(this.choose(3) === 0 ? BigInt(this.choose(10)) : this.pick(EDGES), k);
		const text = k.bits === 64 ? `${v}n` : `${v}`;
		return { text: v < 0n ? `(${text})` : text, kind: k, bare: true, run: () => v };
	}

	/** A literal that says its type. */
	protected closed(e: Int): Int {
		return e.bare ? { ...e, text: `${e.kind.name}(${e.text})`, bare: false } : e;
	}

	/** A value of just this kind. */
	protected exact(k: Kind, fuel: number): Int {
		const from = this.choose(4) === 0 ? this.pick(ALL) : k;
		const e = this.closed(this.int(from, fuel));
		if (e.kind.name === k.name && this.choose(3) !== 1) return e;
		return { text: `${k.name}(${e.text})`, kind: k, run: (w) => wrap(e.run(w), k) };
	}

	protected variables(fits: (v: Variable) => boolean): Variable[] {
		return this.scope.filter(fits);
	}
	protected ints(k: Kind): Variable[] {
		return this.variables(
			(v) =>
				typeof v.type === "object" &&
				v.type.signed === k.signed &&
				(v.type.bits === 64) === (k.bits === 64) &&
				v.type.bits <= k.bits,
		);
	}

	/** Something of kind `k`, or narrower of its sign and ALU. */
	protected int(k: Kind, fuel: number): Int {
		if (fuel <= 0) return this.leaf(k);
		const alu = aluOf(k);
		const wide = k.bits >= 32;
		switch (this.choose(wide ? 17 : 6)) {
			default:
				return this.leaf(k);
			case 1: {
				const e = this.closed(this.int(this.pick(ALL), fuel - 1));
				return { text: `${k.name}(${e.text})`, kind: k, run: (w) => wrap(e.run(w), k) };
			}
			case 2:
				return this.ternary(k, fuel);
			case 3:
				return this.call(k, fuel);
			case 4:
				return this.element(k, fuel);
			case 5: {
				const s = this.struct(fuel);
				return s ? this.memberOf(s, k) : this.leaf(k);
			}
			case 6:
			case 7:
			case 8:
			case 9:
				return this.binary(alu, fuel);
			case 10: {
				const e = this.closed(this.int(k, fuel - 1));
				const typed = e.kind.bits >= 32 ? e : { ...e, text: `${alu.name}(${e.text})` };
				return this.choose(2) === 0
					? { text: `(-${typed.text})`, kind: alu, run: (w) => wrap(-e.run(w), alu) }
					: { text: `(~${typed.text})`, kind: alu, run: (w) => wrap(~e.run(w), alu) };
			}
			case 11:
				return this.assigned(k) ?? this.leaf(k);
			case 12:
				return this.fromMap(k, fuel) ?? this.leaf(k);
			case 13:
				return this.fromText(k) ?? this.leaf(k);
			case 14: {
				const b = this.bool(fuel - 1);
				return { text: `${k.name}(${b.text})`, kind: k, run: (w) => (b.run(w) ? 1n : 0n) };
			}
			case 15:
				if (k.name === "i32") {
					const a = this.closed(this.int(I32, fuel - 1));
					const b = this.closed(this.int(I32, fuel - 1));
					const least = this.choose(2) === 0;
					return {
						text: `Math.${least ? "min" : "max"}(${a.text}, ${b.text})`,
						kind: I32,
						run: (w) => {
							const [x, y] = [a.run(w), b.run(w)];
							return x < y === least ? x : y;
						},
					};
				}
				return this.binary(alu, fuel);
			case 16: {
				if (this.result || this.making) return this.leaf(k);
				const at = this.choose(40);
				const [field, kind, bytes, start] = this.pick([
					["h0", U8, 1, 0],
					["h2", K("u16"), 2, 2],
					["h3", U32, 4, 4],
					["h4", U64, 8, 8],
				] as const);
				const missing = this.literal(kind);
				return {
					text: `${k.name}(packet.at<Header>(${at})?.${field} ?? ${missing.text})`,
					kind: k,
					run: (w) => {
						if (at + 16 > w.packet.length) return wrap(missing.run(w), k);
						let v = 0n;
						for (let n = 0; n < bytes; n++) v |= BigInt(w.packet[at + start + n]!) << BigInt(8 * n);
						return wrap(v, k);
					},
				};
			}
		}
	}

	protected leaf(k: Kind): Int {
		const known = this.ints(k);
		if (known.length > 0 && this.choose(3) !== 0) {
			const v = this.pick(known);
			return { text: v.name, kind: v.type as Kind, run: (w) => w.variables.get(v.name) as bigint };
		}
		if (this.choose(3) === 0 || this.result) return this.literal(k);
		const fields = INPUT.filter(
			(m) =>
				typeof m.type === "object" &&
				"bits" in m.type &&
				aluOf(m.type as Kind) === aluOf(k) &&
				(m.type as Kind).bits <= k.bits,
		);
		const m = this.pick(fields);
		return { text: `given.${m.name}`, kind: m.type as Kind, run: (w) => w.input[m.name] as bigint };
	}

	protected binary(k: Kind, fuel: number): Int {
		const op = this.pick([
			"+",
			"-",
			"*",
			"&",
			"|",
			"^",
			"<<",
			">>",
			"/",
			"%",
			...(k.bits === 32 && !k.signed ? [">>>"] : []),
		]);
		let a = this.int(k, fuel - 1);
		let b = this.int(k, fuel - 1);
		if (op === "<<" || op === ">>" || op === ">>>") {
			a = this.closed(a);
			// The left side has the ALU's width here: a narrower one is the same number.
			if (this.choose(2) === 0) {
				const n = BigInt(this.choose(k.bits === 64 ? 70 : 40));
				b = { text: k.bits === 64 ? `${n}n` : `${n}`, kind: k, run: () => n };
			} else {
				const c = this.closed(b);
				b =
					k.bits === 64
						? { ...c, text: `(u64(${c.text}) & 127n)`, run: (w) => BigInt.asUintN(64, c.run(w)) & 127n }
						: { ...c, text: `u32(${c.text})`, kind: U32, run: (w) => wrap(c.run(w), U32) };
			}
		} else if (a.bare && b.bare) a = this.closed(a);
		return { text: `(${a.text} ${op} ${b.text})`, kind: k, run: (w) => evaluate(op, a.run(w), b.run(w), k) };
	}

	protected ternary(k: Kind, fuel: number): Int {
		const c = this.bool(fuel - 1);
		const a = this.exact(k, fuel - 1);
		const b = this.exact(k, fuel - 1);
		return { text: `(${c.text} ? ${a.text} : ${b.text})`, kind: k, run: (w) => (c.run(w) ? a : b).run(w) };
	}

	protected call(k: Kind, fuel: number): Int {
		const list = this.functions.filter((f) => !f.optional || true);
		if (list.length === 0) return this.leaf(k);
		const f = this.pick(list);
		const args = f.parameters.map((p) => this.exact(p, fuel - 1));
		const call = `${f.name}(${args.map((a) => a.text).join(", ")})`;
		const value = (w: World) =>
			f.run(
				w,
				args.map((a) => a.run(w)),
			);
		if (!f.optional) return { text: `${k.name}(${call})`, kind: k, run: (w) => wrap(value(w)!, k) };
		const missing = this.literal(f.result);
		return {
			text: `${k.name}(${call} ?? ${missing.text})`,
			kind: k,
			run: (w) => wrap(value(w) ?? missing.run(w), k),
		};
	}

	/** An element of an array, by an index that is surely inside. */
	protected element(k: Kind, fuel: number): Int {
		const lists = this.variables((v) => v.type === "cells").map((v) => v.name);
		const structs = this.variables((v) => v.type === "point").map((v) => `${v.name}.s`);
		const all = [...lists, ...structs, ...(this.result ? [] : ["given.s"])];
		if (all.length === 0) return this.leaf(k);
		const list = this.pick(all);
		const index = this.index(fuel);
		return {
			text: `${k.name}(${list}[${index.text}] ?? 0)`,
			kind: k,
			run: (w) => wrap(arrayAt(w, list)[Number(index.run(w))]!, k),
		};
	}
	protected index(fuel: number): Int {
		const e = this.closed(this.int(U32, fuel - 1));
		const n = BigInt(this.choose(CELLS));
		const other = this.closed(this.int(U32, fuel - 1));
		const of = (text: string, run: (v: bigint, w: World) => bigint): Int => ({
			text,
			kind: U32,
			run: (w) => run(e.run(w), w),
		});
		switch (this.choose(11)) {
			case 0:
				return { text: `${n}`, kind: U32, run: () => n };
			default:
				return of(`(${e.text} & 3)`, (v) => v & 3n);
			case 2:
				return of(`(${e.text} % 4)`, (v) => v % 4n);
			case 3:
				return of(`((${e.text} & 7) >> 1)`, (v) => (v & 7n) >> 1n);
			case 4:
				return of(`(${e.text} % 3)`, (v) => v % 3n);
			case 5:
				return of(`(u32(${e.text}) >>> 30)`, (v) => v >> 30n);
			case 6:
				return of(`((${e.text} & 1) + (${other.text} & 1))`, (v, w) => (v & 1n) + (other.run(w) & 1n));
			case 7:
				return of(`(${e.text} > 9 ? 3 : 1)`, (v) => (v > 9n ? 3n : 1n));
			case 8:
				return of(`((${e.text} & 3) >> (${other.text} & 3))`, (v, w) => (v & 3n) >> (other.run(w) & 3n));
			case 9: {
				const counters = this.variables((v) => v.name.startsWith("m"));
				if (counters.length === 0) return { text: `${n}`, kind: U32, run: () => n };
				const v = this.pick(counters);
				return { text: v.name, kind: U32, run: (w) => w.variables.get(v.name) as bigint };
			}
		}
	}

	protected struct(_fuel: number): Variable | undefined {
		const list = this.variables((v) => v.type === "point");
		return list.length > 0 ? this.pick(list) : undefined;
	}

	protected memberOf(s: Variable, k: Kind): Int {
		const fields = [
			["a", U8],
			["b", I32],
			["c", U64],
			["d", K("i16")],
			["n.p", U32],
			["n.q", I64],
		] as const;
		const [path] = this.pick(fields);
		return {
			text: `${k.name}(${s.name}.${path})`,
			kind: k,
			run: (w) => wrap(reach(w.variables.get(s.name) as Struct, path) as bigint, k),
		};
	}

	/** Assignments and ++ as values. */
	protected assigned(k: Kind): Int | undefined {
		const list = this.variables(
			(v) => v.mutable && typeof v.type === "object" && v.type.name === k.name && v.type.bits >= 32,
		);
		if (list.length === 0) return undefined;
		const v = this.pick(list);
		const set = (w: World, x: bigint): bigint => {
			w.variables.set(v.name, x);
			return x;
		};
		const get = (w: World) => w.variables.get(v.name) as bigint;
		const e = this.closed(this.int(k, 1));
		switch (this.choose(4)) {
			case 0:
				return { text: `(${v.name} = ${e.text})`, kind: k, run: (w) => set(w, e.run(w)) };
			case 1: {
				const op = this.pick(["+", "-", "*", "^", "|", "&"]);
				return {
					text: `(${v.name} ${op}= ${e.text})`,
					kind: k,
					run: (w) => {
						const old = get(w);
						return set(w, evaluate(op, old, e.run(w), k));
					},
				};
			}
			case 2:
				return {
					text: `${v.name}++`,
					kind: k,
					run: (w) => {
						const old = get(w);
						set(w, wrap(old + 1n, k));
						return old;
					},
				};
			default:
				return { text: `(--${v.name})`, kind: k, run: (w) => set(w, wrap(get(w) - 1n, k)) };
		}
	}

	protected fromMap(k: Kind, fuel: number): Int | undefined {
		const key = this.mapKey(fuel);
		const missing = this.literal(U64);
		switch (this.choose(this.result ? 1 : 3)) {
			case 0:
				return {
					text: `${k.name}(counts.get(${key.text}) ?? ${missing.text})`,
					kind: k,
					run: (w) => wrap(w.hash.get(key.run(w)) ?? missing.run(w), k),
				};
			case 1: {
				const name = this.named(fuel);
				return {
					text: `${k.name}(named.get(${name.text}) ?? ${missing.text})`,
					kind: k,
					run: (w) => wrap(w.named.get(name.run(w)) ?? missing.run(w), k),
				};
			}
			default: {
				const own = this.choose(2) === 0;
				const e = this.closed(this.int(U32, fuel - 1));
				const mask = this.choose(2) === 0 ? 3n : 7n;
				return {
					text: `${k.name}(${own ? "own" : "points"}.ref(${e.text} & ${mask})?.b ?? 77)`,
					kind: k,
					run: (w) => wrap(((own ? w.cpu : w.array)[Number(e.run(w) & mask)]?.["b"] as bigint | undefined) ?? 77n, k),
				};
			}
		}
	}
	protected mapKey(fuel: number): Int {
		const e = this.closed(this.int(U32, fuel - 1));
		return { text: `(${e.text} & 7)`, kind: U32, run: (w) => e.run(w) & 7n };
	}
	protected named(fuel: number): Text {
		const id = this.mapKey(fuel);
		const t = this.text();
		return { text: `{ id: ${id.text}, text: ${t.text} }`, run: (w) => `${id.run(w)} ${t.run(w)}` };
	}

	protected text(): Text {
		const known = this.variables((v) => v.type === "chars8");
		const structs = this.variables((v) => v.type === "point");
		const word = this.pick(TEXTS);
		switch (this.choose(4)) {
			default:
				return { text: `"${word}"`, run: () => word };
			case 1: {
				if (known.length === 0) return { text: `"${word}"`, run: () => word };
				const v = this.pick(known);
				return { text: v.name, run: (w) => w.variables.get(v.name) as string };
			}
			case 2: {
				if (structs.length === 0) return { text: `"${word}"`, run: () => word };
				const v = this.pick(structs);
				return { text: `${v.name}.t`, run: (w) => (w.variables.get(v.name) as Struct)["t"] as string };
			}
			case 3:
				return this.result
					? { text: `"${word}"`, run: () => word }
					: { text: "given.text", run: (w) => w.input["text"] as string };
		}
	}
	/** Text that is no literal. */
	protected textPlace(): Text | undefined {
		for (let n = 0; n < 4; n++) {
			const t = this.text();
			if (!t.text.startsWith('"')) return t;
		}
		return undefined;
	}

	protected fromText(k: Kind): Int | undefined {
		const t = this.textPlace();
		if (!t) return undefined;
		if (this.choose(2) === 0)
			return { text: `${k.name}(${t.text}.length)`, kind: k, run: (w) => BigInt(t.run(w).length) };
		const i = this.choose(CHARS);
		return {
			text: `${k.name}(${t.text}.charCodeAt(${i}))`,
			kind: k,
			run: (w) => wrap(BigInt(t.run(w).charCodeAt(i) || 0), k),
		};
	}

	protected bool(fuel: number): Bool {
		if (fuel <= 0) {
			const known = this.variables((v) => v.type === "boolean");
			if (known.length > 0 && this.choose(2) === 1) {
				const v = this.pick(known);
				return { text: v.name, run: (w) => w.variables.get(v.name) as boolean };
			}
		}
		switch (fuel <= 0 ? 0 : this.choose(8)) {
			default: {
				const k = this.pick(WIDE);
				const op = this.pick(["<", "<=", ">", ">=", "===", "!=="]);
				let a = this.int(k, fuel - 1);
				const b = this.int(k, fuel - 1);
				if (a.bare && b.bare) a = this.closed(a);
				return { text: `${a.text} ${op} ${b.text}`, run: (w) => related(op, a.run(w), b.run(w)) };
			}
			case 1: {
				const a = this.bool(fuel - 1);
				const b = this.bool(fuel - 1);
				return this.choose(2) === 0
					? { text: `((${a.text}) && (${b.text}))`, run: (w) => a.run(w) && b.run(w) }
					: { text: `((${a.text}) || (${b.text}))`, run: (w) => a.run(w) || b.run(w) };
			}
			case 2: {
				const a = this.bool(fuel - 1);
				return { text: `!(${a.text})`, run: (w) => !a.run(w) };
			}
			case 3: {
				const a = this.textPlace();
				if (!a) return { text: "true", run: () => true };
				const b = this.text();
				const word = this.pick(TEXTS);
				switch (this.choose(4)) {
					case 0:
						return { text: `${a.text} === ${b.text}`, run: (w) => a.run(w) === b.run(w) };
					case 1:
						return { text: `${a.text} !== ${b.text}`, run: (w) => a.run(w) !== b.run(w) };
					case 2:
						return { text: `${a.text}.startsWith("${word}")`, run: (w) => a.run(w).startsWith(word) };
					default:
						return { text: `${a.text}.slice(1, 4) === "${word}"`, run: (w) => a.run(w).slice(1, 4) === word };
				}
			}
			case 4: {
				const k = this.pick(WIDE);
				const a = this.closed(this.int(k, fuel - 1));
				return { text: `!${a.text}`, run: (w) => a.run(w) === 0n };
			}
			case 5: {
				const key = this.mapKey(fuel);
				return { text: `counts.get(${key.text}) !== undefined`, run: (w) => w.hash.has(key.run(w)) };
			}
			case 6: {
				const s = this.struct(fuel);
				return s
					? { text: `${s.name}.y`, run: (w) => (w.variables.get(s.name) as Struct)["y"] as boolean }
					: { text: "false", run: () => false };
			}
			case 7: {
				const structs = this.variables((v) => v.type === "point");
				if (structs.length < 2) return { text: "true", run: () => true };
				const [a, b] = [this.pick(structs), this.pick(structs)];
				if (a === b) return { text: "true", run: () => true };
				return {
					text: `equals(${a.name}, ${b.name})`,
					run: (w) =>
						recordBytes(w.variables.get(a.name) as Struct).join() ===
						recordBytes(w.variables.get(b.name) as Struct).join(),
				};
			}
		}
	}
}
