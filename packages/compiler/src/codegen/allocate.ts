import { addBit, type Bits, dropBit, eachBit, hasBit, liveOut, step } from "./liveness.ts";
import {
	ALLOCATABLE,
	CALL_CHANGES,
	definition,
	eachUse,
	FIRST_VIRTUAL,
	FRAME,
	type MachineFunc,
	type Place,
} from "./machine.ts";
import { spill } from "./spill.ts";

/** Short-lived values go into what calls change; r6..r9 are left to those that live across calls. */
const ORDER = [1, 2, 3, 4, 0, 5, 6, 7, 8, 9] as const;

/**
 * Graph colouring (Chaitin, Briggs): conservative coalescing of moves, simplification, optimistic colouring with the
 * colours of move partners preferred. What gets no register is made anew or spilled, and all is done again.
 * Replaces virtual registers in place.
 */
export function allocate(func: MachineFunc): void {
	for (let round = 0; ; round++) {
		const colouring = new Colouring(func);
		const failed = colouring.run();
		if (failed.length === 0) {
			colouring.apply();
			return;
		}
		if (round > 60)
			throw new Error(
				`registers of ${func.blocks.length} blocks cannot be allocated: no progress after ${round} rounds`,
			);
		spill(func, failed, colouring.sharePlaces(failed), round < 4);
	}
}

interface Move {
	a: number;
	b: number;
	weight: number;
}

class Colouring {
	readonly #func: MachineFunc;
	readonly #n: number;
	readonly #rows: Bits[];
	readonly #degree: Int32Array;
	readonly #cost: Float64Array;
	readonly #present: Uint8Array;
	readonly #alias: Int32Array;
	readonly #colour: Int8Array;
	#moves: Move[] = [];

	constructor(func: MachineFunc) {
		this.#func = func;
		const n = func.registers;
		this.#n = n;
		const words = (n + 31) >>> 5;
		const matrix = new Uint32Array(words * n);
		this.#rows = Array.from({ length: n }, (_, i) => matrix.subarray(i * words, (i + 1) * words));
		this.#degree = new Int32Array(n);
		this.#cost = new Float64Array(n);
		this.#present = new Uint8Array(n);
		this.#alias = new Int32Array(n).map((_, i) => i);
		this.#colour = new Int8Array(n).fill(-1);
		this.#build();
	}

	#edge(a: number, b: number): void {
		if (a === b || a === FRAME || b === FRAME || hasBit(this.#rows[a]!, b)) return;
		addBit(this.#rows[a]!, b);
		addBit(this.#rows[b]!, a);
		this.#degree[a]!++;
		this.#degree[b]!++;
	}

	#build(): void {
		const func = this.#func;
		for (let a = 0; a < ALLOCATABLE; a++) {
			this.#present[a] = 1;
			this.#colour[a] = a;
			for (let b = 0; b < a; b++) this.#edge(a, b);
		}
		const out = liveOut(func);
		const moves = new Map<number, number>();
		for (const b of func.blocks) {
			const weight = 10 ** Math.min(b.depth, 5) * (b.cold ? 0.1 : 1);
			const live = out[b.index]!.slice();
			dropBit(live, FRAME);
			for (let k = b.insts.length - 1; k >= 0; k--) {
				const m = b.insts[k]!;
				const d = definition(m);
				if (d >= 0) {
					this.#touch(d, weight);
					eachBit(live, (l) => {
						if (l !== d && !(m.kind === "move" && l === m.src)) this.#edge(d, l);
					});
				}
				if (m.kind === "call")
					for (const r of CALL_CHANGES)
						eachBit(live, (l) => {
							if (l !== 0) this.#edge(r, l);
						});
				if (m.kind === "set") {
					this.#edge(m.dst, m.src);
					if (m.src2 >= 0) this.#edge(m.dst, m.src2);
				}
				eachUse(m, (r) => this.#touch(r, weight));
				if (m.kind === "move" && m.src !== FRAME && m.src !== m.dst) {
					const key = Math.min(m.src, m.dst) * this.#n + Math.max(m.src, m.dst);
					moves.set(key, (moves.get(key) ?? 0) + weight);
				}
				step(m, live);
				dropBit(live, FRAME);
			}
		}
		for (const [key, weight] of moves) this.#moves.push({ a: Math.floor(key / this.#n), b: key % this.#n, weight });
		this.#moves.sort((x, y) => y.weight - x.weight || x.a - y.a || x.b - y.b);
		for (const r of func.temporary) this.#cost[r] = Number.POSITIVE_INFINITY;
		for (const r of func.remake.keys()) this.#cost[r]! *= 0.4;
	}

	#touch(r: number, weight: number): void {
		if (r < FIRST_VIRTUAL) return;
		this.#present[r] = 1;
		this.#cost[r]! += weight;
	}

	#find(r: number): number {
		let a = r;
		while (this.#alias[a]! !== a) a = this.#alias[a]!;
		return a;
	}

	#coalesce(): void {
		for (let changed = true; changed; ) {
			changed = false;
			const rest: Move[] = [];
			for (const m of this.#moves) {
				let a = this.#find(m.a);
				let b = this.#find(m.b);
				if (a === b) continue;
				if (b < FIRST_VIRTUAL) [a, b] = [b, a];
				if (b < FIRST_VIRTUAL || hasBit(this.#rows[a]!, b)) continue;
				if (a < FIRST_VIRTUAL ? this.#george(a, b) : this.#briggs(a, b)) {
					this.#merge(a, b);
					changed = true;
				} else rest.push(m);
			}
			this.#moves = rest;
		}
	}

	/** Merging a into the fixed register f takes no freedom: each neighbour conflicts with f already, or is easy. */
	#george(f: number, v: number): boolean {
		let safe = true;
		eachBit(this.#rows[v]!, (t) => {
			if (safe && t >= FIRST_VIRTUAL && this.#degree[t]! >= ALLOCATABLE && !hasBit(this.#rows[t]!, f)) safe = false;
		});
		return safe;
	}

	#briggs(a: number, b: number): boolean {
		let hard = 0;
		const ra = this.#rows[a]!;
		const rb = this.#rows[b]!;
		for (let w = 0; w < ra.length; w++)
			for (let x = (ra[w]! | rb[w]!) >>> 0; x !== 0; x &= x - 1) {
				const bit = x & -x;
				const t = (w << 5) | (31 - Math.clz32(bit));
				const both = (ra[w]! & bit) !== 0 && (rb[w]! & bit) !== 0;
				if (t < FIRST_VIRTUAL || this.#degree[t]! - (both ? 1 : 0) >= ALLOCATABLE) hard++;
			}
		return hard < ALLOCATABLE;
	}

	#merge(into: number, from: number): void {
		this.#alias[from] = into;
		this.#present[from] = 0;
		this.#cost[into]! += this.#cost[from]!;
		eachBit(this.#rows[from]!, (t) => {
			dropBit(this.#rows[t]!, from);
			this.#degree[t]!--;
			this.#edge(into, t);
		});
		this.#rows[from]!.fill(0);
		this.#degree[from] = 0;
	}

	/** Registers that got no colour: virtual registers as the function names them, without aliases. */
	run(): number[] {
		this.#coalesce();
		const order = this.#simplify();
		const partners = new Map<number, { other: number; weight: number }[]>();
		for (const m of this.#moves) {
			const a = this.#find(m.a);
			const b = this.#find(m.b);
			for (const [x, y] of [
				[a, b],
				[b, a],
			] as const) {
				const list = partners.get(x) ?? [];
				list.push({ other: y, weight: m.weight });
				partners.set(x, list);
			}
		}
		const failed = new Set<number>();
		for (let k = order.length - 1; k >= 0; k--) {
			const v = order[k]!;
			let taken = 0;
			eachBit(this.#rows[v]!, (t) => {
				const c = this.#colour[t]!;
				if (c >= 0) taken |= 1 << c;
			});
			let best = -1;
			let bestWeight = 0;
			for (const p of partners.get(v) ?? []) {
				const c = this.#colour[p.other]!;
				if (c >= 0 && (taken & (1 << c)) === 0 && p.weight > bestWeight) {
					best = c;
					bestWeight = p.weight;
				}
			}
			if (best < 0) best = ORDER.find((c) => (taken & (1 << c)) === 0) ?? -1;
			if (best < 0) failed.add(v);
			else this.#colour[v] = best;
		}
		if (failed.size === 0) return [];
		const list: number[] = [];
		for (let r = FIRST_VIRTUAL; r < this.#n; r++)
			if (failed.has(this.#find(r)) && !this.#func.temporary.has(r)) list.push(r);
		if (list.length === 0) throw new Error("registers cannot be allocated: only temporaries are left without one");
		return list;
	}

	#simplify(): number[] {
		const degree = this.#degree.slice();
		const left = new Set<number>();
		for (let r = FIRST_VIRTUAL; r < this.#n; r++) if (this.#present[r]) left.add(r);
		const order: number[] = [];
		const easy = [...left].filter((r) => degree[r]! < ALLOCATABLE);
		const remove = (v: number): void => {
			left.delete(v);
			order.push(v);
			eachBit(this.#rows[v]!, (t) => {
				if (t < FIRST_VIRTUAL || !left.has(t)) return;
				degree[t] = degree[t]! - 1;
				if (degree[t] === ALLOCATABLE - 1) easy.push(t);
			});
		};
		while (left.size > 0) {
			const v = easy.pop();
			if (v !== undefined) {
				if (left.has(v)) remove(v);
				continue;
			}
			let worst = -1;
			let least = Number.POSITIVE_INFINITY;
			for (const r of left) {
				const c = this.#cost[r]! / degree[r]!;
				if (worst < 0 || c < least) {
					worst = r;
					least = c;
				}
			}
			remove(worst);
		}
		return order;
	}

	/** Spilled registers that never live together share 8 bytes. */
	sharePlaces(failed: readonly number[]): Map<number, Place> {
		const places = new Map<number, Place>();
		const groups: { place: Place; members: number[] }[] = [];
		for (const r of failed) {
			if (this.#func.remake.has(r)) continue;
			const root = this.#find(r);
			let group = groups.find((g) => g.members.every((m) => m === root || !hasBit(this.#rows[m]!, root)));
			if (!group) {
				group = { place: { name: `spill${this.#func.spills.length}`, size: 8, align: 8, offset: 0 }, members: [] };
				this.#func.spills.push(group.place);
				groups.push(group);
			}
			group.members.push(root);
			places.set(r, group.place);
		}
		return places;
	}

	apply(): void {
		const to = (r: number): number => (r < FIRST_VIRTUAL ? r : this.#colour[this.#find(r)]!);
		for (const b of this.#func.blocks) {
			for (const m of b.insts) {
				m.dst = to(m.dst);
				m.src = to(m.src);
				m.src2 = to(m.src2);
			}
			b.insts = b.insts.filter((m) => m.kind !== "move" || m.dst !== m.src);
		}
	}
}
