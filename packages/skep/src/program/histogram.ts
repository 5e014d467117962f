import { type Bucket, formatCell, renderBars, toJson, trimBuckets } from "#output";
import { MapHandle, total } from "./maps.ts";
import type { MapBinding } from "./session.ts";
import { siteOf } from "./site.ts";

class HistogramHandle extends MapHandle {
	/** One row a key (`undefined` where the histogram has none), buckets from the first that counted to the last. */
	entries(): [unknown, Bucket[]][] {
		return histogramEntries(this.bound());
	}
	/** Bars on stdout, one picture a key. */
	print(title?: string): void {
		process.stdout.write(renderHistogram(this.entries(), title));
	}
	add(..._value: readonly unknown[]): never {
		return this.kernelHalf("add");
	}
}

/** Bars under their keys. */
export function renderHistogram(entries: readonly [unknown, Bucket[]][], title?: string): string {
	if (entries.length === 0) return renderBars([], title);
	return entries
		.map(([key, buckets]) => {
			if (key === undefined) return renderBars(buckets, title);
			const of = formatCell(key);
			return renderBars(buckets, title === undefined ? of : `${title}: ${of}`);
		})
		.join("\n");
}

/** Reads the counters behind a histogram: slots of a per-CPU array, or `{ key, bucket }` of a per-CPU hash. */
export function histogramEntries(map: MapBinding): [unknown, Bucket[]][] {
	const { keyed, scale } = map.histogram ?? { keyed: false, scale: "log2" };
	const rows = new Map<string, { readonly key: unknown; readonly counts: bigint[] }>();
	const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	for (const [keyBytes, values] of map.raw.entriesCpus()) {
		const count = total(values.map((bytes) => map.value.decode(view(bytes), 0)));
		if (typeof count !== "bigint" || count === 0n) continue;
		const decoded = map.key.decode(view(keyBytes), 0);
		const [key, bucket] = keyed ? Object.values(decoded as object) : [undefined, decoded];
		const id = toJson(key);
		let row = rows.get(id);
		if (row === undefined) {
			row = { key, counts: [] };
			rows.set(id, row);
		}
		row.counts[Number(bucket)] = count;
	}
	return [...rows.values()].map(({ key, counts }) => [
		key,
		trimBuckets(
			scale,
			Array.from(counts, (n) => n ?? 0n),
		),
	]);
}

export { HistogramHandle };

export function histogram(): HistogramHandle {
	return new HistogramHandle("histogram", siteOf(histogram));
}
