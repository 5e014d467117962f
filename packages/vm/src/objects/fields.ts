import { Btf, type BtfMember } from "@skep/bpf/btf";
import { type Attributes, ERRNO } from "@skep/bpf/kernel";
import { MAP_FLAGS, type MapType } from "@skep/bpf/uapi";
import type { SpecialField } from "#maps";
import type { System } from "./system.ts";

/** Structs in values that are the kernel's own, and the types of maps that may have them. */
const KINDS: Readonly<Record<string, { readonly kind: SpecialField["kind"]; readonly maps: readonly MapType[] }>> = {
	bpf_spin_lock: {
		kind: "spin_lock",
		maps: ["hash", "array", "percpu_array", "percpu_hash", "lpm_trie", "task_storage", "cgrp_storage", "lru_hash"],
	},
	bpf_timer: { kind: "timer", maps: ["hash", "lru_hash", "array"] },
	bpf_wq: { kind: "wq", maps: ["hash", "lru_hash", "array"] },
};

/** Types of a BTF object; undefined: there is no such object. */
export function decodedBtf(system: System, id: number): Btf | undefined {
	const state = system.tables.btfs.get(id);
	return state && (id === system.btfId ? system.btf : Btf.decode(state.bytes));
}

/** The kernel's own fields of a map's values; -errno where types and map do not fit. */
export function specialFields(
	btf: Btf,
	attr: Attributes["MAP_CREATE"],
	type: MapType,
): readonly SpecialField[] | number {
	const { btf_key_type_id: key = 0, btf_value_type_id: value = 0, map_flags: flags = 0 } = attr;
	if (key > btf.count || value > btf.count) return -ERRNO.EINVAL;
	if (key !== 0 && sizeOf(btf, key) !== attr.key_size) return -ERRNO.EINVAL;
	if (sizeOf(btf, value) !== attr.value_size) return -ERRNO.EINVAL;
	const found: SpecialField[] = [];
	const wrong = collect(btf, value, 0, found);
	if (wrong !== 0) return wrong;
	if (found.length === 0) return found;
	if ((flags & (MAP_FLAGS.BPF_F_RDONLY_PROG | MAP_FLAGS.BPF_F_WRONLY_PROG)) !== 0) return -ERRNO.EACCES;
	for (const { kind } of found) {
		const row = Object.values(KINDS).find((each) => each.kind === kind);
		if (!row?.maps.includes(type)) return -ERRNO.EOPNOTSUPP;
	}
	return found.sort((a, b) => a.offset - b.offset);
}

function sizeOf(btf: Btf, id: number): number {
	const { kind } = btf.type(btf.resolve(id));
	return kind === "func" || kind === "func_proto" || kind === "fwd" || kind === "void" ? -1 : btf.sizeOf(id);
}

function collect(btf: Btf, id: number, base: number, found: SpecialField[]): number {
	const type = btf.type(btf.resolve(id));
	if (type.kind !== "struct") return 0;
	const special = KINDS[type.name];
	if (special) {
		// One of a kind is all that a value may have.
		if (found.some((each) => each.kind === special.kind)) return -ERRNO.E2BIG;
		found.push({ kind: special.kind, offset: base, size: type.size });
		return 0;
	}
	for (const member of type.members) {
		const wrong = collect(btf, member.type, base + byteOf(member), found);
		if (wrong !== 0) return wrong;
	}
	return 0;
}

const byteOf = (member: BtfMember): number => member.bitOffset >>> 3;
