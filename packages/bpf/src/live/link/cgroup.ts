import { NotSupportedError, SyscallError } from "#base";
import { ERRNO, type ProgQuery } from "#kernel";
import { ATTACH_FLAGS, ATTACH_TYPES, type AttachType } from "#uapi";
import type { Fd } from "../fd.ts";
import type { Program } from "../program.ts";
import type { Attachment } from "./attachment.ts";
import { linked, tryLink } from "./bpf-link.ts";
import { type Container, openContainer } from "./container.ts";
import { Link } from "./link.ts";
import { type Position, positionOf } from "./position.ts";
import { attachOlder } from "./prog-attach.ts";

export interface CgroupOptions extends Position {
	/** Which hook; absent: the one that the program was loaded for. */
	readonly attachType?: AttachType;
	/** `prog_attach`: the older way, which stays when the process ends. Default: a bpf_link where the kernel has them (≥ 5.7). */
	readonly way?: "bpf_link" | "prog_attach";
	/**
	 * Only for `prog_attach`. `multi` (default): beside others; `override`: alone, cgroups below may put their own instead;
	 * `none`: alone, for all below too.
	 */
	readonly share?: "multi" | "override" | "none";
	/** Only for `prog_attach` with `multi`: the program whose place it takes. */
	readonly replace?: Program;
}

const SHARES = { multi: ATTACH_FLAGS.BPF_F_ALLOW_MULTI, override: ATTACH_FLAGS.BPF_F_ALLOW_OVERRIDE, none: 0 } as const;
/** Attach types of programs that say none when they are loaded. */
const DEFAULTS: Readonly<Record<string, AttachType>> = {
	cgroup_sock: "cgroup_inet_sock_create",
	cgroup_device: "cgroup_device",
	sock_ops: "cgroup_sock_ops",
	cgroup_sysctl: "cgroup_sysctl",
	lsm: "lsm_cgroup",
};

/**
 * Attaches a program to a cgroup (version 2): cgroup_skb, cgroup_sock, cgroup_sock_addr, cgroup_sockopt, cgroup_sysctl,
 * cgroup_device, sock_ops, and lsm_cgroup.
 * @throws NotSupportedError where the hook is not known; BpfError ERR_NO_TARGET; PermissionError; SyscallError
 */
export function attachCgroup(program: Program, cgroup: Container, options: CgroupOptions = {}): Link {
	const type = options.attachType ?? program.attachType ?? DEFAULTS[program.type];
	if (!type) {
		throw new NotSupportedError(
			`attaching ${program.name} to a cgroup`,
			"neither its section nor the call says at which hook (attachType)",
		);
	}
	const target = `cgroup ${cgroup} (${type})`;
	return Link.attach(program, target, (each) => {
		// The older way names the cgroup again when it detaches.
		const own = typeof cgroup === "string" ? openContainer(each.kernel, "cgroup", cgroup) : undefined;
		const fd = own?.number ?? Number(cgroup);
		try {
			const attachment = attach(each, target, fd, type, options);
			if (attachment.way !== "bpf_link") return keep(attachment, own);
			own?.close();
			return attachment;
		} catch (error) {
			own?.close();
			throw error;
		}
	});
}

function attach(program: Program, target: string, fd: number, type: AttachType, options: CgroupOptions): Attachment {
	const { kernel } = program;
	if (options.way !== "prog_attach") {
		const result = tryLink(program, { target_fd: fd, attach_type: ATTACH_TYPES[type], ...positionOf(options) });
		const older = result === -ERRNO.EINVAL && options.way === undefined && !hasLinks(program, type);
		if (!older) {
			if (result === -ERRNO.EPERM) tellExclusive(program, target, fd, type);
			return linked(program, target, result);
		}
	}
	const why = options.way
		? undefined
		: `the running kernel ${kernel.release} has no bpf_link for cgroups: attached by BPF_PROG_ATTACH; it stays when the process ends`;
	const share = options.share ?? "multi";
	return attachOlder(
		program,
		target,
		{ fd, type, flags: SHARES[share], replace: options.replace, replaces: share === "multi" },
		why,
	);
}

/**
 * EPERM is also what the kernel says where a program that shares with nobody is in the way: that is a state, not a privilege.
 * @throws SyscallError where it is so
 */
function tellExclusive(program: Program, target: string, fd: number, type: AttachType): void {
	const attr: ProgQuery = {
		target_fd: fd,
		attach_type: ATTACH_TYPES[type],
		query_flags: EFFECTIVE,
		prog_ids: new Uint8Array(4),
	};
	const asked = program.kernel.bpf("PROG_QUERY", attr);
	// ENOSPC: more than there was room for.
	if ((asked < 0 && asked !== -ERRNO.ENOSPC) || (attr.prog_cnt ?? 0) === 0) return;
	const why =
		"a program is attached there, or above it, that shares with nobody (no BPF_F_ALLOW_MULTI): detach it first (`bpftool cgroup tree`)";
	throw new SyscallError(
		"bpf",
		"LINK_CREATE",
		ERRNO.EPERM,
		"EPERM",
		`cannot attach ${program.name} to ${target}: ${why}`,
	);
}

/** BPF_F_QUERY_EFFECTIVE. */
const EFFECTIVE = 1;

const BAD_FD = 0x7fff_ffff;

/** Where the kernel has links for cgroups it looks at the descriptor. */
function hasLinks(program: Program, type: AttachType): boolean {
	return tryLink(program, { target_fd: BAD_FD, attach_type: ATTACH_TYPES[type] }) !== -ERRNO.EINVAL;
}

function keep(attachment: Attachment, own: Fd | undefined): Attachment {
	return own ? { ...attachment, under: [own, ...(attachment.under ?? [])] } : attachment;
}
