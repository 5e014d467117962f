import type { Kernel } from "#kernel";
import type { ProgramType } from "#uapi";
import { kernelId, LOADING, load, type ProbeAnswer, RETURN_0, remembered } from "./ask.ts";
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
		const target = LOADING[type]?.target;
		const found = target && kernelId(kernel, ...target);
		if (type === "ext" || type === "struct_ops" || (target && found === undefined)) return "unknown";
		const call = [0x85, 0, 0, 0, id & 255, (id >> 8) & 255, (id >> 16) & 255, id >>> 24, ...RETURN_0];
		const { result, log } = load(kernel, type, call, found === undefined ? {} : { attach_btf_id: found });
		if (result >= 0) {
			kernel.close(result);
			return "yes";
		}
		if (log === "") return "unknown";
		return NO_HELPER.test(log) ? "no" : "yes";
	});
}
