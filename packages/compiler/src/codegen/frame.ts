import { analyseGraph, type Block, type Func, type Inst, type Slot, successors } from "#ir";
import { addBit, type Bits, dropBit, eachBit, hasBit } from "./liveness.ts";
import type { MachineFunc, Place } from "./machine.ts";

/** Largest stack of a program, in bytes. */
export const STACK_LIMIT = 512;

/** Below this many bytes slots do not share: nobody misses them, and finding out costs time. */
const SHARE_FROM = 64;

/** What points into which slots: addresses and what is computed from them. */
function pointers(func: Func): Map<Inst, Set<Slot>> {
	const derived = new Map<Inst, Set<Slot>>();
	for (let changed = true; changed; ) {
		changed = false;
		for (const b of func.blocks)
			for (const i of [...b.phis, ...b.insts]) {
				const from =
					i.op === "slot"
						? [new Set([i.slot])]
						: i.op === "phi"
							? i.args.map((a) => derived.get(a))
							: i.op === "offset"
								? [derived.get(i.args[0]!)]
								: [];
				for (const s of from)
					for (const slot of s ?? []) {
						let mine = derived.get(i);
						if (!mine) {
							mine = new Set();
							derived.set(i, mine);
						}
						if (!mine.has(slot)) {
							mine.add(slot);
							changed = true;
						}
					}
			}
	}
	return derived;
}

/**
 * Which slots hold something at the same time. A slot is alive between an access that may have come before and one
 * that may come after; an access that fills all of it ends what was before.
 */
export function slotConflicts(func: Func): (a: Slot, b: Slot) => boolean {
	const n = func.slots.length;
	const words = (n + 31) >>> 5;
	const index = new Map(func.slots.map((s, i) => [s, i]));
	const derived = pointers(func);
	const empty = (): Bits => new Uint32Array(words);
	const rows = func.slots.map(empty);
	const pinned = empty();
	const order = analyseGraph(func).order;
	interface Access {
		touched: number[];
		filled: number;
	}
	const accesses = new Map<Block, Access[]>();
	const access = (i: Inst): Access => {
		const touched: number[] = [];
		i.args.forEach((a, k) => {
			for (const s of derived.get(a) ?? []) {
				touched.push(index.get(s)!);
				const address = k === 0 || i.op === "call" || (i.op === "copy" && k === 1);
				if (!address || i.op === "compare" || i.op === "binary") addBit(pinned, index.get(s)!);
			}
		});
		const base = i.args[0];
		const whole =
			base?.op === "slot" &&
			((i.op === "zero" && i.offset === 0 && i.size === base.slot.size) ||
				(i.op === "store" && i.offset === 0 && i.size === base.slot.size) ||
				(i.op === "copy" && i.toOffset === 0 && i.size === base.slot.size && !derived.has(i.args[1]!)));
		return { touched, filled: whole ? index.get(base.slot)! : -1 };
	};
	for (const b of order) {
		accesses.set(b, b.insts.filter((i) => i.op !== "offset").map(access));
		const t = b.terminator;
		if (t && "args" in t) for (const a of t.args) for (const s of derived.get(a) ?? []) addBit(pinned, index.get(s)!);
	}
	const before = new Map(order.map((b) => [b, empty()]));
	const after = new Map(order.map((b) => [b, empty()]));
	for (let changed = true; changed; ) {
		changed = false;
		for (const b of order) {
			const live = before.get(b)!.slice();
			for (const a of accesses.get(b)!) for (const s of a.touched) addBit(live, s);
			for (const s of successors(b.terminator)) if (merge(before.get(s)!, live)) changed = true;
		}
		for (let k = order.length - 1; k >= 0; k--) {
			const b = order[k]!;
			const live = after.get(b)!.slice();
			const list = accesses.get(b)!;
			for (let j = list.length - 1; j >= 0; j--) backward(list[j]!, live);
			for (const p of b.predecessors) if (merge(after.get(p)!, live)) changed = true;
		}
	}
	for (const b of order) {
		const list = accesses.get(b)!;
		const later: Bits[] = [];
		const live = after.get(b)!.slice();
		for (let j = list.length - 1; j >= 0; j--) {
			later[j] = live.slice();
			backward(list[j]!, live);
		}
		const started = before.get(b)!.slice();
		list.forEach((a, j) => {
			for (const s of a.touched) addBit(started, s);
			for (const s of a.touched) {
				for (const t of a.touched) addBit(rows[s]!, t);
				for (let w = 0; w < words; w++) rows[s]![w]! |= started[w]! & later[j]![w]!;
			}
		});
	}
	eachBit(pinned, (s) => rows[s]!.fill(0xffffffff));
	return (a, b) => {
		const x = index.get(a)!;
		const y = index.get(b)!;
		return hasBit(rows[x]!, y) || hasBit(rows[y]!, x);
	};
}

const backward = (a: { touched: number[]; filled: number }, live: Bits): void => {
	for (const s of a.touched) addBit(live, s);
	if (a.filled >= 0) dropBit(live, a.filled);
};

function merge(into: Bits, from: Bits): boolean {
	let changed = false;
	for (let w = 0; w < into.length; w++) {
		const v = (into[w]! | from[w]!) >>> 0;
		if (v !== into[w]) {
			into[w] = v;
			changed = true;
		}
	}
	return changed;
}

/** Gives each place its distance from r10; returns the bytes of stack used, a multiple of 8. */
export function layFrame(func: Func, code: MachineFunc): number {
	let sum = 0;
	for (const p of code.places.values()) sum += p.size;
	const conflict = sum > SHARE_FROM ? slotConflicts(func) : () => true;
	const placed: Place[] = [];
	let total = 0;
	const used = [...code.places.values()].sort((a, b) => b.size - a.size || a.slot!.id - b.slot!.id);
	for (const p of [...used, ...code.spills]) {
		const others = placed.filter((o) => !p.slot || !o.slot || conflict(p.slot, o.slot));
		let end = roundUp(p.size, p.align);
		for (let moved = true; moved; ) {
			moved = false;
			for (const o of others) {
				const low = -o.offset - o.size;
				if (end > low && end - p.size < -o.offset) {
					end = roundUp(-o.offset + p.size, p.align);
					moved = true;
				}
			}
		}
		p.offset = -end;
		placed.push(p);
		total = Math.max(total, end);
	}
	return roundUp(total, 8);
}

const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to;
