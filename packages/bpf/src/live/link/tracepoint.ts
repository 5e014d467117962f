import { NotSupportedError } from "#base";
import { ERRNO, PERF_TYPE } from "#kernel";
import type { Program } from "../program.ts";
import { refuse } from "../refusal.ts";
import { Link } from "./link.ts";
import { attachToPerfEvent, openEvent } from "./perf-event.ts";

/**
 * Attaches a program of type tracepoint to an event of tracefs, on every CPU.
 * @throws NotSupportedError where this kernel has no such event; PermissionError; SyscallError
 */
export function attachTracepoint(
	program: Program,
	category: string,
	name: string,
	options: { cookie?: bigint } = {},
): Link {
	const target = `tracepoint ${category}/${name}`;
	return Link.attach(program, target, (each) => {
		const { kernel } = each;
		const id = kernel.tracepointId(category, name);
		if (id === -ERRNO.ENOENT)
			throw new NotSupportedError(target, `the running kernel ${kernel.release} has no such tracepoint`);
		if (id < 0) throw refuse(kernel, { syscall: "tracefs", errno: -id, what: `find ${target}` });
		// The event's CPU does not matter: a program on a tracepoint's event runs on every CPU.
		const event = openEvent(each, target, {
			type: PERF_TYPE.TRACEPOINT,
			config: BigInt(id),
			sample_period: 1,
			sample_type: 1024,
			wakeup_events: 1,
		});
		return attachToPerfEvent(each, event, target, options.cookie);
	});
}
