/**
 * From an object's programs to programs that the target kernel can run: static calls and callbacks are resolved by putting
 * the subprograms behind each program, and CO-RE relocations are applied by the target's BTF. Pure: spec in, spec out.
 *
 * `relocate` never fails because a field is missing: the instruction becomes a call that no verifier lets pass, and
 * `missing` says by name what the kernel lacks, so that the loader can tell when that instruction is reached.
 *
 * `minCoreBtf` makes the small BTF that given objects need of a kernel, for kernels that have none of their own.
 */
export { essentialName, typesCompatible } from "./match.ts";
export { minCoreBtf } from "./min-core.ts";
export { INVALID_CORE_CALL } from "./patch.ts";
export {
	type MissingCore,
	type RelocatedCollection,
	type RelocatedFunction,
	type RelocatedProgram,
	type RelocateTarget,
	relocate,
} from "./relocate.ts";
