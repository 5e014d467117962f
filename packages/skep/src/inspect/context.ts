import type { Kernel } from "@skep/bpf/kernel";
import type { Machine, ObjectKey } from "./machine.ts";
import type { Owner } from "./owners.ts";

/** What a gathering looks at: a kernel, what stands around it, and how much of that is wanted. */
export interface View {
	readonly kernel: Kernel;
	readonly machine: Machine;
	/** Unix time of the boot in seconds; undefined: this kernel has no clock of the world. */
	readonly booted?: number | undefined;
	/** Where objects are pinned; absent: not wanted. */
	readonly pins?: ReadonlyMap<ObjectKey, readonly string[]> | undefined;
	/** Who holds objects; absent: not wanted. */
	readonly owners?: ReadonlyMap<ObjectKey, readonly Owner[]> | undefined;
}

/** Members of a row that every kind of object has at its end. */
export interface Holders {
	readonly pinned?: readonly string[] | undefined;
	readonly pids?: readonly Owner[] | undefined;
}

/** @returns bpftool's `pinned` and `pids`; nothing where there are none */
export function holdersOf(view: View, key: ObjectKey): Holders {
	// Where anything of its kind is pinned, that it is not is told too, as by bpftool.
	const kind = key.slice(0, key.indexOf(" ") + 1);
	const told = view.pins !== undefined && [...view.pins.keys()].some((each) => each.startsWith(kind));
	const pinned = told ? (view.pins.get(key) ?? []) : undefined;
	const pids = view.owners?.get(key);
	return { ...(pinned ? { pinned } : {}), ...(pids ? { pids } : {}) };
}

/** A row with who holds its program, or the link that holds that. Nothing is added where nobody does. */
export function withOwners<R extends { readonly id: number; readonly link_id?: number }>(
	view: View,
	row: R,
): R & { readonly pids?: readonly Owner[] } {
	const { owners } = view;
	const link = row.link_id ? (owners?.get(`link ${row.link_id}`) ?? []) : [];
	const all = [...(owners?.get(`prog ${row.id}`) ?? []), ...link];
	const pids = all.filter((owner, i) => all.findIndex(({ pid }) => pid === owner.pid) === i);
	return pids.length === 0 ? row : { ...row, pids };
}
