import { LinkError } from "#base";
import type { Btf } from "#btf";
import type { CollectionSpec, LineInfo, OuterReference, ProgramSpec } from "#spec";
import { CoreResolver } from "./core.ts";
import { patchInstruction } from "./patch.ts";
import { joinSubprograms } from "./subprograms.ts";

/** Of all programs together. */
const MAX_BYTES = 256 * 1024 * 1024;

export interface RelocateTarget {
	/** BTF of the kernel that will run the programs. undefined: CO-RE relocations are refused unless there are none. */
	readonly kernel: Btf | undefined;
	/** BTF of modules, each based on `kernel`; asked for only where the kernel has no type of a name. */
	readonly modules?: (() => readonly Btf[]) | undefined;
}

/** A program with all it needs in one piece. `core` is empty, `references` name maps and kfuncs only. */
export interface RelocatedProgram extends Omit<ProgramSpec, "references" | "core"> {
	readonly references: readonly OuterReference[];
	readonly core: readonly [];
	/** The entry and its subprograms in order, by their slot in `insns`: what func_info says. */
	readonly functions: readonly RelocatedFunction[];
	/** By final slot. */
	readonly lines: readonly LineInfo[];
	/** Instructions that were poisoned because the kernel lacks something. */
	readonly missing: readonly MissingCore[];
}

export interface RelocatedFunction {
	readonly name: string;
	readonly slot: number;
	/** BTF id of the FUNC in the object's BTF; 0: none. */
	readonly btfFunc: number;
}

export interface MissingCore {
	readonly slot: number;
	/** `field foo of struct bar does not exist on this kernel` */
	readonly message: string;
}

export interface RelocatedCollection extends Omit<CollectionSpec, "programs" | "functions"> {
	readonly programs: ReadonlyMap<string, RelocatedProgram>;
	readonly functions: ReadonlyMap<string, never>;
}

/**
 * The collection as the target kernel can load it. Nothing of `spec` is changed.
 * @throws LinkError for a call to a function that is not there, and for a CO-RE relocation that is malformed or ambiguous.
 * What the kernel merely lacks is no error: see `missing`.
 */
export function relocate(spec: CollectionSpec, target: RelocateTarget): RelocatedCollection {
	const resolver = spec.btf && new CoreResolver(spec.btf, target.kernel, target.modules);
	const programs = new Map<string, RelocatedProgram>();
	let bytes = 0;
	for (const [name, program] of spec.programs) {
		const relocated = relocateProgram(spec, program, resolver);
		bytes += relocated.insns.length;
		// Each program has its own copy of what it calls: a small object could fill any memory.
		if (bytes > MAX_BYTES)
			throw new LinkError(`the programs of ${spec.name} have, with their functions, more than ${MAX_BYTES} bytes`);
		programs.set(name, relocated);
	}
	return { ...spec, programs, functions: new Map<string, never>() };
}

function relocateProgram(
	spec: CollectionSpec,
	program: ProgramSpec,
	resolver: CoreResolver | undefined,
): RelocatedProgram {
	const joined = joinSubprograms(spec, program);
	const missing: MissingCore[] = [];
	for (const { spec: f, slot: start } of joined.functions) {
		for (const r of f.core) {
			const slot = start + r.slot;
			const place = { symbol: f.name, insn: r.slot };
			if (!resolver) throw new LinkError(`${f.name} has CO-RE relocations, but the object has no BTF`, place);
			const reason = patchInstruction(joined.insns, slot, resolver.resolve(r, place), place);
			if (reason !== undefined) missing.push({ slot, message: reason });
		}
	}
	return {
		...program,
		insns: joined.insns,
		references: joined.references,
		core: [],
		lines: joined.lines,
		functions: joined.functions.map(({ spec: f, slot }) => ({ name: f.name, slot, btfFunc: f.btfFunc })),
		missing,
	};
}
