import { NotSupportedError } from "#base";
import type { Kernel, LinkInfo } from "#kernel";
import { Fd } from "../fd.ts";
import { openPin, pin } from "../pins.ts";
import type { Program } from "../program.ts";
import { check } from "../refusal.ts";

/** How a link was made: the kernel's bpf_link, a raw tracepoint's descriptor, or a perf event that a program was set on. */
export type LinkWay = "bpf_link" | "raw_tracepoint" | "perf_ioctl";

/** An attached program. Closing it detaches, and so does the end of the process, unless it is pinned: then `unpin` does. */
export class Link implements Disposable {
	/** `tracepoint sched/sched_process_exec`, `xdp eth0 (native)`: what it is attached to. */
	readonly target: string;
	readonly way: LinkWay;
	/** The descriptor that keeps it attached. */
	readonly fd: Fd;
	/** Closed after `fd`: the perf event under a bpf_link. */
	readonly #under: readonly Fd[];

	constructor(way: LinkWay, target: string, fd: Fd, under: readonly Fd[] = []) {
		this.way = way;
		this.target = target;
		this.fd = fd;
		this.#under = under;
	}

	/** Puts another program of the same type in place, with no moment in between. Only bpf_links of xdp, cgroup, tcx … can. */
	update(program: Program): void {
		const result = this.fd.kernel.bpf("LINK_UPDATE", { link_fd: this.fd.number, new_prog_fd: program.fd.number });
		check(this.fd.kernel, result, `put ${program.name} at ${this.target}`, "LINK_UPDATE");
	}

	/** Opens a pinned link; undefined where nothing is pinned. @throws BpfError ERR_NO_BPFFS, ERR_PIN_KIND; PermissionError */
	static fromPin(kernel: Kernel, path: string): Link | undefined {
		const number = openPin(kernel, path, "link");
		return number === undefined
			? undefined
			: new Link(
					"bpf_link",
					`what the link pinned at ${path} is attached to`,
					new Fd(kernel, number, `link pinned at ${path}`),
				);
	}

	/**
	 * Pins the link at `path` in a bpffs: it stays attached when it is closed and when the process ends.
	 * @throws NotSupportedError for `perf_ioctl`; BpfError ERR_NO_BPFFS; PermissionError; SyscallError
	 */
	pin(path: string): void {
		if (this.way === "perf_ioctl") {
			throw new NotSupportedError(
				`pinning the link to ${this.target}`,
				`the running kernel ${this.fd.kernel.release} attaches it without a bpf_link`,
				"5.15",
			);
		}
		pin(this.fd, path);
	}

	/** What the kernel says; undefined for `perf_ioctl`, which is no object of its own. */
	info(): LinkInfo | undefined {
		if (this.way === "perf_ioctl") return undefined;
		const info: Partial<LinkInfo> = {};
		const result = this.fd.kernel.bpf("OBJ_GET_INFO_BY_FD", { bpf_fd: this.fd.number, kind: "link", info });
		check(this.fd.kernel, result, `ask about the link to ${this.target}`, "OBJ_GET_INFO_BY_FD");
		return info as LinkInfo;
	}

	get closed(): boolean {
		return this.fd.closed;
	}

	/** Detaches. Idempotent. */
	close(): void {
		if (this.way === "perf_ioctl" && !this.fd.closed) this.fd.kernel.perfEventIoctl(this.fd.number, "DISABLE", 0);
		this.fd.close();
		for (const each of this.#under) each.close();
	}

	[Symbol.dispose](): void {
		this.close();
	}
}
