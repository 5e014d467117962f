import { Editor, type Func, type Inst, type Size } from "#ir";
import { isNarrow } from "./bits.ts";

/** A store (or a small zeroing) of a known place, in a run of stores that nothing reads in between. */
interface Piece {
	readonly at: number;
	readonly offset: number;
	readonly size: number;
	/** Absent: a value that is not constant. */
	readonly constant: bigint | undefined;
	readonly inst: Inst;
}

/**
 * Joins neighbouring stores of constants into wider ones, and a value whose upper half is zero with the zero behind it.
 * Only where the address is known to be aligned: slots, ring-buffer records and map values.
 */
export function mergeStores(func: Func): number {
	const editor = new Editor(func);
	let merged = 0;
	for (const b of func.blocks) {
		let run: Piece[] = [];
		let base: Inst | undefined;
		const replaced = new Map<number, Inst[]>();
		const flush = (): void => {
			if (base && run.length > 1) merged += join(base, run, editor, replaced);
			run = [];
			base = undefined;
		};
		b.insts.forEach((i, at) => {
			if ((i.op === "store" || (i.op === "zero" && i.size <= 8)) && alignmentOf(i.args[0]!) > 1) {
				if (base && i.args[0] !== base && mayShare(base, i.args[0]!)) flush();
				if (base && i.args[0] !== base) return;
				base = i.args[0];
				const constant =
					i.op === "zero" ? 0n : i.args[1]!.op === "const" ? BigInt.asUintN(i.size * 8, i.args[1]!.value) : undefined;
				const piece = { at, offset: i.offset, size: i.size as number, constant, inst: i };
				if (run.some((p) => p.offset < piece.offset + piece.size && piece.offset < p.offset + p.size)) {
					flush();
					base = i.args[0];
				}
				run.push(piece);
				return;
			}
			if (
				i.op === "load"
					? base && mayShare(base, i.args[0]!)
					: i.op === "store" || i.op === "zero" || i.op === "copy" || i.op === "atomic" || i.op === "call"
			)
				flush();
		});
		flush();
		if (replaced.size > 0) b.insts = b.insts.flatMap((i, at) => replaced.get(at) ?? [i]);
	}
	return merged;
}

/** Alignment of an address that is surely known. */
function alignmentOf(base: Inst): number {
	if (base.op === "slot") return base.slot.size >= 8 ? 8 : base.slot.size >= 4 ? 4 : base.slot.size >= 2 ? 2 : 1;
	return base.op === "call" && (base.space === "ringbuf" || base.space === "map_value") ? 8 : 1;
}

const mayShare = (a: Inst, b: Inst): boolean => {
	if (a.op === "slot" && b.op === "slot") return a.slot === b.slot;
	return a.space === b.space || a.space === "mem" || b.space === "mem";
};

function join(base: Inst, run: Piece[], editor: Editor, replaced: Map<number, Inst[]>): number {
	const align = alignmentOf(base);
	let merged = 0;
	const left = [...run].sort((x, y) => x.offset - y.offset);
	for (let k = 0; k + 1 < left.length; ) {
		const first = left[k]!;
		const group = best(left, k, align);
		if (!group) {
			k++;
			continue;
		}
		const last = group.pieces.reduce((x, y) => (x.at > y.at ? x : y));
		const where = { block: last.inst.block, position: last.inst.position };
		const value = group.value ?? editor.constant(group.constant!, group.size === 8 ? 64 : 32, where);
		const made = editor.make({ op: "store", size: group.size, offset: first.offset }, [base, value], 64, where);
		for (const p of group.pieces) replaced.set(p.at, []);
		replaced.set(last.at, group.value ? [made] : [value, made]);
		left.splice(k, group.pieces.length, {
			at: last.at,
			offset: first.offset,
			size: group.size,
			constant: group.constant,
			inst: made,
		});
		merged += group.pieces.length - 1;
		k++;
	}
	return merged;
}

/** The widest store that pieces from `k` on fill without a gap. */
function best(
	list: readonly Piece[],
	k: number,
	align: number,
): { pieces: Piece[]; size: Size; constant: bigint | undefined; value: Inst | undefined } | undefined {
	const first = list[k]!;
	for (const size of [8, 4, 2] as const) {
		if (size > align || first.offset % size !== 0 || first.size >= size) continue;
		const pieces: Piece[] = [];
		let end = first.offset;
		for (let n = k; n < list.length && list[n]!.offset === end && end < first.offset + size; n++) {
			pieces.push(list[n]!);
			end += list[n]!.size;
		}
		if (end !== first.offset + size || pieces.length < 2) continue;
		if (pieces.slice(1).some((p) => p.constant === undefined)) continue;
		let rest = 0n;
		for (const p of pieces.slice(1)) rest |= p.constant! << BigInt((p.offset - first.offset) * 8);
		if (first.constant === undefined) {
			const stored = first.inst.op === "store" ? first.inst.args[1]! : undefined;
			if (rest === 0n && stored && stored.space === "scalar" && isNarrow(stored, first.size * 8))
				return { pieces, size, constant: undefined, value: stored };
			continue;
		}
		const constant = first.constant | rest;
		if (size === 8 && BigInt.asIntN(64, constant) !== BigInt.asIntN(32, constant)) continue;
		return { pieces, size, constant, value: undefined };
	}
	return undefined;
}
