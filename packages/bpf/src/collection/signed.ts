import { BpfError, NotSupportedError } from "#base";
import type { Btf } from "#btf";
import type { BpfMap } from "#live";
import { type RelocatedProgram, relocate } from "#relocate";
import type { CollectionSpec } from "#spec";
import { PSEUDO_LOAD } from "#uapi";

/** Signatures that the kernel is to check (Linux ≥ 6.18), and the keys that it is to trust. */
export interface ProgramSignatures {
	/** Detached CMS over `signedForm(…).insns`, by program. */
	readonly signatures: ReadonlyMap<string, Uint8Array>;
	/** Serial number of a keyring, or one of `KEYRINGS`. */
	readonly keyring: number;
}

/** Keyrings by name: those of the caller (keyctl(2)) and the kernel's own (`enum bpf` of kernel/bpf: builtin, secondary, platform). */
// biome-ignore format: table
export const KEYRINGS = {
	thread: -1,
	process: -2,
	session: -3,
	user: -4,
	"user-session": -5,
	builtin: 0,
	secondary: 1,
	platform: 2,
} as const;

/** What a signature covers: instructions that name maps by their place in `maps`, since descriptors differ from run to run. */
export interface SignedForm {
	readonly insns: Uint8Array;
	/** Names, in the order of the descriptors that PROG_LOAD gets beside. */
	readonly maps: readonly string[];
}

/** A program as it is signed, or why it cannot be. */
export type Signable = { readonly name: string } & (SignedForm | { readonly reason: string });

/**
 * The programs of an object as a kernel checks their signatures. Those with CO-RE relocations have other instructions on
 * each kernel: they are signed for the kernel whose BTF is given.
 */
export function signablePrograms(spec: CollectionSpec, kernel: Btf | undefined): Signable[] {
	return [...spec.programs].map(([name, program]) => {
		try {
			const relocated = relocate({ ...spec, programs: new Map([[name, program]]) }, { kernel }).programs.get(name)!;
			return { name, ...signedForm(relocated) };
		} catch (error) {
			if (!(error instanceof BpfError)) throw error;
			return { name, reason: error.message };
		}
	});
}

/** @throws NotSupportedError where the instructions hold numbers that each kernel chooses by itself */
export function signedForm(program: RelocatedProgram): SignedForm {
	const insns = program.insns.slice();
	const view = new DataView(insns.buffer);
	const maps: string[] = [];
	for (const reference of program.references) {
		if (reference.kind === "kfunc" || reference.kind === "ksym")
			throw new NotSupportedError(
				`a signature that the kernel checks for ${program.name}`,
				`it refers to ${reference.name}, whose number or address each kernel chooses`,
			);
		if (!maps.includes(reference.map)) maps.push(reference.map);
		const at = reference.slot * 8;
		const value = reference.kind === "map-value";
		const source = value ? PSEUDO_LOAD.BPF_PSEUDO_MAP_IDX_VALUE : PSEUDO_LOAD.BPF_PSEUDO_MAP_IDX;
		view.setUint8(at + 1, (view.getUint8(at + 1) & 15) | (source << 4));
		view.setInt32(at + 4, maps.indexOf(reference.map), true);
		view.setInt32(at + 12, value ? reference.offset : 0, true);
	}
	return { insns, maps };
}

/** What PROG_LOAD gets of a program whose signature the kernel is to check. @throws BpfError ERR_SIGNATURE where it has none */
export function signedLoad(
	program: RelocatedProgram,
	maps: ReadonlyMap<string, BpfMap>,
	{ signatures, keyring }: ProgramSignatures,
) {
	const signature = signatures.get(program.name);
	if (signature === undefined)
		throw new BpfError(
			"ERR_SIGNATURE",
			`program ${program.name} carries no signature that a kernel can check: \`skep sign\` makes one, with --btf FILE where the program reads kernel types`,
		);
	const form = signedForm(program);
	const descriptors = form.maps.map((name) => {
		const map = maps.get(name);
		if (map) return map.fd.number;
		throw new BpfError("ERR_SIGNATURE", `program ${program.name} is signed with map ${name}, which was not created`);
	});
	return {
		insns: form.insns,
		fdArray: new Uint8Array(new Int32Array(descriptors).buffer),
		signature: { bytes: signature, keyring },
	};
}
