import type { LinkInfo } from "@skep/bpf/kernel";
import { openById } from "@skep/bpf/live";
import { type Holders, holdersOf, type View } from "./context.ts";
import { attachType, linkType, netfilterHook, programType } from "./names.ts";
import { infoOf } from "./objects.ts";
import { ownerCells, ownerLines } from "./owners.ts";

/** A link as `bpftool -j link show` tells it: id, type, program, then what its type has, by bpftool's keys. */
export interface LinkRow extends Holders {
	readonly id: number;
	readonly type: string | number;
	/** 0: detached. Links of struct_ops have a map instead. */
	readonly prog_id?: number | undefined;
	readonly detail: Readonly<Record<string, unknown>>;
}

/** What there is to tell of the link behind a descriptor. @throws BpfError */
export function linkRow(view: View, fd: number): LinkRow {
	const info = infoOf(view.kernel, "link", fd);
	return {
		id: info.id,
		type: linkType(info.type),
		...(info.struct_ops ? {} : { prog_id: info.prog_id }),
		detail: detailOf(view, info),
		...holdersOf(view, `link ${info.id}`),
	};
}

/** A link as JSON has it: its type's members stand among the others. */
export function linkJson({ id, type, prog_id, detail, ...holders }: LinkRow): object {
	return { id, type, ...(prog_id === undefined ? {} : { prog_id }), ...detail, ...holders };
}

/** One part a type. Keys of newer bpftools where 7.1 has none. */
function detailOf(view: View, info: LinkInfo): Record<string, unknown> {
	const device = (ifindex: number) => {
		const devname = view.machine.deviceName(view.kernel, ifindex);
		return { ...(devname === undefined ? {} : { devname }), ifindex };
	};
	const cookie = (value: bigint | undefined) => (value ? { cookie: value } : {});
	if (info.raw_tracepoint) return { tp_name: info.raw_tracepoint.tp_name, ...cookie(info.raw_tracepoint.cookie) };
	if (info.tracing) {
		const { attach_type, target_obj_id, target_btf_id } = info.tracing;
		return {
			...programTypeOf(view, info.prog_id),
			attach_type: attachType(attach_type),
			...(target_obj_id === 0 ? {} : { target_obj_id, target_btf_id }),
			...cookie(info.tracing.cookie),
		};
	}
	if (info.cgroup) return { cgroup_id: info.cgroup.cgroup_id, attach_type: attachType(info.cgroup.attach_type) };
	if (info.iter) {
		const { target_name, map_id, cgroup, task } = info.iter;
		return {
			target_name,
			...(map_id === undefined ? {} : { map_id }),
			...(cgroup === undefined ? {} : { cgroup_id: cgroup.cgroup_id, order: ORDERS[cgroup.order] ?? cgroup.order }),
			...(task?.tid ? { tid: task.tid } : task?.pid ? { pid: task.pid } : {}),
		};
	}
	if (info.netns) return { netns_ino: info.netns.netns_ino, attach_type: attachType(info.netns.attach_type) };
	if (info.xdp) return device(info.xdp.ifindex);
	if (info.tcx) return { ...device(info.tcx.ifindex), attach_type: attachType(info.tcx.attach_type) };
	if (info.netkit) return { ...device(info.netkit.ifindex), attach_type: attachType(info.netkit.attach_type) };
	if (info.sockmap) return { map_id: info.sockmap.map_id, attach_type: attachType(info.sockmap.attach_type) };
	if (info.struct_ops) return { map_id: info.struct_ops.map_id };
	if (info.netfilter) {
		const { pf, hooknum, priority, flags } = info.netfilter;
		return { pf, hook: hooknum, prio: priority, flags };
	}
	if (info.kprobe_multi) {
		const { count, flags, missed, addrs, cookies } = info.kprobe_multi;
		const names = view.machine.symbolsAt(new Set(addrs.filter((addr) => addr !== 0n)));
		const funcs = addrs.map((addr, i) => ({ addr, func: names.get(addr) ?? "", ...cookie(cookies[i]) }));
		return { retprobe: (flags & 1) !== 0, func_cnt: count, missed, funcs };
	}
	if (info.uprobe_multi) {
		const { path, count, flags, pid, offsets, ref_ctr_offsets, cookies } = info.uprobe_multi;
		const funcs = offsets.map((offset, i) => ({
			offset,
			ref_ctr_offset: ref_ctr_offsets[i] ?? 0n,
			cookie: cookies[i] ?? 0n,
		}));
		return { retprobe: (flags & 1) !== 0, path, func_cnt: count, pid, funcs };
	}
	return info.perf_event ? perfDetail(info.perf_event) : {};
}

const ORDERS = ["order_unspec", "self_only", "descendants_pre", "descendants_post", "ancestors_up"];

function programTypeOf(view: View, id: number): { readonly prog_type?: string | number } {
	const fd = id === 0 ? undefined : openById(view.kernel, "prog", id);
	if (fd === undefined) return {};
	const { type } = infoOf(view.kernel, "prog", fd);
	view.kernel.close(fd);
	return { prog_type: programType(type) };
}

function perfDetail(event: NonNullable<LinkInfo["perf_event"]>): Record<string, unknown> {
	const cookie = event.cookie === 0n ? {} : { cookie: event.cookie };
	switch (event.kind) {
		case "kprobe":
		case "kretprobe": {
			const { addr, func, offset, missed } = event;
			return { retprobe: event.kind === "kretprobe", addr, func, offset, missed, ...cookie };
		}
		case "uprobe":
		case "uretprobe":
			return { retprobe: event.kind === "uretprobe", file: event.file, offset: event.offset, ...cookie };
		case "tracepoint":
			return { tracepoint: event.name, ...cookie };
		case "event":
			return { event_type: event.type, event_config: event.config, ...cookie };
	}
}

/** One link: a line, and what its type has below it. */
export function linkText(row: LinkRow): string {
	const holder = row.prog_id === undefined ? "" : `  prog ${row.prog_id}`;
	const detail = Object.entries(row.detail).filter(([, value]) => !Array.isArray(value));
	const lines = [
		`${row.id}: ${row.type}${holder}${row.prog_id === 0 ? "  detached" : ""}`,
		detail.map(([key, value]) => `${key} ${value}`).join("  "),
		...(row.detail["funcs"] === undefined
			? []
			: (row.detail["funcs"] as readonly object[]).map((each) =>
					Object.entries(each)
						.map(([key, value]) =>
							key === "addr" ? `0x${(value as bigint).toString(16)}` : key === "func" ? value : `${key} ${value}`,
						)
						.join(" "),
				)),
		...(row.pinned ?? []).map((path) => `pinned ${path}`),
		...ownerLines(row.pids),
	];
	return `${lines.filter((line) => line !== "").join("\n\t")}\n`;
}

/** What a link hangs on, in a few words: `v0(3) tcx_ingress`, `ipv4/local_in prio 5 flags 0`, `cgroup_id 77 cgroup_device`, `tp_name sched_switch`. */
export function attachedTo(detail: LinkRow["detail"]): string {
	const { devname, ifindex, attach_type, pf, hook, ...others } = detail;
	const device = devname === undefined ? (ifindex === undefined ? "" : `ifindex ${ifindex}`) : `${devname}(${ifindex})`;
	const rest = Object.entries(others)
		.filter(([, value]) => !Array.isArray(value))
		.map(([key, value]) => `${key} ${value}`);
	const netfilter = pf === undefined ? "" : netfilterHook(Number(pf), Number(hook));
	return [device, netfilter, ...rest, String(attach_type ?? "")].filter((part) => part !== "").join(" ");
}

/** A row of the table of all links. */
export function linkCells(row: LinkRow): object {
	return {
		id: row.id,
		type: row.type,
		program: row.prog_id,
		"attached to": attachedTo(row.detail),
		...(row.pinned?.length ? { pinned: row.pinned.join(" ") } : {}),
		...ownerCells(row.pids),
	};
}
