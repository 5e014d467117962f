import { type Block, Editor, type Func, type Inst, reversePostorder, type Size } from "#ir";
import type { PassContext } from "./context.ts";
import { type Area, type Event, findAreas } from "./memory.ts";

/**
 * Bytes of slots and ring-buffer records that are written again, or never read, before the record is submitted or the
 * function ends: stores of only such bytes go, and zeroing shrinks to the bytes that are read as zero.
 * A string read leaves the bytes behind its NUL as they were, so zeroing before it stays: text is NUL-padded in every
 * record, whoever reads it.
 */
export function removeDeadStores(func: Func, context: PassContext): number {
	const areas = findAreas(func, context);
	if (areas.length === 0) return 0;
	const order = reversePostorder(func);
	const editor = new Editor(func);
	const rewritten = new Map<Inst, Inst[]>();
	for (const a of areas) shrink(a, order, editor, rewritten);
	if (rewritten.size === 0) return 0;
	for (const b of func.blocks)
		if (b.insts.some((i) => rewritten.has(i))) b.insts = b.insts.flatMap((i) => rewritten.get(i) ?? [i]);
	return rewritten.size;
}

function shrink(area: Area, order: readonly Block[], editor: Editor, rewritten: Map<Inst, Inst[]>): void {
	const out = new Map<Block, Uint8Array>(order.map((b) => [b, new Uint8Array(area.size)]));
	for (let changed = true; changed; ) {
		changed = false;
		for (let k = order.length - 1; k >= 0; k--) {
			const b = order[k]!;
			const live = out.get(b)!.slice();
			const events = area.events.get(b) ?? [];
			for (let e = events.length - 1; e >= 0; e--) backward(events[e]!, live);
			for (const p of b.predecessors) {
				const into = out.get(p);
				if (!into) continue;
				for (let n = 0; n < live.length; n++)
					if (live[n]! > into[n]!) {
						into[n] = 1;
						changed = true;
					}
			}
		}
	}
	for (const b of order) {
		const live = out.get(b)!.slice();
		const events = area.events.get(b) ?? [];
		for (let e = events.length - 1; e >= 0; e--) {
			const event = events[e]!;
			const { inst, offset, size } = event;
			if (event.kind === "write" && offset !== undefined && size !== undefined && inst.op !== "call") {
				const from = Math.max(0, offset);
				const wanted = live.subarray(from, offset + size);
				if (!wanted.includes(1)) rewritten.set(inst, []);
				else if (inst.op === "zero" && wanted.includes(0)) {
					const pieces = zeroPieces(area, inst, offset, size, live, editor);
					if (pieces) rewritten.set(inst, pieces);
				}
			}
			backward(event, live);
		}
	}
}

function backward(e: Event, live: Uint8Array): void {
	const exact = e.offset !== undefined && e.size !== undefined;
	switch (e.kind) {
		case "read":
		case "both":
			if (exact) live.fill(1, Math.max(0, e.offset!), Math.max(0, e.offset! + e.size!));
			else live.fill(1);
			return;
		case "text":
			return;
		case "write":
			if (exact) live.fill(0, Math.max(0, e.offset!), Math.max(0, e.offset! + e.size!));
			return;
		case "end":
			live.fill(0);
			return;
	}
}

/** The zeroing that is left: in each aligned word one store that covers its live bytes, runs of whole words as one. */
function zeroPieces(
	area: Area,
	zero: Inst & { op: "zero" },
	offset: number,
	size: number,
	live: Uint8Array,
	editor: Editor,
): Inst[] | undefined {
	const align = area.size >= 8 ? 8 : area.size >= 4 ? 4 : area.size >= 2 ? 2 : 1;
	const pieces: { from: number; to: number }[] = [];
	let kept = 0;
	for (let word = offset - (offset % align); word < offset + size; word += align) {
		const from = Math.max(word, offset);
		const to = Math.min(word + align, offset + size);
		let first = -1;
		let lastByte = -1;
		for (let n = from; n < to; n++)
			if (live[n]) {
				if (first < 0) first = n;
				lastByte = n;
			}
		if (first < 0) continue;
		// The smallest aligned power of two around the live bytes, as long as it stays inside what was zeroed.
		let n = 1;
		let start = first;
		while (start + n <= lastByte) {
			n *= 2;
			start = first - (first % n);
		}
		const piece = start >= from && start + n <= to ? { from: start, to: start + n } : { from, to };
		kept += piece.to - piece.from;
		const before = pieces[pieces.length - 1];
		if (
			before &&
			before.to === piece.from &&
			piece.to - piece.from === align &&
			(before.to - before.from) % align === 0
		)
			before.to = piece.to;
		else pieces.push(piece);
	}
	if (kept === size) return undefined;
	const shift = zero.offset - offset;
	return pieces.map((p) =>
		editor.make(
			{ op: "zero", offset: p.from + shift, size: p.to - p.from, align: Math.min(align, lowBit(p.from)) as Size },
			[zero.args[0]!],
			64,
			zero,
		),
	);
}

const lowBit = (n: number): number => (n === 0 ? 8 : Math.min(8, n & -n));
