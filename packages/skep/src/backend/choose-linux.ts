import { BpfError, NotSupportedError, PermissionError } from "@skep/bpf/base";
import { type Diagnose, ERRNO, errnoName, type Kernel } from "@skep/bpf/kernel";
import type { ProgramType } from "@skep/bpf/uapi";
import { confinement, explainPermission, openLinux } from "@skep/linux";

export { explainPermission, openLinux, type SystemFacts, systemFacts, withoutCapabilities } from "@skep/linux";

export interface ChosenKernel {
	readonly kernel: Kernel;
	/** One line: which kernel, and why that one. */
	readonly reason: string;
	/** Explains this kernel's EPERM; live objects ask the kernel for the same. */
	readonly diagnose: Diagnose;
}

/** Linux, which one small map proves to permit eBPF. A door of its own: who wants nothing else does not load the virtual kernel. */
export function chooseLinux(types?: readonly ProgramType[]): ChosenKernel {
	const kernel = openLinux();
	const result = kernel.bpf("MAP_CREATE", { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 });
	if (result >= 0) {
		kernel.close(result);
		return {
			kernel,
			reason: `Linux ${kernel.release}: bpf(2) is permitted (${privilege()})`,
			diagnose: explainPermission,
		};
	}
	if (result === -ERRNO.ENOSYS) throw new NotSupportedError("eBPF", `Linux ${kernel.release} has no bpf(2)`);
	if (result !== -ERRNO.EPERM) {
		throw new BpfError(
			errnoName(result),
			`Linux ${kernel.release}: bpf(2) fails on the smallest map: ${errnoName(result)}`,
		);
	}
	const diagnosis = explainPermission(undefined, types);
	const lines = diagnosis.lines.map((line) => `\n  ${line}`).join("");
	throw new PermissionError(`Linux ${kernel.release} does not permit eBPF to this process:${lines}`, diagnosis.missing);
}

function privilege(): string {
	const held = confinement();
	if (held.uid === 0) return "root";
	return held.has("CAP_SYS_ADMIN") ? "CAP_SYS_ADMIN" : "CAP_BPF";
}
