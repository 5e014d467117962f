/**
 * The only room that names a kernel's package: everything else gets a `Kernel`. `chooseKernel` opens one, makes sure that it
 * permits eBPF, and says in one line which and why; where it does not, it says exactly what is missing.
 */

export { btfFile, tracefsRoot } from "@skep/linux";
export type { Argument, KernelValue, ReplayEvent, StructValue, VirtualKernel } from "@skep/vm";
export {
	type BreakpointSpec,
	Debugger,
	type Frame,
	Inspector,
	type SourcePlace,
	type StopReason,
	type WatchTarget,
} from "@skep/vm/debugger";
export { chooseKernel, type EventSource, type KernelChoice, replayKernel } from "./choose.ts";
export type { ChosenKernel } from "./choose-linux.ts";
export { openVirtual } from "./machine.ts";
