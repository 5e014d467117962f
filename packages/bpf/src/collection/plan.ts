import type { XdpMode } from "#live";
import type { ProgramSpec } from "#spec";

/** Where a program goes, as far as its section does not say. */
export interface AttachTarget {
	/** Network device: index, or its name. */
	readonly device?: number | string;
	/** xdp. Absent: native where the driver has it, else generic. */
	readonly mode?: XdpMode;
	/** `category/name` of a tracepoint, or the bare name of a raw one: instead of the section's. */
	readonly event?: string;
	/** What bpf_get_attach_cookie returns. */
	readonly cookie?: bigint;
}

/** How a program would be attached, and why so. `wants`: what must be said first. */
export type AttachPlan =
	| { readonly way: "tracepoint"; readonly category: string; readonly name: string; readonly why: string }
	| { readonly way: "raw_tracepoint"; readonly name: string; readonly why: string }
	| { readonly way: "tracing"; readonly target: string; readonly why: string }
	| { readonly way: "xdp"; readonly device: number | string; readonly mode: XdpMode | undefined; readonly why: string }
	| { readonly way: "none"; readonly wants: string | undefined; readonly why: string };

/** Pure: the same spec and target give the same plan. A plan of way `none` says in `why` what stands in the way. */
export function planAttach(program: ProgramSpec, target: AttachTarget = {}): AttachPlan {
	const event = target.event ?? program.attachTo;
	const says = `section ${program.section}`;
	switch (program.type) {
		case "tracepoint": {
			const [category, name, ...rest] = (event ?? "").split("/");
			if (!category || !name || rest.length > 0) {
				return { way: "none", wants: "event", why: `${says} names no tracepoint as category/name` };
			}
			return { way: "tracepoint", category, name, why: `${says}: a perf event of the tracepoint` };
		}
		case "raw_tracepoint":
		case "raw_tracepoint_writable":
			if (!event) return { way: "none", wants: "event", why: `${says} names no tracepoint` };
			return { way: "raw_tracepoint", name: event, why: `${says}: the tracepoint itself, arguments raw` };
		case "tracing":
			if (program.attachType === "trace_iter") {
				return { way: "none", wants: undefined, why: `${says}: an iterator is read, not attached` };
			}
			return { way: "tracing", target: `${program.section}`, why: `${says}: the target was fixed when it was loaded` };
		case "lsm":
			return { way: "tracing", target: `${program.section}`, why: `${says}: the hook was fixed when it was loaded` };
		case "xdp":
			if (target.device === undefined) {
				return { way: "none", wants: "device", why: `${says} names no network device` };
			}
			return { way: "xdp", device: target.device, mode: target.mode, why: `${says}: a bpf_link on the device` };
		default:
			return { way: "none", wants: undefined, why: `programs of type ${program.type} are not attached by skep yet` };
	}
}
