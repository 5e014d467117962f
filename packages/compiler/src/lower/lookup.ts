import type { MapDeclaration } from "#frontend";
import type { Inst, Size, Type } from "#ir";
import type { Join, Lowering } from "./lowering.ts";
import { place } from "./place.ts";
import type { PlaceValue } from "./value.ts";

export const isPerCpu = (map: MapDeclaration): boolean =>
	map.type === "percpu_hash" || map.type === "percpu_array" || map.type === "lru_percpu_hash";

export const scalar = (t: Type) => t.kind === "int" || t.kind === "bool" || t.kind === "be" || t.kind === "chars";

/** `bpf_map_lookup_elem`: the value in place, or undefined. */
export function lookup(l: Lowering, map: string, key: Inst, type: Type, shared: boolean, name = "value"): PlaceValue {
	const p = l.helper(1, "bpf_map_lookup_elem", [l.map(map), key], "map_value");
	p.name = name;
	return place(type, p, 0, "map_value", 8, { nullable: true, boxed: scalar(type), shared });
}

export function branchOnFound(l: Lowering, p: PlaceValue, found: Join, missing: Join): void {
	l.branch("ne", 64, p.base, l.constant(0, 64), found, missing);
}

/** Adds to the value in place: atomic where other CPUs see it. */
export function addInPlace(l: Lowering, p: PlaceValue, amount: Inst, size: 4 | 8): void {
	const width = size === 8 ? 64 : 32;
	if (p.shared) {
		l.b.emit({ op: "atomic", operator: "add", size, offset: p.offset, fetch: false }, [p.base, amount], width);
		return;
	}
	l.store(p.base, p.offset, size as Size, l.binary("add", l.load(p.base, p.offset, size), amount, width));
}
