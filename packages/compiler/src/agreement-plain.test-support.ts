// biome-ignore-all lint/suspicious/useDefaultSwitchClauseLast: 0 is the simplest choice and stands first
// Declarations, assignments and map writes of random programs.

import { Expressions, type Variable } from "./agreement-expression.test-support.ts";
import {
	ALL,
	copy,
	type Expression,
	evaluate,
	I32,
	I64,
	K,
	POINT,
	put,
	reach,
	type Statement,
	type Struct,
	U8,
	U32,
	U64,
	WIDE,
	type World,
	wrap,
	zeroOf,
} from "./agreement-world.test-support.ts";

/** Makes statements without control flow. */
export class PlainStatements extends Expressions {
	protected account(): Statement {
		const e = this.closed(this.int(this.pick(WIDE), 3));
		if (this.choose(4) === 3)
			return {
				text: `tick += u32(${e.text});`,
				run: (w) => {
					const v = e.run(w);
					w.variables.set("tick", wrap((w.variables.get("tick") as bigint) + v, U32));
					return undefined;
				},
			};
		return {
			text: `acc = acc * 31n + u64(${e.text});`,
			run: (w) => {
				const old = w.variables.get("acc") as bigint;
				w.variables.set("acc", wrap(old * 31n + wrap(e.run(w), U64), U64));
				return undefined;
			},
		};
	}

	protected declaration(): Statement {
		if (this.choose(5) === 4) {
			const b = this.bool(2);
			const v: Variable = { name: this.name("b"), type: "boolean", mutable: false };
			this.scope.push(v);
			return { text: `const ${v.name}: boolean = ${b.text};`, run: (w) => void w.variables.set(v.name, b.run(w)) };
		}
		const type = this.pick(ALL);
		const e = this.exact(type, 3);
		const mutable = type.bits >= 32 && this.choose(3) !== 0;
		const name = this.name("v");
		this.scope.push({ name, type, mutable });
		return {
			text: `${mutable ? "let" : "const"} ${name}: ${type.name} = ${e.text};`,
			run: (w) => void w.variables.set(name, e.run(w)),
		};
	}

	protected declareText(): Statement {
		const name = this.name("t");
		const t = this.text();
		this.scope.push({ name, type: "chars8", mutable: true });
		return { text: `let ${name}: chars<8> = ${t.text};`, run: (w) => void w.variables.set(name, t.run(w)) };
	}

	/** An object literal, a copy, or all zero. */
	protected structValue(): Expression<Struct> {
		const other = this.struct(1);
		const a = this.exact(U8, 1);
		const b = this.exact(I32, 1);
		const c = this.exact(U64, 1);
		const d = this.exact(K("i16"), 1);
		const p = this.exact(U32, 1);
		const q = this.exact(I64, 1);
		const t = this.text();
		const y = this.bool(1);
		const cells = [0, 0, 0, 0].map(() => this.exact(K("u16"), 0));
		switch (this.choose(4)) {
			case 0:
				return { text: "zero<Point>()", run: () => zeroOf(POINT) };
			case 1:
				return {
					text: `{ ...zero<Point>(), c: ${c.text}, d: ${d.text}, n: { p: ${p.text}, q: ${q.text} } }`,
					run: (w) => ({ ...zeroOf(POINT), c: c.run(w), d: d.run(w), n: { p: p.run(w), q: q.run(w) } }),
				};
			case 2:
				if (other)
					return {
						text: `{ ...${other.name}, b: ${b.text} }`,
						run: (w) => {
							const s = copy(w.variables.get(other.name) as Struct);
							return { ...s, b: b.run(w) };
						},
					};
		}
		return {
			text: `{ a: ${a.text}, b: ${b.text}, c: ${c.text}, d: ${d.text}, t: ${t.text}, s: [${cells.map((x) => x.text).join(", ")}], n: { p: ${p.text}, q: ${q.text} }, y: ${y.text} }`,
			run: (w) => ({
				a: a.run(w),
				b: b.run(w),
				c: c.run(w),
				d: d.run(w),
				t: t.run(w),
				s: cells.map((x) => x.run(w)),
				n: { p: p.run(w), q: q.run(w) },
				y: y.run(w),
			}),
		};
	}

	protected declareStruct(): Statement {
		const other = this.struct(1);
		const name = this.name("s");
		if (other && this.choose(4) === 3) {
			this.scope.push({ name, type: "point", mutable: other.mutable });
			return {
				text: `const ${name} = ${other.name};`,
				run: (w) => void w.variables.set(name, w.variables.get(other.name)),
			};
		}
		const e = this.structValue();
		this.scope.push({ name, type: "point", mutable: true });
		return { text: `const ${name}: Point = ${e.text};`, run: (w) => void w.variables.set(name, e.run(w)) };
	}

	protected assign(): Statement {
		const texts = this.variables((v) => v.type === "chars8");
		if (texts.length > 0 && this.choose(4) === 3) {
			const v = this.pick(texts);
			const t = this.text();
			return { text: `${v.name} = ${t.text};`, run: (w) => void w.variables.set(v.name, t.run(w)) };
		}
		const e = this.assigned(this.pick(WIDE));
		return e ? { text: `${e.text};`, run: (w) => void e.run(w) } : this.declaration();
	}

	protected assignMember(): Statement {
		const list = this.variables((v) => v.type === "point" && v.mutable);
		if (list.length === 0) return this.declareStruct();
		const s = this.pick(list);
		const at = (w: World) => w.variables.get(s.name) as Struct;
		const shared = s.name.startsWith("r");
		switch (this.choose(9)) {
			default: {
				const [path, kind] = this.pick([
					["a", U8],
					["b", I32],
					["c", U64],
					["d", K("i16")],
					["n.p", U32],
					["n.q", I64],
				] as const);
				const e = this.exact(kind, 2);
				return { text: `${s.name}.${path} = ${e.text};`, run: (w) => void put(at(w), path, e.run(w)) };
			}
			case 1: {
				const [path, kind] = this.pick([
					["b", I32],
					["c", U64],
					["n.p", U32],
					["n.q", I64],
				] as const);
				const op = this.pick(["+", "-", "|", "&", "^"]);
				const e = this.exact(kind, 1);
				const name = this.name("v");
				const used = this.choose(2) === 0;
				if (used) this.scope.push({ name, type: kind, mutable: false });
				return {
					text: `${used ? `const ${name}: ${kind.name} = ` : ""}${s.name}.${path} ${op}= ${e.text};`,
					run: (w) => {
						// On shared memory the operation is atomic: it takes place after its operand is known.
						const before = reach(at(w), path) as bigint;
						const x = e.run(w);
						const value = evaluate(op, shared ? (reach(at(w), path) as bigint) : before, x, kind);
						put(at(w), path, value);
						if (used) w.variables.set(name, value);
						return undefined;
					},
				};
			}
			case 2: {
				const i = this.index(2);
				const e = this.exact(K("u16"), 2);
				return {
					text: `${s.name}.s[${i.text}] = ${e.text};`,
					run: (w) => {
						const n = Number(i.run(w));
						(at(w)["s"] as bigint[])[n] = e.run(w);
						return undefined;
					},
				};
			}
			case 3: {
				const t = this.text();
				return { text: `${s.name}.t = ${t.text};`, run: (w) => void put(at(w), "t", t.run(w)) };
			}
			case 4: {
				const b = this.bool(2);
				return { text: `${s.name}.y = ${b.text};`, run: (w) => void put(at(w), "y", b.run(w)) };
			}
			case 6: {
				const p = this.exact(U32, 1);
				const q = this.exact(I64, 1);
				return {
					text: `${s.name}.n = { q: ${q.text}, p: ${p.text} };`,
					run: (w) => {
						const second = q.run(w);
						put(at(w), "n", { p: p.run(w), q: second });
						return undefined;
					},
				};
			}
			case 7: {
				const list = [0, 0, 0, 0].map(() => this.exact(K("u16"), 1));
				return {
					text: `${s.name}.s = [${list.map((x) => x.text).join(", ")}];`,
					run: (w) =>
						void put(
							at(w),
							"s",
							list.map((x) => x.run(w)),
						),
				};
			}
			case 8: {
				const other = this.struct(1);
				if (!other) return this.account();
				const from = this.choose(3);
				return {
					text: `${s.name}.t = ${other.name}.t.slice(${from}, ${from + 3});`,
					run: (w) =>
						void put(at(w), "t", ((w.variables.get(other.name) as Struct)["t"] as string).slice(from, from + 3)),
				};
			}
			case 5: {
				const other = this.struct(1);
				if (!other) return this.account();
				return {
					text: `${s.name}.n = ${other.name}.n;`,
					run: (w) => void put(at(w), "n", copy((w.variables.get(other.name) as Struct)["n"] as Struct)),
				};
			}
		}
	}

	protected mapWrite(): Statement {
		const key = this.mapKey(2);
		const e = this.exact(U64, 2);
		switch (this.choose(this.result ? 1 : 6)) {
			default: {
				const v = e;
				return {
					text: `counts.set(${key.text}, ${v.text});`,
					run: (w) => void (([k, x]) => w.hash.set(k, x))([key.run(w), v.run(w)] as const),
				};
			}
			case 1:
				return {
					text: `counts.add(${key.text}, ${e.text});`,
					run: (w) => {
						const k = key.run(w);
						const x = e.run(w);
						w.hash.set(k, wrap((w.hash.get(k) ?? 0n) + x, U64));
						return undefined;
					},
				};
			case 2:
				return { text: `counts.delete(${key.text});`, run: (w) => void w.hash.delete(key.run(w)) };
			case 3: {
				const name = this.named(1);
				return {
					text: `named.set(${name.text}, ${e.text});`,
					run: (w) => {
						const k = name.run(w);
						w.named.set(k, e.run(w));
						return undefined;
					},
				};
			}
			case 4: {
				const s = this.struct(1);
				const i = this.index(1);
				const own = this.choose(2) === 0;
				if (!s) return this.account();
				return {
					text: `${own ? "own" : "points"}.set(${i.text}, ${s.name});`,
					run: (w) => {
						const n = Number(i.run(w));
						Object.assign((own ? w.cpu : w.array)[n]!, copy(w.variables.get(s.name) as Struct));
						return undefined;
					},
				};
			}
			case 5: {
				const i = this.index(1);
				const name = this.name("s");
				this.scope.push({ name, type: "point", mutable: true });
				return {
					text: `const ${name} = points.get(${i.text}) ?? zero<Point>();`,
					run: (w) => void w.variables.set(name, copy(w.array[Number(i.run(w))]!)),
				};
			}
		}
	}
}
