import type { Size } from "#ir";
import type { Machine, Place } from "./machine.ts";

/** [register + offset], or a place on the stack. */
export interface Address {
	reg: number;
	offset: number;
	place?: Place;
}

/** Alignment that address `base + offset` surely has where the base is aligned to `align`. */
export const alignmentAt = (offset: number, align: Size): Size => {
	const low = offset === 0 ? 8 : offset & -offset;
	return Math.min(low, align, 8) as Size;
};

/** Splits `size` bytes into the fewest accesses of 8, 4, 2 and 1 bytes, none wider than its alignment allows. */
export function chunks(offset: number, size: number, align: Size): { at: number; size: Size }[] {
	const list: { at: number; size: Size }[] = [];
	for (let at = 0; at < size; ) {
		let n = alignmentAt(offset + at, align) as number;
		while (n > size - at) n >>= 1;
		list.push({ at, size: n as Size });
		at += n;
	}
	return list;
}

/** The fields of a store `at` bytes behind an address. */
export const target = (to: Address, at: number): Partial<Machine> => ({
	dst: to.reg,
	offset: to.offset + at,
	...(to.place ? { place: to.place } : {}),
});
