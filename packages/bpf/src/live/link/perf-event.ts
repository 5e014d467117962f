import { ERRNO } from "#kernel";
import { ATTACH_TYPES } from "#uapi";
import { Fd } from "../fd.ts";
import type { Program } from "../program.ts";
import { refuse } from "../refusal.ts";
import { Link } from "./link.ts";

/**
 * Attaches a program to an open perf event, which it takes over: by a bpf_link where the kernel has them (≥ 5.15),
 * else by the event's own ioctls. `cookie` is what `bpf_get_attach_cookie` returns and needs the former.
 */
export function attachToPerfEvent(program: Program, event: Fd, target: string, cookie: bigint): Link {
	const kernel = program.kernel;
	try {
		const result = kernel.bpf("LINK_CREATE", {
			prog_fd: program.fd.number,
			target_fd: event.number,
			attach_type: ATTACH_TYPES.perf_event,
			perf_event: { bpf_cookie: cookie },
		});
		if (result >= 0) return new Link("bpf_link", target, new Fd(kernel, result, `link to ${target}`), [event]);
		if (result !== -ERRNO.EINVAL || cookie !== 0n) {
			throw refuse(kernel, {
				syscall: "bpf",
				command: "LINK_CREATE",
				errno: -result,
				programType: program.type,
				what: `attach ${program.name} to ${target}`,
			});
		}
		for (const [request, argument] of [
			["SET_BPF", program.fd.number],
			["ENABLE", 0],
		] as const) {
			const set = kernel.perfEventIoctl(event.number, request, argument);
			if (set < 0)
				throw refuse(kernel, {
					syscall: "ioctl",
					errno: -set,
					programType: program.type,
					what: `attach ${program.name} to ${target}`,
				});
		}
		return new Link("perf_ioctl", target, event);
	} catch (error) {
		event.close();
		throw error;
	}
}
