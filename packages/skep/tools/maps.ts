import { type chars, iter, type u32, type u64, u64 as wide } from "skep";
import type { bpf_map } from "skep/kernel";

/** A BPF map, as `bpftool map` lists them. */
export interface MapRow {
	id: u32;
	/** `enum bpf_map_type` */
	type: u32;
	name: chars<16>;
	keySize: u32;
	valueSize: u32;
	maxEntries: u32;
	/** `BPF_F_*` */
	flags: u32;
	frozen: boolean;
	/** Who holds it: descriptors, programs, pins. */
	references: u64;
}

const rowOf = (map: bpf_map): MapRow => ({
	id: map.id,
	type: map.map_type,
	name: map.name,
	keySize: map.key_size,
	valueSize: map.value_size,
	maxEntries: map.max_entries,
	flags: map.map_flags,
	frozen: map.frozen,
	// The walk holds each map that it shows.
	references: wide(map.refcnt.counter - 1n),
});

export const maps = iter("bpf_map", ({ map, seq }) => {
	if (map) seq.write(rowOf(map));
});

/** The same as lines, for `cat`. */
export const lines = iter("bpf_map", { attach: false }, ({ map, seq }) => {
	if (!map) return;
	if (seq.num === 0n) seq.print("     ID  TYPE NAME                  KEY     VALUE   ENTRIES REFERENCES\n");
	const m = rowOf(map);
	seq.print(
		`${String(m.id).padStart(7)} ${String(m.type).padStart(5)} ${m.name.padEnd(16)} ${String(m.keySize).padStart(8)} ${String(m.valueSize).padStart(9)} ${String(m.maxEntries).padStart(9)} ${String(m.references).padStart(10)}\n`,
	);
});
