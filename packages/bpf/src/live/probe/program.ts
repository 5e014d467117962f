import { ERRNO, type Kernel } from "#kernel";
import type { ProgramType } from "#uapi";
import { LOADING, load, PASSING, type ProbeAnswer, RETURN_0, remembered } from "./ask.ts";

/** Whether programs of a type can be loaded: by loading one. @throws PermissionError */
export function probeProgramType(kernel: Kernel, type: ProgramType): ProbeAnswer {
	return remembered(kernel, `program ${type}`, () => {
		const { result, log } = load(kernel, type, RETURN_0);
		if (result >= 0) {
			kernel.close(result);
			return "yes";
		}
		if (result === -ERRNO.EPERM || PASSING.has(-result)) return "unknown";
		// A verifier that has something to say knows the type.
		return -result === LOADING[type]?.yes || log !== "" ? "yes" : "no";
	});
}
