/**
 * What hash maps look like in memory. Head of an entry, byte offsets: the next one in its bucket, hash, next newer and next
 * older one of an LRU; then the key. Links between entries are their numbers + 1; 0: none.
 */
export const HASH_ENTRY = { next: 0, hash: 4, newer: 8, older: 12, key: 16 } as const;

/** Bytes at the end of a head for the word that lookups set, of LRU maps that workers share. */
export const HASH_ENTRY_USED = 8;

/** For each four bytes, and at the end. */
export const HASH_MULTIPLIERS = [0x2127_599b, 0x2c1b_3c6d] as const;

/** Hash of a key, 32 bits, signed: four bytes at a time, the last ones as a little-endian number. */
export function hashOf(key: Uint8Array, at: number, size: number): number {
	let hash = size;
	for (let i = 0; i < size; i += 4) {
		let word = key[at + i]!;
		if (i + 1 < size) word |= key[at + i + 1]! << 8;
		if (i + 2 < size) word |= key[at + i + 2]! << 16;
		if (i + 3 < size) word |= key[at + i + 3]! << 24;
		hash = Math.imul(hash ^ word, HASH_MULTIPLIERS[0]);
		hash ^= hash >>> 15;
	}
	hash = Math.imul(hash, HASH_MULTIPLIERS[1]);
	return hash ^ (hash >>> 13);
}
