import { BpfError, NotSupportedError } from "#base";
import type { Kernel, LinkInfo } from "#kernel";
import { ATTACH_TYPES } from "#uapi";
import type { BpfMap } from "../map.ts";
import type { Program } from "../program.ts";
import type { Attachment } from "./attachment.ts";
import { createLink } from "./bpf-link.ts";
import { type Container, withContainer } from "./container.ts";
import { Link } from "./link.ts";

/** In which order an iterator walks cgroups: `enum bpf_cgroup_iter_order`. */
// biome-ignore format: table
const ORDERS = { self: 1, descendants: 2, "descendants-last-first": 3, ancestors: 4 } as const;
export type CgroupOrder = keyof typeof ORDERS;

/** What an iterator walks over, where its kind wants that said. At most one. */
export interface IteratorTarget {
	/** `bpf_map_elem`, `bpf_sk_storage_map`. */
	readonly map?: BpfMap;
	/** `cgroup`: its folder (path or descriptor), or its id; `order` default: descendants, parents first. */
	readonly cgroup?: { readonly container?: Container; readonly id?: bigint; readonly order?: CgroupOrder };
	/** `task`, `task_file`, `task_vma`: one thread, one process, or one by its pidfd. */
	readonly task?: { readonly tid?: number; readonly pid?: number; readonly pidfd?: number };
}

/**
 * Makes an iterator's link: nothing runs until it is read (ITER_CREATE on the link's descriptor, or a pin that is read).
 * @throws BpfError ERR_NO_TARGET where more than one thing is said; SyscallError EINVAL where the kind wants one; PermissionError
 */
export function attachIterator(program: Program, over: IteratorTarget = {}, name = "iterator"): Link {
	if ([over.map, over.cgroup, over.task].filter((each) => each !== undefined).length > 1) {
		throw new BpfError("ERR_NO_TARGET", "an iterator walks over one thing: a map, a cgroup or a task");
	}
	const target = `iterator ${name}`;
	return Link.attach(program, target, (each) => {
		const make = (cgroup: number) => {
			const info = linkInfo(over, cgroup);
			const made = createLink(each, target, {
				attach_type: ATTACH_TYPES.trace_iter,
				...(info ? { iter_info: info } : {}),
			});
			if (over.task) checkTask(each.kernel, target, made);
			return made;
		};
		const container = over.cgroup?.container;
		return container === undefined ? make(0) : withContainer(each.kernel, "cgroup", container, make);
	});
}

/** Kernels before 6.1 take what is said of tasks, and walk over all of them. @throws NotSupportedError there */
function checkTask(kernel: Kernel, target: string, made: Attachment): void {
	const info: Partial<LinkInfo> = {};
	kernel.bpf("OBJ_GET_INFO_BY_FD", { bpf_fd: made.fds[0]!.number, kind: "link", info });
	const task = info.iter?.task;
	if (task && (task.tid !== 0 || task.pid !== 0)) return;
	for (const fd of made.fds) fd.close();
	const reason = `the running kernel ${kernel.release} walks over all tasks whatever it is told`;
	throw new NotSupportedError(`${target} over one task`, reason, "6.1");
}

/** `union bpf_iter_link_info`. */
function linkInfo({ map, cgroup, task }: IteratorTarget, cgroupFd: number): Uint8Array | undefined {
	const view = new DataView(new ArrayBuffer(16));
	if (map) view.setUint32(0, map.fd.number, true);
	if (cgroup) {
		view.setUint32(0, ORDERS[cgroup.order ?? "descendants"], true);
		view.setUint32(4, cgroupFd, true);
		view.setBigUint64(8, cgroup.id ?? 0n, true);
	}
	if (task) {
		view.setUint32(0, task.tid ?? 0, true);
		view.setUint32(4, task.pid ?? 0, true);
		view.setUint32(8, task.pidfd ?? 0, true);
	}
	return map || cgroup || task ? new Uint8Array(view.buffer) : undefined;
}
