import { LinkError, NotSupportedError } from "#base";
import { type BtfMember, type BtfType, memberBits } from "#btf";
import { essentialName } from "#relocate";
import type { CollectionSpec, MapSpec } from "#spec";
import type { KernelType, KernelTypes } from "./kernel-types.ts";

/** A struct_ops map as the running kernel wants it. */
export interface KernelStructOps {
	/** `struct bpf_struct_ops_NAME`: what a value of the map is. */
	readonly value: KernelType;
	readonly valueSize: number;
	/** `struct NAME`, which stands in it at `offset`. */
	readonly struct: number;
	readonly offset: number;
	/** What each program implements: the index of the kernel's member. */
	readonly members: ReadonlyMap<string, number>;
}

type Composite = BtfType & { readonly kind: "struct" | "union" };

/** @throws NotSupportedError where the kernel has no such table, LinkError where it has no such member */
export function kernelStructOps(map: MapSpec, types: KernelTypes): KernelStructOps {
	const { typeName, programs } = map.structOps!;
	const name = essentialName(typeName);
	const what = `struct_ops ${name} (map ${map.name})`;
	const value = types.find(`bpf_struct_ops_${name}`, "struct");
	const shape = value && (value.btf.type(value.id) as Composite);
	const data = shape?.members.find((m) => m.name === "data");
	if (!value || !shape || !data)
		throw new NotSupportedError(what, `the running kernel has no struct bpf_struct_ops_${name} in its BTF`);
	const struct = value.btf.resolve(data.type);
	const inside = value.btf.type(struct);
	if (inside.kind !== "struct") throw new NotSupportedError(what, `its data are a ${inside.kind} on this kernel`);
	const members = new Map<string, number>();
	for (const { member, program } of programs) {
		const index = inside.members.findIndex((m) => m.name === essentialName(member));
		if (index < 0)
			throw new LinkError(`${what}: member ${member}, which ${program} implements, does not exist on this kernel`, {
				symbol: map.name,
			});
		const other = members.get(program);
		if (other !== undefined && other !== index)
			throw new LinkError(`${what}: ${program} implements two members`, { symbol: program });
		members.set(program, index);
	}
	return { value, valueSize: value.btf.sizeOf(value.id), struct, offset: data.bitOffset / 8, members };
}

/**
 * The value to write into the map: the object's data member by member at the kernel's places, descriptors of programs where
 * functions stand. @throws LinkError where the object sets what the kernel does not have, or with another size
 */
export function structOpsValue(
	spec: CollectionSpec,
	map: MapSpec,
	kernel: KernelStructOps,
	fdOf: (program: string) => number | undefined,
): Uint8Array {
	const { structOps, contents = new Uint8Array(0) } = map;
	const local = spec.btf!;
	const own = local.type(structOps!.type) as Composite;
	const theirs = kernel.value.btf.type(kernel.struct) as Composite;
	const bytes = new Uint8Array(kernel.valueSize);
	const view = new DataView(bytes.buffer);
	const functions = new Map(structOps!.programs.map((p) => [p.member, p.program]));
	for (const member of own.members) {
		const refuse = (why: string) =>
			new LinkError(`struct_ops map ${map.name}: member ${member.name} ${why}`, { symbol: map.name });
		const from = member.bitOffset / 8;
		const size = local.sizeOf(member.type);
		const program = functions.get(member.name);
		const set = program !== undefined || contents.subarray(from, from + size).some((byte) => byte !== 0);
		const twin = theirs.members.find((m) => m.name === essentialName(member.name));
		if (!twin) {
			if (set) throw refuse("is set, but does not exist on this kernel");
			continue;
		}
		const to = kernel.offset + twin.bitOffset / 8;
		if (program !== undefined) {
			const fd = fdOf(program);
			if (fd !== undefined) view.setUint32(to, fd, true);
			continue;
		}
		if (!set) continue;
		if (isBitField(local, member) || isBitField(kernel.value.btf, twin))
			throw refuse("is a bit-field, which nobody fills");
		const there = kernel.value.btf.sizeOf(twin.type);
		if (there !== size) throw refuse(`has ${size} bytes, on this kernel ${there}`);
		bytes.set(contents.subarray(from, from + size), to);
	}
	return bytes;
}

const isBitField = (btf: Parameters<typeof memberBits>[0], member: BtfMember): boolean =>
	memberBits(btf, member).bitSize > 0;
