import type { Emitter } from "./emitter.ts";
import type { Step } from "./forms.ts";
import { I32, I64, OP } from "./opcodes.ts";

/** Operations that are one of WebAssembly's: on 32 bits, on 64 bits. Shifts are masked there as here. */
const BINARY: Readonly<Record<string, readonly [number, number]>> = {
	add: [OP.i32_add, OP.i64_add],
	sub: [OP.i32_sub, OP.i64_sub],
	mul: [OP.i32_mul, OP.i64_mul],
	or: [OP.i32_or, OP.i64_or],
	and: [OP.i32_and, OP.i64_and],
	xor: [OP.i32_xor, OP.i64_xor],
	lsh: [OP.i32_shl, OP.i64_shl],
	rsh: [OP.i32_shr_u, OP.i64_shr_u],
	arsh: [OP.i32_shr_s, OP.i64_shr_s],
};
/** By 0 a quotient is 0 and a remainder all of it. */
const DIVISIONS: Readonly<Record<string, readonly [number, number]>> = {
	div: [OP.i32_div_u, OP.i64_div_u],
	sdiv: [OP.i32_div_s, OP.i64_div_s],
	mod: [OP.i32_rem_u, OP.i64_rem_u],
	smod: [OP.i32_rem_s, OP.i64_rem_s],
};
const CONDITIONS: Readonly<Record<string, readonly [number, number]>> = {
	eq: [OP.i32_eq, OP.i64_eq],
	ne: [OP.i32_ne, OP.i64_ne],
	gt: [OP.i32_gt_u, OP.i64_gt_u],
	ge: [OP.i32_ge_u, OP.i64_ge_u],
	lt: [OP.i32_lt_u, OP.i64_lt_u],
	le: [OP.i32_le_u, OP.i64_le_u],
	sgt: [OP.i32_gt_s, OP.i64_gt_s],
	sge: [OP.i32_ge_s, OP.i64_ge_s],
	slt: [OP.i32_lt_s, OP.i64_lt_s],
	sle: [OP.i32_le_s, OP.i64_le_s],
};

/** Pushes a register in the instruction's width. */
function push(e: Emitter, register: number, wide: boolean): void {
	if (wide) e.get(register);
	else e.get32(register);
}
function pushSecond(e: Emitter, { form, src, imm }: Step): void {
	if (!form.immediate) push(e, src, form.wide);
	else if (form.wide) e.w.i64(imm);
	else e.w.i32(imm);
}
function pop(e: Emitter, register: number, wide: boolean): void {
	if (wide) e.set(register);
	else e.set32(register);
}

export function binary(e: Emitter, step: Step): void {
	const { form, dst } = step;
	if (form.verb === "mov") {
		pushSecond(e, step);
		pop(e, dst, form.wide);
		return;
	}
	const simple = BINARY[form.verb];
	if (!simple) {
		division(e, step);
		return;
	}
	push(e, dst, form.wide);
	pushSecond(e, step);
	e.w.op(simple[form.wide ? 1 : 0]);
	pop(e, dst, form.wide);
}

function division(e: Emitter, step: Step): void {
	const { form, dst, imm } = step;
	const { w } = e;
	const isQuotient = form.verb === "div" || form.verb === "sdiv";
	const type = form.wide ? I64 : I32;
	const opcode = DIVISIONS[form.verb]![form.wide ? 1 : 0];
	const zero = (): void => (form.wide ? w.i64(0) : w.i32(0));
	const negative = (): void => {
		zero();
		push(e, dst, form.wide);
		w.op(form.wide ? OP.i64_sub : OP.i32_sub);
	};
	if (form.immediate) {
		if (imm === 0) {
			if (isQuotient) zero();
			else push(e, dst, form.wide);
		} else if (imm === -1 && form.verb === "sdiv") negative();
		else {
			push(e, dst, form.wide);
			pushSecond(e, step);
			w.op(opcode);
		}
		pop(e, dst, form.wide);
		return;
	}
	pushSecond(e, step);
	w.op(form.wide ? OP.i64_eqz : OP.i32_eqz);
	w.open(OP.if, type);
	if (isQuotient) zero();
	else push(e, dst, form.wide);
	w.op(OP.else);
	if (form.verb === "sdiv") {
		// The lowest number by -1 is itself here and a trap there.
		pushSecond(e, step);
		if (form.wide) w.i64(-1);
		else w.i32(-1);
		w.op(form.wide ? OP.i64_eq : OP.i32_eq);
		w.open(OP.if, type);
		negative();
		w.op(OP.else);
	}
	push(e, dst, form.wide);
	pushSecond(e, step);
	w.op(opcode);
	if (form.verb === "sdiv") w.end();
	w.end();
	pop(e, dst, form.wide);
}

export function negate(e: Emitter, { form, dst }: Step): void {
	if (form.wide) e.w.i64(0);
	else e.w.i32(0);
	push(e, dst, form.wide);
	e.w.op(form.wide ? OP.i64_sub : OP.i32_sub);
	pop(e, dst, form.wide);
}

const EXTENSIONS: Readonly<Record<number, readonly [number, number]>> = {
	8: [OP.i32_extend8_s, OP.i64_extend8_s],
	16: [OP.i32_extend16_s, OP.i64_extend16_s],
	32: [0, OP.i64_extend32_s],
};

export function extend(e: Emitter, { form, dst, src }: Step): void {
	push(e, src, form.wide);
	e.w.op(EXTENSIONS[form.size]![form.wide ? 1 : 0]);
	pop(e, dst, form.wide);
}

/** addr_space_cast: 0 stays 0; else the low word is moved and the high one is the other side's. */
export function cast(e: Emitter, { dst, src, second, high }: Step): void {
	const { w } = e;
	e.get32(src);
	w.i32(second);
	w.op(OP.i32_add, OP.i64_extend_u);
	w.i64(0, high);
	w.op(OP.i64_or);
	w.i64(0);
	e.get32(src);
	w.op(OP.select);
	e.set(dst);
}

/** le, be, bswap: memory is little-endian, so that the first only cuts. */
export function byteOrder(e: Emitter, { form, dst }: Step): void {
	const { w } = e;
	if (form.verb === "le") {
		if (form.size === 64) return;
		e.get(dst);
		w.i64(form.size === 16 ? 0xffff : -1, 0);
		w.op(OP.i64_and);
		e.set(dst);
		return;
	}
	if (form.size === 64) {
		exchange(e, dst, 8, 0x00ff_00ff);
		exchange(e, dst, 16, 0x0000_ffff);
		e.get(dst);
		w.i64(32);
		w.op(OP.i64_rotl);
		e.set(dst);
		return;
	}
	e.get32(dst);
	w.i32(form.size === 16 ? 8 : 24);
	w.op(form.size === 16 ? OP.i32_shl : OP.i32_rotl);
	w.i32(form.size === 16 ? 0xff00 : 0xff00_ff00 | 0);
	w.op(OP.i32_and);
	e.get32(dst);
	w.i32(8);
	w.op(form.size === 16 ? OP.i32_shr_u : OP.i32_rotl);
	w.i32(form.size === 16 ? 0xff : 0x00ff_00ff);
	w.op(OP.i32_and, OP.i32_or);
	e.set32(dst);
}

/** Exchanges neighbours of `bits` bits, of which `mask` has every other one. */
function exchange(e: Emitter, register: number, bits: number, mask: number): void {
	const { w } = e;
	e.get(register);
	w.i64(mask, mask);
	w.op(OP.i64_and);
	w.i64(bits);
	w.op(OP.i64_shl);
	e.get(register);
	w.i64(bits);
	w.op(OP.i64_shr_u);
	w.i64(mask, mask);
	w.op(OP.i64_and, OP.i64_or);
	e.set(register);
}

/** Pushes whether a branch is taken, as a 32-bit number. */
export function condition(e: Emitter, step: Step): void {
	const { form, dst, imm } = step;
	const { w } = e;
	if (form.verb === "set") {
		push(e, dst, form.wide);
		pushSecond(e, step);
		if (!form.wide) w.op(OP.i32_and);
		else {
			w.op(OP.i64_and);
			w.i64(0);
			w.op(OP.i64_ne);
		}
		return;
	}
	push(e, dst, form.wide);
	if (form.verb === "eq" && form.immediate && imm === 0) {
		w.op(form.wide ? OP.i64_eqz : OP.i32_eqz);
		return;
	}
	pushSecond(e, step);
	w.op(CONDITIONS[form.verb]![form.wide ? 1 : 0]);
}
