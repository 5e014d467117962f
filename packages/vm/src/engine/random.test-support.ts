/** A small generator of pseudo-random numbers: the same seed gives the same programs everywhere. */
export class Random {
	#state: number;
	constructor(seed: number) {
		this.#state = (seed ^ 0x9e3779b9) | 0;
		for (let i = 0; i < 4; i++) this.word();
	}
	/** 32 bits, signed. */
	word(): number {
		this.#state = (this.#state + 0x6d2b79f5) | 0;
		let x = this.#state;
		x = Math.imul(x ^ (x >>> 15), x | 1);
		x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
		return x ^ (x >>> 14);
	}
	below(limit: number): number {
		return (this.word() >>> 0) % limit;
	}
	pick<T>(list: readonly T[]): T {
		return list[this.below(list.length)]!;
	}
	/** True once in `n` times. */
	oneIn(n: number): boolean {
		return this.below(n) === 0;
	}
}

const EDGES = [0, 1, -1, 2, 7, 31, 32, 63, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, -0x80000000, -2];
const EDGES_64 = EDGES.flatMap((low) => [BigInt(low), BigInt(low) << 32n, (BigInt(low) << 32n) | 0xffffffffn]);

/** A 32-bit immediate, often at an edge. */
export const immediate = (random: Random): number => (random.oneIn(2) ? random.pick(EDGES) : random.word());

/** Words of 64 bits, many at the edges. `size`: a multiple of 8. */
export function words(random: Random, size: number): Uint8Array<ArrayBuffer> {
	const view = new DataView(new ArrayBuffer(size));
	for (let at = 0; at < size; at += 8) {
		if (random.below(3) > 0) view.setBigInt64(at, BigInt.asIntN(64, random.pick(EDGES_64)), true);
		else {
			view.setInt32(at, random.word(), true);
			view.setInt32(at + 4, random.word(), true);
		}
	}
	return new Uint8Array(view.buffer);
}
