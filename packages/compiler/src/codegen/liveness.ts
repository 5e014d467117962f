import { type AluOperator, definition, eachUse, type Machine, type MachineFunc, machineSuccessors } from "./machine.ts";

/** A set of registers as bits. */
export type Bits = Uint32Array;
export const hasBit = (b: Bits, i: number): boolean => (b[i >>> 5]! & (1 << (i & 31))) !== 0;
export const addBit = (b: Bits, i: number): void => {
	b[i >>> 5]! |= 1 << (i & 31);
};
export const dropBit = (b: Bits, i: number): void => {
	b[i >>> 5]! &= ~(1 << (i & 31));
};
export function eachBit(b: Bits, visit: (i: number) => void): void {
	for (let w = 0; w < b.length; w++)
		for (let x = b[w]!; x !== 0; x &= x - 1) visit((w << 5) | (31 - Math.clz32(x & -x)));
}

/** Registers live at the end of each block, in the order of `func.blocks`. */
export function liveOut(func: MachineFunc): Bits[] {
	const words = (func.registers + 31) >>> 5;
	const n = func.blocks.length;
	const out = Array.from({ length: n }, () => new Uint32Array(words));
	const into = Array.from({ length: n }, () => new Uint32Array(words));
	const next = func.blocks.map(machineSuccessors);
	const kill = Array.from({ length: n }, () => new Uint32Array(words));
	func.blocks.forEach((b, i) => {
		const live = into[i]!;
		for (let k = b.insts.length - 1; k >= 0; k--) {
			const m = b.insts[k]!;
			step(m, live);
			const d = definition(m);
			if (d >= 0) addBit(kill[i]!, d);
		}
	});
	for (let changed = true; changed; ) {
		changed = false;
		for (let i = n - 1; i >= 0; i--) {
			const o = out[i]!;
			for (const s of next[i]!) {
				const from = into[s.index]!;
				for (let w = 0; w < words; w++) o[w]! |= from[w]!;
			}
			const a = into[i]!;
			const k = kill[i]!;
			for (let w = 0; w < words; w++) {
				const v = (a[w]! | (o[w]! & ~k[w]!)) >>> 0;
				if (v !== a[w]) {
					a[w] = v;
					changed = true;
				}
			}
		}
	}
	return out;
}

/** Takes `live` from after `m` to before it. */
export function step(m: Machine, live: Bits): void {
	const d = definition(m);
	if (d >= 0) dropBit(live, d);
	eachUse(m, (r) => addBit(live, r));
}

const COMMUTES = new Set<AluOperator>(["add", "mul", "and", "or", "xor"]);

/** Drops what computes a value that nobody reads. */
export function removeDead(func: MachineFunc, effect: (m: Machine) => boolean): void {
	const out = liveOut(func);
	for (const b of func.blocks) {
		const live = out[b.index]!.slice();
		const kept: Machine[] = [];
		for (let k = b.insts.length - 1; k >= 0; k--) {
			const m = b.insts[k]!;
			const d = definition(m);
			if (!effect(m) && d >= 0 && !hasBit(live, d)) continue;
			const before = b.insts[k - 1];
			if (
				m.kind === "alu" &&
				m.src >= 0 &&
				before?.kind === "move" &&
				before.dst === m.dst &&
				COMMUTES.has(m.operator!) &&
				m.src !== m.dst
			) {
				// d = a; d += b: the one that ends here is the one to overwrite.
				if (hasBit(live, before.src) && !hasBit(live, m.src)) [before.src, m.src] = [m.src, before.src];
			}
			step(m, live);
			kept.push(m);
		}
		b.insts = kept.reverse();
	}
}
