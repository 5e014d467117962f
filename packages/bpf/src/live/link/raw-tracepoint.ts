import { NotSupportedError } from "#base";
import { ERRNO } from "#kernel";
import { Fd } from "../fd.ts";
import type { Program } from "../program.ts";
import { refuse } from "../refusal.ts";
import { Link } from "./link.ts";

/** Attaches a program of type raw_tracepoint to a tracepoint by its bare name (`sched_process_exec`). */
export function attachRawTracepoint(program: Program, name: string, options: { cookie?: bigint } = {}): Link {
	const kernel = program.kernel;
	const target = `raw tracepoint ${name}`;
	const result = kernel.bpf("RAW_TRACEPOINT_OPEN", {
		name,
		prog_fd: program.fd.number,
		...(options.cookie === undefined ? {} : { cookie: options.cookie }),
	});
	if (result === -ERRNO.ENOENT)
		throw new NotSupportedError(target, `the running kernel ${kernel.release} has no such tracepoint`);
	if (result < 0) {
		throw refuse(kernel, {
			syscall: "bpf",
			command: "RAW_TRACEPOINT_OPEN",
			errno: -result,
			programType: program.type,
			what: `attach ${program.name} to ${target}`,
		});
	}
	return new Link("raw_tracepoint", target, new Fd(kernel, result, `link to ${target}`));
}
