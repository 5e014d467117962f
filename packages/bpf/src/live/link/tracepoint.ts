import { NotSupportedError } from "#base";
import { ERRNO, PERF_FLAG_FD_CLOEXEC, PERF_TYPE } from "#kernel";
import { Fd } from "../fd.ts";
import type { Program } from "../program.ts";
import { refuse } from "../refusal.ts";
import type { Link } from "./link.ts";
import { attachToPerfEvent } from "./perf-event.ts";

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
	const kernel = program.kernel;
	const target = `tracepoint ${category}/${name}`;
	const id = kernel.tracepointId(category, name);
	if (id === -ERRNO.ENOENT)
		throw new NotSupportedError(target, `the running kernel ${kernel.release} has no such tracepoint`);
	if (id < 0) throw refuse(kernel, { syscall: "tracefs", errno: -id, what: `find ${target}` });
	// The event's CPU does not matter: a program on a tracepoint's event runs on every CPU.
	const event = kernel.perfEventOpen(
		{ type: PERF_TYPE.TRACEPOINT, config: BigInt(id), sample_period: 1, sample_type: 1024, wakeup_events: 1 },
		-1,
		0,
		-1,
		PERF_FLAG_FD_CLOEXEC,
	);
	if (event < 0)
		throw refuse(kernel, {
			syscall: "perf_event_open",
			errno: -event,
			programType: program.type,
			what: `open ${target}`,
		});
	return attachToPerfEvent(program, new Fd(kernel, event, `perf event of ${target}`), target, options.cookie ?? 0n);
}
