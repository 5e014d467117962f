import { type chars, iter, type u32, type u64 } from "skep";
import type { cgroup } from "skep/kernel";

/** A cgroup below the one that the iterator is attached to, parents first. */
export interface CgroupRow {
	id: u64;
	/** 0: the root of the hierarchy. */
	parent: u64;
	level: u32;
	children: u32;
	name: chars<128>;
}

const rowOf = (cgrp: cgroup): CgroupRow => ({
	id: cgrp.kn.id,
	parent: cgrp.self.parent.cgroup.kn.id,
	level: cgrp.level,
	children: cgrp.nr_descendants,
	name: cgrp.kn.name.readString(128),
});

export const cgroups = iter("cgroup", ({ cgroup, seq }) => {
	if (cgroup) seq.write(rowOf(cgroup));
});

/** The same as lines, for `cat`. */
export const lines = iter("cgroup", { attach: false }, ({ cgroup, seq }) => {
	if (!cgroup) return;
	if (seq.num === 0n) seq.print("         ID      PARENT LEVEL BELOW NAME\n");
	const c = rowOf(cgroup);
	seq.print(
		`${String(c.id).padStart(11)} ${String(c.parent).padStart(11)} ${String(c.level).padStart(5)} ${String(c.children).padStart(5)} ${c.name}\n`,
	);
});
