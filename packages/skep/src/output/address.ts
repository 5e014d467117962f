/** A be32 as `192.0.2.1`. */
export function formatIp4(address: number): string {
	return [address & 0xff, (address >>> 8) & 0xff, (address >>> 16) & 0xff, address >>> 24].join(".");
}

/** Four be32 as RFC 5952 writes them: the longest run of zeros is `::`. */
export function formatIp6(address: readonly number[]): string {
	const groups = address.flatMap((word) => {
		const bytes = [word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24] as const;
		return [(bytes[0] << 8) | bytes[1], (bytes[2] << 8) | bytes[3]];
	});
	let best = { at: -1, length: 1 };
	for (let at = 0; at < groups.length; at++) {
		let length = 0;
		while (groups[at + length] === 0) length++;
		if (length > best.length) best = { at, length };
	}
	const text = (list: readonly number[]) => list.map((g) => g.toString(16)).join(":");
	if (best.at < 0) return text(groups);
	return `${text(groups.slice(0, best.at))}::${text(groups.slice(best.at + best.length))}`;
}
