import { NotSupportedError } from "#base";
import { ERRNO } from "#kernel";
import { ATTACH_TYPES } from "#uapi";
import { Fd } from "../fd.ts";
import type { Program } from "../program.ts";
import { refuseAttach, tryLink } from "./bpf-link.ts";
import { Link } from "./link.ts";

/**
 * Attaches a program that named its target when it was loaded (tp_btf, fentry, fexit, fmod_ret, fsession, lsm): by
 * LINK_CREATE where the kernel has it for them (≥ 5.18, and only there with a cookie), else by RAW_TRACEPOINT_OPEN without
 * a name.
 */
export function attachTracing(program: Program, options: { target?: string; cookie?: bigint } = {}): Link {
	const target = options.target ?? `${program.attachType ?? program.type}`;
	return Link.attach(program, target, (each) => {
		const { kernel } = each;
		const created = tryLink(each, {
			attach_type: ATTACH_TYPES[each.attachType ?? (each.type === "lsm" ? "lsm_mac" : "trace_raw_tp")],
			...(options.cookie === undefined ? {} : { tracing: { target_btf_id: 0, cookie: options.cookie } }),
		});
		if (created >= 0) return { way: "bpf_link", fds: [new Fd(kernel, created, `link to ${target}`)] };
		const opened =
			created === -ERRNO.EINVAL && options.cookie === undefined
				? kernel.bpf("RAW_TRACEPOINT_OPEN", { prog_fd: each.fd.number })
				: created;
		if (opened >= 0) return { way: "raw_tracepoint", fds: [new Fd(kernel, opened, `link to ${target}`)] };
		if (opened === -ERRNO.ENOENT && opened !== created)
			throw new NotSupportedError(
				`attaching ${each.name} again`,
				`the running kernel ${kernel.release} attaches a program to ${target} once: load it anew (came with Linux 5.13)`,
				"5.13",
			);
		throw refuseAttach(each, target, -opened, opened === created ? "LINK_CREATE" : "RAW_TRACEPOINT_OPEN");
	});
}

/**
 * Puts a program of type ext in the place of a function of another program: of the one that was named when it was loaded,
 * or of `other`, whose function has the BTF id `function` in that program's BTF.
 */
export function attachReplacement(
	program: Program,
	options: { target?: string; other?: Program; function?: number } = {},
): Link {
	const target = options.target ?? (options.other ? `a function of ${options.other.name}` : "the function it replaces");
	return Link.attach(program, target, (each) => {
		const created = tryLink(each, {
			attach_type: 0,
			...(options.other ? { target_fd: options.other.fd.number, target_btf_id: options.function ?? 0 } : {}),
		});
		// Before 5.10 only by the older command, and only where the load said.
		const opened =
			created === -ERRNO.EINVAL && !options.other
				? each.kernel.bpf("RAW_TRACEPOINT_OPEN", { prog_fd: each.fd.number })
				: created;
		if (opened < 0)
			throw refuseAttach(each, target, -opened, opened === created ? "LINK_CREATE" : "RAW_TRACEPOINT_OPEN");
		return {
			way: opened === created ? "bpf_link" : "raw_tracepoint",
			fds: [new Fd(each.kernel, opened, `link to ${target}`)],
		};
	});
}
