import { NotSupportedError } from "#base";
import { ERRNO } from "#kernel";
import { Fd } from "../fd.ts";
import type { Program } from "../program.ts";
import { refuseAttach } from "./bpf-link.ts";
import { Link } from "./link.ts";

/** Attaches a program of type raw_tracepoint to a tracepoint by its bare name (`sched_process_exec`). */
export function attachRawTracepoint(program: Program, name: string, options: { cookie?: bigint } = {}): Link {
	const target = `raw tracepoint ${name}`;
	return Link.attach(program, target, (each) => {
		const { kernel } = each;
		const result = kernel.bpf("RAW_TRACEPOINT_OPEN", {
			name,
			prog_fd: each.fd.number,
			...(options.cookie === undefined ? {} : { cookie: options.cookie }),
		});
		if (result === -ERRNO.ENOENT)
			throw new NotSupportedError(target, `the running kernel ${kernel.release} has no such tracepoint`);
		if (result < 0) throw refuseAttach(each, target, -result, "RAW_TRACEPOINT_OPEN");
		return { way: "raw_tracepoint", fds: [new Fd(kernel, result, `link to ${target}`)] };
	});
}
