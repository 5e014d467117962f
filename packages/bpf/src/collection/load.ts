import type { Kernel } from "#kernel";
import type { BpfMap, Fd, Program } from "#live";
import type { CollectionSpec } from "#spec";
import type { LoadOptions } from "./collection.ts";

export interface Loaded {
	readonly maps: ReadonlyMap<string, BpfMap>;
	readonly programs: ReadonlyMap<string, Program>;
	readonly btf: Fd | undefined;
}

/** Makes everything of a spec, in order; closes it again, in reverse, where a step fails. */
export function loadAll(_kernel: Kernel, spec: CollectionSpec, _options: LoadOptions): Loaded {
	throw new RangeError(`${spec.name}: not written yet`);
}
