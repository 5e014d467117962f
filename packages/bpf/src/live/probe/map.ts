import { BtfBuilder } from "#btf";
import { type Attributes, ERRNO, type Kernel } from "#kernel";
import { MAP_FLAGS, MAP_TYPES, type MapType } from "#uapi";
import { PASSING, type ProbeAnswer, remembered } from "./ask.ts";

/** What a map type wants at creation. */
export interface Creating {
	readonly key?: number;
	readonly value?: number;
	readonly entries?: number | "page";
	readonly flags?: number;
	readonly inner?: true;
	/** Storage of objects wants types: an int, and an int. */
	readonly typed?: true;
	readonly more?: Partial<Attributes["MAP_CREATE"]>;
	readonly yes?: number;
}

const STORAGE: Creating = { value: 4, entries: 0, flags: MAP_FLAGS.BPF_F_NO_PREALLOC, typed: true };
/** What map types want, where it is not key 4, value 4, one entry. One row a type. */
// biome-ignore format: table
export const CREATING: Readonly<Partial<Record<MapType, Creating>>> = {
	stack_trace: { value: 8 },
	lpm_trie: { key: 8, flags: MAP_FLAGS.BPF_F_NO_PREALLOC },
	array_of_maps: { inner: true },
	hash_of_maps: { inner: true },
	cgroup_storage: { key: 16, value: 8, entries: 0 },
	percpu_cgroup_storage: { key: 16, value: 8, entries: 0 },
	queue: { key: 0 },
	stack: { key: 0 },
	bloom_filter: { key: 0 },
	ringbuf: { key: 0, value: 0, entries: "page" },
	user_ringbuf: { key: 0, value: 0, entries: "page" },
	arena: { key: 0, value: 0, flags: MAP_FLAGS.BPF_F_MMAPABLE },
	insn_array: { value: 16 },
	sk_storage: STORAGE,
	inode_storage: STORAGE,
	task_storage: STORAGE,
	cgrp_storage: STORAGE,
	// No struct of the kernel has id 1, as one that knows struct_ops finds out.
	struct_ops: { more: { btf_vmlinux_value_type_id: 1 }, yes: ERRNO.ENOTSUPP },
};

/** Whether maps of a type can be made: by making one. @throws PermissionError */
export function probeMapType(kernel: Kernel, type: MapType): ProbeAnswer {
	return remembered(kernel, `map ${type}`, () => {
		const row: Creating = CREATING[type] ?? {};
		const { key = 4, value = 4, entries = 1 } = row;
		const held: number[] = [];
		const hold = (fd: number): number => {
			if (fd >= 0) held.push(fd);
			return fd;
		};
		try {
			const inner =
				row.inner &&
				hold(create(kernel, { map_type: MAP_TYPES.array.value, key_size: 4, value_size: 4, max_entries: 1 }));
			const btf = row.typed && hold(kernel.bpf("BTF_LOAD", { btf: intBtf() }));
			if (btf !== undefined && btf < 0) return "no";
			const result = hold(
				create(kernel, {
					map_type: MAP_TYPES[type].value,
					key_size: key,
					value_size: value,
					max_entries: entries === "page" ? kernel.pageSize : entries,
					...(row.flags === undefined ? {} : { map_flags: row.flags }),
					...(inner === undefined ? {} : { inner_map_fd: inner }),
					...(btf === undefined ? {} : { btf_fd: btf, btf_key_type_id: 1, btf_value_type_id: 1 }),
					...row.more,
				}),
			);
			if (result === -ERRNO.EPERM || PASSING.has(-result)) return "unknown";
			return result >= 0 || -result === row.yes ? "yes" : "no";
		} finally {
			for (const fd of held) kernel.close(fd);
		}
	});
}

/** MAP_CREATE: a descriptor, which is the caller's; -errno. */
export function create(kernel: Kernel, attr: Attributes["MAP_CREATE"]): number {
	return kernel.bpf("MAP_CREATE", attr);
}

/** BTF with one type: id 1, `int` of 4 bytes. */
function intBtf(): Uint8Array {
	const builder = new BtfBuilder();
	builder.add({ kind: "int", name: "int", size: 4, offset: 0, bits: 32, signed: true, char: false, bool: false });
	return builder.encode();
}
