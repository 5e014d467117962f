import { ERRNO } from "#kernel";
import { ATTACH_TYPES } from "#uapi";
import { Fd } from "../fd.ts";
import type { Program } from "../program.ts";
import { refuse } from "../refusal.ts";
import { Link } from "./link.ts";

/**
 * Attaches a program that named its target when it was loaded (tp_btf, fentry, fexit, fmod_ret, lsm): by LINK_CREATE
 * where the kernel has it for them (≥ 5.18, and only there with a cookie), else by RAW_TRACEPOINT_OPEN without a name.
 */
export function attachTracing(program: Program, options: { target?: string; cookie?: bigint } = {}): Link {
	const kernel = program.kernel;
	const target = options.target ?? `${program.attachType ?? program.type}`;
	const created = kernel.bpf("LINK_CREATE", {
		prog_fd: program.fd.number,
		attach_type: ATTACH_TYPES[program.attachType ?? "trace_raw_tp"],
		...(options.cookie === undefined ? {} : { tracing: { target_btf_id: 0, cookie: options.cookie } }),
	});
	if (created >= 0) return new Link("bpf_link", target, new Fd(kernel, created, `link to ${target}`));
	const opened =
		created === -ERRNO.EINVAL && options.cookie === undefined
			? kernel.bpf("RAW_TRACEPOINT_OPEN", { prog_fd: program.fd.number })
			: created;
	if (opened >= 0) return new Link("raw_tracepoint", target, new Fd(kernel, opened, `link to ${target}`));
	const command = opened === created ? "LINK_CREATE" : "RAW_TRACEPOINT_OPEN";
	throw refuse(kernel, {
		syscall: "bpf",
		command,
		errno: -opened,
		programType: program.type,
		what: `attach ${program.name} to ${target}`,
	});
}
