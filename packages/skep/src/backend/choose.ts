import { BpfError, NotSupportedError, PermissionError } from "@skep/bpf/base";
import { type Diagnose, ERRNO, errnoName, type Kernel } from "@skep/bpf/kernel";
import type { ProgramType } from "@skep/bpf/uapi";
import { confinement, explainPermission, openLinux } from "@skep/linux";
import type { VirtualKernel } from "@skep/vm";
import { openVirtual } from "./machine.ts";

/** What `--kernel` may say. `auto` takes Linux where it is permitted, else the virtual kernel where that makes sense. */
export type KernelChoice = "linux" | "auto" | "virtual";

export interface ChosenKernel {
	readonly kernel: Kernel;
	/** One line: which kernel, and why that one. */
	readonly reason: string;
	/** Explains this kernel's EPERM; live objects ask the kernel for the same. */
	readonly diagnose: Diagnose;
}

/** What programs will see: what happens on this machine, or packets that are given to them. */
export type EventSource = "real" | "given";

/**
 * Opens the kernel. Linux must permit eBPF, which one small map proves. Where `auto` may not have it, given events go to the
 * virtual kernel and the reason says what is missing; real ones happen on Linux only, so there it throws as `linux` does.
 * The virtual kernel is made anew each time, and nothing happens in it unless someone makes it happen.
 * `types` are those of the programs to be loaded: privileges that none of them takes are not asked for.
 * @throws PermissionError that names each missing privilege; NotSupportedError off Linux, without bpf(2)
 */
export function chooseKernel(
	want: KernelChoice,
	events: EventSource = "real",
	types?: readonly ProgramType[],
): ChosenKernel {
	if (want === "virtual") return virtual("asked for");
	if (want === "linux" || events === "real") return linux(types);
	try {
		return linux(types);
	} catch (error) {
		if (error instanceof PermissionError) return virtual(`no permission for Linux: ${error.missing.join(", ")}`);
		if (error instanceof NotSupportedError) return virtual(error.message);
		throw error;
	}
}

/** A kernel on which a recording of a machine with so many CPUs is replayed. `why` one is, instead of what happens. */
export function replayKernel(cpus: number, why = "a recording is replayed"): ChosenKernel & { kernel: VirtualKernel } {
	return virtual(why, { cpus: Math.min(cpus, MOST_CPUS) });
}

/** What a virtual kernel has at most. */
const MOST_CPUS = 128;

function virtual(why: string, options: { readonly cpus?: number } = {}): ChosenKernel & { kernel: VirtualKernel } {
	const kernel = openVirtual(options);
	return { kernel, reason: `virtual kernel: ${why}`, diagnose: () => ({ lines: [], missing: [] }) };
}

function linux(types: readonly ProgramType[] | undefined): ChosenKernel {
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
