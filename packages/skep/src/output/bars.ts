/** A bucket of a histogram: values from `low` up to, not including, `high`. */
export interface Bucket {
	readonly low: bigint;
	readonly high: bigint;
	readonly count: bigint;
}

const WIDTH = 52;

/** Buckets as bars, the longest `WIDTH` wide: `[4, 8)    17 |@@@@@        |`. Ends with a newline. */
export function renderBars(buckets: readonly Bucket[], title?: string): string {
	const head = title === undefined ? "" : `${title}\n`;
	if (buckets.length === 0) return `${head}(empty)\n`;
	let most = 1n;
	for (const { count } of buckets) if (count > most) most = count;
	const ranges = buckets.map(formatRange);
	const counts = buckets.map((b) => b.count.toString());
	const rangeWidth = Math.max(...ranges.map((r) => r.length));
	const countWidth = Math.max(...counts.map((c) => c.length));
	const lines = buckets.map((b, i) => {
		const bar = "@".repeat(Number((b.count * BigInt(WIDTH)) / most)).padEnd(WIDTH);
		return `${ranges[i]!.padEnd(rangeWidth)}  ${counts[i]!.padStart(countWidth)} |${bar}|\n`;
	});
	return head + lines.join("");
}

function formatRange({ low, high }: Bucket): string {
	if (high - low === 1n) return `[${short(low)}]`;
	return high >= 1n << 64n ? `[${short(low)}, …)` : `[${short(low)}, ${short(high)})`;
}

/** Powers of 1024 where they are exact: 2048 is 2K. */
function short(value: bigint): string {
	const units = ["", "K", "M", "G", "T", "P", "E"];
	let unit = 0;
	let rest = value;
	while (rest >= 1024n && rest % 1024n === 0n && unit < units.length - 1) {
		rest /= 1024n;
		unit++;
	}
	return `${rest}${units[unit]}`;
}

/** How a histogram divides values; `log2`: 0, then a bucket a power of two. */
export type Scale = "log2" | { readonly from: number; readonly to: number; readonly step: number };

/** Slots that a histogram of this scale has: 65, or one a step with one below and one above. */
export function bucketCount(scale: Scale): number {
	return scale === "log2" ? 65 : Math.ceil((scale.to - scale.from) / scale.step) + 2;
}

/** The values that slot `index` counts. */
export function bucketRange(scale: Scale, index: number): { readonly low: bigint; readonly high: bigint } {
	if (scale === "log2") {
		if (index === 0) return { low: 0n, high: 1n };
		return { low: 1n << BigInt(index - 1), high: 1n << BigInt(index) };
	}
	const steps = bucketCount(scale) - 2;
	if (index === 0) return { low: 0n, high: BigInt(scale.from) };
	if (index > steps) return { low: BigInt(scale.to), high: 1n << 64n };
	const low = scale.from + (index - 1) * scale.step;
	return { low: BigInt(low), high: BigInt(Math.min(low + scale.step, scale.to)) };
}

/** From the first slot that counted something to the last, those between included. */
export function trimBuckets(scale: Scale, counts: readonly bigint[]): Bucket[] {
	const first = counts.findIndex((n) => n > 0n);
	const last = counts.findLastIndex((n) => n > 0n);
	const buckets: Bucket[] = [];
	for (let i = first; i >= 0 && i <= last; i++) buckets.push({ ...bucketRange(scale, i), count: counts[i]! });
	return buckets;
}
