/** Edit distance that also knows swapped neighbours; more than `limit` is said as `limit + 1`. */
export function editDistance(a: string, b: string, limit: number): number {
	if (Math.abs(a.length - b.length) > limit) return limit + 1;
	let before: number[] = [];
	let bestBefore = 0;
	let last: number[] = Array.from({ length: b.length + 1 }, (_, j) => j);
	for (let i = 1; i <= a.length; i++) {
		const row = [i];
		let best = i;
		for (let j = 1; j <= b.length; j++) {
			const same = a[i - 1] === b[j - 1];
			let d = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
			if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, before[j - 2]! + 1);
			row.push(d);
			if (d < best) best = d;
		}
		// A swap reaches back two rows.
		if (best > limit && bestBefore > limit) return limit + 1;
		bestBefore = best;
		before = last;
		last = row;
	}
	return Math.min(last[b.length]!, limit + 1);
}

/**
 * The name that was probably meant: the nearest by edit distance (case aside), at most a third of its length away; of
 * equally near ones the first. undefined: nothing is near.
 */
export function didYouMean(name: string, candidates: Iterable<string>): string | undefined {
	const wanted = name.toLowerCase();
	let limit = Math.max(1, Math.floor(name.length / 3));
	let best: string | undefined;
	for (const c of candidates) {
		if (c === name) continue;
		const d = editDistance(wanted, c.toLowerCase(), limit);
		if (d > limit) continue;
		best = c;
		limit = d - 1;
		if (limit < 0) break;
	}
	return best;
}
