/** 64-bit arithmetic on pairs of 32-bit words. `r` holds pairs, low word first; `d` is the index of one. */

/** The high word of the product of two unsigned words. */
export function mulHigh(a: number, b: number): number {
	const al = a & 0xffff;
	const ah = a >>> 16;
	const bl = b & 0xffff;
	const bh = b >>> 16;
	const middle = (Math.imul(ah, bl) + (Math.imul(al, bl) >>> 16)) | 0;
	const cross = (Math.imul(al, bh) + (middle & 0xffff)) | 0;
	return (Math.imul(ah, bh) + (middle >>> 16) + (cross >>> 16)) | 0;
}

/** The four bytes in the other order. */
export const swap = (a: number): number => (a << 24) | ((a & 0xff00) << 8) | ((a >>> 8) & 0xff00) | (a >>> 24);

/** Quotient and remainder of the last division: four words. Only for what is in this file, and only for an instant. */
const result = new Int32Array(4);

const WORD = 2 ** 32;
/** High words below make numbers that a double holds exactly. */
const EXACT = 2 ** 21;

/** r[d] = r[d] / b, unsigned; by 0: 0. */
export function divide(r: Int32Array, d: number, bl: number, bh: number): void {
	divideWords(r[d]!, r[d + 1]!, bl, bh);
	r[d] = result[0]!;
	r[d + 1] = result[1]!;
}

/** r[d] = r[d] % b, unsigned; by 0: unchanged. */
export function modulo(r: Int32Array, d: number, bl: number, bh: number): void {
	divideWords(r[d]!, r[d + 1]!, bl, bh);
	r[d] = result[2]!;
	r[d + 1] = result[3]!;
}

/** r[d] = r[d] / b, signed, towards 0; by 0: 0; the lowest number by -1: itself. */
export function divideSigned(r: Int32Array, d: number, bl: number, bh: number): void {
	const ah = r[d + 1]!;
	divideMagnitudes(r[d]!, ah, bl, bh);
	store(r, d, result[0]!, result[1]!, (ah ^ bh) < 0);
}

/** r[d] = r[d] % b with the sign of r[d]; by 0: unchanged. */
export function moduloSigned(r: Int32Array, d: number, bl: number, bh: number): void {
	const ah = r[d + 1]!;
	divideMagnitudes(r[d]!, ah, bl, bh);
	store(r, d, result[2]!, result[3]!, ah < 0);
}

function store(r: Int32Array, d: number, low: number, high: number, negative: boolean): void {
	r[d] = negative ? -low : low;
	r[d + 1] = negative ? negatedHigh(low, high) : high;
}

const negatedHigh = (low: number, high: number): number => (~high + (low === 0 ? 1 : 0)) | 0;

function divideMagnitudes(al: number, ah: number, bl: number, bh: number): void {
	divideWords(
		ah < 0 ? -al | 0 : al,
		ah < 0 ? negatedHigh(al, ah) : ah,
		bh < 0 ? -bl | 0 : bl,
		bh < 0 ? negatedHigh(bl, bh) : bh,
	);
}

/** Unsigned division into `result`: quotient, then remainder; by 0: 0, and all is left over. */
function divideWords(al: number, ah: number, bl: number, bh: number): void {
	if ((ah | bh) === 0 && bl !== 0) {
		put((al >>> 0) / (bl >>> 0), 0, (al >>> 0) % (bl >>> 0), 0);
		return;
	}
	if ((bl | bh) === 0) {
		put(0, 0, al, ah);
		return;
	}
	if (ah >>> 0 < EXACT && bh >>> 0 < EXACT) {
		const a = (ah >>> 0) * WORD + (al >>> 0);
		const b = (bh >>> 0) * WORD + (bl >>> 0);
		const rest = a % b;
		const quotient = (a - rest) / b;
		put(quotient, quotient / WORD, rest, rest / WORD);
		return;
	}
	divideBits(al, ah, bl, bh);
}

function put(low: number, high: number, restLow: number, restHigh: number): void {
	result[0] = low;
	result[1] = high;
	result[2] = restLow;
	result[3] = restHigh;
}

const leadingZeros = (low: number, high: number): number => (high === 0 ? 32 + Math.clz32(low) : Math.clz32(high));

/** Bit by bit, for numbers that no double holds. */
function divideBits(al: number, ah: number, bl: number, bh: number): void {
	let low = al;
	let high = ah;
	let n = leadingZeros(bl, bh) - leadingZeros(al, ah);
	let ql = 0;
	let qh = 0;
	if (n >= 0) {
		let sl = n >= 32 ? 0 : bl << n;
		let sh = n >= 32 ? bl << n : n === 0 ? bh : (bh << n) | (bl >>> (32 - n));
		for (; n >= 0; n--) {
			if (high >>> 0 > sh >>> 0 || (high === sh && low >>> 0 >= sl >>> 0)) {
				high = (high - sh - (low >>> 0 < sl >>> 0 ? 1 : 0)) | 0;
				low = (low - sl) | 0;
				if (n >= 32) qh |= 1 << n;
				else ql |= 1 << n;
			}
			sl = (sl >>> 1) | (sh << 31);
			sh = sh >>> 1;
		}
	}
	put(ql, qh, low, high);
}
