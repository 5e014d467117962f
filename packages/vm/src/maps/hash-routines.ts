import { ERRNO } from "@skep/bpf/kernel";
import { HASH_ENTRY, HASH_ENTRY_USED, HASH_MULTIPLIERS } from "./hash-entry.ts";
import { HEADER } from "./header.ts";
import type { MapState } from "./map.ts";
import { chunks, imm, type Routine, RoutineWriter, reg } from "./routine.ts";

/**
 * Lookup, update and delete of hash maps as instructions. r1 is the processor's number, r2 the key's address, r3 the
 * value's, r4 the flags. What allocates, or is seldom, is left to JavaScript; where workers share the map, all but lookups
 * that find something.
 *
 * Registers: r0 for what is short-lived, r4 the directory's row of an entry, r5 the entry, r6 and r7 the key's first 16
 * bytes, r8 the entry's head, r9 the hash until the entry is found.
 */
const { next, hash, newer, older, key } = HASH_ENTRY;
const [R0, R1, R2, R3, R4, R5, R6, R7, R8, R9] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const;

/** Longer ones are compared and copied by JavaScript. */
const MOST_KEY = 64;
const MOST_VALUE = 256;
/** Entries of a bucket that are looked at while others may change it. */
const MOST_TRIED = 64;

const isLru = (map: MapState): boolean => map.type === "lru_hash" || map.type === "lru_percpu_hash";
const fits = (map: MapState): boolean => map.keySize <= MOST_KEY;

export function lookupRoutine(map: MapState, shared: boolean): Routine | undefined {
	if (!fits(map)) return undefined;
	const w = new RoutineWriter();
	find(w, map, shared ? { most: R3 } : {});
	valueInto(w, map, R9);
	if (isLru(map)) {
		if (shared) w.store(4, R8, map.headBytes - HASH_ENTRY_USED, imm(1));
		else refresh(w, map);
	}
	w.exit(reg(R9));
	w.label("none");
	// Of a shared map: it may have been taken out meanwhile, which takes a closer look.
	if (shared) w.leave();
	else w.exit(imm(0));
	return w.done();
}

export function updateRoutine(map: MapState, shared: boolean): Routine | undefined {
	if (shared || !fits(map) || map.valueSize > MOST_VALUE || map.fields?.length) return undefined;
	const w = new RoutineWriter();
	w.jump("ne", R4, imm(0), "left");
	find(w, map);
	valueInto(w, map, R9);
	// Where the two overlap, the order of bytes counts.
	w.mov(R0, reg(R9));
	w.alu("sub", R0, reg(R3));
	w.alu("add", R0, imm(map.valueSize - 1));
	w.jump("le", R0, imm(2 * map.valueSize - 2), "left");
	copyTo(w, R9, 0, R3, map.valueSize);
	if (isLru(map)) refresh(w, map);
	w.exit(imm(0));
	w.label("none");
	if (map.copies === 1) insert(w, map);
	w.label("left");
	w.leave();
	return w.done();
}

export function deleteRoutine(map: MapState, shared: boolean): Routine | undefined {
	if (shared || !fits(map) || map.fields?.length) return undefined;
	const w = new RoutineWriter();
	find(w, map, { link: R3 });
	w.load(4, R0, R8, next);
	w.store(4, R3, 0, reg(R0));
	w.alu("add", R5, imm(1));
	if (isLru(map)) leaveOrder(w, map);
	w.mov(R1, imm(map.header));
	w.load(4, R0, R1, HEADER.free);
	w.store(4, R8, next, reg(R0));
	w.store(4, R1, HEADER.free, reg(R5));
	count(w, R1, -1);
	w.exit(imm(0));
	w.label("none");
	w.exit(imm(-ERRNO.ENOENT));
	return w.done();
}

/** hash = hashOf(key): see hash-entry.ts. */
function hashInto(w: RoutineWriter, { keySize }: MapState): void {
	const mix = (by: number): void => {
		w.mov(R0, reg(R9));
		w.alu("rsh", R0, imm(by));
		w.alu("xor", R9, reg(R0));
	};
	w.mov(R9, imm(keySize));
	for (let at = 0; at < keySize; at += 4) {
		for (const [inside, size] of chunks(Math.min(keySize - at, 4))) {
			w.load(size, inside === 0 ? R0 : R4, R2, at + inside);
			if (inside === 0) continue;
			w.alu("lsh", R4, imm(inside * 8));
			w.alu("or", R0, reg(R4));
		}
		w.alu("xor", R9, reg(R0));
		w.alu("mul", R9, imm(HASH_MULTIPLIERS[0]));
		mix(15);
	}
	w.alu("mul", R9, imm(HASH_MULTIPLIERS[1]));
	mix(13);
}

/**
 * r4, r5 and r8 of the key's entry; else it goes to `none`. `link`: register for the address of what leads to the entry;
 * `most`: for how many are still looked at.
 */
function find(w: RoutineWriter, map: MapState, { link, most }: { link?: number; most?: number } = {}): void {
	const { keySize, bucketMask, data } = map;
	hashInto(w, map);
	const parts = [...chunks(keySize)];
	// Two parts of the key stay in registers, of a long one the first.
	const kept = parts.length <= 2 ? 2 : 1;
	for (const [i, [at, size]] of parts.slice(0, kept).entries()) w.load(size, R6 + i, R2, at);
	w.mov(R4, reg(R9));
	w.alu("and", R4, imm(bucketMask));
	w.alu("lsh", R4, imm(2));
	w.alu("add", R4, imm(data));
	if (link !== undefined) w.mov(link, reg(R4));
	w.load(4, R5, R4, 0);
	if (most !== undefined) w.mov(most, imm(MOST_TRIED));
	w.label("search");
	w.jump("eq", R5, imm(0), "none");
	if (most !== undefined) {
		w.alu("sub", most, imm(1));
		w.jump("eq", most, imm(0), "none");
	}
	w.alu("sub", R5, imm(1));
	headInto(w, map, R8, R5, R4);
	if (kept < parts.length) {
		w.load(4, R0, R8, hash);
		w.jump("ne", R0, reg(R9), "other");
	}
	for (const [i, [at, size]] of parts.entries()) {
		w.load(size, R0, R8, key + at);
		if (i >= kept) w.load(size, R7, R2, at);
		w.jump("ne", R0, reg(i < kept ? R6 + i : R7), "other");
	}
	w.go("found");
	w.label("other");
	if (link !== undefined) w.mov(link, reg(R8));
	w.load(4, R5, R8, next);
	w.go("search");
	w.label("found");
}

/** Address of the head of entry `from`; its row of the directory stays in `row`. r0 is lost. */
function headInto(w: RoutineWriter, map: MapState, to: number, from: number, row: number): void {
	w.mov(row, reg(from));
	w.alu("rsh", row, imm(map.blockShift));
	w.alu("lsh", row, imm(3));
	w.alu("add", row, imm(map.directory));
	w.mov(R0, reg(from));
	w.alu("and", R0, imm((1 << map.blockShift) - 1));
	w.alu("mul", R0, imm(map.headBytes));
	w.load(4, to, row, 0);
	w.alu("add", to, reg(R0));
}

/** Address of the value of entry r5, this processor's. */
function valueInto(w: RoutineWriter, map: MapState, to: number): void {
	w.mov(R0, reg(R5));
	w.alu("and", R0, imm((1 << map.blockShift) - 1));
	w.alu("mul", R0, imm(map.stride * map.copies));
	w.load(4, to, R4, 4);
	w.alu("add", to, reg(R0));
	if (map.copies === 1) return;
	w.mov(R0, reg(R1));
	w.alu("mul", R0, imm(map.stride));
	w.alu("add", to, reg(R0));
}

function copyTo(w: RoutineWriter, to: number, toAt: number, from: number, size: number): void {
	for (const [at, each] of chunks(size)) {
		w.load(each, R0, from, at);
		w.store(each, to, toAt + at, reg(R0));
	}
}

/** Counts entries: r1 is the header. */
function count(w: RoutineWriter, header: number, by: number): void {
	w.load(4, R0, header, HEADER.used);
	w.alu("add", R0, imm(by));
	w.store(4, header, HEADER.used, reg(R0));
}

/** A new entry, where one is free or a block has one left; r9 is the hash. Where not, it goes on behind. */
function insert(w: RoutineWriter, map: MapState): void {
	w.mov(R1, imm(map.header));
	w.load(4, R5, R1, HEADER.free);
	w.jump("eq", R5, imm(0), "fresh");
	w.alu("sub", R5, imm(1));
	headInto(w, map, R8, R5, R4);
	w.load(4, R0, R8, next);
	w.store(4, R1, HEADER.free, reg(R0));
	w.go("taken");
	w.label("fresh");
	w.load(4, R5, R1, HEADER.made);
	w.jump("ge", R5, imm(map.maxEntries), "left");
	w.load(4, R4, R1, HEADER.blocks);
	w.mov(R0, reg(R5));
	w.alu("rsh", R0, imm(map.blockShift));
	w.jump("eq", R0, reg(R4), "left");
	headInto(w, map, R8, R5, R4);
	w.mov(R0, reg(R5));
	w.alu("add", R0, imm(1));
	w.store(4, R1, HEADER.made, reg(R0));
	w.label("taken");
	w.store(4, R8, hash, reg(R9));
	copyTo(w, R8, key, R2, map.keySize);
	// The hash is in the head: its register is free.
	w.alu("and", R9, imm(map.bucketMask));
	w.alu("lsh", R9, imm(2));
	w.alu("add", R9, imm(map.data));
	w.load(4, R0, R9, 0);
	w.store(4, R8, next, reg(R0));
	valueInto(w, map, R6);
	copyTo(w, R6, 0, R3, map.valueSize);
	w.alu("add", R5, imm(1));
	w.store(4, R9, 0, reg(R5));
	count(w, R1, 1);
	if (isLru(map)) enterOrder(w, map);
	w.exit(imm(0));
}

/** The entry becomes the newest: r5 its number, r8 its head. r0, r1, r4 … r7 are lost. */
function refresh(w: RoutineWriter, map: MapState): void {
	w.alu("add", R5, imm(1));
	w.mov(R1, imm(map.header));
	w.load(4, R0, R1, HEADER.newest);
	w.jump("eq", R0, reg(R5), "young");
	leaveOrder(w, map);
	enterOrder(w, map);
	w.label("young");
}

/** r8 is the head of an entry that goes out of the order of use. r0, r1, r4, r6, r7 are lost. */
function leaveOrder(w: RoutineWriter, map: MapState): void {
	w.mov(R1, imm(map.header));
	w.load(4, R6, R8, newer);
	w.load(4, R7, R8, older);
	neighbour(w, map, { link: R6, field: older, value: R7, end: HEADER.newest });
	neighbour(w, map, { link: R7, field: newer, value: R6, end: HEADER.oldest });
}

/** r8 is the head of entry r5 - 1, which comes into the order of use as the newest. r0, r1, r4, r6, r7 are lost. */
function enterOrder(w: RoutineWriter, map: MapState): void {
	w.mov(R1, imm(map.header));
	w.load(4, R6, R1, HEADER.newest);
	w.store(4, R8, newer, imm(0));
	w.store(4, R8, older, reg(R6));
	neighbour(w, map, { link: R6, field: newer, value: R5, end: HEADER.oldest });
	w.store(4, R1, HEADER.newest, reg(R5));
}

/** A word in the head that a link leads to becomes `value`; where there is none, a word of the header does. */
function neighbour(
	w: RoutineWriter,
	map: MapState,
	{ link, field, value, end }: { link: number; field: number; value: number; end: number },
): void {
	const [none, past] = [w.newLabel(), w.newLabel()];
	w.jump("eq", link, imm(0), none);
	const [row, head] = [R4, R4];
	w.mov(row, reg(link));
	w.alu("sub", row, imm(1));
	w.mov(R0, reg(row));
	w.alu("rsh", row, imm(map.blockShift));
	w.alu("lsh", row, imm(3));
	w.alu("add", row, imm(map.directory));
	w.load(4, head, row, 0);
	w.alu("and", R0, imm((1 << map.blockShift) - 1));
	w.alu("mul", R0, imm(map.headBytes));
	w.alu("add", head, reg(R0));
	w.store(4, head, field, reg(value));
	w.go(past);
	w.label(none);
	w.store(4, R1, end, reg(value));
	w.label(past);
}
