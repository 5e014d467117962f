import { BpfError, NotSupportedError, PermissionError } from "@skep/bpf/base";
import { type Diagnose, ERRNO, errnoName, type Kernel } from "@skep/bpf/kernel";
import { confinement, explainPermission, openLinux } from "@skep/linux";

/** What `--kernel` may say. `auto` takes Linux where it is permitted. */
export type KernelChoice = "linux" | "auto" | "virtual";

export interface ChosenKernel {
	readonly kernel: Kernel;
	/** One line: which kernel, and why that one. */
	readonly reason: string;
	/** Explains this kernel's EPERM; live objects ask the kernel for the same. */
	readonly diagnose: Diagnose;
}

/**
 * Opens the kernel and makes sure, with one small map, that eBPF is permitted.
 * @throws PermissionError that names each missing privilege; NotSupportedError off Linux, for `virtual`, without bpf(2)
 */
export function chooseKernel(want: KernelChoice): ChosenKernel {
	if (want === "virtual") throw new NotSupportedError("the virtual kernel", "it is not built yet; use --kernel linux");
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
	const diagnosis = explainPermission();
	const lines = diagnosis.lines.map((line) => `\n  ${line}`).join("");
	throw new PermissionError(`Linux ${kernel.release} does not permit eBPF to this process:${lines}`, diagnosis.missing);
}

function privilege(): string {
	const held = confinement();
	if (held.uid === 0) return "root";
	return held.has("CAP_SYS_ADMIN") ? "CAP_SYS_ADMIN" : "CAP_BPF";
}
