import { CODE_TAG, LEFT, type RoutineShortcut, type Shortcut, STACK_FRAME_SIZE } from "#machine";
import { isSafe, type Values } from "./access.ts";
import { type Emitter, IMPORT } from "./emitter.ts";
import { CONSTANT, type Facts, STACK } from "./facts.ts";
import type { Step } from "./forms.ts";
import { I32, I64, OP } from "./opcodes.ts";
import { place } from "./reach.ts";

/** A function of the module, for those who call it. */
export interface Callee {
	/** Its number in the module. */
	readonly index: number;
	/** Registers that it takes, as bits. */
	readonly parameters: number;
}

const ARGUMENTS = [1, 2, 3, 4, 5] as const;
const KEY_SIZE = 4;

/** Imports by how many arguments cross over as words; with more, or where that is not known, all lie in memory. */
const BY_COUNT = [IMPORT.helper0, IMPORT.helper1, IMPORT.helper2, IMPORT.helper3] as const;

/** A call of a helper or kernel function, or a load of packet data: the result lies in memory. */
export function callOut(e: Emitter, step: Step): void {
	const { w } = e;
	const { form, imm, second, slot, src } = step;
	const count = form.name === "call_helper" ? (e.settings.argumentCounts[imm] ?? ARGUMENTS.length) : ARGUMENTS.length;
	const byCount = BY_COUNT[count];
	const isPacket = form.shape === "packet";
	if (!isPacket && byCount === undefined)
		for (const register of ARGUMENTS) {
			w.i32(0);
			e.get(register);
			w.access(OP.i64_store, e.settings.scratch.registers + register * 8);
		}
	e.storeFuel();
	if (isPacket) {
		w.i32(imm);
		if (form.verb === "ld_ind") {
			e.get32(src);
			w.op(OP.i32_add);
		}
		w.i32(form.size);
	} else {
		w.i32(imm);
		if (form.name === "call_kfunc") w.i32(second);
	}
	w.i32(slot);
	w.get(e.base);
	if (byCount !== undefined)
		for (const register of ARGUMENTS.slice(0, count)) {
			e.get32(register);
			e.get(register);
			w.i64(32);
			w.op(OP.i64_shr_u, OP.i32_wrap);
		}
	w.call(isPacket ? IMPORT.packet : form.name === "call_kfunc" ? IMPORT.kfunc : (byCount ?? IMPORT.helper));
	// Other than 0: the function ends here, with what another program gives or with 0.
	w.openUnlikely();
	w.get(e.base);
	w.call(IMPORT.tail);
	e.loadResult();
	w.op(OP.return);
	w.end();
	e.loadResult();
	e.set(0);
	e.reloadFuel(slot + 1);
}

/** A call within the program: the next frame of the stack. */
export function callFunction(e: Emitter, callee: Callee, slot: number): void {
	const { w } = e;
	e.storeFuel();
	w.get(e.base);
	w.i32(STACK_FRAME_SIZE);
	w.op(OP.i32_sub);
	for (const register of ARGUMENTS) if ((callee.parameters & (1 << register)) !== 0) e.get(register);
	w.call(callee.index);
	e.set(0);
	e.reloadFuel(slot + 1);
}

/** Slot of the function whose address a register holds; undefined: none of this code. */
export function codeSlot(facts: Facts, register: number, id: number): number | undefined {
	if (facts.kinds[register] !== CONSTANT || facts.high[register] !== (CODE_TAG | id)) return undefined;
	return facts.low[register]! >>> 3;
}

/** Whether a register is the constant 0. */
export const isZero = (facts: Facts, register: number): boolean =>
	facts.kinds[register] === CONSTANT && facts.low[register] === 0 && facts.high[register] === 0;

/** A result that is known without a call. False: there is none, call. */
export function shortResult(e: Emitter, facts: Facts, shortcut: Shortcut, step: Step): boolean {
	const { w } = e;
	switch (shortcut.kind) {
		case "processor":
			w.i32(0);
			w.access(OP.i64_load32_u, e.settings.scratch.processor);
			e.set(0);
			return true;
		case "array":
			arrayLookup(e, facts, shortcut, step);
			return true;
		case "tail":
			tailCall(e, shortcut);
			return true;
		default:
			return false;
	}
}

/** Entry of an array by an index in memory: its address, or 0. A key that is nowhere is the helper's to refuse. */
function arrayLookup(e: Emitter, facts: Facts, map: Extract<Shortcut, { kind: "array" }>, step: Step): void {
	const { w } = e;
	const at = facts.low[2]!;
	const isOwn = facts.kinds[2] === STACK && facts.step[2] === 0 && at >= -STACK_FRAME_SIZE && at + KEY_SIZE <= 0;
	if (isOwn) {
		w.get(e.base);
		w.access(OP.i32_load, at + STACK_FRAME_SIZE);
		w.set(e.index);
		entry(e, map);
		return;
	}
	if (e.settings.checked) {
		place(e, 2, KEY_SIZE, false, step.slot);
		w.tee(e.index);
		w.i32(0);
		w.op(OP.i32_lt_s);
		w.open(OP.if);
		const { pending } = e;
		callOut(e, step);
		e.pending = pending;
		// The call has counted what the other way has not.
		if (e.settings.fuel) {
			w.get(e.fuel);
			w.i32(pending);
			w.op(OP.i32_add);
			w.set(e.fuel);
		}
		w.op(OP.else);
		w.get(e.index);
	} else e.get32(2);
	w.access(OP.i32_load, 0);
	w.set(e.index);
	entry(e, map);
	if (e.settings.checked) w.end();
}

function entry(e: Emitter, map: Extract<Shortcut, { kind: "array" }>): void {
	const { w } = e;
	w.get(e.index);
	w.i32(map.stride);
	w.op(OP.i32_mul);
	w.i32(map.data);
	w.op(OP.i32_add);
	if (map.perProcessor !== 0) {
		w.i32(0);
		w.access(OP.i32_load, e.settings.scratch.processor);
		w.i32(map.perProcessor);
		w.op(OP.i32_mul, OP.i32_add);
	}
	w.op(OP.i64_extend_u);
	w.i64(0);
	w.get(e.index);
	w.i32(map.entries);
	w.op(OP.i32_lt_u, OP.select);
	e.set(0);
}

/** A routine in place of a helper, where the program may touch what it goes by; the helper where not. */
export function callRoutine(
	e: Emitter,
	facts: Facts,
	values: Values,
	shortcut: RoutineShortcut,
	callee: Callee,
	step: Step,
): void {
	const { w } = e;
	const { leaves, takesProcessor, reaches } = shortcut;
	const unsure = e.settings.checked
		? reaches.filter(({ register, size, writes }) => !isSafe(facts, values, register, 0, size, writes))
		: [];
	const run = (): void => {
		w.get(e.base);
		for (const register of ARGUMENTS) {
			if ((callee.parameters & (1 << register)) === 0) continue;
			if (register === 1 && takesProcessor) {
				w.i32(0);
				w.access(OP.i64_load32_u, e.settings.scratch.processor);
			} else e.get(register);
		}
		w.call(callee.index);
		e.set(0);
	};
	if (unsure.length === 0 && !leaves) {
		run();
		return;
	}
	e.count();
	for (const [i, { register, size, writes }] of unsure.entries()) {
		place(e, register, size, writes, step.slot);
		w.i32(0);
		w.op(OP.i32_lt_s);
		if (i > 0) w.op(OP.i32_or);
	}
	if (unsure.length > 0) {
		w.openUnlikely();
		w.i64(0, LEFT);
		e.set(0);
		w.op(OP.else);
	}
	run();
	if (unsure.length > 0) w.end();
	e.get(0);
	w.i64(0, LEFT);
	w.op(OP.i64_eq);
	w.openUnlikely();
	callOut(e, step);
	w.end();
}

/** Another program in this one's place, on the same frame; the program goes on where there is none. */
function tailCall(e: Emitter, to: Extract<Shortcut, { kind: "tail" }>): void {
	const { w } = e;
	const count = e.pc;
	e.count();
	const refused = w.open(OP.block);
	e.get32(3);
	w.tee(e.index);
	w.i32(to.entries);
	w.op(OP.i32_ge_u);
	w.branch(OP.br_if, refused);
	w.get(e.index);
	w.i32(2);
	w.op(OP.i32_shl);
	w.access(OP.i32_load, to.slots);
	w.tee(e.index);
	w.op(OP.i32_eqz);
	w.branch(OP.br_if, refused);
	w.i32(0);
	w.access(OP.i32_load, e.settings.scratch.processor);
	w.i32(to.perProcessor);
	w.op(OP.i32_mul);
	w.tee(count);
	w.access(OP.i32_load, to.count);
	w.i32(to.most);
	w.op(OP.i32_ge_u);
	w.branch(OP.br_if, refused);
	w.get(count);
	w.get(count);
	w.access(OP.i32_load, to.count);
	w.i32(1);
	w.op(OP.i32_add);
	w.access(OP.i32_store, to.count);
	e.storeFuel();
	// For whoever is asked where the table has no function of that program.
	w.i32(0);
	w.get(e.index);
	w.access(OP.i32_store, e.settings.scratch.tail);
	w.get(e.base);
	for (const register of ARGUMENTS) e.get(register);
	w.get(e.index);
	w.i32(0);
	w.get(e.index);
	w.tableSize();
	w.op(OP.i32_lt_u, OP.select);
	w.callTable(e.settings.tailCalls ? OP.return_call_indirect : OP.call_indirect);
	if (!e.settings.tailCalls) w.op(OP.return);
	w.end();
	w.i64(to.refused);
	e.set(0);
}

/** Rounds of a function whose address is known: a loop, in which r1 is the round and r2 what r3 was. */
export function loopCall(e: Emitter, callee: Callee, limit: Rounds, slot: number): void {
	const { w } = e;
	e.storeFuel();
	loop(e, limit, e.index, () => {
		w.get(e.base);
		w.i32(STACK_FRAME_SIZE);
		w.op(OP.i32_sub);
		for (const register of ARGUMENTS) {
			if ((callee.parameters & (1 << register)) === 0) continue;
			if (register === 1) {
				w.get(e.index);
				w.op(OP.i64_extend_u);
			} else e.get(register === 2 ? 3 : register);
		}
		w.call(callee.index);
		w.set(e.value);
	});
	e.reloadFuel(slot + 1);
}

/** The same where the function is written into the loop. */
export function loopInline(e: Emitter, entry: number, limit: Rounds, slot: number, write: () => void): void {
	const { w } = e;
	const round = w.local(I32);
	e.count();
	loop(e, limit, round, () => {
		const context = w.local(I64);
		e.get(3);
		w.set(context);
		let result = 0;
		e.inline(entry, 0, undefined, (registers) => {
			w.get(round);
			w.op(OP.i64_extend_u);
			w.set(registers[1]!);
			w.get(context);
			w.set(registers[2]!);
			[result] = registers as [number];
			write();
		});
		w.get(result);
		w.set(e.value);
	});
	e.checkFuel(slot + 1);
}

type Rounds = { readonly most: number; readonly beyond: number };

/** `one`: a round, which leaves what the function gives in `value`. */
function loop(e: Emitter, limit: Rounds, round: number, one: () => void): void {
	const { w } = e;
	const all = w.open(OP.block);
	const inside = w.open(OP.block);
	e.get32(1);
	w.i32(limit.most);
	w.op(OP.i32_le_u);
	w.branch(OP.br_if, inside);
	w.i64(limit.beyond);
	e.set(0);
	w.branch(OP.br, all);
	w.end();
	w.i32(0);
	w.set(round);
	const ended = w.open(OP.block);
	const again = w.open(OP.loop);
	w.get(round);
	e.get32(1);
	w.op(OP.i32_ge_u);
	w.branch(OP.br_if, ended);
	one();
	w.get(round);
	w.i32(1);
	w.op(OP.i32_add);
	w.set(round);
	w.get(e.value);
	w.op(OP.i64_eqz);
	w.branch(OP.br_if, again);
	w.end();
	w.end();
	w.get(round);
	w.op(OP.i64_extend_u);
	e.set(0);
	w.end();
}
