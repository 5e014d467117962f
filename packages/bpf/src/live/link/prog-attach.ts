import type { ProgAttach } from "#kernel";
import type { AttachType } from "#uapi";
import { ATTACH_FLAGS, ATTACH_TYPES } from "#uapi";
import { Fd } from "../fd.ts";
import type { Program } from "../program.ts";
import type { Attachment } from "./attachment.ts";
import { refuseAttach } from "./bpf-link.ts";

/** Where BPF_PROG_ATTACH puts a program, and how. */
export interface OlderTarget {
	/** The container's descriptor: a cgroup, a map. The caller's. 0 where there is none. */
	readonly fd: number;
	readonly type: AttachType;
	/** BPF_F_ALLOW_OVERRIDE, BPF_F_ALLOW_MULTI. */
	readonly flags?: number;
	/** With BPF_F_REPLACE: the program whose place it takes. */
	readonly replace?: Program | undefined;
	/** Replacing keeps the program's place: cgroups with ALLOW_MULTI can. */
	readonly replaces?: boolean;
}

/**
 * Attaches by BPF_PROG_ATTACH, the way before bpf_links: it stays when the process ends, until it is detached.
 * @throws PermissionError, SyscallError
 */
export function attachOlder(program: Program, target: string, at: OlderTarget, why?: string): Attachment {
	const { kernel } = program;
	// Detaching names the program, whose descriptor may be closed by then.
	let held = ownFd(program);
	const attr = (fd: number, replace?: Program): ProgAttach => ({
		target_fd: at.fd,
		attach_bpf_fd: fd,
		attach_type: ATTACH_TYPES[at.type],
		attach_flags: (at.flags ?? 0) | (replace ? ATTACH_FLAGS.BPF_F_REPLACE : 0),
		...(replace ? { replace_bpf_fd: replace.fd.number } : {}),
	});
	const put = (who: Program, replace?: Program) => {
		const result = kernel.bpf("PROG_ATTACH", attr(who.fd.number, replace));
		if (result < 0) throw refuseAttach(who, target, -result, "PROG_ATTACH");
	};
	try {
		put(program, at.replace);
	} catch (error) {
		held?.close();
		throw error;
	}
	let current = program;
	const replace = (next: Program, expected: Program | undefined) => {
		put(next, expected ?? current);
		held?.close();
		held = ownFd(next);
		current = next;
	};
	return {
		way: "prog_attach",
		fds: [],
		note: why ?? "attached by BPF_PROG_ATTACH: it stays when the process ends",
		undo: () => {
			const attach_bpf_fd = held?.number ?? (current.fd.closed ? 0 : current.fd.number);
			kernel.bpf("PROG_DETACH", { target_fd: at.fd, attach_bpf_fd, attach_type: ATTACH_TYPES[at.type] });
			held?.close();
		},
		...(at.replaces ? { replace } : {}),
	};
}

/** Another descriptor of the program; undefined without the privilege to open by id. */
function ownFd(program: Program): Fd | undefined {
	const number = program.kernel.bpf("PROG_GET_FD_BY_ID", { id: program.info().id });
	return number < 0 ? undefined : new Fd(program.kernel, number, `program ${program.name}`);
}
