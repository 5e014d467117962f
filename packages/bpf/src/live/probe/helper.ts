import type { Kernel } from "#kernel";
import type { ProgramType } from "#uapi";
import { type ProbeAnswer, probeCall, remembered, slot } from "./ask.ts";
import { probeProgramType } from "./program.ts";

/** What verifiers say of a helper that a program type may not call, or that there is none of. */
const NO_HELPER = /unknown func|invalid func|cannot use helper|unsupported for non-function/;

/**
 * Whether programs of a type may call a helper (by number): by loading a program that calls it with nothing in its registers,
 * and hearing what the verifier minds. `unknown` for types whose programs cannot be loaded without a target. @throws PermissionError
 */
export function probeHelper(kernel: Kernel, type: ProgramType, id: number): ProbeAnswer {
	const loadable = probeProgramType(kernel, type);
	if (loadable !== "yes") return loadable;
	return remembered(kernel, `helper ${type} ${id}`, () => {
		const call = slot(0x85, 0, 0, 0, id);
		return probeCall(kernel, type, call, NO_HELPER);
	});
}
