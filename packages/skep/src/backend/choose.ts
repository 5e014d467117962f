import { NotSupportedError, PermissionError } from "@skep/bpf/base";
import type { ProgramType } from "@skep/bpf/uapi";
import type { VirtualKernel } from "@skep/vm";
import { type ChosenKernel, chooseLinux } from "./choose-linux.ts";
import { openVirtual } from "./machine.ts";

/** What `--kernel` may say. `auto` takes Linux where it is permitted, else the virtual kernel where that makes sense. */
export type KernelChoice = "linux" | "auto" | "virtual";

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
	if (want === "linux" || events === "real") return chooseLinux(types);
	try {
		return chooseLinux(types);
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
