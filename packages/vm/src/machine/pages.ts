/** Bytes of a page: what saved memories share when it is the same in both. */
export const SAVED_PAGE = 4096;
const WORDS = SAVED_PAGE / 4;

/** A page of nothing but zeros; all of them are this one. */
const ZEROS = new Uint8Array(SAVED_PAGE);

/**
 * Pages of `bytes` up to `end`. A page that is as it was in `before` is the same array, so that a row of saved memories
 * takes little more than what changed between them. Nobody changes a page.
 */
export function savePages(bytes: Uint8Array, end: number, before: readonly Uint8Array[] = []): readonly Uint8Array[] {
	const pages: Uint8Array[] = [];
	const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
	for (let at = 0; at < end; at += SAVED_PAGE) {
		const old = before[pages.length];
		if (at + SAVED_PAGE > end) {
			// Behind the end is what was given back: whoever gets it gets zeros.
			const last = new Uint8Array(SAVED_PAGE);
			last.set(bytes.subarray(at, end));
			pages.push(old !== undefined && isSame(wordsOf(last), 0, old) ? old : last);
			break;
		}
		if (old !== undefined && isSame(words, at >> 2, old)) pages.push(old);
		else if (isSame(words, at >> 2, ZEROS)) pages.push(ZEROS);
		else pages.push(bytes.slice(at, at + SAVED_PAGE));
	}
	return pages;
}

/** Puts saved pages back; what is behind them, up to `end`, becomes 0. */
export function restorePages(bytes: Uint8Array, pages: readonly Uint8Array[], end: number): void {
	let at = 0;
	for (const page of pages) {
		bytes.set(page, at);
		at += SAVED_PAGE;
	}
	if (end > at) bytes.fill(0, at, end);
}

const views = new WeakMap<Uint8Array, Int32Array>();

function wordsOf(page: Uint8Array): Int32Array {
	let words = views.get(page);
	if (words === undefined) {
		words = new Int32Array(page.buffer, page.byteOffset, WORDS);
		views.set(page, words);
	}
	return words;
}

function isSame(words: Int32Array, at: number, page: Uint8Array): boolean {
	const other = wordsOf(page);
	for (let i = 0; i < WORDS; i++) if (words[at + i] !== other[i]) return false;
	return true;
}
