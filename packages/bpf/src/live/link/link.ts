import type { LinkInfo } from "#kernel";
import type { Fd } from "../fd.ts";
import type { Program } from "../program.ts";
import { check } from "../refusal.ts";

/** How a link was made: the kernel's bpf_link, a raw tracepoint's descriptor, or a perf event that a program was set on. */
export type LinkWay = "bpf_link" | "raw_tracepoint" | "perf_ioctl";

/** An attached program. Closing it detaches, and so does the end of the process, unless it is pinned. */
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
