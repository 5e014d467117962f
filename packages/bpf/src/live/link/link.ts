import { BpfError, NotSupportedError, SyscallError } from "#base";
import { ERRNO, type Kernel, type LinkInfo } from "#kernel";
import { ATTACH_FLAGS, LINK_TYPES, type LinkType } from "#uapi";
import { Fd } from "../fd.ts";
import { openPin, pin } from "../pins.ts";
import type { Program } from "../program.ts";
import { check, refuse } from "../refusal.ts";
import type { Attachment, LinkWay } from "./attachment.ts";

/** Attaches a program anew at the target that the function knows. */
export type Attach = (program: Program) => Attachment;

const TYPE_NAMES: ReadonlyMap<number, LinkType> = new Map(
	Object.entries(LINK_TYPES).map(([name, row]) => [row.value as number, name as LinkType]),
);

/**
 * An attached program. Closing it detaches, and so does the end of the process, unless it is pinned: then `unpin` does.
 * What was attached by older ways than a descriptor (`prog_attach`, `netlink`, `struct_ops_map`) outlives the process; `note` says so.
 */
export class Link implements Disposable {
	/** `tracepoint sched/sched_process_exec`, `xdp eth0 (native)`: what it is attached to. */
	readonly target: string;
	readonly kernel: Kernel;
	#program: Program | undefined;
	#attachment: Attachment | undefined;
	readonly #again: ((program: Program | undefined) => Attachment) | undefined;
	#closed = false;
	#way: LinkWay;

	/** Takes over what was attached. `again` is for `reattach`. */
	constructor(
		kernel: Kernel,
		target: string,
		attachment: Attachment,
		program?: Program,
		again?: (program: Program | undefined) => Attachment,
	) {
		this.kernel = kernel;
		this.target = target;
		this.#attachment = attachment;
		this.#way = attachment.way;
		this.#program = program;
		this.#again = again;
	}

	/** Attaches `program` by `attach`, and keeps how. */
	static attach(program: Program, target: string, attach: Attach): Link {
		return new Link(program.kernel, target, attach(program), program, (next) => attach(next ?? program));
	}

	get way(): LinkWay {
		return this.#way;
	}

	/** What was done otherwise than asked, in words: an older way, what stays when the process ends. */
	get note(): string | undefined {
		return this.#attachment?.note;
	}

	/** The descriptor that keeps it attached, the first of several. @throws BpfError ERR_DETACHED where none does */
	get fd(): Fd {
		const fd = this.#attachment?.fds[0];
		if (fd) return fd;
		const why = this.#attachment ? `attached by ${this.way}, which has no descriptor` : "detached";
		throw new BpfError("ERR_DETACHED", `the link to ${this.target} is ${why}`);
	}

	/** False after `detach` and `close`. */
	get attached(): boolean {
		return this.#attachment !== undefined;
	}

	get closed(): boolean {
		return this.#closed;
	}

	/**
	 * Puts another program of the same type in place, with no moment in between: links of xdp, tcx, netkit, cgroups, network
	 * namespaces, sockmaps and iterators can, and rtnetlink and PROG_ATTACH for xdp, tc and cgroups. With `expected` only where that
	 * program is the one in place (else SyscallError EPERM).
	 * @throws NotSupportedError where this kind of link takes no other program; SyscallError
	 */
	update(program: Program, expected?: Program): void {
		const attachment = this.#attached();
		if (attachment.replace) attachment.replace(program, expected);
		else if (attachment.way === "bpf_link") this.#updateLink(attachment, program, expected);
		else throw this.#fixed();
		this.#program = program;
	}

	#updateLink(attachment: Attachment, program: Program, expected: Program | undefined): void {
		for (const [i, fd] of attachment.fds.entries()) {
			const result = this.kernel.bpf("LINK_UPDATE", {
				link_fd: fd.number,
				new_prog_fd: program.fd.number,
				...(expected ? { flags: ATTACH_FLAGS.BPF_F_REPLACE, old_prog_fd: expected.fd.number } : {}),
			});
			// Links that know no update say so whatever they are given.
			const refused = result === -ERRNO.EINVAL || result === -ERRNO.EOPNOTSUPP;
			if (refused && i === 0 && !UPDATES.has(this.type ?? "xdp")) throw this.#fixed();
			const what = `put ${program.name} at ${this.target}`;
			if (result === -ERRNO.EPERM && expected) {
				const why = `another program than ${expected.name} is in place`;
				throw new SyscallError("bpf", "LINK_UPDATE", ERRNO.EPERM, "EPERM", `cannot ${what}: ${why}`);
			}
			check(this.kernel, result, what, "LINK_UPDATE");
		}
	}

	#fixed(): NotSupportedError {
		const reason = `a link to ${this.target} (${this.type ?? this.way}) keeps its program: attach the new one, then close this link`;
		return new NotSupportedError("replacing the program of a link", reason);
	}

	/**
	 * Takes the program off; `reattach` puts it back. A bpf_link is detached for everybody who holds it, pins too, where
	 * its type can be (xdp, tcx, netkit, cgroup, netns, sockmap, struct_ops), else closed. Idempotent.
	 */
	detach(): void {
		const attachment = this.#attachment;
		if (!attachment) return;
		if (attachment.way === "bpf_link") {
			// Types that cannot be detached say so; closing the descriptor is then all there is.
			for (const fd of attachment.fds) this.kernel.bpf("LINK_DETACH", { link_fd: fd.number });
		}
		this.#release();
	}

	/**
	 * Attaches again where it was, with the program that was there last or another one; what still is attached is taken off
	 * first. @throws BpfError ERR_CLOSED, ERR_DETACHED (a link from a pin does not know its target); what attaching throws
	 */
	reattach(program: Program | undefined = this.#program): void {
		if (this.#closed) throw new BpfError("ERR_CLOSED", `the link to ${this.target} is closed`);
		if (!this.#again) {
			throw new BpfError(
				"ERR_DETACHED",
				`cannot attach again to ${this.target}: the link was opened from a pin or an id`,
			);
		}
		this.detach();
		this.#attachment = this.#again(program);
		this.#way = this.#attachment.way;
		this.#program = program;
	}

	/** Opens a pinned link; undefined where nothing is pinned. @throws BpfError ERR_NO_BPFFS, ERR_PIN_KIND; PermissionError */
	static fromPin(kernel: Kernel, path: string): Link | undefined {
		const number = openPin(kernel, path, "link");
		if (number === undefined) return undefined;
		const fd = new Fd(kernel, number, `link pinned at ${path}`);
		return new Link(kernel, `what the link pinned at ${path} is attached to`, { way: "bpf_link", fds: [fd] });
	}

	/** Opens a link by its id. @throws SyscallError ENOENT; PermissionError */
	static byId(kernel: Kernel, id: number): Link {
		const number = check(kernel, kernel.bpf("LINK_GET_FD_BY_ID", { id }), `open link ${id}`, "LINK_GET_FD_BY_ID");
		const fd = new Fd(kernel, number, `link ${id}`);
		return new Link(kernel, `what link ${id} is attached to`, { way: "bpf_link", fds: [fd] });
	}

	/**
	 * Pins the link at `path` in a bpffs: it stays attached when it is closed and when the process ends.
	 * @throws NotSupportedError where it is no bpf_link, or several; BpfError ERR_NO_BPFFS; PermissionError; SyscallError
	 */
	pin(path: string): void {
		const { way, fds } = this.#attached();
		if (way !== "bpf_link" && way !== "raw_tracepoint") {
			const reason = `the running kernel ${this.kernel.release} attaches it without a bpf_link`;
			throw new NotSupportedError(`pinning the link to ${this.target}`, reason, SINCE[way]);
		}
		if (fds.length !== 1) {
			const reason = `it is made of ${fds.length} links, one a place`;
			throw new NotSupportedError(`pinning the link to ${this.target}`, reason);
		}
		pin(this.fd, path);
	}

	/** What the kernel says; undefined where it is no object of its own, or detached. */
	info(): LinkInfo | undefined {
		if (this.way !== "bpf_link" && this.way !== "raw_tracepoint") return undefined;
		const fd = this.#attachment?.fds[0];
		if (!fd) return undefined;
		const info: Partial<LinkInfo> = {};
		const result = this.kernel.bpf("OBJ_GET_INFO_BY_FD", { bpf_fd: fd.number, kind: "link", info });
		if (result < 0) {
			const what = `ask about the link to ${this.target}`;
			throw refuse(this.kernel, { syscall: "bpf", command: "OBJ_GET_INFO_BY_FD", errno: -result, what });
		}
		return info as LinkInfo;
	}

	/** The kernel's type of link; undefined where it is none, or unknown. */
	get type(): LinkType | undefined {
		return TYPE_NAMES.get(this.info()?.type ?? 0);
	}

	/** Detaches. Idempotent. */
	close(): void {
		this.#release();
		this.#closed = true;
	}

	[Symbol.dispose](): void {
		this.close();
	}

	#attached(): Attachment {
		if (this.#attachment) return this.#attachment;
		throw new BpfError("ERR_DETACHED", `the link to ${this.target} is ${this.#closed ? "closed" : "detached"}`);
	}

	#release(): void {
		const attachment = this.#attachment;
		this.#attachment = undefined;
		if (!attachment) return;
		attachment.undo?.();
		for (const fd of [...attachment.fds].reverse()) fd.close();
		for (const fd of attachment.under ?? []) fd.close();
	}
}

/** Types whose links take another program. */
const UPDATES: ReadonlySet<LinkType> = new Set(["cgroup", "iter", "netns", "xdp", "tcx", "netkit", "sockmap"] as const);

/** First kernel that has a bpf_link instead. One row a way. */
const SINCE: Readonly<Partial<Record<LinkWay, string>>> = {
	perf_ioctl: "5.15",
	prog_attach: "5.7",
	netlink: "5.9 (xdp), 6.6 (tcx)",
	struct_ops_map: "6.4",
};
