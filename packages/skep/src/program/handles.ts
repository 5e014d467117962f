import { BpfError } from "@skep/bpf/base";
import { HistogramHandle } from "./histogram.ts";
import { ArrayHandle, HashHandle, type MapHandle, PerCpuHandle } from "./maps.ts";
import { RingbufHandle } from "./records.ts";
import type { Site } from "./site.ts";

const HANDLES: Readonly<Record<string, new (word: string, site: Site) => MapHandle>> = {
	hash: HashHandle,
	lruHash: HashHandle,
	array: ArrayHandle,
	perCpuHash: PerCpuHandle,
	perCpuArray: PerCpuHandle,
	ringbuf: RingbufHandle,
	histogram: HistogramHandle,
};

/** A handle of a map whose module need not have been evaluated: by the word and the place of its constructor's call. */
export function mapHandleAt(word: string, site: Site): MapHandle {
	const Handle = HANDLES[word];
	if (Handle === undefined) throw new BpfError("ERR_ARGUMENT", `${word}() makes no map that user code can read`);
	return new Handle(word, site);
}
