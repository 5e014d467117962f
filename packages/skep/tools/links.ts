import { iter, type u32, type u64, u64 as wide } from "skep";
import type { bpf_link } from "skep/kernel";

/** A BPF link, as `bpftool link` lists them. */
export interface LinkRow {
	id: u32;
	/** `enum bpf_link_type` */
	type: u32;
	/** 0: none, as of struct_ops. */
	program: u32;
	/** Who holds it: descriptors, pins. */
	references: u64;
}

const rowOf = (link: bpf_link): LinkRow => ({
	id: link.id,
	type: link.type,
	program: link.prog.aux.id,
	// The walk holds each link that it shows.
	references: wide(link.refcnt.counter - 1n),
});

export const links = iter("bpf_link", ({ link, seq }) => {
	if (link) seq.write(rowOf(link));
});

/** The same as lines, for `cat`. */
export const lines = iter("bpf_link", { attach: false }, ({ link, seq }) => {
	if (!link) return;
	if (seq.num === 0n) seq.print("     ID  TYPE PROGRAM REFERENCES\n");
	const l = rowOf(link);
	seq.print(
		`${String(l.id).padStart(7)} ${String(l.type).padStart(5)} ${String(l.program).padStart(7)} ${String(l.references).padStart(10)}\n`,
	);
});
