import { STACK_FRAME_SIZE } from "#machine";
import { loadAcquire, sharedAtomic } from "./atomics.ts";
import type { Emitter } from "./emitter.ts";
import { type Facts, STACK, VALUE, type ValueFact } from "./facts.ts";
import type { Step } from "./forms.ts";
import type { Groups } from "./groups.ts";
import type { Hoist, Hoists } from "./hoists.ts";
import { OP } from "./opcodes.ts";
import { openOutside, reach } from "./reach.ts";

const LOADS: Readonly<Record<number, readonly [unsigned: number, signed: number]>> = {
	1: [OP.i64_load8_u, OP.i64_load8_s],
	2: [OP.i64_load16_u, OP.i64_load16_s],
	4: [OP.i64_load32_u, OP.i64_load32_s],
	8: [OP.i64_load, OP.i64_load],
};
const STORES: Readonly<Record<number, number>> = {
	1: OP.i64_store8,
	2: OP.i64_store16,
	4: OP.i64_store32,
	8: OP.i64_store,
};

/** What is known of where accesses go. */
export interface Values {
	/** By the slot of the call or wide load that gives their address. */
	readonly found: ReadonlyMap<number, ValueFact>;
	readonly groups: Groups | undefined;
	readonly hoists: Hoists | undefined;
}

/** How far the address on the stack is from where the access is: what its offset field has to say. */
type Distance = number;

/** Whether an access is known to lie in the function's own stack, or in a value of a map. */
export function isSafe(
	facts: Facts,
	values: Values,
	base: number,
	offset: number,
	size: number,
	writes: boolean,
): boolean {
	const at = facts.low[base]! + offset;
	const end = facts.top[base]! + offset + size;
	switch (facts.kinds[base]) {
		case STACK:
			return at >= -STACK_FRAME_SIZE && end <= 0;
		case VALUE: {
			const value = values.found.get(facts.high[base]!);
			return value !== undefined && at >= 0 && end <= value.size && (value.writable || !writes);
		}
		default:
			return values.groups?.covers(facts, base, offset, size, writes) ?? false;
	}
}

/** Pushes the address of [base + offset], compared where that is asked for and not known anyway. */
function address(e: Emitter, facts: Facts, values: Values, step: Step, base: number, writes: boolean): Distance {
	const { w } = e;
	const offset = step.second;
	const { size } = step.form;
	if (facts.kinds[base] === STACK && facts.step[base] === 0 && isSafe(facts, values, base, offset, size, writes)) {
		w.get(e.base);
		return facts.low[base]! + offset + STACK_FRAME_SIZE;
	}
	if (!e.settings.checked || isSafe(facts, values, base, offset, size, writes)) {
		e.get32(base);
		// The offset of an access is not negative, and does not wrap.
		if (offset >= 0) return offset;
		w.i32(offset);
		w.op(OP.i32_add);
		return 0;
	}
	const hoist = values.hoists?.of.get(step.slot);
	if (hoist) {
		e.w.get(e.flagOf(hoist));
		e.w.op(OP.i32_eqz);
		e.w.openUnlikely();
	}
	const { low, high } = values.groups?.extentOf(step) ?? { low: offset, high: offset + size };
	const all = high - low;
	const isOne = all === size;
	e.get(base);
	if (low !== 0) {
		w.i64(low);
		w.op(OP.i64_add);
	}
	w.set(e.address);
	const window = e.windows.next(isOne ? size : 1, writes);
	openOutside(e, window, all, isOne);
	reach(e, { window, all, size, at: offset - low, slot: step.slot });
	if (!isOne) {
		// Not all of it is in one region: the interpreter finds out what is. This access has not run yet.
		w.i32(0);
		w.op(OP.i32_lt_s);
		w.openUnlikely();
		e.pending--;
		e.leaveHere(step.slot);
		e.pending++;
		w.end();
	} else if (values.groups) w.op(OP.drop);
	else {
		// It may be the address of nothing.
		w.op(OP.i64_extend_u);
		w.set(e.address);
	}
	w.end();
	if (hoist) {
		w.end();
		e.get(base);
		w.i64(low);
		w.op(OP.i64_add);
	} else w.get(e.address);
	w.op(OP.i32_wrap);
	return offset - low;
}

/** Before a loop: whether all that some of its accesses may reach is there. */
export function compareBefore(e: Emitter, hoist: Hoist, slot: number): void {
	const { w } = e;
	const { register, low, high, writes } = hoist;
	const window = e.windows.next(1, writes);
	const flag = e.flagOf(hoist);
	e.get(register);
	w.i64(low);
	w.op(OP.i64_add);
	w.set(e.address);
	w.i32(1);
	w.set(flag);
	openOutside(e, window, high - low, false);
	reach(e, { window, all: high - low, size: 0, at: 0, slot });
	w.i32(0);
	w.op(OP.i32_ge_s);
	w.set(flag);
	w.end();
}

export function load(e: Emitter, facts: Facts, values: Values, step: Step): void {
	const { form, dst, src } = step;
	let offset = address(e, facts, values, step, src, false);
	if (form.shape === "atomic_load") offset = aligned(e, step, offset);
	if (form.shape === "atomic_load" && e.settings.shared) loadAcquire(e, form.size);
	else e.w.access(LOADS[form.size]![form.signed ? 1 : 0], offset);
	e.set(dst);
}

export function store(e: Emitter, facts: Facts, values: Values, step: Step): void {
	const { form, dst, src, imm } = step;
	const offset = address(e, facts, values, step, dst, true);
	if (form.shape === "store_imm") e.w.i64(imm);
	else e.get(src);
	e.w.access(STORES[form.size]!, offset);
}

/** The interpreter takes over at an instruction whose address is at no multiple of its size; else the address is pushed again. */
function aligned(e: Emitter, { form, slot }: Step, offset: number): number {
	const { w } = e;
	if (offset !== 0) {
		w.i32(offset);
		w.op(OP.i32_add);
	}
	if (form.size === 1) return 0;
	w.tee(e.index);
	w.i32(form.size - 1);
	w.op(OP.i32_and);
	w.openUnlikely();
	// It has not run yet.
	e.pending--;
	e.leaveHere(slot);
	e.pending++;
	w.end();
	w.get(e.index);
	return 0;
}

const COMBINED: Readonly<Record<string, number>> = {
	add: OP.i64_add,
	or: OP.i64_or,
	and: OP.i64_and,
	xor: OP.i64_xor,
};

/** Read, change and write: nothing comes between where a machine runs one program at a time. */
export function atomic(e: Emitter, facts: Facts, values: Values, step: Step): void {
	const { form, dst, src } = step;
	const { w } = e;
	const [get] = LOADS[form.size]!;
	const put = STORES[form.size]!;
	const offset = address(e, facts, values, step, dst, true);
	aligned(e, step, offset);
	if (e.settings.shared) {
		sharedAtomic(e, step);
		return;
	}
	if (form.verb === "store_release") {
		e.get(src);
		w.access(put, 0);
		return;
	}
	w.access(get, 0);
	w.set(e.value);
	const verb = form.verb.replace("fetch_", "");
	w.get(e.index);
	if (verb === "cmpxchg") {
		e.get(src);
		w.get(e.value);
		w.get(e.value);
		e.get(0);
		// Of 32 bits the low ones are compared; what was read is zero above them.
		if (!form.wide) {
			w.i64(-1, 0);
			w.op(OP.i64_and);
		}
		w.op(OP.i64_eq, OP.select);
	} else if (verb === "xchg") e.get(src);
	else {
		w.get(e.value);
		e.get(src);
		w.op(COMBINED[verb]!);
	}
	w.access(put, 0);
	if (form.verb === "cmpxchg") {
		w.get(e.value);
		e.set(0);
	} else if (form.verb !== verb || verb === "xchg") {
		w.get(e.value);
		e.set(src);
	}
}
