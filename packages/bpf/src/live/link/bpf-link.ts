import type { LinkCreate } from "#kernel";
import { ATTACH_TYPES, type AttachType } from "#uapi";
import { Fd } from "../fd.ts";
import type { Program } from "../program.ts";
import { refuse, refuseAttachType } from "../refusal.ts";
import type { Attachment } from "./attachment.ts";

const ATTACH_TYPES_BY_NUMBER: ReadonlyMap<number, AttachType> = new Map(
	Object.entries(ATTACH_TYPES).map(([name, value]) => [value, name as AttachType]),
);

/** LINK_CREATE for a program. The result is the link's descriptor or -errno, for whoever knows an older way. */
export function tryLink(program: Program, attr: Omit<LinkCreate, "prog_fd">): number {
	return program.kernel.bpf("LINK_CREATE", { prog_fd: program.fd.number, ...attr });
}

/** LINK_CREATE for a program. @throws PermissionError; NotSupportedError where the kernel is too old for the attach type; SyscallError */
export function createLink(program: Program, target: string, attr: Omit<LinkCreate, "prog_fd">): Attachment {
	const result = tryLink(program, attr);
	const type = ATTACH_TYPES_BY_NUMBER.get(attr.attach_type);
	if (type) refuseAttachType(program.kernel, result, `attach ${program.name} to ${target}`, type);
	return linked(program, target, result);
}

/** What a result of `tryLink` means. @throws PermissionError, SyscallError */
export function linked(program: Program, target: string, result: number, under: readonly Fd[] = []): Attachment {
	if (result < 0) throw refuseAttach(program, target, -result, "LINK_CREATE");
	return { way: "bpf_link", fds: [new Fd(program.kernel, result, `link to ${target}`)], under };
}

/** The error for a program that cannot be attached. `call`: a bpf(2) command, or another system call. */
export function refuseAttach(
	program: Program,
	target: string,
	errno: number,
	call:
		| "LINK_CREATE"
		| "PROG_ATTACH"
		| "RAW_TRACEPOINT_OPEN"
		| "perf_event_open"
		| "ioctl"
		| "netlink"
		| "setsockopt"
		| "open",
) {
	const command = call === "LINK_CREATE" || call === "PROG_ATTACH" || call === "RAW_TRACEPOINT_OPEN" ? call : undefined;
	return refuse(program.kernel, {
		syscall: command ? "bpf" : call,
		command,
		errno,
		programType: program.type,
		what: `attach ${program.name} to ${target}`,
	});
}
